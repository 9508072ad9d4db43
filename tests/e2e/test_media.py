# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_media.py - [media] mode = auto: what carries the media of new sockets
in networks that leave one way open, how long the choice takes, and what stays
as it was for those that talk already
"""
import os
import subprocess
import sys
import time

import call
import lab as labs
import service
import talking
from suite import check, skip, test
from test_relay import start

# Half a second is allowed; a busy machine needs some of its own.
DECISION_MS = 500
SLACK_MS = 1000
AUTO = "[media]\nmode = auto\n"
PEER = f"{labs.WORLD}/7001"
# What the world sees of inside when nothing is tunnelled.
NAT_ADDRESS = "203.0.113.1"
NAT = """
table ip nat {
	chain out {
		type nat hook postrouting priority srcnat;
		ip saddr 10.20.0.0/24 masquerade
	}
}
"""
# An app's Binding request to a STUN server, from a socket of its own.
ASK = """
import os, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(struct.pack(">HHI", 1, 0, 0x2112a442) + os.urandom(12),
         (socket.gethostbyname("stun.lab.test"), 3478))
s.recv(999)
"""
ANY = "turn:direct.lab.test:443"
SECURE = "turns:direct.lab.test:443"


def set_mood(lab, mood):
    """In one go: without its NAT for a moment, connections would be reset."""
    if not lab.fw.do("nft", "list", "tables", "ip"):
        lab.set_mood(mood)
    lab.fw.do("nft", "-f", "-", stdin=labs.rules(mood) + NAT)
    lab.mood = mood


def config_of(lab, name, uri, media=AUTO, **more):
    return lab.config(name, relay="direct", path="auto", uris=(uri,),
                      trusted=uri.startswith("turns:"), extra=media, **more)


def strangers(lab, address):
    """What reached the firewall, for others than the relay."""
    found = lab.counted()
    return [where for where in found["udp_seen"] + found["tcp_seen"]
            if not where.startswith(address + ":")]


def ask(lab, daemon):
    subprocess.run([*lab.inside.enter, lab.turnout, "run", "--",
                    sys.executable, "-c", ASK], check=True,
                   env={**os.environ, **daemon.env})


def talk(lab, daemon, name, seconds=2):
    """What one new socket saw."""
    line, = talking.Talk(lab, daemon.config, "--seconds", seconds, PEER,
                         daemon=daemon).end()
    talking.check_whole(line)
    lab.remark += f"{name}: first echo after {line['first_ms']} ms; "
    return line


def source(line):
    return [source.split()[0] for source in line["sources"]]


@test("media-open")
def open_network(lab):
    """An open network, behind a NAT: the relay shows that UDP crosses, a STUN
    server that it does so for all; sockets from then on need no relay."""
    relay = start(lab, "direct")
    set_mood(lab, "open")
    daemon = service.Tunneld(lab, config_of(
        lab, "media-open", "turn:direct.lab.test:3478"))
    line = talk(lab, daemon, "before")
    check(source(line) == [relay.address], f"{line}")
    ask(lab, daemon)
    labs.wait_for("the decision", lambda: "UDP works directly" in
                  daemon.log.read_text())
    set_mood(lab, "open")
    line = talk(lab, daemon, "after")
    check(source(line) == [NAT_ADDRESS], f"{line}")
    check(f"{labs.WORLD}:7001" in lab.counted()["udp_seen"], "not seen")
    check(daemon.stop() == 0, "tunneld failed")


@test("media-always")
def always(lab):
    """mode = always: not a datagram past the relay, however open it is."""
    relay = start(lab, "direct")
    set_mood(lab, "open")
    daemon = service.Tunneld(lab, config_of(
        lab, "media-always", SECURE, "[media]\nmode = always\n"))
    ask(lab, daemon)
    line = talk(lab, daemon, "relayed")
    check(source(line) == [relay.address], f"{line}")
    past = [where for where in lab.counted()["udp_seen"]
            if not where.startswith((relay.address + ":", labs.LAN_DNS))]
    check(not past, f"UDP past the relay: {past}")
    check(daemon.stop() == 0, "tunneld failed")


def carried(lab, daemon):
    """How the relay is reached, as tunneld tells: "udp direct"."""
    told = subprocess.run([*lab.inside.enter, lab.turnout, "status",
                           "--counters"],
                          check=True, capture_output=True, text=True,
                          env={**os.environ, **daemon.env}).stdout
    lines = [line.split() for line in told.splitlines()
             if line.startswith("relay ") and " preferred " in line]
    check(len(lines) == 1, f"no relay is preferred: {told}")
    return " ".join(lines[0][3:5])


def only_way(lab, mood, uri, expected):
    """A firewall that leaves one way: the first socket finds it in the time
    that media may wait, the next ones know it."""
    relay = start(lab, "direct")
    set_mood(lab, mood)
    name = f"media-{mood}-{uri.partition(':')[0]}"
    # No warm allocations: their time is not the app's.
    daemon = service.Tunneld(lab, config_of(lab, name, uri,
                                            relay_more="warm = 0\n"))
    begun = talking.Talk(lab, daemon.config, "--seconds", 3, PEER,
                         daemon=daemon)
    begun.until("heard")
    found = carried(lab, daemon)
    line, = begun.end()
    check(found == expected, f"{found} instead of {expected}")
    check(source(line) == [relay.address], f"{line}")
    check(line["first_ms"] < DECISION_MS + SLACK_MS, f"{line}")
    strange = strangers(lab, relay.address)
    check(not strange, f"this reached the firewall: {strange}")
    lab.remark = f"the first echo after {line['first_ms']} ms; "
    talk(lab, daemon, "the second socket")
    check(daemon.stop() == 0, "tunneld failed")


for _mood, _uri, _expected in (
        ("udp-relay", ANY, "udp direct"),
        ("tcp-relay", ANY, "tcp direct"), ("tls-relay", SECURE, "tls direct"),
        ("drop", ANY, "tcp proxy"), ("drop", SECURE, "tls proxy"),
        ("reject", SECURE, "tls proxy")):
    test(f"media-only-{_mood}-{_expected.partition(' ')[0]}",
         mood=_mood, uri=_uri, expected=_expected)(only_way)


@test("media-ready")
def ready(lab):
    """turnout run does not begin an app long before or after the decision,
    even when every packet to the relay is dropped."""
    start(lab, "direct")
    set_mood(lab, "drop")
    took = []
    for media in ("[media]\nmode = always\n", AUTO):
        config = config_of(lab, f"media-ready-{len(took)}", ANY, media)
        began = labs.now()
        subprocess.run([*lab.inside.enter, *map(str, lab.run(config)),
                        "true"], check=True, env={
                            **os.environ,
                            "XDG_RUNTIME_DIR": str(lab.runtime["root"])})
        took.append(labs.now() - began)
    lab.remark = f"always {took[0]:.2f} s, auto {took[1]:.2f} s"
    check((took[1] - took[0]) * 1000 < DECISION_MS + SLACK_MS, lab.remark)


def moved(lab, before, after, app=None):
    """The firewall changes during a call: it keeps its way."""
    relay = start(lab, "direct")
    set_mood(lab, before)
    name = f"media-{before}-to-{after}" + (app or "")
    daemon = service.Tunneld(lab, config_of(lab, name, ANY))
    if app:
        skip(call.missing(app))
        options = ["--timeout", "30", "--hold", "6"]
        ends = [call.End(lab.outside, app, name, "answer", options=options),
                call.End(lab.inside, app, name, "offer",
                         [lab.turnout, "run", "--"], options, daemon.env)]
        time.sleep(4)
        set_mood(lab, after)
        call.check_good(*[end.verdict(40) for end in reversed(ends)])
    else:
        running = talking.Talk(lab, daemon.config, "--seconds", 6, PEER,
                               daemon=daemon)
        running.until("heard")
        found = carried(lab, daemon)
        set_mood(lab, after)
        line, = running.end()
        talking.check_whole(line)
        check(source(line) == [relay.address] and len(line["sources"]) == 1,
              f"{line}")
        lab.remark = f"over {found}, silent for {line['silence_ms']} ms"
    check(daemon.stop() == 0, "tunneld failed")


for _before, _after in (("drop", "open"), ("open", "drop"),
                        ("udp-relay", "drop")):
    test(f"media-kept-{_before}-{_after}", before=_before,
         after=_after)(moved)
test("media-kept-call", before="drop", after="open", app="aiortc")(moved)
