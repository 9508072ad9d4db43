# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_faults.py - a connection that dies again and again, relays that talk
nonsense, proxies that cut what is silent: traffic flows in the end, and
tunneld and the relay keep nothing of it
"""
import re
import sys
import time

import lab as labs
import relays
import service
import surviving
from suite import check, skip, test
from test_calls import check_no_leak

# Buffers and lists of the allocator that have grown once stay.
SLACK_KIB = 1024
STUTTER_MS = 1000


def start_trouble(lab, kind, address, port=443):
    log = lab.dmz.dir / f"trouble-{kind}.log"
    log.unlink(missing_ok=True)
    child = lab.dmz.start(
        sys.executable, "-u", lab.apps / "trouble.py", kind, address, port,
        lab.dir / "server.pem", lab.dir / "server.key", log=log.name)
    labs.wait_for(kind, lambda: "ready" in log.read_text())
    return child, log


def relayed_ports(lab, address):
    """How many allocations a coturn has: a UDP socket each."""
    return len(re.findall(rf"\b{re.escape(address)}:\d+\s",
                          lab.dmz.do("ss", "-Hlun")))


class Use:
    """What tunneld has, to be compared with later."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.fds = daemon.fds()
        self.kib = daemon.anonymous_kib()

    def check_flat(self, lab):
        # Legs that are being given up have up to two seconds.
        labs.wait_for(f"{self.fds} descriptors again",
                      lambda: self.daemon.fds() <= self.fds, 8)
        kib = self.daemon.anonymous_kib()
        lab.remark += f"; {self.kib} KiB, then {kib}"
        check(kib <= self.kib + SLACK_KIB, f"memory grows: {lab.remark}")


def flows_again(lab, seen, since_s=2):
    """Nothing but a stutter of the machine in the last seconds."""
    time.sleep(since_s + 1)
    for end in seen.ends.finish():
        late = [gap for gap in end["gaps"] if gap[1] > STUTTER_MS
                and gap[0] + gap[1] / 1000 > labs.now() - since_s]
        check(end["alive"] and not late, f"silent at the end: {late}")
    check_no_leak(lab)


def again_and_again(lab, relay, hazard, times, every_s):
    seen = surviving.Survival(lab, "udp", relay, (hazard,) * times)
    address = relays.RELAY_ADDRESSES[relay]
    for _ in range(3):  # what grows only once has grown
        getattr(seen.hazard, hazard)()
        time.sleep(every_s)
    time.sleep(4)
    use, ports = Use(seen.daemon), relayed_ports(lab, address)
    for _ in range(times):
        began = time.monotonic()
        getattr(seen.hazard, hazard)()
        time.sleep(max(0, began + every_s - time.monotonic()))
    time.sleep(6)
    lab.remark = (f"{ports} allocations at the relay, then "
                  f"{relayed_ports(lab, address)}")
    use.check_flat(lab)
    # The relay cannot see that a half-open connection is dead, and without
    # mobility nothing else leads to its allocation: that ends with its lifetime.
    kept = times if (hazard, relay) == ("half_open", "half") else 0
    check(relayed_ports(lab, address) <= ports + kept + 2, lab.remark)
    flows_again(lab, seen)


for _relay in ("mobile", "half"):
    test(f"fault-killed-{_relay}", relay=_relay, hazard="reset_all", times=5,
         every_s=2)(again_and_again)
    test(f"fault-long-killed-{_relay}", long=True, relay=_relay,
         hazard="reset_all", times=30, every_s=2)(again_and_again)
    test(f"fault-long-half-open-{_relay}", long=True, relay=_relay,
         hazard="half_open", times=5, every_s=9)(again_and_again)
    test(f"fault-long-stalled-{_relay}", long=True, relay=_relay,
         hazard="stall", times=5, every_s=6)(again_and_again)


def nonsense(lab, kind, seconds=8):
    """The relay is away for a while, and something else in its place."""
    seen = surviving.Survival(lab, "udp", "half", (kind,))
    relay = seen.hazard.relay
    use = Use(seen.daemon)
    relay.stop()
    other, _ = start_trouble(lab, kind, relay.address)
    time.sleep(seconds)
    labs.kill(other)
    relay.start()
    back = labs.now()
    labs.wait_for("the relay's use", lambda: seen.daemon.status()[
        "allocations"] > 0, 15)
    lab.remark = f"an allocation after {labs.now() - back:.1f} s"
    seen.settle("no")
    use.check_flat(lab)
    warned = [line for line in seen.daemon.said().splitlines()
              if "warning" in line]
    check(len(warned) < 8, f"{len(warned)} warnings: {warned[-3:]}")
    flows_again(lab, seen)


for _kind in ("noise", "tls", "reset", "silent"):
    test("fault-" + _kind, kind=_kind)(nonsense)


@test("fault-idle-cut")
def idle_cut(lab):
    """A proxy cuts what is silent for 4 s: that is learned, and shown."""
    skip(relays.missing("half"))
    lab.set_mood("drop")
    relays.Relay(lab, "half")
    labs.kill(lab.squid)
    try:
        _, log = start_trouble(lab, "idle", labs.PROXY, labs.PLAIN_PORT)
        daemon = service.Tunneld(lab, lab.config("idle-cut", relay="half"))
        where = f"{labs.WORLD}/7001"
        ends = [surviving.Stream(
            lab, lab.outside, "idle", "answer", where, "--every", 1e6),
            surviving.Stream(
            lab, lab.inside, "idle", "call", where, "--every", 1e6,
            wrap=[lab.turnout, "run", "--"], env=daemon.env)]
        found = labs.wait_for("what is learned", lambda: re.search(
            r"keepalive (\d+) learned", daemon.status()["relay"][0]), 20)
        check(2 <= int(found[1]) < 4, found[0])
        time.sleep(3)
        cuts = log.read_text().count("cut")
        lost = daemon.status()["legs_lost"]
        time.sleep(12)
        check(log.read_text().count("cut") == cuts, "it is cut again")
        status = daemon.status()
        check(status["legs_lost"] == lost, f"{status}")
        check(status["allocations"] > 1, f"{status}")
        lab.remark = f"{cuts} cuts, then {found[0]}"
        for end in ends:
            end.end()
    finally:
        lab.end_guests()
        lab.start_squid()
        lab.adopt()
        lab.wait_listening(labs.PROXY, labs.PLAIN_PORT)


COMMAND = """#!/bin/sh
# Credentials that are good for {ttl} seconds.
user=$(( $(date +%s) + {ttl} )):command
word=$(printf %s "$user" | openssl dgst -sha1 -hmac '{secret}' -binary |
	openssl base64)
printf '{{"username": "%s", "password": "%s", "ttl": {ttl}}}' "$user" "$word"
"""


@test("fault-credentials-expire")
def credentials_expire(lab):
    """The allocation lives on; a new socket gets new credentials."""
    lab.set_mood("drop")
    config = lab.config("expire", relay="rest")
    command = lab.write("expire/command", COMMAND.format(
        ttl=5, secret=labs.REST_SECRET), 0o755)
    config.write_text(re.sub(r"secret_file = .*",
                             f"credential_command = {command}",
                             config.read_text()))
    daemon = service.Tunneld(lab, config)
    log = lab.dir / "rest.log"
    before = set(re.findall(r"\d+:command", log.read_text(errors="replace")))
    first = surviving.Streams(lab, daemon, "expire", 7001)
    time.sleep(12)
    second = surviving.Streams(lab, daemon, "expire-too", 7002)
    time.sleep(3)
    for streams in (second, first):
        for end in streams.finish():
            check(end["alive"] and len(end["sources"]) == 1
                  and not [ms for _, ms in end["gaps"] if ms > 1000], f"{end}")
    users = set(re.findall(r"\d+:command", log.read_text(
        errors="replace"))) - before
    check(len(users) > 1, f"users: {users}")
    lab.remark = f"{len(users)} users"
