#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""aiortc_call.py - one end of a call with aiortc: video and a data channel

The library is used as it comes; nothing here knows about tunnels.
"""
import argparse
import asyncio
import time

from aiortc import (RTCConfiguration, RTCIceServer, RTCPeerConnection,
                    RTCSessionDescription, VideoStreamTrack)
from aiortc.contrib.media import MediaBlackhole

import party


class Call:
    def __init__(self, opts, signaling):
        self.opts = opts
        self.signaling = signaling
        self.verdict = party.Verdict("aiortc", not opts.no_video)
        self.done_here = self.done_there = False
        self.sink = MediaBlackhole()
        self.tasks = []
        self.pc = RTCPeerConnection(RTCConfiguration(
            [RTCIceServer("stun:" + opts.stun)]))
        self.pc.on("connectionstatechange", self.on_state)
        self.pc.on("track", self.on_track)
        self.pc.on("datachannel", self.on_channel)

    async def on_state(self):
        self.verdict.state = self.pc.connectionState
        if self.verdict.state == "connected":
            self.verdict.up()

    async def on_track(self, track):
        self.sink.addTrack(track)
        await self.sink.start()

    def on_channel(self, channel):
        channel.on("message", lambda text: self.on_message(channel, text))
        self.tasks.append(asyncio.ensure_future(self.ping(channel)))

    def on_message(self, channel, text):
        word, sent = text.split()
        if word == "ping":
            channel.send("pong " + sent)
        else:
            self.verdict.pong(sent)

    async def ping(self, channel):
        while channel.readyState != "closed":
            if channel.readyState == "open":
                channel.send(f"ping {time.monotonic()}")
            await asyncio.sleep(party.PING_INTERVAL_S)

    async def describe(self, description):
        await self.pc.setLocalDescription(description)
        await self.signaling.send(type=self.pc.localDescription.type,
                                  sdp=self.pc.localDescription.sdp)

    async def offer(self):
        if not self.opts.no_video:
            self.pc.addTrack(VideoStreamTrack())
        self.on_channel(self.pc.createDataChannel("echo"))
        await self.describe(await self.pc.createOffer())

    async def answer(self, offer):
        await self.pc.setRemoteDescription(offer)
        if not self.opts.no_video:
            self.pc.addTrack(VideoStreamTrack())
        await self.describe(await self.pc.createAnswer())

    async def listen(self):
        async for message in self.signaling.messages():
            kind = message["type"]
            if kind == "ready":
                self.verdict.ready()
                if self.opts.role == "offer":
                    await self.offer()
            elif kind == "offer":
                await self.answer(RTCSessionDescription(message["sdp"], kind))
            elif kind == "answer":
                await self.pc.setRemoteDescription(
                    RTCSessionDescription(message["sdp"], kind))
            else:
                self.done_there = True
                if kind == "bye" and not self.opts.stay:
                    return

    async def count(self):
        report = await self.pc.getStats()
        streams = [row for row in report.values()
                   if row.type == "inbound-rtp"]
        transports = [row for row in report.values()
                      if row.type == "transport"]
        self.verdict.packets = sum(row.packetsReceived for row in streams)
        self.verdict.bytes = sum(row.bytesReceived for row in transports)
        self.verdict.note_arrived(
            sum(row.packetsReceived for row in transports))

    def is_over(self):
        if self.opts.stay:
            up = self.verdict.connected
            return up and time.time() >= up + self.opts.stay
        return self.done_here and self.done_there

    async def watch(self):
        while not self.is_over():
            await self.count()
            if self.verdict.good() and not self.done_here:
                self.done_here = True
                if not self.opts.stay:
                    await self.signaling.send(type="done")
            await asyncio.sleep(0.05)

    async def run(self):
        listening = asyncio.ensure_future(self.listen())
        self.tasks.append(listening)
        watching = asyncio.ensure_future(self.watch())
        self.tasks.append(watching)
        await asyncio.wait([watching] if self.opts.stay
                           else [listening, watching],
                           return_when=asyncio.FIRST_COMPLETED,
                           timeout=self.opts.timeout)
        for task in (listening, watching):
            if task.done() and task.exception():
                self.verdict.error = repr(task.exception())

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await self.sink.stop()
        await self.pc.close()


async def take_part(opts):
    try:
        async with party.Signaling(opts) as signaling:
            call = Call(opts, signaling)
            await call.run()
            call.verdict.show()
            await call.close()
    except (OSError, party.aiohttp.ClientError) as error:
        verdict = party.Verdict("aiortc")
        verdict.error = repr(error)
        verdict.show()


async def main():
    opts = party.options()
    if opts.calls == 1:
        await take_part(opts)
        return
    rooms = [f"{opts.room}-{number}" for number in range(opts.calls)]
    await asyncio.gather(*(
        take_part(argparse.Namespace(**{**vars(opts), "room": room}))
        for room in rooms))


asyncio.run(main())
