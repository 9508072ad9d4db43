# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_doctor_turn.py - what tunneld's doctor finds within TURN, asked at the
control socket: its figures are those of the lab
"""
import contextlib
import json
import re
import socket
import struct
import subprocess

import lab as labs
import relays
import service
from suite import check, skip, test

# control.h: magic, version, CONTROL_DOCTOR, bytes; flags, relay
REQUEST = struct.pack("=IHHII64s", 0x54524e43, 1, 10, 68, 0, b"")
ALL_AT_MOST_S = 15
# One of five of the ChannelData (RFC 8656, 12.4: it begins by 0b01) that a relay
# sends, which must not be told.
LOSSY = """
table ip lossy {
	chain in {
		type filter hook input priority 0;
		udp sport 3478 @th,64,2 1 numgen random mod 100 < 20 drop
	}
}
"""
EXPIRED = """\
#!/bin/sh
user=$(($(date +%s) - 3600)):carol
echo "username=$user"
printf 'password='
printf %s "$user" | openssl dgst -sha1 -hmac '{secret}' -binary | base64
"""


def examine(daemon):
    """The report's lines about relays and UDP by their ids, and the report."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(2 * ALL_AT_MOST_S)
        asked.connect(str(daemon.socket))
        asked.sendall(REQUEST)
        told = b"".join(iter(lambda: asked.recv(65536), b""))
    report = json.loads(told.splitlines()[-1])["report"]
    check(report["took_ms"] < ALL_AT_MOST_S * 1000, f"{report['took_ms']} ms")
    return {line["id"]: line for line in report["lines"]}, report


@contextlib.contextmanager
def tunneld(lab, config):
    daemon = service.Tunneld(lab, config)
    yield daemon
    check(daemon.stop() == 0, "tunneld failed")


def check_blamed(lines, culprit, who, change):
    """It alone has failed, and what is to be changed is told."""
    failed = [name for name, line in lines.items()
              if line["state"] == "failed"]
    check(failed == [culprit], f"failed: {failed}: {lines}")
    line = lines[culprit]
    check(line["who"] == who, f"{line}")
    check(any(change in text for text in line["change"]), f"{line}")


@test("doctor-turn-good")
def good(lab):
    lab.set_mood("drop")
    with tunneld(lab, lab.config("doctor-turn-good")) as daemon:
        lines, report = examine(daemon)
        for name in ("turn", "allocate", "quota", "echo", "throughput"):
            check(lines["relay." + name]["state"] == "ok",
                  f"{lines['relay.' + name]}")
        check('"lab"' in lines["relay.turn"]["words"],
              f"{lines['relay.turn']}")
        check("Coturn" in lines["relay.turn"]["words"],
              f"{lines['relay.turn']}")
        echo = lines["relay.echo"]["values"]
        check(0 < echo["rtt_min_ms"] <= echo["rtt_mean_ms"] and
              echo["loss_percent"] == 0, f"{echo}")
        check(lines["relay.throughput"]["values"]["down_kbps"] > 2000,
              f"{lines['relay.throughput']}")
        check(lines["udp.direct"]["state"] == "info" and
              lines["udp.direct"]["who"] == "it", f"{lines['udp.direct']}")
        check(report["verdict"]["calls"] == "good", f"{report['verdict']}")
        labs.wait_for("the allocation to be given back", lambda: int(
            daemon.status()["allocations"]) <= 2)
        lab.remark = (f"round trip {echo['rtt_mean_ms']:.1f} ms, "
                      f"all in {report['took_ms']} ms")


@test("doctor-turn-expired")
def expired(lab):
    lab.set_mood("drop")
    config = lab.config("doctor-turn-expired", relay="rest")
    command = config.parent / "login"
    command.write_text(EXPIRED.format(secret=labs.REST_SECRET))
    command.chmod(0o755)
    config.write_text(re.sub(r"secret_file = .*",
                             f"credential_command = {command}",
                             config.read_text()))
    with tunneld(lab, config) as daemon:
        lines, _ = examine(daemon)
        check_blamed(lines, "relay.allocate", "it", "credential")


@test("doctor-turn-denied")
def denied(lab):
    """A relay that sends nothing to its own address: calls work, but not
    between two that both use it."""
    address = relays.RELAY_ADDRESSES["denied"]
    relay = relays.Relay(lab, "denied", f"denied-peer-ip={address}\n")
    lab.set_mood("drop")
    with tunneld(lab, relay.config("doctor-turn-denied")) as daemon:
        lines, _ = examine(daemon)
        line = lines["relay.echo"]
        check(line["state"] == "info" and "403" in line["words"] and
              line["who"] == "relay-admin", f"{line}")
        check(any("allowed-peer-ip=" in text for text in line["change"]),
              f"{line}")
        check(line["values"]["request_ms"] >= 0, f"{line}")


@contextlib.contextmanager
def shaped(lab, *how):
    """What leaves proxy and relays."""
    done = subprocess.run(
        [*lab.dmz.enter, "tc", "qdisc", "add", "dev", "eth0", "root", *how],
        capture_output=True, text=True, check=False)
    skip(done.returncode != 0 and f"not in this kernel: {how[0]}")
    try:
        yield
    finally:
        lab.dmz.do("tc", "qdisc", "del", "dev", "eth0", "root")


@test("doctor-turn-narrow")
def narrow(lab):
    """A way back that is too narrow for a picture."""
    lab.set_mood("drop")
    with tunneld(lab, lab.config("doctor-turn-narrow")) as daemon, \
            shaped(lab, "tbf", "rate", "300kbit", "burst", "5kb",
                   "latency", "100ms"):
        lines, _ = examine(daemon)
        line = lines["relay.throughput"]
        check(line["state"] == "slow" and line["who"] == "it" and
              100 < line["values"]["down_kbps"] < 330, f"{line}")
        lab.remark = f"300 kbit/s: {line['values']['down_kbps']:.0f}"


@contextlib.contextmanager
def losing(lab):
    lab.inside.do("nft", "-f", "-", stdin=LOSSY)
    try:
        yield
    finally:
        lab.inside.do("nft", "delete", "table", "ip", "lossy")


@test("doctor-turn-lossy")
def lossy(lab):
    """Over UDP each datagram that is lost counts."""
    relays.Relay(lab, "older")
    lab.set_mood("open")
    config = lab.config("doctor-turn-lossy", relay="older", proxy="none",
                        path="direct", trusted=False,
                        uris=("turn:older.lab.test:3478?transport=udp",))
    with tunneld(lab, config) as daemon:
        lines, _ = examine(daemon)
        check(lines["udp.direct"]["state"] == "ok", f"{lines['udp.direct']}")
        check(lines["relay.echo"]["values"]["loss_percent"] < 3,
              f"{lines['relay.echo']}")
        with losing(lab):
            lines, _ = examine(daemon)
        line = lines["relay.echo"]
        # 60 of them: three times the deviation, and more, to each side
        check(line["state"] == "slow" and line["who"] == "it" and
              4 < line["values"]["loss_percent"] < 40, f"{line}")
        lab.remark = f"20 % lost: {line['values']['loss_percent']:.0f} %"
