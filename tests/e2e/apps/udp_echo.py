#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""udp_echo.py - answers each datagram with where it came from and itself

udp_echo.py ADDRESS PORT. Datagrams come back as `ADDRESS PORT|PAYLOAD`, so
that whoever sent one through a relay learns the relayed address.
"""
import socket
import sys


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((address, port))
    print("ready", flush=True)
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(f"{peer[0]} {peer[1]}|".encode() + data, peer)


main()
