# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_trouble.py - what goes wrong on the way is said once, in a line that
names the hop; nothing hangs and nothing leaks
"""
import re
import signal
import subprocess
import sys
import time

import call
import lab as labs
import service
from suite import check, skip, test
from test_calls import check_no_leak
from test_connect import connect

# How long after its beginning a call must still work.
HOLD_S = 10


def check_said(log, pattern, most=1):
    """A log has 1..`most` lines of warning that match."""
    lines = [line for line in log.splitlines()
             if re.search(pattern, line, re.IGNORECASE)]
    check(lines, f"no line matches {pattern!r}: {log[-2000:]}")
    check(len(lines) <= most, f"{len(lines)} lines match {pattern!r}: "
          f"{lines[0]} ... {lines[-1]}")


def failing_call(lab, name, pattern, **conf):
    """A call whose media can't get through, with the reason in the log."""
    skip(call.missing("aiortc"))
    lab.set_mood("drop")
    config = lab.config(name, **conf)
    inside, outside = call.Call(lab, "aiortc", name, wrap=lab.run(config),
                                timeout_s=8).finish()
    for end in (inside, outside):
        check(not end["connected"], "it got through: " + call.describe(end))
    with open(inside["log"], encoding="utf-8") as log:
        check_said(log.read(), pattern)
    check_no_leak(lab)


test("trouble-relay-password", name="relay-password",
     pattern=r"relay.*(401|password|credential)",
     relay_password="wrong")(failing_call)
test("trouble-relay-untrusted", name="relay-untrusted",
     pattern=r"relay.*certificate", trusted=False)(failing_call)


@test("trouble-proxy-password")
def proxy_password(lab):
    """A rejected password is not sent a second time: accounts get locked."""
    lab.set_mood("drop")
    config = lab.config("proxy-password", proxy=labs.BASIC_URL, basic="wrong")
    access = lab.dmz.dir / "squid" / "squid.access"

    def sent():
        """Squid names who was refused; the question what it wants has no
        name."""
        return sum("/407 " in line and f" {labs.PROXY_USER} " in line
                   for line in access.read_text().splitlines())

    before = sent()
    found, log = connect(lab, "proxy-password", config, "call.lab.test", "443")
    check(found["errno"] == "ECONNREFUSED", f"{found}")
    check_said(log, r"proxy.*(407|password|credential)")
    labs.wait_for("the proxy's log", lambda: sent() > before)
    check(sent() == before + 1,
          "the password was sent more than once")


@test("trouble-proxy-down")
def proxy_down(lab):
    lab.set_mood("drop")
    config = lab.config("proxy-down")
    labs.kill(lab.squid, signal.SIGKILL)
    try:
        found, log = connect(lab, "proxy-down", config, "call.lab.test", "443")
        check(found["errno"] == "ECONNREFUSED", f"{found}")
        # Beside the connect, the relay that is kept warm is not reached.
        check_said(log, r"connect of pid.*proxy.*refused")
        failing_call(lab, "proxy-down-call", r"relay .*: proxy.*refused")
    finally:
        lab.start_squid()
        lab.adopt()
        lab.wait_listening(labs.PROXY, labs.PLAIN_PORT)


class Talker:
    """talk.py: a program that keeps connections and uses them on command."""

    def __init__(self, lab, name, daemon):
        self.child = lab.inside.start(
            lab.turnout, "run", "--", "env", f"SSL_CERT_FILE={lab.ca}",
            sys.executable, lab.apps / "talk.py", stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=daemon.env)
        self.name = name

    def ask(self, word):
        self.child.stdin.write(word + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip() or "talk.py has ended"


@test("trouble-tunneld-killed")
def killed(lab):
    """Connections belong to the app: they live on without tunneld."""
    lab.set_mood("drop")
    daemon = service.Tunneld(lab, lab.config("killed"))
    talker = Talker(lab, "killed", daemon)
    heard = talker.ask("open")
    check(heard == "ok 1", heard)
    daemon.kill()
    heard = talker.ask("say")
    check(heard == "ok 1", "after the end of tunneld: " + heard)
    heard = talker.ask("open")
    check(not heard.startswith("ok"), "without tunneld: " + heard)
    daemon.start()
    heard = talker.ask("say")
    check(heard == "ok 1", "after its return: " + heard)
    heard = talker.ask("open")
    check(heard == "ok 2", "a new connection after its return: " + heard)
    check_no_leak(lab)
    status = daemon.stop()
    check(status == 0, f"SIGTERM: status {status}")


@test("trouble-tunneld-killed-in-call")
def killed_in_call(lab):
    """A browser's call survives the end and the return of tunneld: its ICE
    finds the new relayed address by itself."""
    skip(call.missing("chromium"))
    lab.set_mood("drop")
    daemon = service.Tunneld(lab, lab.config("killed-in-call"))
    options = ["--timeout", "40", "--hold", HOLD_S]
    outside = call.End(lab.outside, "chromium", "killed", "answer",
                       options=options)
    inside = call.End(lab.inside, "chromium", "killed", "offer",
                      [lab.turnout, "run", "--"], options, daemon.env)
    labs.wait_for("the call", lambda: '"CONNECTED"' in
                  inside.log.read_text(errors="replace"), 30)
    time.sleep(1)
    daemon.kill()
    daemon.start()
    call.check_good(inside.verdict(40), outside.verdict(40))
    check_no_leak(lab)
