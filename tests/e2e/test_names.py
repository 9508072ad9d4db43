# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_names.py - what programs hear of names: from a resolver that is dead,
slow or knows the inside only, and over each way on which they ask
"""
import contextlib
import json
import sys

import lab as labs
from suite import check, test
from talking import start_echo
from test_calls import check_no_leak

# A look-up that does not wait for anybody; one that waits for its budget.
QUICK_S, BUDGET_S = 0.2, 0.25
RESOLV = "nameserver {}\noptions timeout:2 attempts:1\n"
ZONE = f"""{labs.INSIDE} wiki.lab.test
{labs.WORLD} call.lab.test
0.0.0.0 filtered.lab.test
"""
POOL4, POOL6 = "198.1", "fd74:"


def look_up(lab, name, *steps, **options):
    """What names.py says of each step, run with turnout."""
    config = lab.config(name, **options)
    child = lab.inside.start("env", f"SSL_CERT_FILE={lab.ca}",
                             *lab.run(config), sys.executable,
                             lab.apps / "names.py", *steps, stdout=-1,
                             stderr=-1)
    out, errors = child.communicate(timeout=60)
    found = [json.loads(line) for line in out.decode().splitlines()]
    check(child.returncode == 0 and len(found) == len(steps),
          f"status {child.returncode}: {errors.decode()[-1000:]}")
    return found


def check_found(step, begin, quick_s=QUICK_S):
    check(step["error"] is None and step["found"]
          and all(address.startswith(begin) for address in step["found"]),
          f"expected {begin}: {step}")
    check(step["took_s"] < quick_s, f"slow: {step}")


@contextlib.contextmanager
def resolver(lab, delay_s=0):
    """The machine has a name server that knows the inside; the firewall lets
    none through."""
    lab.set_mood("drop")
    ours = lab.inside.dir / "resolv.conf"
    before = ours.read_text()
    zone = lab.write("names.zone", ZONE)
    child = lab.inside.start(sys.executable, "-u", lab.apps / "dnsd.py",
                             labs.INSIDE, zone, str(delay_s),
                             log="names-dnsd.log")
    try:
        log = lab.inside.dir / "names-dnsd.log"
        labs.wait_for("a name server", lambda: "ready" in log.read_text())
        ours.write_text(RESOLV.format(labs.INSIDE))
        yield
    finally:
        ours.write_text(before)
        child.kill()
        child.wait()
        log.unlink()


@test("names-dead-resolver")
def dead(lab):
    """The network's name server is silent: it costs its budget three times."""
    lab.set_mood("drop")
    found = look_up(lab, "names-dead", *(f"get:n{number}.lab.test"
                                         for number in range(6)),
                    "use:call.lab.test:443", "get:n0.lab.test",
                    f"udp:{labs.LAN_DNS}:n9.lab.test:1", names="auto")
    for step in found[:3]:
        check_found(step, POOL4, BUDGET_S + QUICK_S)
    for step in found[3:6] + found[7:]:
        check_found(step, POOL4)
    check_found(found[6], "connected", 5)


@test("names-inside")
def inside(lab):
    """What the name server finds inside is used as it is; all else has a name,
    also where the name server knows none."""
    with resolver(lab):
        found = look_up(lab, "names-inside", "get:wiki.lab.test",
                        "get:call.lab.test", "get:nowhere.lab.test",
                        "get:filtered.lab.test",
                        f"udp:{labs.INSIDE}:wiki.lab.test:1",
                        f"udp:{labs.INSIDE}:call.lab.test:1",
                        "use:call.lab.test:443", names="auto")
        for step, begin in zip(found, (labs.INSIDE, POOL4, POOL4, POOL4,
                                       labs.INSIDE, POOL4)):
            check_found(step, begin, 0.5)
        check_found(found[6], "connected", 5)


@test("names-slow-resolver")
def slow(lab):
    """Slower than its first budget, but alive: the second name waits."""
    with resolver(lab, 0.4):
        found = look_up(lab, "names-slow", "get:wiki.lab.test", "wait:0.5",
                        "get:wiki.lab.test:4", "get:other.lab.test",
                        names="auto")
    check_found(found[0], POOL4, BUDGET_S + QUICK_S)
    check_found(found[2], labs.INSIDE, 1.5)
    check_found(found[3], POOL4, 1.5)


@test("names-modes")
def modes(lab):
    """synthetic asks nobody, system asks for all names."""
    with resolver(lab):
        found = look_up(lab, "names-synthetic", "get:wiki.lab.test")
        check_found(found[0], POOL4)
        found = look_up(lab, "names-system", "get:wiki.lab.test",
                        "get:call.lab.test", "get:nowhere.lab.test",
                        f"udp:{labs.INSIDE}:call.lab.test:1", names="system")
        check_found(found[0], labs.INSIDE)
        check_found(found[1], labs.WORLD)
        check(found[2]["error"], f"there is no such name: {found[2]}")
        check_found(found[3], labs.WORLD)


@test("names-over-tcp")
def over_tcp(lab):
    """A resolver that asks by TCP, of a server that is near, far, or this
    machine."""
    with resolver(lab):
        found = look_up(lab, "names-tcp",
                        *(f"tcp:{server}:call.lab.test:{kind}"
                          for server in (labs.LAN_DNS, "203.0.113.53",
                                         "127.0.0.53")
                          for kind in (1, 28, 65)))
    for near in range(0, len(found), 3):
        check_found(found[near], POOL4)
        check_found(found[near + 1], POOL6)
        check(found[near + 2]["error"] is None and not
              found[near + 2]["found"], f"no data: {found[near + 2]}")


@test("names-ipv6-only")
def ipv6_only(lab):
    """Callers that know IPv6 alone."""
    lab.set_mood("drop")
    found = look_up(lab, "names-six", "get:call.lab.test:6",
                    f"udp:{labs.LAN_DNS}:call.lab.test:28",
                    "use:call.lab.test:443:6")
    check_found(found[0], POOL6)
    check_found(found[1], POOL6)
    check(found[0]["found"] == found[1]["found"], f"{found[:2]}")
    check_found(found[2], "connected", 5)


@test("names-that-stay")
def that_stay(lab):
    """Names of the machine and its network, and those of a direct rule, never
    reach the proxy."""
    with resolver(lab):
        access = lab.dmz.dir / "squid" / "squid.access"
        before = access.read_text()
        look_up(lab, "names-stay", "use:printer:443", "use:printer.local:443",
                "use:intern.example:443", f"udp:{labs.INSIDE}:printer.local:1",
                "use:call.lab.test:443", names="auto",
                extra="[rules]\nrule = direct intern.example\n")
        labs.wait_for("the proxy's log", lambda: "call.lab.test" in
                      access.read_text()[len(before):])
        new = access.read_text()[len(before):]
        check("printer" not in new and "intern" not in new,
              f"the proxy heard of a name that stays: {new}")


@test("names-of-udp-peers")
def udp_peers(lab):
    """A peer whose name only a name server of the open network knows, which is
    asked through the relay."""
    lab.set_mood("drop")
    start_echo(lab, labs.WORLD, [7001])
    log = lab.outside.dir / "names-dnsd.log"
    lab.outside.start(sys.executable, "-u", lab.apps / "dnsd.py", labs.WORLD,
                      lab.write("peers.zone", f"{labs.WORLD} echo.example\n"),
                      log=log.name)
    labs.wait_for("a name server", lambda: "ready" in log.read_text())
    for way in ("relay", "auto"):
        found = look_up(
            lab, "names-peers-" + way, "say:echo.example:7001",
            "say:echo.example:7001",
            names=f"synthetic\nresolver = {way}\nrelay_dns = {labs.WORLD}")
        check(all(step["found"] and step["found"][0].endswith("hello")
                  for step in found), f"{way}: {found}")
        check(found[0]["took_s"] < 4 and found[1]["took_s"] < 1,
              f"{way} is slow: {found}")


@test("names-of-udp-peers-https")
def udp_peers_https(lab):
    """The same by DNS over HTTPS, which only the proxy leads to."""
    lab.set_mood("drop")
    start_echo(lab, labs.WORLD, [7002])
    log = lab.outside.dir / "world.py.log"
    before = log.read_text().count("dns echo.example")
    for way in ("https", "auto"):
        step, = look_up(
            lab, "names-peers-" + way + "-doh", "say:echo.example:7002",
            names=f"synthetic\nresolver = {way}\n"
            "doh_uri = https://call.lab.test/dns-query")
        check(step["found"] and step["found"][0].endswith("hello"),
              f"{way}: {step}")
        if way == "https":  # auto asks the machine's name server first
            check_no_leak(lab)
    labs.wait_for("the server's log", lambda: log.read_text().count(
        "dns echo.example") >= before + 2)
