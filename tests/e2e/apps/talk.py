#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""talk.py - keeps a connection open and talks over it when told to

Each line on standard input is a command, each answered by one line:
  open    connect to /echo on call.lab.test and keep that connection
  say     say something on every connection that is open: `ok N` or the error
"""
import asyncio
import ssl
import sys

import aiohttp

URL = "https://call.lab.test/echo"


async def say(sockets):
    for number, socket in enumerate(sockets):
        await socket.send_str(f"hello {number}")
        heard = await asyncio.wait_for(socket.receive_str(), 5)
        if heard != f"hello {number}":
            raise OSError(f"heard {heard!r}")
    return f"ok {len(sockets)}"


async def main():
    sockets = []
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:
        while word := (await loop.run_in_executor(
                None, sys.stdin.readline)).strip():
            try:
                if word == "open":
                    sockets.append(await asyncio.wait_for(session.ws_connect(
                        URL, ssl=ssl.create_default_context()), 15))
                print(await say(sockets), flush=True)
            except (OSError, TypeError, asyncio.TimeoutError,
                    aiohttp.ClientError) as error:
                print(repr(error), flush=True)


asyncio.run(main())
