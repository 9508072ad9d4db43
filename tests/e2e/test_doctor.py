# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_doctor.py - labs that are broken in one way each: `turnout doctor` names
the hop, who must act, and what to change
"""
import contextlib
import json
import os
import signal
import subprocess
import time

try:
    import jsonschema
except ImportError:
    jsonschema = None

import lab as labs
import proxies
import relays
import service
from suite import check, skip, test

SCHEMA = labs.TOP / "docs" / "schema" / "turnout-doctor-1.json"
EXITS = {"good": 0, "poor": 1, "impossible": 2}
# All of it, whatever is silent.
LIMIT_S = 15
# What waits on a bad link: packets that were lost, or more than go through.
# Connections are made at once; a lost SYN would be another test.
BAD_LINKS = {"lossy": "tcp flags & syn == 0 numgen random mod 4 == 0",
             "narrow": "limit rate over 10 kbytes/second burst 8 kbytes"}
BAD_LINK = """
table inet bad {{
	chain forward {{
		type filter hook forward priority 10;
		{} drop
	}}
}}
"""


def examine(lab, daemon):
    """The report; that it came in time, and holds to its schema."""
    began = time.monotonic()
    done = subprocess.run(
        [*lab.inside.enter, lab.turnout, "doctor", "--json"], check=False,
        capture_output=True, text=True, timeout=60,
        env={**os.environ, **daemon.env})
    took_s = time.monotonic() - began
    check(done.stdout.startswith("{"), f"no report: {done.stderr}")
    report = json.loads(done.stdout)
    check(took_s < LIMIT_S, f"it took {took_s} s: {summary(report)}")
    skip(jsonschema is None and "not installed: python3-jsonschema")
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    calls = report["verdict"]["calls"]
    check(done.returncode == EXITS[calls],
          f"status {done.returncode} for {calls}")
    return report


def summary(report):
    return f"{report['verdict']}; " + "; ".join(
        f"{line['id']} {line['state']} {line['figure'] or ''}: {line['words']}"
        for line in report["lines"])


def culprits(report):
    return [line for line in report["lines"] if line["state"] == "failed"]


def check_culprit(report, hop, who, change):
    """One line has failed, and those behind it were not looked at."""
    failed = culprits(report)
    check([line["id"] for line in failed] == [hop],
          f"not {hop}: {summary(report)}")
    line, = failed
    check(line["who"] == who and line["words"],
          f"not {who}: {line}; {summary(report)}")
    check(any(change in told for told in line["change"]),
          f"not {change!r}: {line}")
    check(report["verdict"]["calls"] == "impossible" and
          report["verdict"]["who"] == [who], summary(report))


def line_of(report, hop):
    line, = [line for line in report["lines"] if line["id"] == hop]
    return line


@contextlib.contextmanager
def patient(lab, name, mood="drop", **conf):
    """A tunneld to be looked at."""
    lab.set_mood(mood)
    daemon = service.Tunneld(lab, lab.config(name, **conf))
    yield daemon
    check(daemon.stop() == 0, "tunneld failed")


def broken(lab, name, hop, who, change, need=(), **conf):
    """Broken by its configuration alone."""
    skip(proxies.missing(*need))
    proxies.need(lab, *need)
    proxies.kdestroy(lab)  # of a test before
    with patient(lab, name, **conf) as daemon:
        report = examine(lab, daemon)
        check_culprit(report, hop, who, change)
        lab.remark = f"{report['took_ms']} ms: {report['verdict']['words']}"


def row(label, /, **arguments):
    test("doctor-" + label, name="doctor-" + label, **arguments)(broken)


row("proxy-name", hop="proxy.name", who="it", change="[proxy] url",
    proxy="http://nobody.lab.test:3128", mood="open")
row("proxy-ticket", hop="proxy.login", who="you", change="kinit",
    need=("squid",), proxy=proxies.url("negotiate"))
row("proxy-basic", hop="proxy.login", who="it",
    change="basic_over_http = yes", proxy=labs.BASIC_URL,
    password=labs.PROXY_PASSWORD)
row("proxy-port", hop="proxy.connect", who="proxy-admin",
    change="squid: acl SSL_ports port 4444",
    uris=("turns:relay.lab.test:4444?transport=tcp",))
row("portal", hop="proxy.connect", who="you", change="sign in",
    need=("squid",), proxy=proxies.url("captive"))
row("inspected", hop="relay.tls", who="proxy-admin",
    change="squid: ssl_bump splice", need=("inspecting",),
    proxy=proxies.url("inspecting"))
row("proxy-untrusted", hop="proxy.tls", who="it", change="[proxy] ca_file",
    need=("squid",), proxy=proxies.url("tls", "https"))
row("relay-untrusted", hop="relay.tls", who="it", change="ca_file",
    trusted=False)
row("relay-password", hop="relay.allocate", who="it",
    change="username and password_file", relay_password="wrong")
row("dns-dead", hop="relay.name", who="it",
    change="/etc/resolv.conf: nameserver", path="direct")
row("no-relay", hop="config", who="it", change="[relay NAME]", relay="")


@test("doctor-good")
def good(lab):
    """Nothing is wrong: no culprit, and figures of all that calls need."""
    with patient(lab, "doctor-good") as daemon:
        report = examine(lab, daemon)
        check(report["verdict"]["calls"] == "good" and not culprits(report),
              summary(report))
        for hop in ("proxy.tcp", "proxy.connect", "relay.tls", "relay.turn",
                    "relay.allocate", "relay.echo", "relay.throughput"):
            line = line_of(report, hop)
            check(line["state"] == "ok" and line["words"], f"{line}")
        check(line_of(report, "relay.echo")["figure"], summary(report))
        check([stop["state"] for stop in report["path"]] == ["ok"] * 5,
              f"{report['path']}")
        lab.remark = f"{report['took_ms']} ms"


@test("doctor-proxy-down")
def proxy_down(lab):
    with patient(lab, "doctor-proxy-down") as daemon:
        labs.kill(lab.squid, signal.SIGKILL)
        try:
            check_culprit(examine(lab, daemon), "proxy.tcp", "proxy-admin",
                          "start the proxy at proxy.lab.test:3128")
        finally:
            with lab.lasting():
                lab.start_squid()
                lab.wait_listening(labs.PROXY, labs.PLAIN_PORT)


@test("doctor-proxy-password")
def proxy_password(lab):
    """Looked at twice, and the password has left once."""
    proxies.need(lab, "squid")
    access = proxies.Access(lab)
    with patient(lab, "doctor-proxy-password",
                 proxy=proxies.url("passwords"), basic="wrong") as daemon:
        for _ in range(2):
            check_culprit(examine(lab, daemon), "proxy.login", "you",
                          "password_file")
    check(access.passwords() <= 1, f"{access.passwords()} times")


@test("doctor-silence")
def silence(lab):
    """Everything is dropped without a word."""
    with patient(lab, "doctor-silence",
                 proxy=f"http://{labs.ELSEWHERE}:3128") as daemon:
        report = examine(lab, daemon)
        check_culprit(report, "proxy.tcp", "it", "firewall: allow TCP")
        lab.remark = f"{report['took_ms']} ms"


@test("doctor-relay-down")
def relay_down(lab):
    """The proxy is well, and does not reach it."""
    relay = relays.Relay(lab, "short")
    with patient(lab, "doctor-relay-down", relay="short") as daemon:
        relay.stop()
        check_culprit(examine(lab, daemon), "relay.tcp", "relay-admin",
                      "short.lab.test:443")


@test("doctor-relay-name")
def relay_name(lab):
    """Its certificate is for another name."""
    relays.Relay(lab, "short", more="cert={lab}/stranger.pem\n")
    with patient(lab, "doctor-relay-name", relay="short") as daemon:
        check_culprit(examine(lab, daemon), "relay.tls", "relay-admin",
                      "for the name short.lab.test")


@test("doctor-relay-secret")
def relay_secret(lab):
    """What user names and passwords are made of is not the relay's."""
    with patient(lab, "doctor-relay-secret", relay="rest") as daemon:
        daemon.config.with_name("relay.secret").write_text("another\n")
        subprocess.run([*lab.inside.enter, lab.turnout, "reload"], check=True,
                       env={**os.environ, **daemon.env})
        check_culprit(examine(lab, daemon), "relay.allocate", "it",
                      "static-auth-secret")


@test("doctor-quota")
def quota(lab):
    """The relay gives two allocations to a user, and he has them."""
    relays.Relay(lab, "short")
    with patient(lab, "doctor-quota", relay="short") as daemon:
        pings = [subprocess.Popen(
            [*lab.inside.enter, lab.turnout, "ping"], stdout=subprocess.PIPE,
            env={**os.environ, **daemon.env}) for _ in range(2)]
        for child in pings:
            check(child.stdout.readline().startswith(b"PING"), "no allocation")
        report = examine(lab, daemon)
        for child in pings:
            child.send_signal(signal.SIGINT)
            check(child.wait(timeout=20) == 0, "a ping was disturbed")
        check_culprit(report, "relay.quota", "relay-admin", "user-quota=")


@test("doctor-udp")
def udp(lab):
    """An open network: it is told that UDP would work."""
    relays.Relay(lab, "older")
    with patient(lab, "doctor-udp", mood="open", relay="older") as daemon:
        report = examine(lab, daemon)
        check(line_of(report, "udp.direct")["state"] == "ok" and
              report["verdict"]["calls"] == "good", summary(report))
    with patient(lab, "doctor-udp-closed", relay="older") as daemon:
        line = line_of(examine(lab, daemon), "udp.direct")
        check(line["state"] == "info" and "UDP" in line["change"][0],
              f"{line}")


def bad_link(lab, name, hop, who):
    """Calls are possible, and poor; the line says why."""
    with patient(lab, name) as daemon:
        lab.fw.do("nft", "-f", "-", stdin=BAD_LINK.format(
            BAD_LINKS[name.removeprefix("doctor-")]))
        try:
            report = examine(lab, daemon)
        finally:
            lab.fw.do("nft", "delete", "table", "inet", "bad")
        check(report["verdict"]["calls"] == "poor" and not culprits(report),
              summary(report))
        line = line_of(report, hop)
        check(line["state"] == "slow" and line["who"] == who and
              line["change"], f"{line}")
        lab.remark = f"{report['took_ms']} ms: {report['verdict']['words']}"


test("doctor-lossy", name="doctor-lossy", hop="relay.echo",
     who="it")(bad_link)
test("doctor-narrow", name="doctor-narrow", hop="relay.throughput",
     who="it")(bad_link)


@test("doctor-two-relays")
def two_relays(lab):
    """One of them is not right, which is told; calls go by the other."""
    with patient(lab, "doctor-two-relays", relay="relay rest") as daemon:
        daemon.config.with_name("relay.secret").write_text("another\n")
        subprocess.run([*lab.inside.enter, lab.turnout, "reload"], check=True,
                       env={**os.environ, **daemon.env})
        report = examine(lab, daemon)
        line, = culprits(report)
        check(line["id"] == "relay.allocate" and line["relay"] == "rest" and
              line["who"] == "it", f"{line}")
        check(report["verdict"]["calls"] == "good", summary(report))
