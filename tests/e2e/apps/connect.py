#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""connect.py - one plain connection: `connect.py HOST PORT [--async]`

A blocking connect() as the simplest programs do it, or asyncio's; then a GET
over TLS. Prints one line of JSON: errno by name (null: connected), how long
connect() took, the reply's body, the peer's address as the program sees it.
"""
import asyncio
import errno
import json
import socket
import ssl
import sys
import time

REQUEST = "GET / HTTP/1.0\r\nHost: {}\r\n\r\n"


def blocking(host, port):
    return socket.create_connection((host, port))


async def dial(host, port):
    address = (await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM))[0]
    stream = socket.socket(address[0], socket.SOCK_STREAM)
    stream.setblocking(False)
    await asyncio.get_running_loop().sock_connect(stream, address[4])
    stream.setblocking(True)
    return stream


def get(stream, host):
    context = ssl.create_default_context()
    with context.wrap_socket(stream, server_hostname=host) as secure:
        secure.sendall(REQUEST.format(host).encode())
        reply = b""
        while part := secure.recv(4096):
            reply += part
    return reply.decode().partition("\r\n\r\n")[2].strip()


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    found = {"errno": None, "reply": None, "peer": None}
    began = time.monotonic()
    try:
        if "--async" in sys.argv:
            stream = asyncio.run(dial(host, port))
        else:
            stream = blocking(host, port)
        found["took_s"] = round(time.monotonic() - began, 3)
        found["peer"] = stream.getpeername()[0]
        found["reply"] = get(stream, host)
    except socket.gaierror as error:
        found["errno"] = "EAI " + str(error)
    except OSError as error:
        found["errno"] = errno.errorcode.get(error.errno, repr(error))
    found.setdefault("took_s", round(time.monotonic() - began, 3))
    print(json.dumps(found))


main()
