# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_relay_ways.py - the ways to a relay (UDP, DTLS, TCP, TLS, by another
server, for IPv6), and what the sample relay of contrib/ is worth
"""
import json
import subprocess
import sys

import call
import lab as labs
import talking
from suite import check, skip, test
from test_relay import start


def check_only_to(lab, address):
    """Attempts of tunneld to reach the relay in other ways are fine."""
    found = lab.counted()
    strange = [where for where in found["udp_seen"] + found["tcp_seen"]
               if not where.startswith(address + ":")]
    check(not strange, f"this reached the firewall: {strange}")


def direct(lab, mood, uri, said, **conf):
    """A relay that is reached without the proxy."""
    relay = start(lab, "direct")
    lab.set_mood(mood)
    config = lab.config(f"direct-{mood}-{said}", relay="direct", proxy="none",
                        path="direct", uris=(uri,), **conf)
    line, = talking.Talk(lab, config, "--seconds", 4,
                         f"{labs.WORLD}/7001").end()
    talking.check_whole(line)
    check(line["sources"][0].split()[0] == relay.address,
          f"relayed from {line['sources']}")
    check_only_to(lab, relay.address)
    lab.remark = f"the first echo after {line['first_ms']} ms"


test("relay-direct-udp", mood="udp-relay", said="udp", trusted=False,
     uri="turn:direct.lab.test:3478?transport=udp")(direct)
test("relay-direct-dtls", mood="udp-relay", said="dtls",
     uri="turns:direct.lab.test:443?transport=udp")(direct)
test("relay-direct-tcp", mood="tcp-relay", said="tcp", trusted=False,
     uri="turn:direct.lab.test:3478?transport=tcp")(direct)
test("relay-direct-tls", mood="tls-relay", said="tls",
     uri="turns:direct.lab.test:443?transport=tcp")(direct)
# One URI, and the network leaves one way of several.
test("relay-ways-udp", mood="udp-relay", said="any", trusted=False,
     uri="turn:direct.lab.test:3478")(direct)
test("relay-ways-tcp", mood="tcp-relay", said="any", trusted=False,
     uri="turn:direct.lab.test:3478")(direct)


@test("relay-direct-udp-call")
def direct_call(lab):
    """A call over TURN/UDP, with no proxy at all for the media."""
    skip(call.missing("aiortc"))
    relay = start(lab, "direct")
    lab.set_mood("udp-relay")
    config = lab.config(
        "direct-call", relay="direct", path="auto", trusted=False,
        uris=("turn:direct.lab.test:3478?transport=udp",))
    call.check_good(*call.Call(lab, "aiortc", "direct-call",
                               wrap=lab.run(config)).finish())
    check_only_to(lab, relay.address)


@test("relay-udp-restarted")
def udp_restarted(lab):
    """Over UDP nobody says that the relay has started anew: it knows no
    allocation (437, or coturn's 400), and gets a request for another."""
    relay = start(lab, "direct")
    lab.set_mood("udp-relay")
    config = lab.config(
        "udp-restarted", relay="direct", proxy="none", path="direct",
        trusted=False, uris=("turn:direct.lab.test:3478?transport=udp",))
    talk = talking.Talk(lab, config, "--seconds", 14, f"{labs.WORLD}/7001")
    talk.until("heard")
    relay.stop()
    relay.start()
    line, = talk.end()
    check(len(line["sources"]) == 2, f"no second address: {line}")
    lab.remark = f"silent for {line['silence_ms']} ms"
    check(line["silence_ms"] < 10000, lab.remark)


@test("relay-redirect-astray")
def astray(lab):
    """A redirect does not change whom the certificate must be for."""
    start(lab, "astray")
    start(lab, "stranger")
    talk = talking.Talk(lab, lab.config("astray", relay="astray relay"),
                        "--seconds", 4, f"{labs.WORLD}/7001")
    line, = talk.end()
    talking.check_whole(line)
    check(line["sources"][0].split()[0] == labs.RELAY, f"{line}")


@test("relay-redirect-refused")
def redirect_refused(lab):
    """redirect = no: the next relay."""
    elsewhere = start(lab, "elsewhere")
    config = lab.config("no-redirect", relay="elsewhere rest",
                        relay_more="redirect = no\n")
    line, = talking.Talk(lab, config, "--seconds", 4,
                         f"{labs.WORLD}/7001").end()
    talking.check_whole(line)
    check(line["sources"][0].split()[0] == labs.REST_RELAY, f"{line}")
    check("error 300" in elsewhere.said(), "it was not asked")


def six(lab, peers, app=None):
    lab.give_ipv6()
    try:
        relay = start(lab, "six")
        config = relay.config("six-" + (app or str(len(peers))))
        if app:
            skip(call.missing(app))
            call.check_good(*call.Call(lab, app, "six-" + app,
                                       wrap=lab.run(config)).finish())
        else:
            for line in talking.Talk(lab, config, "--seconds", 4,
                                     *peers).end():
                talking.check_whole(line)
                check(line["sources"][0].split()[0] == (
                    relay.address if "." in line["peer"] else labs.DMZ6),
                    f"{line}")
    finally:
        lab.end_guests()
        lab.take_ipv6()


test("relay-ipv6-peer", peers=(f"{labs.WORLD6}/7001",))(six)
# One socket: an allocation for each family.
test("relay-ipv6-and-ipv4-peers", peers=(
    f"{labs.WORLD6}/7001", f"::ffff:{labs.WORLD}/7001",
    f"{labs.WORLD6}/7002"))(six)
test("relay-ipv6-call", peers=(), app="aiortc")(six)


@test("relay-lifetimes-long", long=True)
def lifetimes_long(lab):
    """Channels of 30 s, permissions of 20 s, nonces of 3 s."""
    relay = start(lab, "short")
    line, = talking.Talk(lab, relay.config("lifetimes-long"), "--seconds",
                         100, f"{labs.WORLD}/7001").end()
    talking.check_whole(line)
    check(len(line["sources"]) == 1, f"the address changed: {line}")
    check(relay.said().count("CHANNEL_BIND processed, success") > 2,
          "the channel was not refreshed")


def sample_relay(lab, name, transport, kept):
    """contrib/relay/check-mobility tells the servers apart."""
    start(lab, name)
    secret = lab.write("check.secret", labs.REST_SECRET, 0o600)
    host = lab.outside
    child = host.start(
        sys.executable, labs.TOP / "contrib" / "relay" / "check-mobility",
        "--json", "--ca", lab.ca, "--transport", transport, "--secret-file",
        secret, f"{name}.lab.test", stdout=subprocess.PIPE, text=True)
    out, _ = child.communicate()
    check(child.returncode == (0 if kept else 1),
          f"status {child.returncode}: {out}")
    seen = [json.loads(line) for line in out.splitlines()]
    check(not kept or len(seen) == (2 if transport == "udp" else 3), out)


for _transport in ("udp", "tcp", "tls"):
    test("relay-sample-" + _transport, name="sample", transport=_transport,
         kept=True)(sample_relay)
test("relay-sample-half", name="half", transport="tls",
     kept=False)(sample_relay)
