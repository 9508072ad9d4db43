#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dnsd.py - a name server that knows what a hosts file says

`dnsd.py ADDRESS FILE [DELAY]`: A records from FILE, no data for other types of
a known name, NXDOMAIN for the rest (RFC 1035), each after DELAY seconds.
"""
import socket
import struct
import sys
import threading

NOERROR, NXDOMAIN = 0, 3
TYPE_A = 1


def read_hosts(path):
    names = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            address, *aliases = line.split() or [""]
            if "." in address:
                names.update({name: address for name in aliases})
    return names


def read_question(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    kind, = struct.unpack_from("!H", query, at + 1)
    return ".".join(labels).lower(), kind, query[12:at + 5]


def answer(query, names):
    name, kind, question = read_question(query)
    address = names.get(name)
    records = b""
    if address and kind == TYPE_A:
        records = struct.pack("!HHHIH", 0xC00C, TYPE_A, 1, 60, 4)
        records += socket.inet_aton(address)
    flags = 0x8580 | (NOERROR if address else NXDOMAIN)
    header = struct.pack("!2sHHHHH", query[:2], flags, 1, bool(records), 0, 0)
    return header + question + records


def main():
    names = read_hosts(sys.argv[2])
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((sys.argv[1], 53))
    delay_s = float(sys.argv[3]) if len(sys.argv) > 3 else 0
    print("ready", flush=True)
    while True:
        query, client = server.recvfrom(4096)
        try:
            reply = answer(query, names)
            if delay_s:
                threading.Timer(delay_s, server.sendto,
                                (reply, client)).start()
            else:
                server.sendto(reply, client)
        except (IndexError, struct.error):
            continue


if __name__ == "__main__":
    main()
