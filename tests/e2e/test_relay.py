# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_relay.py - relays of each kind that the field has: calls through them,
and what a plain UDP program hears
"""
import call
import lab as labs
import relays
import talking
from suite import check, skip, test
from test_calls import check_no_leak


def start(lab, name, more=""):
    skip(relays.missing(name))
    lab.set_mood("drop")
    return relays.Relay(lab, name, more)


def relayed_call(lab, name, app="aiortc", mood="drop", **conf):
    """A call through one relay, with what the relay is known for."""
    skip(call.missing(app))
    relay = start(lab, name)
    lab.set_mood(mood)
    config = relay.config(f"relay-{name}-{app}-{mood}", **conf)
    ends = call.Call(lab, app, config.parent.name,
                     wrap=lab.run(config)).finish()
    call.check_good(*ends)
    check_no_leak(lab)
    lab.remark = (f"connected in {ends[0]['took_s']} s; "
                  f"round trip {ends[0]['rtt_ms']} ms")


for _name in ("mobile", "half", "pion", "elsewhere"):
    test("relay-call-" + _name, name=_name)(relayed_call)
test("relay-call-pion-chromium", name="pion", app="chromium")(relayed_call)
# Plain TURN, with no TLS, to the port that the proxy allows.
test("relay-call-plain-on-443", name="denied", mood="reject",
     trusted=False,
     uris=("turn:denied.lab.test:443?transport=tcp",))(relayed_call)


@test("relay-lifetimes")
def lifetimes(lab):
    """Nonces, permissions, channels and the allocation itself run out several
    times, at a server that grants less than was asked for; nothing is lost."""
    relay = start(lab, "shorter")
    talk = talking.Talk(lab, relay.config("lifetimes"), "--seconds", 14,
                        "--one-by-one", 1300, f"{labs.WORLD}/7001-7008")
    for line in talk.end():
        talking.check_whole(line)
        check(len(line["sources"]) == 1, f"the address changed: {line}")
    check("error 438" in relay.said(), "no nonce went stale")


@test("relay-quota")
def quota(lab):
    """486 for the third socket: two talk on, the third does when there is
    room."""
    relay = start(lab, "short")
    config = relay.config("quota", relay_more="warm = 0\n")
    talk = talking.Talk(lab, config, "--seconds", 6, "--sockets", 3,
                        f"{labs.WORLD}/7001")
    heard = [line for line in talk.end() if line["heard"]]
    check(len(heard) == 2, f"{len(heard)} sockets of 3 were heard")
    for line in heard:
        talking.check_whole(line)
    check("error 486" in relay.said(), "the quota was not reached")


@test("relay-quota-next")
def quota_next(lab):
    """486 at the first relay: the sockets that found no room there use the
    next one."""
    relay = start(lab, "short")
    config = lab.config("quota-next", relay="short relay")
    talk = talking.Talk(lab, config, "--seconds", 5, "--sockets", 4,
                        f"{labs.WORLD}/7001")
    used = {line["sources"][0].split()[0] for line in talk.end()
            if talking.check_whole(line)}
    check(used == {relay.address, labs.RELAY}, f"relayed from {used}")


@test("relay-full")
def full(lab):
    """508 when the relay has no port left: the next relay."""
    relay = start(lab, "ports")
    config = lab.config("full", relay="ports relay")
    talk = talking.Talk(lab, config, "--seconds", 5, "--sockets", 4,
                        f"{labs.WORLD}/7001")
    used = [line["sources"][0].split()[0] for line in talk.end()
            if talking.check_whole(line)]
    check(set(used) == {relay.address, labs.RELAY}, f"relayed from {used}")


@test("relay-denied-peer")
def denied(lab):
    """403 is about that peer only."""
    relay = start(lab, "denied")
    lab.outside.do("ip", "address", "replace", labs.ELSEWHERE + "/32", "dev",
                   "eth0")
    talk = talking.Talk(lab, relay.config("denied"), "--seconds", 4,
                        f"{labs.ELSEWHERE}/7001", f"{labs.WORLD}/7001",
                        f"{labs.WORLD}/7002", "10.99.0.1/7001")
    for line in talk.end():
        if line["peer"] == labs.WORLD:
            talking.check_whole(line)
        else:
            check(not line["heard"], f"a denied peer answered: {line}")
    check("error 403" in relay.said(), "nothing was denied")


@test("relay-redirect-loop")
def loop(lab):
    """A server that sends us round in circles: the next relay."""
    start(lab, "here")
    start(lab, "there")
    talk = talking.Talk(lab, lab.config("loop", relay="here relay"),
                        "--seconds", 5, f"{labs.WORLD}/7001")
    for line in talk.end():
        talking.check_whole(line)
        check(line["sources"][0].startswith(labs.RELAY), f"{line}")


@test("relay-more-peers-than-channels")
def many_peers(lab):
    """There are 4096 channels; what is beyond goes by indications. (coturn
    takes a time for each new channel that grows with their number.)"""
    relay = start(lab, "pion")
    talking.make_many(lab)
    talk = talking.Talk(lab, relay.config("many-peers"), "--seconds", 16,
                        "--every", 5, "--at-once", 5, *talking.MANY)
    lines = talk.end()
    asked = [line for line in lines if line["sent"]]
    deaf = [line["port"] for line in asked if not line["heard"]]
    check(len(asked) > 4200, f"only {len(asked)} peers were asked")
    check(not deaf, f"{len(deaf)} of {len(asked)} peers were not heard: "
          f"{deaf[:5]}")


@test("relay-large-datagrams")
def large(lab):
    lab.set_mood("drop")
    talk = talking.Talk(lab, lab.config("large"), "--seconds", 3, "--size",
                        9000, "--every", 100, f"{labs.WORLD}/7001")
    for line in talk.end():
        talking.check_whole(line)


@test("relay-hairpin")
def hairpin(lab):
    """Two ends that both use turnout meet on the same relay."""
    skip(call.missing("aiortc"))
    lab.set_mood("drop")
    config = lab.config("hairpin")
    answering = call.End(lab.inside, "aiortc", "hairpin", "answer",
                         lab.run(config))
    offering = call.End(lab.inside, "aiortc", "hairpin", "offer",
                        lab.run(config))
    call.check_good(offering.verdict(30), answering.verdict(30))
    check_no_leak(lab)
