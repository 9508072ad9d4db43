#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""gst_call.py - one end of a call with GStreamer's webrtcbin

Video, audio and a data channel. GStreamer runs in GLib's main loop (this
thread); signaling runs in asyncio, in a thread of its own.
"""
import asyncio
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

import party  # noqa: E402

PIPELINE = """
webrtcbin name=peer bundle-policy=max-bundle stun-server=stun://{stun}
videotestsrc is-live=true pattern=ball
    ! video/x-raw,width=320,height=240,framerate=15/1
    ! vp8enc deadline=1 ! rtpvp8pay
    ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! peer.
audiotestsrc is-live=true ! opusenc ! rtpopuspay
    ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer.
"""


class Wire(threading.Thread):
    """Signaling: what comes in goes to `deliver` in GLib's thread."""

    def __init__(self, opts, deliver):
        super().__init__(daemon=True)
        self.opts = opts
        self.deliver = deliver
        self.loop = asyncio.new_event_loop()
        self.signaling = None

    def run(self):
        try:
            self.loop.run_until_complete(self.listen())
        except (OSError, party.aiohttp.ClientError) as error:
            GLib.idle_add(self.deliver, {"type": "failed",
                                         "error": repr(error)})

    async def listen(self):
        async with party.Signaling(self.opts) as self.signaling:
            async for message in self.signaling.messages():
                GLib.idle_add(self.deliver, message)

    def send(self, **message):
        asyncio.run_coroutine_threadsafe(self.signaling.send(**message),
                                         self.loop)


class Call:
    def __init__(self, opts):
        self.opts = opts
        self.verdict = party.Verdict("gst")
        self.done_here = self.done_there = False
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(PIPELINE.format(stun=opts.stun))
        self.peer = self.pipeline.get_by_name("peer")
        self.peer.connect("on-ice-candidate", self.on_candidate)
        self.peer.connect("notify::connection-state", self.on_state)
        self.peer.connect("pad-added", self.on_pad)
        self.peer.connect("on-data-channel",
                          lambda _, channel: self.on_channel(channel))
        self.wire = Wire(opts, self.on_message)

    def on_candidate(self, _, line, candidate):
        self.wire.send(type="candidate", line=line, candidate=candidate)

    def on_state(self, *_):
        state = self.peer.get_property("connection-state")
        self.verdict.state = state.value_nick
        if state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            self.verdict.up()

    def on_pad(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        sink = Gst.ElementFactory.make("fakesink")
        self.pipeline.add(sink)
        pad.add_probe(Gst.PadProbeType.BUFFER, self.on_packet)
        pad.link(sink.get_static_pad("sink"))
        sink.sync_state_with_parent()

    def on_packet(self, _, info):
        self.verdict.packets += 1
        self.verdict.bytes += info.get_buffer().get_size()
        return Gst.PadProbeReturn.OK

    def on_channel(self, channel):
        channel.connect("on-message-string", self.on_text)
        GLib.timeout_add(int(party.PING_INTERVAL_S * 1000), self.ping, channel)

    def on_text(self, channel, text):
        word, sent = text.split()
        if word == "ping":
            channel.emit("send-string", "pong " + sent)
        else:
            self.verdict.pong(sent)

    def ping(self, channel):
        state = channel.get_property("ready-state")
        if state == GstWebRTC.WebRTCDataChannelState.OPEN:
            channel.emit("send-string", f"ping {time.monotonic()}")
        return True

    def describe(self, word):
        """Makes an offer or an answer, keeps it and sends it."""
        def made(promise):
            reply = promise.get_reply()  # owns the description: keep it
            description = reply.get_value(word)
            self.peer.emit("set-local-description", description, None)
            self.wire.send(type=word, sdp=description.sdp.as_text())

        self.peer.emit("create-" + word, None,
                       Gst.Promise.new_with_change_func(made))

    def remote(self, message, then):
        kind = getattr(GstWebRTC.WebRTCSDPType, message["type"].upper())
        _, sdp = GstSdp.SDPMessage.new_from_text(message["sdp"])
        self.peer.emit("set-remote-description",
                       GstWebRTC.WebRTCSessionDescription.new(kind, sdp),
                       Gst.Promise.new_with_change_func(lambda _: then()))

    def on_ready(self):
        self.verdict.ready()
        if self.opts.role == "answer":
            return
        self.pipeline.set_state(Gst.State.PLAYING)
        self.on_channel(self.peer.emit("create-data-channel", "echo", None))
        self.describe("offer")

    def on_message(self, message):
        kind = message["type"]
        if kind == "ready":
            self.on_ready()
        elif kind == "offer":
            self.pipeline.set_state(Gst.State.PLAYING)
            self.remote(message, lambda: self.describe("answer"))
        elif kind == "answer":
            self.remote(message, lambda: None)
        elif kind == "candidate":
            self.peer.emit("add-ice-candidate", message["line"],
                           message["candidate"])
        else:
            self.done_there = True
            self.verdict.error = message.get("error")
            if kind in ("bye", "failed"):
                self.loop.quit()

    def watch(self):
        if self.verdict.good() and not self.done_here:
            self.done_here = True
            self.wire.send(type="done")
        if self.done_here and self.done_there:
            GLib.timeout_add(100, self.loop.quit)
            return False
        return True

    def run(self):
        self.wire.start()
        GLib.timeout_add(50, self.watch)
        GLib.timeout_add(int(self.opts.timeout * 1000), self.loop.quit)
        self.loop.run()
        self.verdict.show()
        self.pipeline.set_state(Gst.State.NULL)


Gst.init(None)
Call(party.options()).run()
