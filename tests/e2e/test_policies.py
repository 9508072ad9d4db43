# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_policies.py - what IT locks, and what a reload changes for programs that
run
"""
import contextlib
import json
import os
import shutil
import signal

import lab as labs
import proxies
import service
from dialing import HELLO, prepare, through
from suite import check, test
from test_calls import check_no_leak
from test_connect import connect, inside
from test_trouble import Talker, check_said

LOCKS = "/etc/turnout/policy.d"
DEAD = proxies.url("dead")


@contextlib.contextmanager
def locks(lab, name, text):
    """policy.d of who is inside, for as long as a test."""
    place = lab.inside.dir / (name + ".policy.d")
    place.mkdir()
    (place / "10-it.conf").write_text(text)
    lab.inside.do("mkdir", "-p", LOCKS)
    lab.inside.do("mount", "--bind", place, LOCKS)
    try:
        yield
    finally:
        lab.inside.do("umount", LOCKS)
        lab.inside.do("rmdir", "-p", "--ignore-fail-on-non-empty", LOCKS)


@test("policy-lock-proxy")
def lock_proxy(lab):
    """A user's other proxy does not count, wherever it is said."""
    lab.set_mood("drop")
    with locks(lab, "lock-proxy", f"[proxy]\nurl = {labs.PROXY_URL}\n"):
        config = lab.config("lock-proxy", proxy=DEAD)
        status, out, errors = inside(
            lab, "lock-proxy", *lab.run(config, "--proxy", DEAD), "env",
            f"CURL_CA_BUNDLE={lab.ca}", "curl", "-sS",
            "https://call.lab.test/")
        check(out == HELLO + "\n", f"status {status}: {errors}")
        check_said(errors, r"10-it\.conf", most=2)
    check_no_leak(lab)
    found, _ = connect(lab, "lock-proxy", config, "call.lab.test", "443")
    check(found["errno"] == "ECONNREFUSED", f"without the lock: {found}")


@test("policy-lock-rule")
def lock_rule(lab):
    """What IT blocks stays so; the rest is the user's."""
    lab.set_mood("open")
    with locks(lab, "lock-rule", "[rules]\nrule = block call.lab.test\n"):
        config = lab.config("lock-rule", extra="[rules]\n"
                            "rule = direct call.lab.test\n"
                            "rule = direct stun.lab.test\n")
        found, _ = connect(lab, "lock-rule", config, labs.WORLD, "443")
        check(found["errno"] != "ECONNREFUSED", f"an address: {found}")
        found, _ = connect(lab, "lock-rule", config, "call.lab.test", "443")
        check(found["errno"], f"it got through: {found}")


@test("policy-lock-refused")
def lock_refused(lab):
    """A lock that nobody understands is no lock: nothing starts."""
    lab.set_mood("drop")
    with locks(lab, "lock-refused", "[proxy]\nurll = http://x.test:1\n"):
        status, _, errors = inside(lab, "lock-refused",
                                   *lab.run(lab.config("lock-refused")),
                                   "true")
        check(status == 125 and "10-it.conf:2" in errors,
              f"status {status}: {errors}")


@test("policy-show")
def show(lab):
    """Each value with the place that it comes from, and whether it is locked:
    the same that tunneld then goes by (policy-lock-proxy)."""
    with locks(lab, "show", f"[proxy]\nurl = {labs.PROXY_URL}\n"):
        config = lab.config("show", proxy=DEAD)
        status, out, errors = inside(lab, "show", lab.turnout, "config",
                                     "show", "--config", config, "--origin")
        check(status == 0, f"status {status}: {errors}")
        lines = out.splitlines()
        at = lines.index(f"url = {labs.PROXY_URL}")
        check("10-it.conf:2" in lines[at - 1] and "lock" in lines[at - 1],
              f"its origin: {lines[at - 1]}")
        at = next(number for number, line in enumerate(lines)
                  if line.startswith("uri = "))
        check(f"{config}:" in lines[at - 1], f"its origin: {lines[at - 1]}")


@test("policy-check")
def check_files(lab):
    """Files for other machines, before they go there."""
    name = "policy-check.conf"
    for text, wanted in (("[rules]\nrule = block *.example\n", 0),
                         ("[rules]\nrule = blok *.example\n", 1)):
        path = lab.write(name, text)
        status, out, errors = inside(lab, "policy-check", lab.turnout,
                                     "config", "check", "--as-policy", path)
        check(status == wanted, f"status {status}: {out} {errors}")
        check((f"{name}:2" in out + errors) == bool(wanted), out + errors)


@test("policy-program")
def program(lab):
    """Rules for one program and one user: by name, which tunneld decides, and
    by address, which the app does."""
    lab.set_mood("drop")
    rules = (f"rule = block call.lab.test program=curl\n"
             f"rule = block {labs.WORLD} program=python3* user={os.getuid()}\n"
             f"rule = block tcp * user={os.getuid() + 1}\n")
    config = lab.config("program", extra="[rules]\n" + rules)
    curl = ("env", f"CURL_CA_BUNDLE={lab.ca}", "curl", "-sS", "-m", "20",
            "https://call.lab.test/")
    at_address = (*curl, "--resolve", f"call.lab.test:443:{labs.WORLD}")
    found, errors = connect(lab, "program", config, "call.lab.test", "443")
    check(found["reply"] == HELLO, f"by name: {found} {errors}")
    found, errors = connect(lab, "program", config, labs.WORLD, "443")
    check(found["errno"] == "ECONNREFUSED", f"by address: {found} {errors}")
    status, _, errors = inside(lab, "program", *lab.run(config), *curl)
    check(status == 6, f"curl by name: status {status}: {errors}")
    status, out, errors = inside(lab, "program", *lab.run(config), *at_address)
    check(out == HELLO + "\n", f"curl by address: {status}: {errors}")
    check_no_leak(lab)


@test("policy-program-unseen")
def program_unseen(lab):
    """A tunneld that may not see what others run takes the app's word."""
    lab.set_mood("drop")
    config = lab.config("unseen", user="nobody", extra="[rules]\n"
                        "rule = block call.lab.test program=curl\n")
    shutil.chown(config.parent, "nobody")
    daemon = service.Tunneld(lab, config, "setpriv", "--reuid", "nobody",
                             "--regid", "nogroup", "--clear-groups")
    status, _, errors = inside(
        lab, "unseen", "setpriv", "--reuid", "nobody", "--regid", "nogroup",
        "--clear-groups", "readlink", f"/proc/{os.getpid()}/exe")
    check(status, "it sees what root runs")
    found = through(lab, "unseen", daemon)
    check(found["reply"] == HELLO, f"by name: {found}")
    status, _, errors = inside(
        lab, "unseen", "env", f"TURNOUT_SOCKET={daemon.socket}", lab.turnout,
        "run", "--", "curl", "-sS", "-m", "20", "https://call.lab.test/")
    check(status == 6, f"curl by name: status {status}: {errors}")
    check_no_leak(lab)


@test("policy-explain")
def explain(lab):
    """What turnout explain says of a destination is what then happens."""
    prepare(lab, "squid krb5")
    config = lab.config("explain", proxy=proxies.url("all"),
                        extra="[rules]\nrule = block tcp stun.lab.test\n"
                        "rule = direct refused.lab.test\n")
    rule_line = config.read_text().splitlines().index(
        "rule = block tcp stun.lab.test") + 1
    daemon = service.Tunneld(lab, config)
    check(through(lab, "explain", daemon)["reply"] == HELLO, "no connection")

    def explained(target):
        status, out, errors = inside(
            lab, "explain", "env", f"TURNOUT_SOCKET={daemon.socket}",
            lab.turnout, "explain", "--json", target)
        found = json.loads(out)
        check(found["goes"] == (status == 0), f"status {status}: {out}")
        return found

    found = explained("https://call.lab.test/page")
    check(found["decision"] == "proxy" and [
        way["proxy"] for way in found["proxies"]] == [proxies.url("all")],
        f"{found}")
    check("Negotiate" in found["proxies"][0]["login"], f"{found}")
    found = explained("stun.lab.test:443")
    check(found["decision"] == "block" and not found["goes"], f"{found}")
    check(found["origin"] == f"{config}:{rule_line}", f"{found}")
    found = explained("udp://stun.lab.test:3478")
    check(found["decision"] == "tunnel" and found["relays"], f"{found}")
    check(explained("refused.lab.test:443")["decision"] == "direct", "direct")


@test("policy-reload")
def reload(lab):
    """SIGHUP: what is connected stays, what comes later goes the new way, and
    a file with a mistake changes nothing."""
    prepare(lab, "squid")
    config = lab.config("reload")
    daemon = service.Tunneld(lab, config)
    talker = Talker(lab, "reload", daemon)
    check(talker.ask("open") == "ok 1", "no first connection")
    good = config.read_text()

    def reload_with(text, word):
        before = len(daemon.said())
        config.write_text(text)
        daemon.child.send_signal(signal.SIGHUP)
        labs.wait_for(word, lambda: word in daemon.said()[before:])
        heard = talker.ask("say")
        check(heard.startswith("ok"), "what lived before: " + heard)

    reload_with(good.replace(labs.PROXY_URL, "http://"), "tunneld.conf:2")
    check(talker.ask("open") == "ok 2", "a bad file changed something")
    reload_with(good.replace(labs.PROXY_URL, DEAD), "was read again")
    found = through(lab, "reload-dead", daemon)
    check(found["errno"] == "ECONNREFUSED", f"the old proxy: {found}")
    reload_with(good + "[rules]\nrule = block call.lab.test\n", "was read again")
    check(not talker.ask("open").startswith("ok"), "a rule was not followed")
    reload_with(good, "was read again")
    check(talker.ask("open") == "ok 3", "it did not come back")
    check_no_leak(lab)
