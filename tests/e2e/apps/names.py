#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""names.py STEP... - a program that looks names up, one step after the other

  get:NAME[:4|:6]      getaddrinfo()
  udp:SERVER:NAME:TYPE, tcp:SERVER:NAME:TYPE   a resolver of its own
  use:NAME:PORT[:6]    getaddrinfo() and connect; 6: IPv6, and nothing else
  say:NAME:PORT        datagrams to an echo server, until one comes back
  wait:SECONDS

Prints a line of JSON for each step: {"found": [address...] or what came,
"error": name or null, "took_s": ...}.
"""
import json
import socket
import struct
import sys
import time

FAMILIES = {"": 0, "4": socket.AF_INET, "6": socket.AF_INET6}
TIMEOUT_S = 10


def get(name, family=""):
    found = socket.getaddrinfo(name, None, FAMILIES[family],
                               socket.SOCK_STREAM)
    return [address[4][0] for address in found]


def question(name, kind):
    labels = b"".join(bytes([len(label)]) + label.encode()
                      for label in name.split(".") if label)
    return (struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + labels + b"\0"
            + struct.pack(">HH", int(kind), 1))


def read_answer(data, asked):
    """The addresses of an answer to one question."""
    rcode, count = data[3] & 15, struct.unpack(">H", data[6:8])[0]
    if rcode:
        raise OSError(f"rcode {rcode}")
    found, at = [], len(asked)
    for _ in range(count):
        size, = struct.unpack(">H", data[at + 10:at + 12])
        rdata = data[at + 12:at + 12 + size]
        if size in (4, 16):
            found.append(socket.inet_ntop(
                socket.AF_INET if size == 4 else socket.AF_INET6, rdata))
        at += 12 + size
    return found


def udp(server, name, kind):
    asked = question(name, kind)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(TIMEOUT_S)
        channel.connect((server, 53))
        channel.send(asked)
        return read_answer(channel.recv(4096), asked)


def tcp(server, name, kind):
    asked = question(name, kind)
    with socket.create_connection((server, 53), TIMEOUT_S) as stream:
        if stream.getpeername() != (server, 53):
            raise OSError(f"peer {stream.getpeername()}")
        stream.sendall(struct.pack(">H", len(asked)) + asked)
        with stream.makefile("rb") as answer:
            size, = struct.unpack(">H", answer.read(2))
            return read_answer(answer.read(size), asked)


def use(name, port, family=""):
    address = socket.getaddrinfo(name, port, FAMILIES[family],
                                 socket.SOCK_STREAM)[0]
    with socket.socket(*address[:3]) as stream:
        stream.settimeout(TIMEOUT_S)
        if family == "6":
            stream.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        stream.connect(address[4])
        return ["connected"]


def say(name, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(0.2)
        peer = (socket.gethostbyname(name), int(port))
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            channel.sendto(b"hello", peer)
            try:
                data, source = channel.recvfrom(1000)
            except TimeoutError:
                continue
            if source != peer:
                raise OSError(f"from {source}, not {peer}")
            return [data.decode()]
    raise OSError("no echo")


def wait(seconds):
    time.sleep(float(seconds))
    return []


def main():
    for step in sys.argv[1:]:
        what, *arguments = step.split(":")
        began, found, error = time.monotonic(), [], None
        try:
            found = {"get": get, "udp": udp, "tcp": tcp, "use": use,
                     "say": say, "wait": wait}[what](*arguments)
        except OSError as reason:
            error = str(reason)
        print(json.dumps({"found": found, "error": error,
                          "took_s": time.monotonic() - began}), flush=True)


main()
