#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""connect_many.py - connections at once: `connect_many.py HOST PORT NUMBER`

Prints one line of JSON: how many connect() came to which errno by name, or to
`ok`.
"""
import collections
import concurrent.futures
import errno
import json
import socket
import sys


def dial(host, port):
    try:
        socket.create_connection((host, port)).close()
        return "ok"
    except OSError as error:
        return errno.errorcode.get(error.errno, repr(error))


def main():
    host, port, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with concurrent.futures.ThreadPoolExecutor(number) as pool:
        found = pool.map(lambda _: dial(host, port), range(number))
    print(json.dumps(collections.Counter(found)))


main()
