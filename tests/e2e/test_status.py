# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_status.py - what `turnout status`, `flows`, `top` and `wait` tell while
a call runs, to whom, and what their documents hold to
"""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

try:
    import jsonschema
except ImportError:
    jsonschema = None

import call
import lab as labs
import service
import surviving
from suite import check, skip, test

SCHEMA = labs.TOP / "docs" / "schema" / "turnout-status-1.json"
SCRIPT = f"""
function FindProxyForURL(url, host) {{
	return "PROXY {labs.PROXY}:{labs.BASIC_PORT}";
}}
"""
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?25h\x1b[?1049l"
# setpriv changes the user behind the door of the namespaces.
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


def turnout(lab, daemon, *argv, wrap=(), status=0):
    done = subprocess.run(
        [*lab.inside.enter, *wrap, lab.turnout, *argv], check=False,
        capture_output=True, text=True, env={**os.environ, **daemon.env},
        timeout=60)
    check(done.returncode == status,
          f"{argv}: status {done.returncode}: {done.stdout} {done.stderr}")
    return done.stdout


def document(lab, daemon, verb="status", **more):
    """What it says, which holds to its schema."""
    skip(jsonschema is None and "not installed: python3-jsonschema")
    found = json.loads(turnout(lab, daemon, verb, "--json", **more))
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    return found


@contextlib.contextmanager
def calling(lab, name):
    """A tunneld, and a program that talks through it."""
    lab.set_mood("drop")
    daemon = service.Tunneld(lab, lab.config(name))
    stream = surviving.Streams(lab, daemon, name)
    try:
        yield daemon
    finally:
        stream.inside.end()
        stream.outside.end()
    check(daemon.stop() == 0, "tunneld failed")


def talks(lab, daemon):
    """The flow that talks, once there is one."""
    found = []

    def look():
        found[:] = [flow for flow in document(lab, daemon)["flows"]
                    if flow["talks"] and flow["down"]["datagrams"] > 10]
        return found
    labs.wait_for("a flow that talks", look)
    return found[0]


@test("status-call")
def in_a_call(lab):
    """The app, its flow, the way it takes; and bytes move."""
    with calling(lab, "status-call") as daemon:
        before = talks(lab, daemon)
        time.sleep(0.3)
        now = document(lab, daemon)
        flow, = [flow for flow in now["flows"] if flow["app"] == before["app"]]
        uplink, = flow["uplinks"]
        check("python3" in flow["program"], f"{flow}")
        for way in ("up", "down"):
            check(flow[way]["bytes"] > before[way]["bytes"] and
                  flow[way]["datagrams"] > before[way]["datagrams"] and
                  flow[way]["last_ms"] < 2000, f"{way}: {before} {flow}")
        check(uplink["state"] == "ready" and uplink["peers"] >= 1 and
              uplink["path"]["way"] == "proxy" and
              uplink["path"]["transport"] == "tls", f"{uplink}")
        check(uplink["relayed"].rpartition(":")[0], f"{uplink}")
        app, = [app for app in now["apps"] if app["pid"] == flow["pid"]]
        check(app["sockets"] >= 1 and app["program"] == flow["program"],
              f"{app}")
        check([relay for relay in now["relays"] if relay["preferred"]],
              f"{now['relays']}")
        proxy, = now["proxies"]
        check(proxy["configured"] and proxy["answered_ms"] is not None,
              f"{proxy}")
        screen = turnout(lab, daemon, "status")
        check(re.search(r"python3\S* +ready +tls/proxy", screen), screen)
        check(all(len(line) < 100 for line in screen.splitlines()), screen)
        told = turnout(lab, daemon, "flows")
        check(uplink["relayed"] in told and flow["app"] in told, told)
        turnout(lab, daemon, "status", "--check=call")
        lab.remark = f"round trip {uplink['path']['rtt_ms']} ms"


@test("status-privacy")
def of_others(lab):
    """Another user is told what is his, and that is nothing."""
    with calling(lab, "status-privacy") as daemon:
        flow = talks(lab, daemon)
        daemon.socket.parent.chmod(0o755)
        theirs = document(lab, daemon, wrap=NOBODY)
        check(not theirs["everybody"] and not theirs["flows"] and
              not theirs["apps"], f"{theirs}")
        check(flow["app"] not in json.dumps(theirs), f"{theirs}")
        turnout(lab, daemon, "status", "--check=call", wrap=NOBODY, status=1)
        check(document(lab, daemon)["everybody"], "root is told less")


@test("status-script")
def of_a_script(lab):
    """A proxy that a script has named, and the login there."""
    lab.set_mood("drop")
    script = lab.write("status-script.pac", SCRIPT)
    daemon = service.Tunneld(lab, lab.config(
        "status-script", proxy=f"pac+file://{script}",
        basic=labs.PROXY_PASSWORD))
    turnout(lab, daemon, "wait", "--timeout", "30")
    found = document(lab, daemon)
    proxy, = found["proxies"]
    check(not proxy["configured"] and not proxy["rests"] and
          proxy["url"] == f"http://{labs.PROXY}:{labs.BASIC_PORT}" and
          proxy["login"]["state"] == "accepted" and
          proxy["login"]["scheme"] == "Basic", f"{proxy}")
    check(str(script) in found["network"]["proxy_source"],
          f"{found['network']}")
    told = turnout(lab, daemon, "status", "--counters")
    check(f"proxy_login {proxy['url']} scheme Basic login accepted" in told,
          told)
    check("login accepted, by Basic" in turnout(lab, daemon, "status"), "")
    check(daemon.stop() == 0, "tunneld failed")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, lab, daemon, *argv, rows=24, columns=80):
        self.ours, theirs = pty.openpty()
        self.resize(rows, columns)
        self.child = subprocess.Popen(
            [*lab.inside.enter, lab.turnout, *argv], stdin=theirs,
            stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, **daemon.env, "TERM": "xterm"})
        self.modes = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.shown = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, what, enough):
        def look():
            while select.select([self.ours], [], [], 0)[0]:
                self.shown += os.read(self.ours, 65536)
            return enough(self.shown)
        labs.wait_for(what, look)

    def screens(self):
        return [re.sub(rb"\x1b\[[?0-9]*[A-Za-z]", b"", screen).decode()
                for screen in self.shown.split(b"\x1b[H")[1:]]

    def end(self):
        """The exit status; the terminal is as it was."""
        status = self.child.wait(timeout=20)
        self.read("the terminal back", lambda shown: shown.endswith(LEAVE))
        check(termios.tcgetattr(self.theirs) == self.modes,
              "the terminal's modes have changed")
        os.close(self.ours)
        os.close(self.theirs)
        return status


@test("status-top")
def top(lab):
    """It shows the flow, follows, fits, and gives the terminal back."""
    with calling(lab, "status-top") as daemon:
        talks(lab, daemon)
        screen = Terminal(lab, daemon, "top", "--interval", "0.3")
        screen.read("rates", lambda shown: b"UP b/s" in shown and
                    shown.count(b"\x1b[H") > 2)
        check(screen.shown.startswith(ENTER), screen.shown[:40])
        for shown in screen.screens():
            lines = shown.replace("\r", "").split("\n")
            check(len(lines) <= 24 and max(map(len, lines)) <= 80, shown)
        check(re.search(r"python3\S* +ready +tls/proxy", screen.screens()[1]),
              screen.screens()[1])
        before = len(screen.shown)
        screen.resize(10, 40)
        screen.read("a smaller screen", lambda shown:
                    shown[before:].count(b"\x1b[H") > 2)
        lines = screen.screens()[-2].replace("\r", "").split("\n")
        check(len(lines) <= 10 and max(map(len, lines)) <= 40, f"{lines}")
        os.write(screen.ours, b"q")
        check(screen.end() == 0, "q")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            screen = Terminal(lab, daemon, "top")
            screen.read("top", lambda shown: b"q quits" in shown)
            os.kill(screen.child.pid, number)
            check(screen.end() == -number, f"{number}")
        once = turnout(lab, daemon, "top")
        check("\x1b" not in once and "python3" in once, once)


@test("status-wait")
def wait(lab):
    """It returns when tunneld comes, when the relay does, and at its time."""
    lab.set_mood("drop")
    config = lab.config("status-wait")
    daemon = service.Tunneld(lab, config)
    check(daemon.stop() == 0, "tunneld failed")
    turnout(lab, daemon, "status", "--check=live", status=3)
    began = time.monotonic()
    turnout(lab, daemon, "wait", "--timeout", "0.5", status=1)
    check(0.4 < time.monotonic() - began < 5, "not in time")
    waiting = [subprocess.Popen(
        [*lab.inside.enter, lab.turnout, "wait", "--timeout", "60", "--for",
         state], env={**os.environ, **daemon.env})
        for state in ("ready", "relay", "call")]
    daemon.start()
    for child in waiting[:2]:
        check(child.wait(timeout=30) == 0, "it did not come")
    turnout(lab, daemon, "status", "--check")
    turnout(lab, daemon, "status", "--check=relay")
    turnout(lab, daemon, "status", "--check=call", status=1)
    turnout(lab, daemon, "wait", "--for", "call", "--timeout", "0.3", status=1)
    check(waiting[2].poll() is None, "there was no call")
    streams = surviving.Streams(lab, daemon, "status-wait")
    check(waiting[2].wait(timeout=30) == 0, "the call was not seen")
    found = document(lab, daemon, "wait")
    check(found["counters"]["allocations"] > 0, f"{found}")
    streams.inside.end()
    streams.outside.end()
    check(daemon.stop() == 0, "tunneld failed")


@test("status-calls", long=True)
def real_call(lab):
    """A real call: RTP is seen for what it is, and little of it is lost."""
    skip(call.missing("aiortc"))
    lab.set_mood("drop")
    daemon = service.Tunneld(lab, lab.config("status-calls"))
    ends = call.Call(lab, "aiortc", "status-calls", wrap=(
        "env", f"TURNOUT_SOCKET={daemon.socket}", lab.turnout, "run", "--"))
    flow = talks(lab, daemon)
    labs.wait_for("RTP", lambda: talks(lab, daemon)["down"]["rtp"]["expected"]
                  > 20)
    flow = talks(lab, daemon)
    rtp = flow["down"]["rtp"]
    check(rtp["lost"] * 10 < rtp["expected"], f"{rtp}")
    call.check_good(*ends.finish())
    check(daemon.stop() == 0, "tunneld failed")
    lab.remark = f"{rtp['lost']} of {rtp['expected']} lost"
