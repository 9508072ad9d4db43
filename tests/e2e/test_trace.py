# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_trace.py - `turnout trace`: what was intercepted and why, and what went
around turnout; and `turnout shell`
"""
import json
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    jsonschema = None

import call
import lab as labs
from suite import check, skip, test
from test_calls import check_no_leak
from talking import start_echo
from test_connect import inside

SCHEMA = labs.TOP / "docs" / "schema" / "turnout-trace-1.json"


def read(log):
    """The lines of JSON, which hold to their schema."""
    skip(jsonschema is None and "not installed: python3-jsonschema")
    schema = json.loads(SCHEMA.read_text())
    events = [json.loads(line) for line in log.read_text().splitlines()]
    for event in events:
        jsonschema.validate(event, schema)
    return events


def trace(lab, name, *argv, extra="", mood="drop", status=0):
    """The events of a traced program, and what it printed."""
    lab.set_mood(mood)
    config = lab.config(name, extra=extra)
    log = config.parent / "trace.json"
    found, out, errors = inside(
        lab, name, lab.turnout, "trace", "--json", "-o", log, "--config",
        config, "--", "env", f"SSL_CERT_FILE={lab.ca}", *argv)
    check(found == status, f"status {found}: {out} {errors}")
    return read(log), out


def one(events, **wanted):
    """The only event with these members."""
    found = [event for event in events if event.items() >= wanted.items()]
    check(len(found) == 1, f"{wanted}: {len(found)} of {events}")
    return found[0]


def build(lab, *options):
    """around.c, linked so; a library's hooks do not see its calls."""
    program = lab.dir / ("around" + "".join(options))
    if not program.exists():
        subprocess.run(["gcc", "-O1", "-I", labs.BUILD, *options, "-o",
                        program, labs.TOP / "tests" / "e2e" / "apps" / "around.c"],
                       check=True)
    return program


@test("trace-connect")
def connects(lab):
    events, out = trace(lab, "trace-connect", sys.executable,
                        lab.apps / "connect.py", "call.lab.test", "443")
    check(json.loads(out)["reply"] == "hello from outside", out)
    found = one(events, event="intercepted", protocol="tcp")
    check(found["name"] == "call.lab.test" and found["decision"] == "proxy"
          and found["because"], f"{found}")
    one(events, event="name", words="call.lab.test")
    last = events[-1]
    check(last["event"] == "summary" and last["unseen"] == 0 and
          last["intercepted"] >= 1 and last["without"] == 0, f"{last}")
    check_no_leak(lab)


@test("trace-blocked")
def blocked(lab):
    events, out = trace(lab, "trace-blocked", sys.executable,
                        lab.apps / "connect.py", "203.0.113.10", "443",
                        extra="[rules]\nrule = block 203.0.113.10\n")
    check(json.loads(out)["errno"] == "ECONNREFUSED", out)
    found = one(events, event="blocked", address="203.0.113.10:443")
    check(found["decision"] == "block" and "203.0.113.10" in found["because"],
          f"{found}")
    check_no_leak(lab)


@test("trace-direct")
def direct(lab):
    events, _ = trace(lab, "trace-direct", "curl", "-sS",
                      f"http://{labs.PROXY}:{labs.PLAIN_PORT}/",
                      extra="[rules]\nrule = direct 192.0.2.0/24\n")
    one(events, event="direct", decision="direct",
        address=f"{labs.PROXY}:{labs.PLAIN_PORT}")
    check(events[-1]["unseen"] == 0, f"{events[-1]}")


@test("trace-media")
def media(lab):
    """Datagrams, with the scratch sockets that the library makes for them."""
    start_echo(lab, labs.WORLD, [7001])
    events, out = trace(lab, "trace-media", sys.executable,
                        lab.apps / "udp_talk.py", "--seconds", "2",
                        f"{labs.WORLD}/7001")
    found = one(events, event="intercepted", protocol="udp",
                address=f"{labs.WORLD}:7001")
    check(found["decision"] == "tunnel", f"{found}")
    check(events[-1]["unseen"] == 0, f"{events[-1]}")
    check_no_leak(lab)


def around(lab, name, how, options):
    program = build(lab, *options)
    events, _ = trace(lab, name, program, "203.0.113.10", "4433", how)
    found = one(events, event="UNSEEN", protocol=how,
                address="203.0.113.10:4433")
    check(found["program"] == str(program), f"{found}")
    check("statically linked" in found["words"] if options else
          "not through libc" in found["words"], f"{found}")
    check(found["decision"] == {"tcp": "proxy", "udp": "tunnel"}[how],
          f"what policy says of it: {found}")
    check(events[-1]["unseen"] == 1, f"{events[-1]}")
    if options:
        one(events, event="not-preloaded", program=str(program))


for _how in ("tcp", "udp"):
    test(f"trace-raw-{_how}", name=f"trace-raw-{_how}", how=_how,
         options=())(around)
    test(f"trace-static-{_how}", name=f"trace-static-{_how}", how=_how,
         options=("-static",))(around)


@test("trace-io-uring")
def io_uring(lab):
    events, _ = trace(lab, "trace-io-uring", build(lab), "203.0.113.10", "1",
                      "uring")
    check("io_uring" in one(events, event="io_uring")["words"], f"{events}")


@test("trace-children")
def children(lab):
    """All that come from it, also one whose parent clears the environment."""
    program = build(lab)
    events, out = trace(
        lab, "trace-children", "sh", "-c",
        f"{program} 203.0.113.10 1 tcp; env -i {program} 203.0.113.10 2 tcp & "
        "wait; exit 7", status=7)
    check(out.count("\n") == 2, out)
    one(events, event="UNSEEN", address="203.0.113.10:1")
    one(events, event="UNSEEN", address="203.0.113.10:2")
    without = one(events, event="not-preloaded", program=str(program))
    check("environment" in without["words"], f"{without}")


@test("trace-status-of-a-signal")
def signalled(lab):
    trace(lab, "trace-signal", "sh", "-c", "kill -TERM $$", status=128 + 15)


@test("trace-for-people")
def people(lab):
    """Without --json: lines on standard error, and the sums."""
    lab.set_mood("drop")
    config = lab.config("trace-people")
    status, out, errors = inside(
        lab, "trace-people", lab.turnout, "trace", "--config", config, "--",
        "curl", "-sS", "--cacert", lab.ca, "https://call.lab.test/")
    check(status == 0 and out == "hello from outside\n", f"{status} {errors}")
    lines = errors.splitlines()
    check(any("intercepted tcp" in line and "(call.lab.test)" in line and
              ": proxy, because" in line for line in lines), errors)
    check("past the library" in lines[-1], errors)


@test("trace-call")
def chromium(lab):
    """A browser's processes, threads and sandbox: the call connects."""
    skip(call.missing("chromium"))
    lab.set_mood("drop")
    config = lab.config("trace-call")
    log = config.parent / "trace.json"
    ends = call.Call(lab, "chromium", "trace-call", wrap=[
        lab.turnout, "trace", "--json", "-o", log, "--config", config,
        "--"]).finish()
    call.check_good(*ends)
    events = read(log)
    check(any(event["event"] == "intercepted" and event["protocol"] == "udp"
              for event in events), "no media was seen")
    check_no_leak(lab)


@test("shell-children")
def shell(lab):
    """All that is started in it, and what these start."""
    lab.set_mood("drop")
    config = lab.config("shell")
    child = lab.inside.start(
        lab.turnout, "shell", "--config", config, env={"SHELL": "/bin/bash"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True)
    out, errors = child.communicate(
        f"echo $TURNOUT_SHELL\nsh -c 'curl -sS --cacert {lab.ca} "
        "https://call.lab.test/'\nexit 5\n", timeout=20)
    check(child.returncode == 5, f"status {child.returncode}: {errors}")
    check(out == "1\nhello from outside\n" and errors == "", out + errors)
    check_no_leak(lab)
