# SPDX-License-Identifier: LGPL-2.1-or-later
"""call.py - a call between inside and outside, and what both ends say of it"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import lab as labs
from suite import check

PROGRAMS = {"aiortc": ("aiortc_call.py",), "gst": ("gst_call.py",),
            "chromium": ("chromium_call.py",),
            "chromium-sandbox": ("chromium_call.py", "--sandbox")}
# What each needs: a Debian package, and how to see that it is there.
PACKAGES = {"aiortc": "python3-aiortc", "gst": "gstreamer1.0-nice",
            "chromium": "chromium", "chromium-sandbox": "chromium"}
PROBES = {
    "aiortc": ["import aiortc, aiohttp"],
    "gst": ["import aiohttp, gi; gi.require_version('Gst', '1.0');"
            "from gi.repository import Gst; Gst.init(None);"
            "assert all(map(Gst.ElementFactory.find, ('webrtcbin', 'nicesrc',"
            " 'vp8enc', 'opusenc', 'sctpenc')))"],
}
# Chromium's sandbox is for users other than root.
USERS = {"chromium-sandbox": "nobody"}
GRACE_S = 20


def missing(app):
    """Why the app can't be used here, or None."""
    if app in PROBES:
        probe = [sys.executable, "-c", *PROBES[app]]
        # GStreamer writes a list of its plugins there.
        with tempfile.TemporaryDirectory() as cache:
            found = subprocess.run(
                probe, capture_output=True, check=False,
                env={**os.environ, "XDG_CACHE_HOME": cache}).returncode == 0
    else:
        found = shutil.which("chromium")
    return None if found else "not installed: " + PACKAGES[app]


class End:
    """One end of a call: a program on a host."""

    def __init__(self, host, app, room, role, wrap=(), options=(), env=()):
        program, *flags = PROGRAMS[app]
        self.name = f"{room}-{role}"
        self.log = host.dir / (self.name + ".log")
        # The lab's CA is for the app alone: turnout gets to know it by its
        # configuration.
        argv = [*wrap, "env", f"SSL_CERT_FILE={host.lab.ca}",
                sys.executable, host.lab.apps / program, *flags, "--role",
                role, "--room", room, "--spki", host.lab.spki, *options]
        with open(self.log, "ab") as log:
            self.child = host.start(
                *argv, user=USERS.get(app, "root"), stdout=subprocess.PIPE,
                stderr=log, text=True, env=env)
        self.started = labs.now()

    def verdicts(self, timeout_s):
        """The program's lines; what is missing in one is filled in."""
        try:
            out, _ = self.child.communicate(timeout=timeout_s + GRACE_S)
        except subprocess.TimeoutExpired:
            out = ""
        labs.kill(self.child, signal.SIGKILL)
        found = [json.loads(line) for line in out.splitlines()
                 if line.startswith("{")]
        for verdict in found or [{"ok": False, "connected": None,
                                  "error": "no verdict"}]:
            verdict["log"] = str(self.log)
            verdict["status"] = self.child.returncode
            if verdict["connected"]:
                verdict["took_s"] = round(
                    verdict["connected"] - self.started, 2)
            yield verdict

    def verdict(self, timeout_s):
        return list(self.verdicts(timeout_s))[-1]


class Call:
    """A call in progress: who is inside calls who is outside."""

    def __init__(self, lab, app, name, wrap=(), proxy=None, timeout_s=20):
        self.timeout_s = timeout_s
        limit = ["--timeout", str(timeout_s)]
        self.outside = End(lab.outside, app, name, "answer", options=limit)
        if proxy:
            limit += ["--proxy", proxy]
        self.inside = End(lab.inside, app, name, "offer", wrap, limit)

    def finish(self):
        inside = self.inside.verdict(self.timeout_s)
        return inside, self.outside.verdict(self.timeout_s)


def describe(verdict):
    """A verdict in the words of a test's message."""
    keys = ("state", "took_s", "packets", "echoes", "rtt_ms", "error",
            "status", "log")
    return ", ".join(f"{key} {verdict[key]}" for key in keys
                     if verdict.get(key) is not None)


def check_good(inside, outside):
    """Both ends are connected, and hear and echo each other."""
    check(inside["ok"], "inside: " + describe(inside))
    check(outside["ok"], "outside: " + describe(outside))
