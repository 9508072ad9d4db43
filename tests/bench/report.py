# SPDX-License-Identifier: LGPL-2.1-or-later
"""report.py - rows of figures -> tables of medians, and the machine's facts"""
import os
import pathlib
import platform
import statistics
import subprocess


def read(path):
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return ""


def cpu_ticks():
    """(busy, stolen, all) of the machine so far."""
    ticks = [int(word) for word in read("/proc/stat").splitlines()[0]
             .split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], ticks[7], sum(ticks)


def version(*argv):
    try:
        out = subprocess.run(argv, capture_output=True, text=True,
                             check=False).stdout
    except OSError:
        return ""
    return (out.strip().splitlines() or [""])[-1]


def machine():
    model = [line.split(":")[1].strip()
             for line in read("/proc/cpuinfo").splitlines()
             if line.startswith("model name")]
    return {"kernel": platform.release(), "cores": os.cpu_count(),
            "processor": model[0] if model else platform.machine(),
            "congestion_control":
                read("/proc/sys/net/ipv4/tcp_congestion_control"),
            "coturn": version("turnserver", "--version"),
            "openssl": version("openssl", "version").partition(" (")[0],
            "ticks": cpu_ticks()}


def unrest(facts):
    """What the machine did meanwhile; a busy neighbour shows as stolen."""
    busy, stolen, total = (after - before for after, before in
                           zip(cpu_ticks(), facts.pop("ticks")))
    return {"busy_percent": round(100 * busy / total, 1),
            "stolen_percent": round(100 * stolen / total, 1)}


class Figures:
    """The rows of one kind and way, and the medians of their columns."""

    def __init__(self, rows, **wanted):
        self.rows = [row for row in rows
                     if all(row.get(key) == value
                            for key, value in wanted.items())]

    def values(self, column):
        return [row[column] for row in self.rows if column in row]

    def median(self, column):
        values = self.values(column)
        return statistics.median(values) if values else None

    def text(self, column, scale=1.0, digits=0):
        values = [value * scale for value in self.values(column)]
        if not values:
            return "-"
        middle, low, high = (f"{value:.{digits}f}" for value in (
            statistics.median(values), min(values), max(values)))
        return f"{middle} ({low}-{high})"


def ratio(one, other):
    if one is None or not other:
        return "-"
    return f"{one / other:.2f}"


def table(title, head, rows):
    print(f"\n{title}")
    rows = [head, *rows]
    widths = [max(len(row[column]) for row in rows)
              for column in range(len(head))]
    for row in rows:
        print("  " + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))))


def ways_of(rows):
    return list(dict.fromkeys(row["way"] for row in rows))


def show_rtt(rows, size, pps):
    picked = {way: Figures(rows, what="rtt", way=way, size=size, pps=pps)
              for way in ways_of(rows)}
    none = Figures([])
    direct = picked.get("direct", none).median("p50_us")
    uclient = picked.get("uclient", none).median("p50_us")

    def added(figures):
        mine = figures.median("p50_us")
        return "-" if None in (mine, direct) else f"{mine - direct:.0f}"

    table(f"{size} B, {pps} packets/s each way: round trip, us",
          ["way", "p50", "p99", "mean", "p50 - direct", "p50 : direct",
           "p50 : uclient", "lost %", "by tunneld", "relay's socket"],
          [[way, f.text("p50_us"), f.text("p99_us"), f.text("mean_us"),
            added(f), ratio(f.median("p50_us"), direct),
            ratio(f.median("p50_us"), uclient),
            f.text("lost_percent", digits=2),
            f.text("lost_tunneld_percent", digits=2),
            f.text("lost_relay_percent", digits=2)]
           for way, f in picked.items()])
    direct = picked.get("direct", none).median("cpu_inside_us")
    uclient = picked.get("uclient", none).median("cpu_inside_us")
    table(f"{size} B, {pps} packets/s each way: processor time, us for each "
          "packet delivered",
          ["way", "app", "tunneld", "app + tunneld", ": direct", ": uclient",
           "coturn", "squid"],
          [[way, f.text("cpu_app_us", digits=1),
            f.text("cpu_tunneld_us", digits=1),
            f.text("cpu_inside_us", digits=1),
            ratio(f.median("cpu_inside_us"), direct),
            ratio(f.median("cpu_inside_us"), uclient),
            f.text("cpu_coturn_us", digits=1),
            f.text("cpu_squid_us", digits=1)]
           for way, f in picked.items()])


def show_rate(rows, size):
    lines = []
    for direction in ("up", "down"):
        picked = {way: Figures(rows, what="rate", way=way, size=size,
                               direction=direction) for way in ways_of(rows)}
        direct = picked.get("direct", Figures([])).median("rate_pps")
        lines += [[f"{way} {direction}", f.text("rate_pps", 1e-3, 1),
                   f.text("mbit_per_s"), ratio(f.median("rate_pps"), direct)]
                  for way, f in picked.items() if f.rows]
    if lines:
        table(f"{size} B: highest one-way rate carried", [
            "way", "1000 packets/s", "Mbit/s", ": direct"], lines)


def show_burst(rows):
    lines = []
    for size in sorted({row["size"] for row in rows if "size" in row}):
        for way in ways_of(rows):
            f = Figures(rows, what="burst", way=way, size=size)
            if f.rows:
                lines.append([f"{way} {f.rows[0]['packets']} x {size} B",
                              f"{sum(f.values('whole'))} of "
                              f"{sum(f.values('bursts'))}",
                              str(sum(f.values("lost"))), f.text("p50_us"),
                              f.text("max_us")])
    if lines:
        table("bursts towards the app, us until the last packet is there",
              ["way", "whole, all rounds", "packets lost", "p50", "longest"],
              lines)


def show_pool(rows):
    lines = []
    for way in ways_of(rows):
        f = Figures(rows, what="pool", way=way)
        if f.rows:
            lines.append([way, str(sum(f.values("lost"))),
                          str(sum(f.values("wrong"))),
                          f.text("p50_us", 1e-3, 1),
                          f.text("max_us", 1e-3, 1)])
    if lines:
        table("100 sockets send at once, in ms until the answer",
              ["way", "lost in all rounds", "wrong", "half of them", "last"],
              lines)


def show_hooks(costs):
    if not costs:
        return
    table("preload: ns for each call, median (p10) of the batches",
          ["call", "without", "with", "added"],
          [[name.replace("_", " "), *(
              f"{c[side]['median_ns']:.0f} ({c[side]['p10_ns']:.0f})"
              for side in ("without", "with")),
            f"{c['with']['median_ns'] - c['without']['median_ns']:.0f} "
            f"({c['with']['p10_ns'] - c['without']['p10_ns']:.0f})"]
           for name, c in costs.items()])


def show_decisions(rows):
    table("policy: ns for each decision of an app, median (min); the scan looks"
          " at every rule",
          ["rules", "kind", "index", "scan", "scan/index"],
          [[str(row["rules"]), row["kind"],
            *(f"{row[by + '_median']:.0f} ({row[by + '_min']:.0f})"
              for by in ("index", "scan")),
            f"{row['ratio']:.1f}"] for row in rows])


def show(found):
    facts, rows = found["machine"], found["rows"]
    print("{processor}, {cores} cores, Linux {kernel}, TCP "
          "{congestion_control}; coturn {coturn}, {openssl}".format(**facts))
    print("machine {busy_percent} % busy, {stolen_percent} % stolen meanwhile;"
          " median (lowest-highest) of {rounds} rounds".format(
              **facts, **found["settings"]))
    for size in sorted({row["size"] for row in rows if "size" in row}):
        for pps in sorted({row["pps"] for row in rows if "pps" in row}):
            show_rtt(rows, size, pps)
        show_rate(rows, size)
    if found["uclient_printed_rtt_ms"] is not None:
        print("\nturnutils_uclient itself prints a mean round trip of "
              f"{found['uclient_printed_rtt_ms']} ms: its clock has 1 ms")
    show_burst(rows)
    show_pool(rows)
    show_hooks(found["hooks"])
    show_decisions(found["decisions"])
