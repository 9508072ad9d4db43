#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""trouble.py - servers that make trouble

trouble.py KIND ADDRESS PORT [CERTIFICATE KEY]
  noise   answers whatever comes with noise, for ever
  tls     the same, behind a TLS handshake
  reset   resets each connection at the first octets: amid the handshake
  silent  takes connections and says nothing
  idle    an HTTP proxy (CONNECT) that cuts tunnels after IDLE_S of silence
"""
import asyncio
import os
import socket
import ssl
import struct
import sys

IDLE_S = 4
NOISE_S = 0.02


async def noise(reader, writer):
    await reader.read(4096)
    while not writer.is_closing():
        writer.write(os.urandom(1000))
        await writer.drain()
        await asyncio.sleep(NOISE_S)


async def reset(reader, writer):
    await reader.read(4096)
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def silent(reader, _writer):
    while await reader.read(4096):
        pass


async def copy(reader, writer, touch):
    while data := await reader.read(65536):
        touch()
        writer.write(data)
        await writer.drain()


async def idle(reader, writer):
    target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
    host, _, port = target.rpartition(":")
    far_reader, far_writer = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    loop = asyncio.get_running_loop()
    last = loop.time()

    def touch():
        nonlocal last
        last = loop.time()

    both = [asyncio.ensure_future(copy(reader, far_writer, touch)),
            asyncio.ensure_future(copy(far_reader, writer, touch))]
    while not any(way.done() for way in both):
        left = last + IDLE_S - loop.time()
        if left <= 0:
            print("cut", flush=True)
            break
        await asyncio.wait(both, timeout=left,
                           return_when=asyncio.FIRST_COMPLETED)
    for way in both:
        way.cancel()
    far_writer.close()


KINDS = {"noise": noise, "tls": noise, "reset": reset, "silent": silent,
         "idle": idle}


async def serve(kind, address, port, certificate=None, key=None):
    async def handle(reader, writer):
        try:
            await KINDS[kind](reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    context = None
    if kind == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    await asyncio.start_server(handle, address, int(port), ssl=context)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(serve(*sys.argv[1:]))
