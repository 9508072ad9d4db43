#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tunneld of few lines for the hook tests: control socket, policy page and
an echo server, with the outcome of a connect chosen by its destination.

usage: fake_daemon.py SOCKET [status]    (SOCKET `-`: the echo server alone)

The last number of the address (198.51.100.N, 2001:db8::N) is what happens:
  1  connected at once            2  connected after 300 ms
  3  refused at once              4  refused after 300 ms
  5  never an answer              6  the connection ends without a verdict
  7  as 2, with a new socket      8  EHOSTUNREACH after 300 ms
  9  as 3, with a new socket     10  as 2, but drained 200 ms after the verdict
The port is that of a server on this machine (the echo server's is printed).
192.0.2.0/24 is blocked by the page.
"""
import array
import errno
import mmap
import os
import select
import socket
import struct
import sys
import threading
import time

CONTROL_MAGIC, PAGE_MAGIC = 0x54524E43, 0x54524E50
CONNECT, STATUS = 1, 5
PAGE_BYTES, PAGE_VERSION = 10 << 20, 2
DIRECT, PROXY, TUNNEL, BLOCK = range(4)
SAME = 1
stats = {"connects": 0, "cancelled": 0, "open": 0}
stats_lock = threading.Lock()


def count(key, by=1):
    with stats_lock:
        stats[key] += by


def write_page(path):
    """One table of turnout/page.h, without an index."""
    rules = [(BLOCK, 0, 4, 24, 0, 65535, socket.inet_aton("192.0.2.0"))]
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(fd, PAGE_BYTES)
    page = mmap.mmap(fd, PAGE_BYTES)
    head = struct.pack("=IIIIQQ32x4BI", PAGE_MAGIC, PAGE_VERSION, 2, 1, 77, 1,
                       PROXY, PROXY, TUNNEL, BLOCK, len(rules))
    page[:len(head)] = head
    at = 128
    for rule in rules:
        page[at:at + 28] = struct.pack("=BBBBHH16s4x", *rule)
        at += 28
    page.flush()
    os.close(fd)
    return page


def read_exactly(conn, n, fds):
    data = b""
    while len(data) < n:
        part, control, _, _ = conn.recvmsg(n - len(data),
                                           socket.CMSG_SPACE(4),
                                           socket.MSG_CMSG_CLOEXEC)
        for level, kind, value in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds += array.array("i", value[:4])
        if not part:
            raise EOFError
        data += part
    return data


def verdict(conn, error, sock, same=False):
    body = struct.pack("=iII", error, SAME if same else 0, 0)
    control = []
    if sock is not None:
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                    struct.pack("i", sock.fileno()))]
    conn.sendmsg([body], control)


def gone(conn, seconds):
    """True when the client gives up within this time."""
    poll = select.poll()
    poll.register(conn, select.POLLRDHUP)
    return bool(poll.poll(seconds * 1000))


def connect_target(sock, port):
    blocking = sock.getblocking()
    sock.setblocking(True)
    if sock.family == socket.AF_INET:
        sock.connect(("127.0.0.1", port))
    else:
        sock.connect(("::ffff:127.0.0.1", port))
    sock.setblocking(blocking)


def serve_connect(conn, body, fds):
    family, _, port, ip, flags = struct.unpack_from("=BBH16sI", body)
    port, mode = socket.ntohs(port), ip[3 if family == 4 else 15]
    sock = socket.socket(fileno=fds[0])
    if os.environ.get("FAKE_DEBUG"):
        print("connect", family, port, mode, flags, file=sys.stderr)
    count("connects")
    slow = mode in (2, 4, 6, 7, 8, 10)
    if gone(conn, 60 if mode == 5 else 0.3 if slow else 0):
        count("cancelled")
        sock.close()
        return
    if mode in (7, 9):
        new = socket.socket(sock.family, socket.SOCK_STREAM)
        new.setblocking(sock.getblocking())
        sock.close()
        sock = new
    if mode == 6:
        return
    if mode in (3, 4, 8, 9):
        verdict(conn, errno.EHOSTUNREACH if mode == 8 else
                errno.ECONNREFUSED, sock)
        return
    connect_target(sock, port)
    verdict(conn, 0, sock)
    sock.close()
    if mode == 10:
        time.sleep(0.2)
    try:
        while conn.recv(65536):
            pass
    except ConnectionResetError:
        pass


def serve(conn):
    count("open")
    fds = []
    try:
        magic, version, kind, size = struct.unpack(
            "=IHHI", read_exactly(conn, 12, fds))
        assert (magic, version) == (CONTROL_MAGIC, 1)
        body = read_exactly(conn, size, fds) if size else b""
        if kind == CONNECT:
            serve_connect(conn, body, fds)
        elif kind == STATUS:
            with stats_lock:
                stats["open"] -= 1  # not this one
                text = "".join("%s %d\n" % item for item in stats.items())
                stats["open"] += 1
            conn.sendall(text.encode())
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    finally:
        conn.close()
        count("open", -1)


def echo(conn):
    with conn:
        try:
            data = conn.recv(65536)
            if data.startswith(b"GET "):
                conn.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n"
                             b"Connection: close\r\n\r\nhello\n")
                return
            while data:
                conn.sendall(data)
                data = conn.recv(65536)
        except OSError:
            pass


def accept_all(server, handler):
    while True:
        conn, _ = server.accept()
        threading.Thread(target=handler, args=(conn,), daemon=True).start()


def print_status(path):
    with socket.socket(socket.AF_UNIX) as conn:
        conn.connect(path)
        conn.sendall(struct.pack("=IHHI", CONTROL_MAGIC, 1, STATUS, 0))
        print(conn.recv(4096).decode(), end="")


def main():
    path = sys.argv[1]
    if sys.argv[2:] == ["status"]:
        print_status(path)
        return
    server = socket.create_server(("127.0.0.1", 0), backlog=1024)
    threading.Thread(target=accept_all, args=(server, echo),
                     daemon=True).start()
    if path == "-":
        print(server.getsockname()[1], flush=True)
        threading.Event().wait()
    page = write_page(path + ".page")
    control = socket.socket(socket.AF_UNIX)
    control.bind(path)
    control.listen(1024)
    print(server.getsockname()[1], flush=True)
    try:
        accept_all(control, serve)
    finally:
        page.close()


threading.stack_size(256 * 1024)
main()
