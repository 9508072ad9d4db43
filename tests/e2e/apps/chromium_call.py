#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""chromium_call.py - one end of a call in headless Chromium

Opens call.html with made-up camera and microphone and waits for the verdict
on the page's console.
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.parse

import party

FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream", "--enable-logging=stderr",
    "--autoplay-policy=no-user-gesture-required",
)
# The browser has this long beyond the page's own time to start and to end.
START_S = 10


def command(opts, profile):
    query = urllib.parse.urlencode({
        "role": opts.role, "room": opts.room, "stun": opts.stun,
        "timeout": opts.timeout, "hold": f"{opts.hold:g}",
        "stay": f"{opts.stay:g}"})
    argv = ["chromium", *FLAGS, "--user-data-dir=" + profile]
    if opts.spki:
        argv.append("--ignore-certificate-errors-spki-list=" + opts.spki)
    if opts.proxy:
        argv.append("--proxy-server=" + opts.proxy)
    if not opts.sandbox:
        argv.append("--no-sandbox")
    return argv + [f"https://{opts.server}/call.html?{query}"]


def read_verdict(lines):
    """The page's line, or None when the browser ends or loads no page."""
    for line in lines:
        sys.stderr.write(line)
        sys.stderr.flush()
        found = re.search(r'VERDICT (\{.*\})"', line)
        if found:
            return json.loads(found.group(1))
    return None


def main():
    opts = party.options()
    verdict = party.Verdict("chromium")
    with tempfile.TemporaryDirectory(prefix="chromium-",
                                     ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            command(opts, profile), stderr=subprocess.PIPE, text=True,
            errors="replace", start_new_session=True,
            env={**os.environ, "HOME": profile})
        watchdog = threading.Timer(opts.timeout + START_S, os.killpg,
                                   (browser.pid, signal.SIGKILL))
        watchdog.start()
        found = read_verdict(browser.stderr)
        watchdog.cancel()
        try:
            os.killpg(browser.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        browser.wait()
    if found:
        found["began"] = verdict.began
        print(json.dumps(found), flush=True)
    else:
        verdict.error = "the page gave no verdict"
        verdict.show()


main()
