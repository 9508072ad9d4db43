#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""udp_talk.py - sends numbered datagrams to echo servers and tells what came

Prints lines of JSON: {"event": "heard", ...} at the first echo on a socket
from a peer, {"event": "moved", ...} when an echo tells of another relayed
address, and at the end one {"event": "end", ...} for each socket and peer:
how many were sent and heard, the longest silence, the relayed addresses.
"""
import argparse
import itertools
import json
import select
import socket
import time


class Line:
    """What one socket says to one peer."""

    def __init__(self, number, sock, peer):
        self.number = number
        self.sock = sock
        self.peer = peer
        self.sent = self.heard = self.errors = 0
        self.began = time.monotonic()
        self.first_ms = None
        self.last = None
        self.silence_ms = 0
        self.sources = []

    def tell(self, event, **more):
        print(json.dumps({"event": event, "socket": self.number,
                          "peer": self.peer[0], "port": self.peer[1],
                          **more}), flush=True)

    def say(self, size):
        word = f"{self.number}/{self.sent} "
        self.sent += 1
        try:
            self.sock.sendto(word.encode().ljust(size, b"."), self.peer)
        except OSError:
            self.errors += 1

    def hear(self, data, now):
        source = data.partition(b"|")[0].decode()
        self.heard += 1
        if self.last is None:
            self.first_ms = round((now - self.began) * 1000)
            self.tell("heard", source=source, ms=self.first_ms)
        else:
            self.silence_ms = max(self.silence_ms, (now - self.last) * 1000)
        self.last = now
        if source not in self.sources:
            self.sources.append(source)
            if len(self.sources) > 1:
                self.tell("moved", source=source)

    def end(self):
        if self.last is not None:
            self.silence_ms = max(self.silence_ms,
                                  (time.monotonic() - self.last) * 1000)
        self.tell("end", sent=self.sent, heard=self.heard, errors=self.errors,
                  first_ms=self.first_ms, silence_ms=round(self.silence_ms),
                  sources=self.sources)


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("peers", nargs="+", metavar="ADDRESS/PORT[-LAST]")
    parser.add_argument("--sockets", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--every", type=float, default=20, metavar="MS",
                        help="between two datagrams of a socket to a peer")
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--one-by-one", type=float, default=0, metavar="MS",
                        help="start a further peer every MS only")
    parser.add_argument("--at-once", type=int, metavar="N",
                        help="say something to N peers at a time, in turn")
    return parser.parse_args()


def peers_of(words):
    for word in words:
        address, _, ports = word.rpartition("/")
        first, _, last = ports.partition("-")
        for port in range(int(first), int(last or first) + 1):
            yield address, port


def listen(sock, lines):
    """Takes in all that is there."""
    while True:
        try:
            data, source = sock.recvfrom(65536)
        except OSError:
            return
        line = lines.get((sock, source[:2]))
        if line:
            line.hear(data, time.monotonic())


def main():
    opts = options()
    peers = list(peers_of(opts.peers))
    sockets, lines = [], {}
    for number in range(opts.sockets):
        family = socket.AF_INET6 if any(
            ":" in peer[0] for peer in peers) else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sockets.append(sock)
        for peer in peers:
            lines[sock, peer] = Line(number, sock, peer)
    began = time.monotonic()
    turn = began
    known = set(peers)
    queue = itertools.cycle(peers)
    while (now := time.monotonic()) < began + opts.seconds:
        if now >= turn:
            if opts.at_once:
                known = {next(queue) for _ in range(opts.at_once)}
            elif opts.one_by_one:
                known = set(peers[:1 + int((now - began) * 1000
                                           / opts.one_by_one)])
            for sock, peer in itertools.product(sockets, known):
                lines[sock, peer].say(opts.size)
            # Late is late: what a busy machine missed is not made up for.
            turn = max(turn + opts.every / 1000, now)
        ready = select.select(sockets, [], [], max(0, turn - now))[0]
        for sock in ready:
            listen(sock, lines)
    for line in lines.values():
        line.end()


main()
