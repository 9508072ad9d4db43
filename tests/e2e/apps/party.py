# SPDX-License-Identifier: LGPL-2.1-or-later
"""party.py - what the call programs share: options, signaling, the verdict

Each program takes part in one call and prints one line of JSON: when it was
connected, what media came in at its end, how many of its pings came back.
"""
import argparse
import json
import ssl
import statistics
import time

import aiohttp

# A call is good when this much has come in at this end.
PACKETS_WANTED = 40
ECHOES_WANTED = 10
PING_INTERVAL_S = 0.05
# Silences that are worth a word.
GAP_MS = 150


def options(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", choices=("offer", "answer"), required=True)
    parser.add_argument("--room", required=True)
    parser.add_argument("--server", default="call.lab.test")
    parser.add_argument("--stun", default="stun.lab.test:3478")
    parser.add_argument("--proxy", help="for signaling: http://HOST:PORT")
    parser.add_argument("--timeout", type=float, default=30.0)
    parser.add_argument("--no-video", action="store_true")
    parser.add_argument("--calls", type=int, default=1,
                        help="take part in ROOM-0, ROOM-1, ... at once")
    parser.add_argument("--hold", type=float, default=0,
                        help="browsers: count what comes in after S seconds")
    parser.add_argument("--stay", type=float, default=0,
                        help="end S seconds after the connection, whatever "
                        "comes in; nobody's leaving and no loss of signaling "
                        "ends it before")
    parser.add_argument("--spki", help="for browsers: key of the server")
    parser.add_argument("--sandbox", action="store_true")
    return parser.parse_args(argv)


class Verdict:
    """What one end of the call saw."""

    def __init__(self, app, want_media=True):
        self.app = app
        self.want_media = want_media
        self.began = time.time()
        self.joined = self.connected = None
        self.packets = self.bytes = 0
        self.round_trips_ms = []
        self.state = "new"
        self.error = None
        self.arrived = 0
        self.last = None
        self.gaps = []

    def note_arrived(self, number):
        """How many packets of any kind so far; to be called often."""
        if number != self.arrived:
            self.note_gap()
            self.arrived, self.last = number, time.time()

    def note_gap(self):
        """[time of the last packet before, ms without any]"""
        ms = round((time.time() - self.last) * 1000) if self.last else 0
        if ms >= GAP_MS:
            self.gaps.append([round(self.last, 3), ms])

    def ready(self):
        self.joined = self.joined or time.time()

    def up(self):
        self.connected = self.connected or time.time()

    def pong(self, sent):
        self.round_trips_ms.append((time.monotonic() - float(sent)) * 1000)

    def good(self):
        return (self.connected is not None
                and (self.packets >= PACKETS_WANTED or not self.want_media)
                and len(self.round_trips_ms) >= ECHOES_WANTED)

    def show(self):
        median = None
        self.note_gap()
        if self.round_trips_ms:
            median = round(statistics.median(self.round_trips_ms), 2)
        print(json.dumps({
            "app": self.app, "ok": self.good(), "state": self.state,
            "began": self.began, "joined": self.joined,
            "connected": self.connected, "packets": self.packets,
            "bytes": self.bytes, "echoes": len(self.round_trips_ms),
            "rtt_ms": median, "gaps": self.gaps, "error": self.error}),
            flush=True)


class Signaling:
    """A WebSocket to the other member of the room."""

    def __init__(self, opts):
        self.opts = opts

    async def __aenter__(self):
        self.session = aiohttp.ClientSession()
        try:
            self.socket = await self.session.ws_connect(
                f"https://{self.opts.server}/room/{self.opts.room}",
                proxy=self.opts.proxy, ssl=ssl.create_default_context())
        except BaseException:
            await self.session.close()
            raise
        return self

    async def __aexit__(self, *_):
        await self.socket.close()
        await self.session.close()

    async def send(self, **message):
        if not self.socket.closed:
            await self.socket.send_json(message)

    async def messages(self):
        async for message in self.socket:
            if message.type == aiohttp.WSMsgType.TEXT:
                yield json.loads(message.data)
