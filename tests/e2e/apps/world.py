#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""world.py - what the outside offers: signaling, a web page, STUN

  /room/NAME  WebSocket: what one member says, the other hears; both are told
              `ready` when the second has come
  /echo       WebSocket: what is said comes back
  /call.html  the page that a browser opens to take part in a call
  /turn       credentials of the REST relay for ?ttl=SECONDS, and where it is,
              for those who say `Authorization: Bearer lab-key`
  /post       what is posted comes back
  /dns-query  DNS over HTTPS (RFC 8484): knows echo.example, which is here
  /           a short text; all this on ports 443 (TLS) and 80
  UDP 3478    STUN Binding (RFC 8489), nothing else
"""
import argparse
import asyncio
import base64
import hmac
import ipaddress
import os
import ssl
import struct
import sys
import time

from aiohttp import WSMsgType, web

MAGIC = 0x2112A442
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import dnsd  # noqa: E402
from plan import REST_SECRET  # noqa: E402


class Stun(asyncio.DatagramProtocol):
    """Answers Binding requests with XOR-MAPPED-ADDRESS (RFC 8489, 14.2)."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if len(data) < 20:
            return
        kind, _, magic = struct.unpack_from("!HHI", data)
        if kind != 0x0001 or magic != MAGIC:
            return
        mapped = struct.pack("!BBHI", 0, 1, addr[1] ^ (MAGIC >> 16),
                             int(ipaddress.IPv4Address(addr[0])) ^ MAGIC)
        attribute = struct.pack("!HH", 0x0020, len(mapped)) + mapped
        header = struct.pack("!HH", 0x0101, len(attribute)) + data[4:20]
        self.transport.sendto(header + attribute, addr)


async def room(request):
    members = request.app["rooms"].setdefault(request.match_info["name"], [])
    socket = web.WebSocketResponse(heartbeat=10)
    await socket.prepare(request)
    members.append(socket)
    if len(members) == 2:
        for member in members:
            await member.send_json({"type": "ready"})
    async for message in socket:
        if message.type != WSMsgType.TEXT:
            continue
        for member in members:
            if member is not socket and not member.closed:
                await member.send_str(message.data)
    members.remove(socket)
    for member in members:
        await member.send_json({"type": "bye"})
    return socket


async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def page(_request):
    return web.FileResponse(os.path.join(HERE, "call.html"))


async def turn(request):
    """draft-uberti-behave-turn-rest-00, 2.2."""
    if request.headers.get("Authorization") != "Bearer lab-key":
        raise web.HTTPForbidden(text="who are you?")
    ttl = int(request.query.get("ttl", 3600))
    username = f"{int(time.time()) + ttl}:from-the-web"
    password = base64.b64encode(hmac.digest(
        REST_SECRET.encode(), username.encode(), "sha1")).decode()
    print("turn", username, flush=True)
    return web.json_response({
        "username": username, "password": password, "ttl": ttl,
        "uris": ["turns:rest.lab.test:443?transport=tcp"]})


async def hello(_request):
    return web.Response(text="hello from outside\n")


async def post(request):
    return web.Response(body=await request.read())


async def dns_query(request):
    if request.content_type != "application/dns-message":
        raise web.HTTPUnsupportedMediaType()
    query = await request.read()
    print("dns", dnsd.read_question(query)[0], flush=True)
    return web.Response(
        body=dnsd.answer(query, {"echo.example": request.app["address"]}),
        content_type="application/dns-message")


async def serve(options):
    app = web.Application()
    app["rooms"] = {}
    app["address"] = options.address
    app.add_routes([web.get("/room/{name}", room), web.get("/echo", echo),
                    web.get("/call.html", page), web.get("/turn", turn),
                    web.post("/post", post), web.get("/", hello),
                    web.post("/dns-query", dns_query)])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, options.address, 443,
                      ssl_context=context).start()
    await web.TCPSite(runner, options.address, 80).start()
    await asyncio.get_running_loop().create_datagram_endpoint(
        Stun, local_addr=(options.address, 3478))
    print("ready", flush=True)
    await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("cert")
    parser.add_argument("key")
    asyncio.run(serve(parser.parse_args()))


main()
