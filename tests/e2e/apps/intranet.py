#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""intranet.py - a web server inside: `intranet.py ADDRESS DIRECTORY CERT KEY`

  /       a short text
  /NAME   a file of the directory, such as a proxy script

The same on port 80 and, with TLS, on port 443.
"""
import asyncio
import ssl
import sys

from aiohttp import web


async def hello(_request):
    return web.Response(text="hello from inside\n")


async def serve(address, directory, cert, key):
    app = web.Application()
    app.add_routes([web.get("/", hello), web.static("/", directory)])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, address, 80).start()
    await web.TCPSite(runner, address, 443, ssl_context=context).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(serve(*sys.argv[1:]))
