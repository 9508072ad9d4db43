# SPDX-License-Identifier: LGPL-2.1-or-later
"""relays.py - relays of each kind that the field has, started when a test asks

Two servers that share no code, coturn (as Debian 12 has it, and a later one)
and pion, in the configurations that a client has to cope with.
"""
import collections
import os
import pathlib
import shutil
import subprocess

import lab as labs
from plan import (DMZ6, ELSEWHERE, RELAY, RELAY_ADDRESSES, RELAY_PASSWORD,
                  RELAY_USER, REST_SECRET)

STATIC = f"lt-cred-mech\nuser={RELAY_USER}:{RELAY_PASSWORD}\n"
REST = f"use-auth-secret\nstatic-auth-secret={REST_SECRET}\n"
NO_UDP = "no-udp\nno-dtls\n"
REDIRECT = "alternate-server={0}:443\ntls-alternate-server={0}:443\n"

Kind = collections.namedtuple("Kind", "lines server", defaults=("coturn",))
KINDS = {
    # Lifetimes and limits that bite within a test.
    "short": Kind(NO_UDP + STATIC + "stale-nonce=3\nmax-allocate-lifetime=120\n"
                  "channel-lifetime=30\npermission-lifetime=20\n"
                  "user-quota=2\n"),
    "shorter": Kind(NO_UDP + STATIC + "stale-nonce=2\n"
                    "max-allocate-lifetime=8\n"),
    "mobile": Kind(NO_UDP + REST + "mobility\n", "later"),
    # It says that it is mobile, and is not (4.6.1 over TCP and TLS).
    "half": Kind(NO_UDP + REST + "mobility\n"),
    "elsewhere": Kind(NO_UDP + STATIC + REDIRECT.format(RELAY)),
    # Each sends us to the other.
    "here": Kind(NO_UDP + STATIC + REDIRECT.format(RELAY_ADDRESSES["there"])),
    "there": Kind(NO_UDP + STATIC + REDIRECT.format(RELAY_ADDRESSES["here"])),
    "denied": Kind(NO_UDP + STATIC + f"denied-peer-ip={ELSEWHERE}\n"),
    "ports": Kind(NO_UDP + STATIC + "min-port=50000\nmax-port=50001\n"),
    "direct": Kind(STATIC + "dtls\n", "later"),
    # The same of Debian 12, where DTLS is there unless told otherwise.
    "older": Kind(STATIC),
    "six": Kind(NO_UDP + STATIC + f"relay-ip={DMZ6}\n"),
    "pion": Kind("", "pion"),
    # contrib/relay/turnserver.conf, as it comes.
    "sample": Kind(None, "later"),
    # To a server that has no certificate for the name that we asked for.
    "astray": Kind(NO_UDP + STATIC
                   + REDIRECT.format(RELAY_ADDRESSES["stranger"])),
    "stranger": Kind(NO_UDP + STATIC + "cert={lab}/stranger.pem\n"),
}

# More lines than its own: those that every coturn of the lab has.
COTURN = """\
listening-ip={address}
relay-ip={address}
listening-port=3478
tls-listening-port=443
realm=lab
fingerprint
cert={lab}/server.pem
pkey={lab}/server.key
no-multicast-peers
userdb={lab}/{name}.sqlite
pidfile={lab}/{name}.pid
log-file={lab}/{name}.log
simple-log
verbose
"""


def later_coturn():
    """The turnserver that contrib/relay/build-coturn made."""
    place = pathlib.Path(os.environ.get("TURNOUT_COTURN",
                                        labs.BUILD / "coturn"))
    return place / "bin" / "turnserver"


def missing(name):
    """Why a relay can't be started here, or None."""
    server = KINDS[name].server
    if server == "later" and not later_coturn().exists():
        return ("not there: a later coturn; contrib/relay/build-coturn "
                f"{later_coturn().parent.parent}")
    if server == "pion" and not (shutil.which("go") and pathlib.Path(
            "/usr/share/gocode/src/github.com/pion/turn/v2").exists()):
        return "not installed: golang-go golang-github-pion-turn.v2-dev"
    return None


class Relay:
    """A relay that runs in the dmz until the test ends."""

    def __init__(self, lab, name, more=""):
        self.lab = lab
        self.name = name
        self.kind = KINDS[name]
        self.address = RELAY_ADDRESSES[name]
        place = lab.dmz.dir if self.kind.server == "pion" else lab.dir
        self.log = place / (name + ".log")
        self.more = more
        self.log.unlink(missing_ok=True)
        lab.dmz.do("ip", "address", "replace", self.address + "/32", "dev",
                   "eth0")
        self.start()

    def start(self):
        if self.kind.server == "pion":
            self.child = self.lab.dmz.start(
                self.pion(), self.address, "lab", RELAY_USER, RELAY_PASSWORD,
                self.lab.dir / "server.pem", self.lab.dir / "server.key",
                log=self.log.name)
        else:
            text = self.sample()
            if self.kind.lines:
                text = (COTURN + self.kind.lines + self.more).format(
                    address=self.address, lab=self.lab.dir, name=self.name)
            conf = self.lab.write(self.name + ".conf", text)
            program = (later_coturn() if self.kind.server == "later"
                       else "turnserver")
            self.child = self.lab.dmz.start(program, "-c", conf,
                                            log=self.name + ".out")
        self.lab.wait_listening(self.address, 443)

    def stop(self):
        """At once, as by a crash: its sockets are reset."""
        self.child.kill()
        self.child.wait()

    def sample(self):
        """The sample, with what it asks to be filled in."""
        text = (labs.TOP / "contrib" / "relay" / "turnserver.conf").read_text()
        for theirs, ours in (
                ("PUBLIC-ADDRESS", self.address), ("=SECRET", "=" + REST_SECRET),
                ("/etc/turnserver/fullchain.pem", f"{self.lab.dir}/server.pem"),
                ("/etc/turnserver/privkey.pem", f"{self.lab.dir}/server.key"),
                ("\nsyslog\n", f"\nlog-file={self.log}\nsimple-log\nverbose\n"),
                ("\nfingerprint\n", f"\nfingerprint\npidfile={self.lab.dir}/"
                 f"{self.name}.pid\nuserdb={self.lab.dir}/sample.sqlite\n")):
            if theirs not in text:
                raise RuntimeError(f"the sample lacks {theirs!r}")
            text = text.replace(theirs, ours)
        return text

    def pion(self):
        program = self.lab.dir / "pion_relay"
        if not program.exists():
            made = subprocess.run(
                ["go", "build", "-o", program,
                 labs.TOP / "tests" / "e2e" / "apps" / "pion_relay.go"],
                text=True, capture_output=True, check=False,
                env={**os.environ, "GO111MODULE": "off", "GOFLAGS": "",
                     "GOPATH": "/usr/share/gocode",
                     "GOCACHE": str(self.lab.dir / "gocache")})
            if made.returncode:
                raise RuntimeError(made.stderr)
        return program

    def said(self):
        return self.log.read_text(errors="replace")

    def config(self, name, **more):
        """A configuration of tunneld with this relay."""
        return self.lab.config(name, relay=self.name, **more)
