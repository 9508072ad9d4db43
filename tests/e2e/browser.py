# SPDX-License-Identifier: LGPL-2.1-or-later
"""browser.py - a headless Chromium that is told what to do by its DevTools
protocol, on a pair of pipes: no port is open, no library is needed
"""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

FLAGS = ("--headless", "--disable-gpu", "--no-first-run", "--no-sandbox",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe")
ANSWER_S = 30


def missing():
    return not shutil.which("chromium") and "not installed: chromium"


class Browser:
    """A browser with one page. `requests` has the address of each thing that
    the page has asked for, `errors` what its console had to say."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        self.requests, self.errors, self.events = [], [], []
        self.last, self.session, self.rest = 0, None, b""
        theirs, self.to = os.pipe()
        self.source, back = os.pipe()
        # Chromium reads at 3 and writes at 4.
        self.child = subprocess.Popen(
            ["sh", "-c", f'exec chromium "$@" 3<&{theirs} 4>&{back}', "sh",
             *FLAGS, "--user-data-dir=" + self.profile, "about:blank"],
            pass_fds=(theirs, back), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, env={**os.environ, "HOME": self.profile})
        os.close(theirs)
        os.close(back)

    def __enter__(self):
        page = self.ask("Target.createTarget", url="about:blank")
        self.session = self.ask("Target.attachToTarget", flatten=True,
                                targetId=page["targetId"])["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(domain + ".enable")
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
        os.close(self.to)
        os.close(self.source)
        shutil.rmtree(self.profile, ignore_errors=True)

    def hear(self, until):
        """The next message."""
        while b"\0" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.source], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.source, 1 << 16)
            if not more:
                raise TimeoutError("the browser has ended")
            self.rest += more
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def note(self, message):
        method, said = message.get("method"), message.get("params", {})
        self.events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        if method == "Log.entryAdded":
            self.errors.append(said["entry"]["text"])
        if method == "Runtime.exceptionThrown":
            self.errors.append(said["exceptionDetails"]["text"])

    def ask(self, method, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWER_S
        while True:
            heard = self.hear(until)
            if heard.get("id") == self.last:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']}")
                return heard["result"]
            self.note(heard)

    def show(self, width, height, mobile=False, dark=False):
        self.ask("Emulation.setDeviceMetricsOverride", width=width,
                 height=height, deviceScaleFactor=2 if mobile else 1,
                 mobile=mobile)
        self.ask("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"}])

    def open(self, address):
        self.requests.clear()
        self.events.clear()
        self.ask("Page.navigate", url=address)
        until = time.monotonic() + ANSWER_S
        while "Page.loadEventFired" not in self.events:
            self.note(self.hear(until))

    def look(self, expression):
        """The value of an expression in the page."""
        found = self.ask("Runtime.evaluate", expression=expression,
                         returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def screenshot(self, path):
        shot = self.ask("Page.captureScreenshot", format="png",
                        captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))
