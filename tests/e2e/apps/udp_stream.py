#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""udp_stream.py - one end of a steady stream of datagrams in both directions,
which tells when it heard nothing

udp_stream.py call ADDRESS/PORT      sends to there, hears from there
udp_stream.py answer ADDRESS/PORT    is there; sends to where the last new
                                     datagram came from, as libwebrtc does;
                                     with --first, to where the first came from
                                     for ever, as aiortc does

Prints lines of JSON: {"event": "heard", ...} at the first datagram, {"event":
"moved", ...} when the other end's address has changed, and when it is told to
stop (SIGTERM, or after --seconds) {"event": "end", ...}. `gaps` there are
[time of the last datagram before, ms without any]; times are of time.time().
"""
import argparse
import json
import select
import signal
import socket
import struct
import time

GAP_MS = 100
# number, time of sending
STAMP = struct.Struct("!Qd")


class Stream:
    def __init__(self, opts):
        self.opts = opts
        address, _, port = opts.where.rpartition("/")
        self.sock = socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.peer = None
        if opts.role == "answer":
            self.sock.bind((address, int(port)))
        else:
            self.peer = (address, int(port))
        self.sent = self.heard = self.errors = self.repeated = 0
        self.slowest_ms = 0
        self.first = self.last = None
        self.highest = -1
        self.gaps, self.sources = [], []
        self.stopped = False
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        self.stopped = True

    def tell(self, event, **more):
        print(json.dumps({"event": event, **more}), flush=True)

    def say(self):
        if self.peer is None:
            return
        stamp = STAMP.pack(self.sent, time.time())
        self.sent += 1
        try:
            self.sock.sendto(stamp.ljust(self.opts.size, b"."), self.peer)
        except OSError:
            self.errors += 1

    def note_gap(self, now):
        ms = round((now - self.last) * 1000)
        if ms >= GAP_MS:
            self.gaps.append([round(self.last, 3), ms])

    def hear(self, data, source):
        now = time.time()
        number, at = STAMP.unpack_from(data)
        self.heard += 1
        self.slowest_ms = max(self.slowest_ms, round((now - at) * 1000))
        if self.last is None:
            self.first = now
        else:
            self.note_gap(now)
        self.last = now
        word = "%s %d" % source[:2]
        if word not in self.sources:
            self.sources.append(word)
            self.tell("moved" if len(self.sources) > 1 else "heard",
                      source=word, at=now)
        if number <= self.highest:
            self.repeated += 1
            return
        self.highest = number
        if self.opts.role == "answer" and not (self.opts.first and self.peer):
            self.peer = source

    def listen(self):
        """Takes in all that is there."""
        while True:
            try:
                data, source = self.sock.recvfrom(65536)
            except OSError:
                return
            if len(data) >= STAMP.size:
                self.hear(data, source)

    def go_on(self):
        began = turn = time.monotonic()
        while not self.stopped:
            now = time.monotonic()
            if self.opts.seconds and now >= began + self.opts.seconds:
                break
            if now >= turn:
                self.say()
                # Late is late: what a busy machine missed is not made up for.
                turn = max(turn + self.opts.every / 1000, now)
            # A signal does not end the waiting.
            wait_s = min(max(0, turn - now), 0.1)
            if select.select([self.sock], [], [], wait_s)[0]:
                self.listen()
        if self.last is not None:
            self.note_gap(time.time())
        self.tell("end", sent=self.sent, heard=self.heard, errors=self.errors,
                  first=self.first, last=self.last, repeated=self.repeated,
                  slowest_ms=self.slowest_ms, gaps=self.gaps,
                  sources=self.sources)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("call", "answer"))
    parser.add_argument("where", metavar="ADDRESS/PORT")
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--every", type=float, default=20, metavar="MS")
    parser.add_argument("--size", type=int, default=200)
    Stream(parser.parse_args()).go_on()


main()
