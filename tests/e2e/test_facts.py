# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_facts.py - coturn behaves as docs/TURN.md, "Servers as they are", says.
A server that has changed is news: then tunneld may do with less, or needs more.
"""
import subprocess
import sys

import lab as labs
import relays
from suite import check, skip, test


def fact(lab, name, relay="relay", more="", **options):
    if relay in relays.KINDS:
        skip(relays.missing(relay))
        relays.Relay(lab, relay, more)
    login = {"user": labs.RELAY_USER, "password": labs.RELAY_PASSWORD}
    if relay in labs.REST_RELAYS:
        login["password"] = labs.REST_SECRET
    words = [word for key, value in {
        **login, "host": f"{relay}.lab.test", "ca": lab.ca, **options}.items()
        for word in (f"--{key}", value)]
    child = lab.outside.start(sys.executable, lab.apps / "turn_facts.py", name,
                              *words, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    out, _ = child.communicate(timeout=60)
    check(child.returncode == 0, out[-2000:])


# Those of the lab's relays, with nothing special.
for _name in ("challenge", "nonce-of-another-connection", "sha256-is-unknown",
              "wrong-password", "another-user-on-the-connection",
              "second-allocate", "lifetimes", "refresh-0-then-reset",
              "binding", "answer-400-for-437", "denied-peers",
              "peer-of-the-other-family", "twelve-peers",
              "bind-and-data-at-once", "data-before-the-permission",
              "rebinding", "channel-numbers", "unpadded", "no-udp",
              "tls-and-tcp-on-both-ports", "alpn", "tls-1-2-at-most",
              "http-get", "requested-transport", "options-that-nobody-needs",
              "additional-family-is-ignored", "unknown-attribute",
              "mobility-off", "reason-with-nul"):
    test("fact-" + _name, name=_name)(fact)
for _name in ("rest-expires", "rest-names"):
    test("fact-" + _name, name=_name, relay="rest")(fact)
test("fact-lifetimes-clamped", name="lifetimes-clamped", relay="short")(fact)
test("fact-stale-nonce", name="stale-nonce", relay="short")(fact)
test("fact-quota", name="quota", relay="short")(fact)
test("fact-no-port-left", name="no-port-left", relay="ports")(fact)
test("fact-redirect", name="redirect", relay="elsewhere")(fact)
test("fact-no-allocate-then-reset", name="no-allocate-then-reset",
     relay="denied", more="max-allocate-timeout=2\n")(fact)
test("fact-channel-numbers-later", name="channel-numbers-later",
     relay="direct")(fact)
