# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_connect.py - plain TCP programs: connections that the proxy makes, and
the errors that programs see when it does not
"""
import json
import shutil
import subprocess
import sys

import lab as labs
from suite import check, skip, test
from test_calls import check_no_leak

# A refusal is one round trip to the proxy and may not take longer than this.
QUICK_S = 2


def inside(lab, name, *argv, timeout_s=20):
    """Runs a program inside to its end; returns (status, output, errors)."""
    child = lab.inside.start(*argv, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    try:
        out, errors = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{name}: still running after {timeout_s} s"
                           ) from None
    (lab.inside.dir / (name + ".log")).write_text(out + errors)
    return child.returncode, out, errors


def connect(lab, name, config, *argv):
    status, out, errors = inside(
        lab, name, *lab.run(config), "env", f"SSL_CERT_FILE={lab.ca}",
        sys.executable, lab.apps / "connect.py", *argv)
    check(status == 0 and out, f"connect.py: status {status}: {errors}")
    return json.loads(out), errors


def fetch(lab, argv):
    skip(None if shutil.which(argv[0]) else "not installed: " + argv[0])
    lab.set_mood("drop")
    name = "connect-" + argv[0]
    config = lab.config(name)
    status, out, errors = inside(lab, name, *lab.run(config), *argv, lab.ca,
                                 "https://call.lab.test/")
    check(status == 0 and out == "hello from outside\n",
          f"status {status}: {out} {errors}")
    check(errors == "", "not silent: " + errors)
    check_no_leak(lab)


def plain(lab, argv):
    lab.set_mood("drop")
    name = "connect-plain" + "".join(argv)
    config = lab.config(name)
    found, _ = connect(lab, name, config, "call.lab.test", "443", *argv)
    check(found["reply"] == "hello from outside", f"{found}")
    check(found["peer"] != labs.PROXY, "the app sees the proxy's address")
    check_no_leak(lab)


@test("connect-basic-auth")
def basic(lab):
    lab.set_mood("drop")
    config = lab.config("connect-basic", proxy=labs.BASIC_URL,
                        basic=labs.PROXY_PASSWORD)
    found, _ = connect(lab, "connect-basic", config, "call.lab.test", "443")
    check(found["reply"] == "hello from outside", f"{found}")


def connects(lines):
    """What apps asked the proxy for: the relay, which is kept warm, is none of
    theirs."""
    return [line for line in lines.splitlines()
            if "CONNECT" in line and "relay.lab.test" not in line]


def directly(lab, name, argv, extra="", options=()):
    """A name that is direct goes past the proxy, though its address alone
    would not."""
    lab.set_mood("open")
    access = lab.dmz.dir / "squid" / "squid.access"
    before = access.read_text()
    config = lab.config(name, extra=extra)
    status, out, errors = inside(
        lab, name, *lab.run(config, *options), "env",
        f"SSL_CERT_FILE={lab.ca}", sys.executable, lab.apps / "connect.py",
        "call.lab.test", "443", *argv)
    check(status == 0 and out, f"connect.py: status {status}: {errors}")
    found = json.loads(out)
    check(found["reply"] == "hello from outside", f"{found}")
    check(found["peer"] == labs.WORLD, f"not its real address: {found}")
    # Squid writes a line when a connection ends: one that must come shows
    # that others would have come.
    connect(lab, name + "-proxied", lab.config(name + "-proxied"),
            "call.lab.test", "443")
    labs.wait_for("the proxy's log", lambda: connects(
        access.read_text()[len(before):]))
    new = access.read_text()[len(before):]
    check(len(connects(new)) == 1, f"it went through the proxy: {new}")


for how, extra, options in (
        ("rule", "[rules]\nrule = direct call.lab.test\n", ()),
        ("no-proxy", "", ("--set", "proxy.no_proxy=.lab.test"))):
    for flavour, argv in (("", ()), ("-async", ("--async",))):
        test(f"connect-direct-{how}{flavour}",
             name=f"connect-direct-{how}{flavour}", argv=argv, extra=extra,
             options=options)(directly)


@test("connect-direct-own-resolver")
def own_resolver(lab):
    """The same for a program that asks the name server itself: the address is
    known before it has the answer."""
    lab.set_mood("open")
    access = lab.dmz.dir / "squid" / "squid.access"
    before = access.read_text()
    config = lab.config("own-resolver",
                        extra="[rules]\nrule = direct call.lab.test\n")
    for host, address in (("call.lab.test", labs.WORLD),
                          ("stun.lab.test", "198.18.")):
        status, out, errors = inside(
            lab, "own-resolver", *lab.run(config), sys.executable,
            lab.apps / "resolver.py", labs.LAN_DNS, host, "443")
        check(status == 0, f"status {status}: {errors}")
        check(json.loads(out)["peer"].startswith(address), out)
    labs.wait_for("the proxy's log", lambda: connects(
        access.read_text()[len(before):]))
    new = access.read_text()[len(before):]
    check(len(connects(new)) == 1 and "stun.lab.test" in new,
          f"the wrong one went through the proxy: {new}")


def refusal(lab, name, host, port, error, argv=()):
    lab.set_mood("drop")
    config = lab.config(name)
    found, _ = connect(lab, name, config, host, port, *argv)
    check(found["errno"] == error, f"expected {error}: {found}")
    check(found["took_s"] < QUICK_S, f"slow: {found}")
    check_no_leak(lab)


test("connect-curl", argv=("curl", "-sS", "--cacert"))(fetch)
test("connect-wget", argv=("wget", "-qO-", "--ca-certificate"))(fetch)
test("connect-blocking", argv=())(plain)
test("connect-async", argv=("--async",))(plain)
for _way, _argv in (("", ()), ("-async", ("--async",))):
    for _what, _host, _port, _error in (
            ("name", "refused.lab.test", "443", "ECONNREFUSED"),
            ("port", "call.lab.test", "8443", "ECONNREFUSED"),
            ("unknown", "nowhere.lab.test", "443", "EHOSTUNREACH")):
        test(f"connect-refused-{_what}{_way}", host=_host, port=_port,
             name=f"refused-{_what}{_way}", error=_error,
             argv=_argv)(refusal)


@test("run-silent-and-status")
def passes_through(lab):
    """`turnout run` says nothing and passes the status on."""
    lab.set_mood("drop")
    config = lab.config("run-status")
    for script, wanted in (("exit 0", 0), ("exit 7", 7), ("kill $$", -15)):
        status, out, errors = inside(lab, "run-status", *lab.run(config),
                                     "sh", "-c", script)
        check(status == wanted, f"{script}: status {status}, not {wanted}")
        check(out + errors == "", "not silent: " + out + errors)
    status, _, errors = inside(lab, "run-status", *lab.run(config),
                               "/nonexistent/program")
    check(status == 127 and errors, f"not found: {status} {errors}")
    status, _, errors = inside(lab, "run-status", lab.turnout, "run",
                               "--config", "/nonexistent.conf", "--", "true")
    check(status == 125 and "nonexistent.conf" in errors,
          f"no configuration: {status} {errors}")
