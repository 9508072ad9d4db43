#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""inspecting.py - a proxy that inspects TLS: after CONNECT it answers itself

`inspecting.py ADDRESS PORT CERT KEY`: the certificate is for whom it plays.
"""
import asyncio
import ssl
import sys


async def answer(reader, writer, context):
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(context)
        await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def serve():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server = await asyncio.start_server(
        lambda reader, writer: answer(reader, writer, context), sys.argv[1],
        int(sys.argv[2]))
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(serve())
