#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""fake_flow.py - a stand-in for tunneld: flows that echo, names from a table

usage: fake_flow.py SOCKET [INTERFACE]

Speaks include/turnout/{control,page,wire}.h. Datagrams to a peer come back
from it, by its port: 8 a stranger's datagram comes first, 10 nothing comes, 11
one with a wrong secret comes first, 12 three echoes come as one segmented
datagram, else one echo. With INTERFACE, UDP packets
that arrive there are counted as leaks. Request type 99 is a command from the
test; STATUS answers counters. Prints "ready" once it listens.
"""
import os
import selectors
import socket
import struct
import sys

MAGIC, PAGE_MAGIC, PAGE_BYTES = 0x54524E43, 0x54524E50, 10 << 20
HEADER, WIRE = struct.Struct("=IHHI"), struct.Struct("=QBB2s16s")
DIRECT, PROXY, TUNNEL, BLOCK = range(4)
LIBC, SYNTHETIC, BLOCKED, NO_ADDRESS = range(4)
STRANGER = (4, struct.pack(">H", 9), socket.inet_aton("203.0.113.99") + bytes(12))
ECHO_SIZE = 64 * 1024

NAMES = {
    "stun.lab.test": ("198.18.0.5", "fd00:77::5"),
    "v4.lab.test": ("198.18.0.6", None),
    "xn--bcher-kva.test": ("198.18.0.7", None),
}


def rule(action, protocol, network, ports=(0, 65535)):
    address, bits = network.split("/")
    family = 6 if ":" in address else 4
    packed = socket.inet_pton(socket.AF_INET6 if family == 6 else socket.AF_INET, address)
    return struct.pack("=BBBBHH16s4x", action, protocol, family, int(bits), *ports,
                       packed.ljust(16, b"\0"))


RULES = [
    struct.pack("=BBBBHH16s4x", TUNNEL, 2, 0, 0, 53, 53, bytes(16)),
    rule(BLOCK, 2, "192.0.2.66/32"),
    *(rule(DIRECT, 0, n) for n in (
        "127.0.0.0/8", "10.0.0.0/8", "224.0.0.0/4", "::1/128", "fe80::/10", "fd99::/16",
        "ff00::/8")),
]


class Flow:
    def __init__(self, daemon, family):
        self.daemon = daemon
        self.secret = int.from_bytes(os.urandom(8), sys.byteorder)
        self.peer = None
        self.last = b""
        self.sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET,
                                  socket.SOCK_DGRAM)
        self.sock.bind(("::1" if family == 6 else "127.0.0.1", 0))
        daemon.selector.register(self.sock, selectors.EVENT_READ, self.readable)

    def close(self):
        self.daemon.selector.unregister(self.sock)
        self.sock.close()

    def send(self, family, port, address, payload, secret=None):
        header = WIRE.pack(self.secret if secret is None else secret, 1, family, port, address)
        try:
            self.sock.send(header + payload)
        except OSError:
            pass

    def readable(self):
        count = self.daemon.count
        try:
            data, source = self.sock.recvfrom(ECHO_SIZE)
        except OSError:
            return
        if len(data) < WIRE.size:
            return count("malformed")
        secret, kind, family, port, address = WIRE.unpack_from(data)
        if secret != self.secret:
            return count("wrong_secret")
        if kind == 2:
            count("closed")
            return self.daemon.forget(self)
        if self.peer != source:
            self.sock.connect(source)
            self.peer = source
        count("datagrams")
        self.daemon.state["source"] = source[0]
        self.echo(family, port, address, data[WIRE.size:])

    def echo(self, family, port, address, payload):
        number = struct.unpack(">H", port)[0]
        if number == 10:
            return
        if number == 8:
            self.send(*STRANGER, b"stranger")
        if number == 12:
            one = WIRE.pack(self.secret, 1, family, port, address) + payload
            self.sock.sendmsg([one * 3], [(17, 103, struct.pack("=H", len(one)))])
            return
        if number == 11:
            self.send(family, port, address, b"forged", secret=self.secret ^ 1)
        self.send(family, port, address, payload)


class Daemon:
    def __init__(self, path, interface):
        self.selector = selectors.DefaultSelector()
        self.flows = {}
        self.state = {"source": "-"}
        self.page = open(path + ".page", "w+b")
        self.page.truncate(PAGE_BYTES)
        self.epoch = 0
        self.start()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        if interface:
            self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
            self.tap.bind((interface, 0))
            self.selector.register(self.tap, selectors.EVENT_READ, self.leak)

    def count(self, key):
        self.state[key] = self.state.get(key, 0) + 1

    def start(self, up=1):
        if up:
            self.epoch = int.from_bytes(os.urandom(8), sys.byteorder) | 1
        self.page.seek(0)
        self.page.write(struct.pack("=IIIIQQ32x4BI56x", PAGE_MAGIC, 2, 2, up, self.epoch, 1,
                                    TUNNEL, PROXY, TUNNEL, BLOCK, len(RULES)) + b"".join(RULES))
        self.page.flush()

    def leak(self):
        packet = self.tap.recv(65536)
        if packet and ((packet[0] >> 4 == 4 and packet[9] == 17) or
                       (packet[0] >> 4 == 6 and packet[6] == 17)):
            self.count("leaked")

    def forget(self, flow):
        flow.close()
        self.flows = {k: f for k, f in self.flows.items() if f is not flow}

    def forget_all(self):
        for flow in list(self.flows.values()):
            self.forget(flow)

    def accept(self):
        conn, _ = self.listener.accept()
        with conn:
            conn.settimeout(2)
            try:
                self.serve(conn)
            except (OSError, struct.error) as error:
                print("fake_flow:", error, file=sys.stderr)

    def serve(self, conn):
        head = conn.recv(HEADER.size, socket.MSG_WAITALL)
        magic, version, kind, size = HEADER.unpack(head)
        body = conn.recv(size, socket.MSG_WAITALL) if size else b""
        if magic != MAGIC or version != 1 or len(body) != size:
            return self.count("malformed")
        handlers = {2: self.open_flow, 3: self.resolve, 4: self.reverse, 5: self.status,
                    99: self.command}
        conn.sendall(handlers[kind](body))

    def open_flow(self, body):
        cookie, family = struct.unpack_from("=QB7x", body)
        self.count("asked")
        if self.state.get("refuse"):
            return struct.pack("=QiHHQ", 0, 105, 0, 0, self.epoch)
        if cookie not in self.flows:
            self.flows[cookie] = Flow(self, family)
            self.count("opened")
        flow = self.flows[cookie]
        port = socket.htons(flow.sock.getsockname()[1])
        return struct.pack("=QiHHQ", flow.secret, 0, port, 0, self.epoch)

    def resolve(self, body):
        family, name = body[0], body[4:].split(b"\0")[0].decode("ascii", "replace")
        self.count("resolved")
        if name == "blocked.test":
            return struct.pack("=I20x", BLOCKED)
        entry = NAMES.get(name.lower())
        if entry is None:
            return struct.pack("=I20x", LIBC)
        text = entry[1 if family == 6 else 0]
        if text is None or body[1]:  # other records than addresses
            return struct.pack("=I20x", NO_ADDRESS)
        packed = socket.inet_pton(socket.AF_INET6 if family == 6 else socket.AF_INET, text)
        return struct.pack("=IBBH16s", SYNTHETIC, 6 if family == 6 else 4, 0, 0,
                           packed.ljust(16, b"\0"))

    def reverse(self, body):
        family, ip = body[0], body[4:20]
        self.count("reversed")
        text = socket.inet_ntop(socket.AF_INET6, ip) if family == 6 else socket.inet_ntoa(ip[:4])
        for name, addresses in NAMES.items():
            if text in addresses:
                return struct.pack("=I256s", 1, name.encode())
        synthetic = text.startswith(("198.18.", "fd00:77:"))
        return struct.pack("=I256s", 2 if synthetic else 0, b"")

    def status(self, _):
        return "".join(f"{k} {v}\n" for k, v in self.state.items()).encode()

    def command(self, body):
        word = body.decode()
        if word == "restart":
            self.forget_all()
            self.start()
        elif word == "down":
            self.forget_all()
            self.start(up=0)
        elif word == "kill":  # without a word to the page
            self.forget_all()
        elif word in ("refuse", "accept"):
            self.state["refuse"] = int(word == "refuse")
        elif word == "quit":
            sys.exit(0)
        return b"ok"

    def run(self):
        print("ready", flush=True)
        while True:
            for key, _ in self.selector.select():
                key.data()


Daemon(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None).run()
