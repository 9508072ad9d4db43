# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_logins.py - how tunneld goes through the ways to log in at a proxy as
tickets come and go, and that a wrong password reaches it exactly once
"""
import json
import os
import subprocess
import sys

import lab as labs
import proxies
import service
from dialing import HELLO, RIGHT, WRONG, many, prepare, through
from suite import check, test
from test_trouble import check_said

# How many connections at once, and how many tunnelds.
DIALS, DAEMONS = 50, 4


def expect(lab, name, daemon, port, scheme):
    """A connection succeeds, with that way to log in."""
    access = proxies.Access(lab)
    found = through(lab, name, daemon)
    check(found["reply"] == HELLO, f"{found}: {daemon.said()[-1000:]}")
    done = access.until("the proxy's log", lambda seen: seen.status == 200)
    check(all(seen.port == port and seen.login.split()[0] == scheme
              for seen in done), f"not {scheme}: {done}")


@test("login-ticket-goes")
def goes(lab):
    """Without a ticket it is the password's turn."""
    prepare(lab, "squid krb5")
    daemon = service.Tunneld(lab, lab.config(
        "login-goes", proxy=proxies.url("all"), password=RIGHT))
    expect(lab, "login-goes-1", daemon, "all", "Negotiate")
    proxies.kdestroy(lab)
    expect(lab, "login-goes-2", daemon, "all", "NTLM")


def comes(lab, port):
    """Where nothing but a ticket helps: refused until it is there."""
    prepare(lab, "squid krb5")
    proxies.kdestroy(lab)
    name = "login-comes-" + port
    daemon = service.Tunneld(lab, lab.config(name, proxy=proxies.url(port)))
    found = through(lab, name + "-1", daemon)
    check(found["errno"] == "ECONNREFUSED", f"{found}")
    check_said(daemon.said(), r"proxy.*kinit", most=3)
    proxies.kinit(lab)
    expect(lab, name + "-2", daemon, port, "Negotiate")


for _port in ("negotiate", "all"):
    test("login-ticket-comes-" + _port, port=_port)(comes)


@test("login-ticket-expires")
def expires(lab):
    """No matter when: what the proxy does not take any more is passed over."""
    prepare(lab, "squid krb5")
    proxies.kinit(lab, "-l", "2s")
    daemon = service.Tunneld(lab, lab.config(
        "login-expires", proxy=proxies.url("all"), password=RIGHT))
    expect(lab, "login-expires-1", daemon, "all", "Negotiate")
    labs.wait_for("the ticket's end", lambda: subprocess.run(
        [*lab.inside.enter, "curl", "-sS", "--proxy-negotiate", "-U", ":",
         "-x", proxies.url("negotiate"), "--cacert", lab.ca,
         "https://call.lab.test/"], check=False,
        capture_output=True).returncode)
    expect(lab, "login-expires-2", daemon, "all", "NTLM")


# Where a password can be wrong: what it needs, the port, the scheme, more.
PLACES = {
    "basic": ("squid", "passwords", "auth = basic\nbasic_over_http = yes\n"),
    "digest": ("squid", "digest", ""),
    "ntlm": ("strict", "strict", ""),
    # A ladder is no way to try one password by several schemes.
    "several": ("squid", "all", "auth = digest basic\n"
                "basic_over_http = yes\n"),
}


def rewrite(config, password):
    """Another password in the file, as an editor does it."""
    path = config.parent / "proxy.password"
    new = path.with_suffix(".new")
    new.write_text(password + "\n")
    new.chmod(0o600)
    os.replace(new, path)


def locked_out(lab, place):
    """A wrong password is sent once, whoever connects how often, and so is
    the next; the right one works at once."""
    needs, port, more = PLACES[place]
    prepare(lab, needs)
    access = proxies.Access(lab, "strict" if needs == "strict" else "schemes")
    name = "login-lockout-" + place
    config = lab.config(name, proxy=proxies.url(port), password=WRONG,
                        proxy_more=more)
    daemon = service.Tunneld(lab, config)

    def refuse(step, wanted):
        found = many(lab, f"{name}-{step}", daemon, DIALS)
        check(found == {"ECONNREFUSED": DIALS}, f"{step}: {found}")
        labs.wait_for("the proxy's log", lambda: access.passwords() >= wanted)
        check(access.passwords() == wanted, f"{step}: it was sent "
              f"{access.passwords()} times")

    refuse("first", 1)
    refuse("again", 1)
    check(daemon.stop() == 0, "tunneld failed")
    daemon.start()
    refuse("restarted", 1)
    rewrite(config, WRONG + "-either")
    refuse("changed", 2)
    rewrite(config, RIGHT)
    found = through(lab, name + "-right", daemon)
    check(found["reply"] == HELLO, f"{found}: {daemon.said()[-1000:]}")
    check(WRONG not in daemon.said(), "a password is in the log")


@test("login-retry")
def retry(lab):
    """A user says that the same password is right now: it is sent once
    more."""
    prepare(lab, "squid")
    access = proxies.Access(lab)
    daemon = service.Tunneld(lab, lab.config(
        "login-retry", proxy=proxies.url("digest"), password=WRONG))
    for wanted in (1, 2):
        many(lab, "login-retry", daemon, DIALS)
        labs.wait_for("the proxy's log", lambda wanted=wanted:
                      access.passwords() >= wanted)
        check(access.passwords() == wanted,
              f"it was sent {access.passwords()} times, not {wanted}")
        told = subprocess.run(
            [*lab.inside.enter, lab.turnout, "proxy", "retry"], check=False,
            capture_output=True, text=True,
            env={**os.environ, **daemon.env})
        check(told.returncode == 0, f"{told.stdout} {told.stderr}")


for _place in PLACES:
    test("login-lockout-" + _place, place=_place)(locked_out)


def private(lab, place):
    """Several tunnelds of one user, each with one program, know it of each
    other."""
    needs, port, more = PLACES[place]
    prepare(lab, needs)
    access = proxies.Access(lab, "strict" if needs == "strict" else "schemes")
    config = lab.config("login-private-" + place, proxy=proxies.url(port),
                        password=WRONG, proxy_more=more)
    children = [lab.inside.start(
        *lab.run(config), sys.executable, lab.apps / "connect.py",
        "call.lab.test", "443", stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True) for _ in range(DAEMONS)]
    for child in children:
        found = json.loads(child.communicate(timeout=30)[0])
        check(found["errno"] == "ECONNREFUSED", f"{found}")
    check(access.passwords() == 1, f"it was sent {access.passwords()} times")


for _place in ("basic", "digest", "ntlm"):
    test("login-lockout-private-" + _place, place=_place)(private)


@test("login-ticket-server-silent")
def silent(lab):
    """A ticket for the proxy can't be had, and nobody says so: the password
    has its turn all the same."""
    prepare(lab, "squid krb5")
    config = lab.config("login-silent", proxy=proxies.url("all"),
                        password=RIGHT)
    lab.fw.do("nft", "insert", "rule", "inet", "lab", "forward", "iifname",
              "lan", "th", "dport", labs.TICKET_PORT, "drop")
    daemon = service.Tunneld(lab, config)
    took = []
    for number in (1, 2):
        found = through(lab, f"login-silent-{number}", daemon)
        check(found["reply"] == HELLO, f"{found}: {daemon.said()[-1000:]}")
        took.append(found["took_s"])
    check(took[0] < 12 and took[1] < 2, f"it took {took} s")
    lab.remark = f"the first took {took[0]} s, the second {took[1]} s"
