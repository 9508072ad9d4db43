# SPDX-License-Identifier: LGPL-2.1-or-later
"""surviving.py - ways in which the connection to a relay dies in the middle of
a call, and how long nothing came in afterwards
"""
import collections
import itertools
import json
import os
import re
import signal
import statistics
import sys
import time

import call
import lab as labs
import relays
import service
from suite import check, skip

# How long a call gets to come back, and tunneld to have warm allocations again.
PAUSE_S = 6
PAUSES_S = {"half_open": 12, "stall": 8, "restart_relay": 12}


class Stream:
    """One end of udp_stream.py."""

    def __init__(self, lab, host, name, role, where, *options, wrap=(),
                 env=()):
        self.out = host.dir / f"{name}-{role}.stream"
        self.log = self.out.with_suffix(".log")
        with open(self.log, "ab") as log, open(self.out, "wb") as out:
            self.child = host.start(
                *wrap, sys.executable, lab.apps / "udp_stream.py", role, where,
                *options, stdout=out, stderr=log, env=env)

    def told(self, event):
        text = self.out.read_text()
        lines = [json.loads(line) for line in
                 text[:text.rfind("\n") + 1].splitlines()]
        return [line for line in lines if line["event"] == event]

    def end(self):
        if self.child.poll() is None:
            # turnout's child, if it is wrapped, is in the same group.
            os.killpg(self.child.pid, signal.SIGTERM)
            self.child.wait()
        lines = self.told("end")
        check(lines, f"it failed: {self.log.read_text()[-2000:]}")
        return lines[0]


class Streams:
    """A program inside and one outside that send to each other."""
    def __init__(self, lab, daemon, name, port=7001, options=()):
        where = f"{labs.WORLD}/{port}"
        self.outside = Stream(lab, lab.outside, name, "answer", where,
                              *options)
        self.inside = Stream(lab, lab.inside, name, "call", where,
                             wrap=[lab.turnout, "run", "--"], env=daemon.env)
        labs.wait_for(f"{name}: the first datagrams", lambda: all(
            end.told("heard") for end in (self.inside, self.outside)), 20)

    def finish(self):
        """What came in inside, and outside."""
        time_s = labs.now()
        ends = self.inside.end(), self.outside.end()
        for end in ends:
            end["alive"] = end["last"] > time_s - 0.5
        ends[1]["moved"] = [line["at"] for line in self.outside.told("moved")]
        return ends


class Calls:
    """A call of real apps, which goes on for `stay_s` whatever happens."""

    def __init__(self, lab, daemon, app, name, stay_s):
        self.stay_s = stay_s
        limits = ["--timeout", str(stay_s + 30), "--stay", str(stay_s)]
        self.outside = call.End(lab.outside, app, name, "answer",
                                options=limits)
        self.inside = call.End(lab.inside, app, name, "offer",
                               [lab.turnout, "run", "--"], limits,
                               daemon.env)
        # The apps tell it only at the end.
        labs.wait_for(f"{name}: the call", lambda: daemon.status()[
            "datagrams_from_relay"] > 100, 30)

    def finish(self):
        ends = [end.verdict(self.stay_s + 30)
                for end in (self.inside, self.outside)]
        for end in ends:
            check(end["connected"], call.describe(end))
            end["alive"] = end["state"] == "connected"
        return ends


def silence_ms(gaps, cut_s, until_s):
    """The longest silence that has to do with what happened at `cut_s`."""
    return max((ms for at, ms in gaps
                if at + ms / 1000 > cut_s and at < until_s), default=0)


def kill_connections(host, *wanted):
    """As if the other side had sent a reset, to both sides."""
    host.do("ss", "-K", "-t", *wanted)


class Hazard:
    """What may happen to the connections of a tunneld."""

    def __init__(self, lab, daemon, relay):
        self.lab = lab
        self.daemon = daemon
        self.relay = relay

    def connections(self):
        """{port of tunneld: octets that it has sent}, of those to the proxy"""
        text = self.lab.inside.do("ss", "-Htnpi", "state", "established",
                                  "dst", labs.PROXY)
        found = {}
        for entry in re.split(r"\n(?=\S)", text):
            if f"pid={self.daemon.child.pid}," in entry:
                port = int(entry.split()[2].rpartition(":")[2])
                sent = re.search(r"bytes_sent:(\d+)", entry)
                found[port] = int(sent[1]) if sent else 0
        return found

    def carrying(self):
        """The port of the connection that carries most."""
        before = self.connections()
        time.sleep(0.3)
        after = self.connections()
        check(after, "tunneld has no connection")
        return max(after, key=lambda port: after[port] - before.get(port, 0))

    def nothing(self):
        """For comparison."""
        return labs.now()

    def reset(self):
        """A middlebox loses patience with the connection that is in use."""
        port = self.carrying()
        began = labs.now()
        kill_connections(self.lab.dmz, "src", labs.PROXY, "dport", "=",
                         f":{port}")
        return began

    def reset_all(self):
        ports = list(self.connections())
        began = labs.now()
        for port in ports:
            kill_connections(self.lab.dmz, "src", labs.PROXY, "dport", "=",
                             f":{port}")
        return began

    def half_open(self):
        """The firewall forgets the connections, and says nothing."""
        ports = ", ".join(map(str, self.connections()))
        began = labs.now()
        self.lab.fw.do("nft", "-f", "-", stdin=f"""
            table inet cut {{
                chain forward {{
                    type filter hook forward priority -10
                    tcp sport {{ {ports} }} tcp dport {labs.PLAIN_PORT} drop
                    tcp dport {{ {ports} }} tcp sport {labs.PLAIN_PORT} drop
                }}
            }}""")
        return began

    def mend(self):
        self.lab.fw.do("nft", "-f", "-",
                       stdin="table inet cut\ndelete table inet cut\n")

    def proxy(self):
        """The proxy is restarted: it closes all connections."""
        began = labs.now()
        self.lab.restart_squid()
        return began

    def stall(self, seconds=3):
        """The proxy does nothing for a while."""
        began = labs.now()
        self.lab.squid.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self.lab.squid.send_signal(signal.SIGCONT)
        return began

    def restart_relay(self):
        began = labs.now()
        self.relay.stop()
        self.relay.start()
        return began

    def restart(self):
        """tunneld is restarted as by `systemctl restart`."""
        began = labs.now()
        status = self.daemon.stop()
        check(status == 0, f"SIGTERM: status {status}")
        self.daemon.start()
        return began

    def kill(self):
        began = labs.now()
        self.daemon.kill()
        self.daemon.start()
        return began


# Of places: several tests may do the same to the same.
NUMBER = itertools.count(1)

# One thing that happened, and what followed. `changes`: new relayed addresses;
# None: not known.
Cut = collections.namedtuple("Cut", "hazard in_ms out_ms changes")


class Survival:
    """One call or stream through one relay, and what happens to it.

    `relay`: "mobile" keeps relayed addresses; "half" says so too, but does not;
    "relay" has nothing of the kind."""

    start_daemon = service.Tunneld

    def __init__(self, lab, app, relay, hazards, pause_s=None, conf=None):
        skip(None if app == "udp" else call.missing(app))
        lab.set_mood("drop")
        self.lab, self.app, self.hazards = lab, app, hazards
        self.pause_s = pause_s
        server = None
        if relay in relays.KINDS:
            skip(relays.missing(relay))
            server = relays.Relay(lab, relay)
        name = f"survival-{next(NUMBER)}-{app}-{relay}"
        self.daemon = self.start_daemon(
            lab, lab.config(name, relay=relay, **(conf or {})))
        if app == "udp":
            self.ends = Streams(lab, self.daemon, name)
        else:
            self.ends = Calls(lab, self.daemon, app, name,
                              8 + sum(self.pause(hazard) + 4
                                      for hazard in hazards))
        self.settle("yes" if relay == "mobile" else "no")
        self.hazard = Hazard(lab, self.daemon, server)

    def pause(self, hazard):
        return self.pause_s or PAUSES_S.get(hazard, PAUSE_S)

    def settle(self, mobility):
        """Until tunneld knows what the relay is worth, and has one ready."""
        def look():
            status = self.daemon.status()
            return status["allocations"] > 1 and any(
                f"mobility {mobility}" in line for line in status["relay"])
        labs.wait_for("what tunneld knows of the relay", look, 20)
        time.sleep(1)

    def run(self):
        """Returns cuts; self.inside and self.outside know more."""
        began, changes = [], []
        for hazard in self.hazards:
            before = self.daemon.status()
            began.append(getattr(self.hazard, hazard)())
            time.sleep(self.pause(hazard))
            after = self.daemon.status()
            changes.append(after["address_changes"] - before["address_changes"]
                           if after["pid"] == before["pid"] else None)
        self.inside, self.outside = self.ends.finish()
        self.lives = self.inside["alive"] and self.outside["alive"]
        windows = list(zip(began, began[1:] + [labs.now()]))
        if "moved" in self.outside:
            changes = [sum(first < at < last for at in self.outside["moved"])
                       for first, last in windows]
        return [Cut(*row) for row in zip(
            self.hazards, *([silence_ms(end["gaps"], *window)
                             for window in windows]
                            for end in (self.inside, self.outside)),
            changes)]


def shown(values):
    """In a word: the median, and the extremes."""
    middle, low, high = (round(number) for number in (
        statistics.median(values), min(values), max(values)))
    return f"{middle} ({low}-{high})" if low < high else f"{middle}"
