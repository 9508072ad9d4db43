# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_ping.py - `turnout ping`: round trips through the relay, and why there
are none
"""
import json
import os
import signal
import subprocess
import time

try:
    import jsonschema
except ImportError:
    jsonschema = None

import call
import lab as labs
import service
import surviving
from suite import check, skip, test

# Longer than what counts as lost, shorter than a relay may be silent.
STILL_S = 3
SCHEMA = labs.TOP / "docs" / "schema" / "turnout-ping-1.json"


def ping(lab, daemon, *argv, status=0):
    """The lines of JSON, which hold to their schema."""
    skip(jsonschema is None and "not installed: python3-jsonschema")
    done = subprocess.run(
        [*lab.inside.enter, lab.turnout, "ping", "--json", *argv],
        check=False, capture_output=True, text=True, timeout=60,
        env={**os.environ, **daemon.env})
    check(done.returncode == status,
          f"status {done.returncode}: {done.stdout} {done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        jsonschema.validate(line, json.loads(SCHEMA.read_text()))
    check(lines and lines[-1]["event"] == "summary", done.stdout)
    return lines, done.stderr


@test("ping-good")
def good(lab):
    """All come back, beside a call that does not notice."""
    lab.set_mood("drop")
    daemon = service.Tunneld(lab, lab.config("ping-good"))
    streams = surviving.Streams(lab, daemon, "ping-good")
    lines, _ = ping(lab, daemon, "-c", "5", "-i", "0.1")
    first, last = lines[0], lines[-1]
    check(first["event"] == "start" and first["way"] == "proxy" and
          first["transport"] == "tls", f"{first}")
    check([line["seq"] for line in lines[1:-1]] == [1, 2, 3, 4, 5] and
          all(line["event"] == "reply" for line in lines[1:-1]), f"{lines}")
    check(last["received"] == 5 and last["lost"] == 0 and
          0 < last["min_ms"] <= last["avg_ms"] <= last["max_ms"] < 2000 and
          last["jitter_ms"] is not None and last["cause"] is None, f"{last}")
    inside, outside = streams.finish()
    check(inside["alive"] and outside["alive"], f"{inside} {outside}")
    labs.wait_for("the allocations to be given back", lambda: int(
        daemon.status()["allocations"]) <= 2)
    lab.remark = f"round trip {last['avg_ms']} ms"
    check(daemon.stop() == 0, "tunneld failed")


@test("ping-interrupted")
def interrupted(lab):
    """Ctrl-C shows what there was, as ping(8) does."""
    lab.set_mood("drop")
    daemon = service.Tunneld(lab, lab.config("ping-interrupted"))
    child = subprocess.Popen(
        [*lab.inside.enter, lab.turnout, "ping", "-i", "0.1"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, **daemon.env})
    shown = [child.stdout.readline() for _ in range(3)]
    check(shown[0].startswith("PING ") and "seq=2 time=" in shown[2],
          f"{shown}")
    os.kill(child.pid, signal.SIGINT)
    rest, _ = child.communicate(timeout=20)
    check("0.0 % lost" in rest and "round trip min/avg/max" in rest, rest)
    check(child.returncode == 0, f"status {child.returncode}")
    check(daemon.stop() == 0, "tunneld failed")


@test("ping-lossy")
def lossy(lab):
    """A proxy that stands still for longer than a datagram may take."""
    lab.set_mood("drop")
    daemon = service.Tunneld(lab, lab.config("ping-lossy"))
    child = subprocess.Popen(
        [*lab.inside.enter, lab.turnout, "ping", "-c", "20", "-i", "0.2",
         "--json"], stdout=subprocess.PIPE, text=True,
        env={**os.environ, **daemon.env})
    lines = [json.loads(child.stdout.readline()) for _ in range(3)]
    check(lines[2]["event"] == "reply", f"{lines}")
    lab.squid.send_signal(signal.SIGSTOP)
    try:
        time.sleep(STILL_S)
    finally:
        lab.squid.send_signal(signal.SIGCONT)
    lines += map(json.loads, child.communicate(timeout=40)[0].splitlines())
    check(any(line["event"] == "lost" for line in lines), f"{lines}")
    check(lines[-1]["lost"] > 0 and child.returncode == 0, f"{lines[-1]}")
    check(daemon.stop() == 0, "tunneld failed")


@test("ping-wrong-password")
def wrong_password(lab):
    lab.set_mood("drop")
    daemon = service.Tunneld(lab, lab.config("ping-wrong-password",
                                             relay_password="wrong"))
    lines, errors = ping(lab, daemon, "-c", "1", status=1)
    check(len(lines) == 1 and lines[0]["cause"] == "turn_401" and
          lines[0]["sent"] == 0, f"{lines}")
    check("refuses the user name or password" in errors, errors)
    check(daemon.stop() == 0, "tunneld failed")


@test("ping-no-way")
def no_way(lab):
    """A port that the proxy does not allow; and a relay that nobody knows."""
    lab.set_mood("drop")
    daemon = service.Tunneld(lab, lab.config(
        "ping-no-way", uris=("turns:relay.lab.test:4444?transport=tcp",)))
    lines, errors = ping(lab, daemon, "-c", "1", status=1)
    check(lines[0]["cause"] == "proxy_denied" and
          "does not allow" in errors, f"{lines} {errors}")
    lines, errors = ping(lab, daemon, "--relay", "nobody", status=1)
    check(lines[0]["cause"] == "no_relay" and "configured" in errors,
          f"{lines} {errors}")
    check(daemon.stop() == 0, "tunneld failed")
