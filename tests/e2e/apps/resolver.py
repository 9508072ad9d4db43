#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""resolver.py SERVER HOST PORT - a program with a resolver of its own

Asks SERVER for an A record as c-ares and Chromium do, connects to what it is
told, and prints {"address": ..., "peer": ...}.
"""
import json
import socket
import struct
import sys


def ask(server, host):
    name = b"".join(bytes([len(label)]) + label.encode()
                    for label in host.split("."))
    query = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + name + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(10)
        channel.connect((server, 53))
        channel.send(query)
        return socket.inet_ntoa(channel.recv(512)[-4:])


def main():
    server, host, port = sys.argv[1:4]
    address = ask(server, host)
    with socket.create_connection((address, int(port)), timeout=10) as stream:
        print(json.dumps({"address": address,
                          "peer": stream.getpeername()[0]}))


main()
