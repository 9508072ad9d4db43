# SPDX-License-Identifier: LGPL-2.1-or-later
"""measure.py - one measurement of one way, as a row of figures

Processor time is user and system time of a process (what stands in
/proc/PID/stat, but in ns: clock_getcpuclockid(3)) between the end of the
warm-up and the last answer.
"""
import json
import pathlib
import re
import shutil
import subprocess
import time

import lab as labs
import service

HERE = pathlib.Path(__file__).resolve().parent
WAYS = ("direct", "tls", "proxy", "uclient")
ECHO_PORT, PEER_PORT = 9000, 3480
POOL_SOCKETS, POOL_TIMEOUT_S = 100, 15
# By size: 24 kB at most, since coturn drops what goes beyond 32 KiB waiting
# for a client.
BURST_PACKETS = {200: 60, 1200: 20}
# turnutils_uclient sends at most this much for each client.
UCLIENT_PPS = 1000
RATE_START_PPS = 4000
WARNINGS = ["-Wall", "-Wextra"]


def missing():
    """Why nothing can be measured here, or None."""
    for program in ("tunneld/tunneld", "tunneld/turnout"):
        if not (labs.BUILD / program).exists():
            return f"not built: {labs.BUILD / program}"
    for tool in ("cc", "turnutils_uclient", "turnutils_peer"):
        if not shutil.which(tool):
            return f"not installed: {tool}"
    return None


def cpu_us(pid):
    """A process's time, its dead threads' too; see clock_getcpuclockid(3)."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1000


def since(before, after):
    return {name: value - before[name] for name, value in after.items()}


class Bench:
    def __init__(self, lab):
        self.lab = lab
        self.tools = lab.dir / "bench"
        self.tools.mkdir()
        self.compile("udp_bench", "udp_bench.c", "udp_rate.c", "udp_echo.c",
                     "udp_burst.c", "udp_packet.c")
        self.compile("hook_cost", "hook_cost.c", "hook_peer.c")
        self.compile("policy_cost", "policy_cost.c",
                     "../../tunneld/page_index.c", "../../preload/policy.c")
        self.compile("uclient_clock.so", "uclient_clock.c", "-shared", "-fPIC")
        self.udp_bench = self.tools / "udp_bench"
        self.starts = {}
        self.printed_rtt_ms = None
        self.coturn = self.find("turnserver", "relay.conf")
        self.squid = lab.squid.pid
        self.echo = self.said_ready(
            lab.outside.start(self.udp_bench, "echo", labs.WORLD, ECHO_PORT,
                              stdout=subprocess.PIPE, text=True)).pid
        lab.outside.start("turnutils_peer", "-L", labs.WORLD, "-p", PEER_PORT,
                          log="peer.log")
        self.tunnelds = {
            way: service.Tunneld(lab, lab.config("bench-" + way, path=path))
            for way, path in (("tls", "direct"), ("proxy", "proxy"))}

    def compile(self, name, *words):
        words = [HERE / word if word.endswith(".c") else word
                 for word in words]
        labs.sh("cc", "-std=gnu11", "-O2", *WARNINGS, f"-I{labs.BUILD}",
                f"-I{labs.TOP}/include", *words, "-o", self.tools / name)

    def find(self, *words):
        """The pid of the service whose command line has these words."""
        for child in self.lab.children:
            line = " ".join(child.args)
            if all(word in line for word in words):
                return child.pid
        raise LookupError(words)

    @staticmethod
    def said_ready(child):
        line = child.stdout.readline()
        if line != "ready\n":
            raise RuntimeError(f"{child.args}: no answer, said {line!r}")
        return child

    def begin(self, way, *argv):
        """Starts udp_bench as an app on this way, inside."""
        mood = "drop" if way == "proxy" else "open"
        if self.lab.mood != mood:
            self.lab.set_mood(mood)
        env, wrap = {}, []
        if way in self.tunnelds:
            env = self.tunnelds[way].env
            wrap = [self.lab.turnout, "run", "-q", "--"]
        return self.lab.inside.start(
            *wrap, self.udp_bench, argv[0], labs.WORLD, ECHO_PORT, *argv[1:],
            stdout=subprocess.PIPE, text=True, env=env, log=None,
            stderr=self.log(way))

    def log(self, way):
        return open(self.lab.dir / f"bench-{way}.log", "ab")

    @staticmethod
    def verdict(child, timeout_s):
        out, _ = child.communicate(timeout=timeout_s)
        if not out.startswith("{"):
            raise RuntimeError(f"{child.args}: status {child.returncode}")
        return json.loads(out)

    def clocks(self, way):
        """Processor time of each process on the way but the app."""
        pids = {}
        if way != "direct":
            pids["coturn"] = self.coturn
        if way in self.tunnelds:
            pids["tunneld"] = self.tunnelds[way].child.pid
        if way == "proxy":
            pids["squid"] = self.squid
        return {name: cpu_us(pid) for name, pid in pids.items()}

    def losses(self, way):
        """Datagrams lost so far by tunneld, and for want of room in the
        relay's sockets, which is not the tunnel's doing."""
        snmp = [line.split() for line in self.lab.dmz.do(
            "cat", "/proc/net/snmp").splitlines() if line.startswith("Udp:")]
        found = {"relay": int(dict(zip(*snmp))["RcvbufErrors"]),
                 "tunneld": 0}
        if way in self.tunnelds:
            status = self.lab.inside.do(
                "env", f"TURNOUT_SOCKET={self.tunnelds[way].socket}",
                self.lab.turnout, "status")
            found["tunneld"] = sum(
                int(line.split()[-1]) for line in status.splitlines()
                if line.startswith("drop_"))
        return found

    @staticmethod
    def per_packet(row, spent, lost):
        """Time for each packet delivered, up or down, and in all inside."""
        packets = 2 * row["received"]
        spent = {"app": row["app_cpu_us"], **spent}
        for name, spent_us in spent.items():
            row[f"cpu_{name}_us"] = round(spent_us / packets, 2)
        row["cpu_inside_us"] = round(
            row["cpu_app_us"] + row.get("cpu_tunneld_us", 0), 2)
        row["lost_percent"] = round(
            100 * (row["sent"] - row["received"]) / row["sent"], 3)
        for name, datagrams in lost.items():
            row[f"lost_{name}_percent"] = round(
                100 * datagrams / row["sent"], 3)
        return row

    def rtt(self, way, size, pps, seconds):
        if way == "uclient":
            return self.uclient(size, pps, seconds)
        child = self.said_ready(self.begin(way, "rtt", size, pps, seconds))
        before, lost = self.clocks(way), self.losses(way)
        row = self.verdict(child, seconds + 30)
        spent = since(before, self.clocks(way))
        lost = since(lost, self.losses(way))
        if spent.get("tunneld", 1e9) < row["received"]:
            raise RuntimeError(f"{way}: the packets did not pass tunneld")
        return self.per_packet(row, spent, lost)

    def uclient(self, size, pps, seconds):
        """coturn's client: several clients where one can't send so much."""
        self.lab.set_mood("open")
        clients = -(-pps // UCLIENT_PPS)
        messages = int(seconds * pps / clients)
        clock = self.tools / "clock.json"
        env = {"LD_PRELOAD": str(self.tools / "uclient_clock.so"),
               "UCLIENT_CLOCK": str(clock)}
        if self.printed_rtt_ms is not None:
            env["UCLIENT_EXPECT"] = str(clients * messages)
        before, lost = self.clocks("uclient"), self.losses("uclient")
        child = self.lab.inside.start(
            "turnutils_uclient", "-t", "-S", "-c", "-m", clients, "-n",
            messages, "-l", size, "-z", 1, "-e", labs.WORLD, "-r", PEER_PORT,
            "-u", labs.RELAY_USER, "-w", labs.RELAY_PASSWORD, "-p", 443,
            labs.RELAY, stdout=subprocess.PIPE, text=True, env=env,
            stderr=subprocess.STDOUT)
        out, _ = child.communicate(timeout=10 * seconds + 60)
        spent = since(before, self.clocks("uclient"))
        lost = since(lost, self.losses("uclient"))
        printed = re.search(r"round trip delay ([\d.]+) ms", out)
        if printed:
            self.printed_rtt_ms = float(printed[1])
        row = json.loads(clock.read_text())
        return self.per_packet(row, spent, lost)

    def rate(self, way, size, direction):
        """Begins below the last round's result, to find it in fewer steps."""
        key = (way, size, direction)
        start = int(self.starts.get(key, RATE_START_PPS))
        row = self.verdict(self.said_ready(
            self.begin(way, "rate", size, start, direction)), 120)
        if row["rate_pps"]:
            self.starts[key] = row["rate_pps"] * 0.7
        row["mbit_per_s"] = round(row["rate_pps"] * size * 8 / 1e6, 1)
        return row

    def burst(self, way, size):
        """Down, since there the tunnel can't choose what it is given."""
        return self.verdict(self.said_ready(
            self.begin(way, "burst", size, BURST_PACKETS[size])), 60)

    def pool(self, way):
        """First contact; the daemon has had time to fill its warm pool."""
        time.sleep(1)
        return self.verdict(self.begin(way, "pool", POOL_SOCKETS,
                                       POOL_TIMEOUT_S), POOL_TIMEOUT_S + 10)

    def policy_costs(self):
        return json.loads(self.lab.inside.do(self.tools / "policy_cost"))

    def hook_costs(self):
        library = labs.BUILD / "preload" / ".libs" / "libturnout.so"
        return json.loads(self.lab.inside.do(self.tools / "hook_cost",
                                             library))
