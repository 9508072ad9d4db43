# SPDX-License-Identifier: LGPL-2.1-or-later
"""talking.py - a UDP program inside that talks through turnout to echo servers
outside, and what it tells
"""
import json
import sys

import lab as labs
from suite import check

# The first datagrams may wait for the allocation; later ones may not.
QUIET_MS = 2000
# A hundred ports at each of many addresses, which answer as so many peers.
MANY = [f"203.0.113.{number}/20000-20099" for number in range(128, 173)]
MANY_PORTS = """
table ip echo
flush table ip echo
table ip echo {
	chain in {
		type nat hook prerouting priority dstnat;
		udp dport 20000-29999 redirect to :7001
	}
}
"""


def make_many(lab):
    start_echo(lab, labs.WORLD, [7001])
    lab.outside.do("ip", "route", "replace", "local", "203.0.113.128/25",
                   "dev", "lo")
    lab.outside.do("nft", "-f", "-", stdin=MANY_PORTS)


def start_echo(lab, address, ports):
    for port in ports:
        name = f"echo-{address.replace(':', '.')}-{port}"
        log = lab.outside.dir / (name + ".log")
        log.unlink(missing_ok=True)
        lab.outside.start(sys.executable, "-u", lab.apps / "udp_echo.py",
                          address, port, log=log.name)
        labs.wait_for(name, lambda log=log: "ready" in log.read_text())


class Talk:
    """udp_talk.py, run with turnout; echo servers are started for it."""

    def __init__(self, lab, config, *argv, daemon=None, name=""):
        self.name = config.parent.name + name
        wanted = set()
        for word in map(str, argv):
            address, _, ports = word.rpartition("/")
            if address:
                first, _, last = ports.partition("-")
                wanted |= {(address, port) for port in
                           range(int(first), int(last or first) + 1)}
        for address in {address for address, _ in wanted}:
            plain = address.removeprefix("::ffff:")
            if plain in (labs.WORLD, labs.WORLD6, labs.ELSEWHERE):
                start_echo(lab, plain, sorted(
                    port for where, port in wanted if where == address))
        wrap = ([lab.turnout, "run", "--"] if daemon else lab.run(config))
        self.log = lab.inside.dir / (self.name + "-talk.log")
        self.out = self.log.with_suffix(".out")
        # Not a pipe, which would hold it up while nobody reads.
        with open(self.log, "ab") as log, open(self.out, "wb") as out:
            self.child = lab.inside.start(
                *wrap, sys.executable, lab.apps / "udp_talk.py", *argv,
                stdout=out, stderr=log, env=daemon.env if daemon else ())

    def told(self, event):
        """All lines of that kind so far."""
        text = self.out.read_text()
        lines = [json.loads(line) for line in
                 text[:text.rfind("\n") + 1].splitlines()]
        return [line for line in lines if line["event"] == event]

    def until(self, event, number=1, timeout_s=20):
        """Waits until there are so many lines of that kind."""
        labs.wait_for(f"{self.name}: {event}", lambda: self.child.poll() is
                      not None or len(self.told(event)) >= number, timeout_s)
        lines = self.told(event)
        check(len(lines) >= number, f"{self.name}: it ended: {self.errors()}")
        return lines

    def end(self):
        """What each socket and peer saw, when it is over."""
        check(self.child.wait() == 0, f"it failed: {self.errors()}")
        return self.told("end")

    def errors(self):
        return self.log.read_text(errors="replace")[-2000:]


def check_whole(line, silent_ms=QUIET_MS):
    """Nothing was lost, but for what was on its way at the end."""
    check(line["heard"] and line["errors"] == 0
          and line["silence_ms"] <= silent_ms
          and line["heard"] >= line["sent"] * 0.98 - 5, f"{line}")
    return True
