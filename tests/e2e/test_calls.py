# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_calls.py - unmodified apps call through turnout from behind each kind
of firewall, and not one datagram of theirs reaches it
"""
import call
import lab as labs
from suite import check, skip, test
from test_lab import open_call

# A call may take this much longer to connect than in the open network.
LONGER_S = 5


def check_no_leak(lab):
    found = lab.counted()
    check(found["udp_unicast"] == 0, "UDP reached the firewall: "
          + " ".join(found["udp_seen"]) + f", {found['udp_unicast']} packets")
    check(found["tcp_stray"] == 0, "TCP reached the firewall: "
          + " ".join(found["tcp_seen"]))


def tunnelled(lab, mood, app, name, **conf):
    """One call through turnout; returns what both ends saw."""
    skip(call.missing(app))
    usual_s = open_call(lab, app)
    lab.set_mood(mood)
    config = lab.config(name, user=call.USERS.get(app, "root"), **conf)
    # Two tries, as in the open network: a busy machine is nobody's fault.
    for number in (1, 2):
        ends = call.Call(lab, app, f"{name}-{number}",
                         wrap=lab.run(config)).finish()
        call.check_good(*ends)
        took_s = ends[0]["took_s"]
        if took_s <= usual_s + LONGER_S:
            break
    check(took_s <= usual_s + LONGER_S, f"connected after {took_s} s, twice; "
          f"in the open network {usual_s} s")
    check_no_leak(lab)
    lab.remark = (f"connected in {took_s} s, open {usual_s} s; packets in "
                  f"{ends[0]['packets']}, out {ends[1]['packets']}; "
                  f"round trip {ends[0]['rtt_ms']} ms")


for _mood in ("drop", "reject", "noroute"):
    for _app in call.PROGRAMS:
        test(f"call-{_mood}-{_app}", mood=_mood, app=_app,
             name=f"call-{_mood}-{_app}")(tunnelled)

test("call-basic-auth", mood="drop", app="aiortc", name="call-basic",
     proxy=labs.BASIC_URL, basic=labs.PROXY_PASSWORD)(tunnelled)
test("call-rest-secret", mood="drop", app="aiortc", name="call-rest",
     relay="rest")(tunnelled)


@test("call-twenty-at-once")
def twenty(lab):
    """Twenty programs, each with a call of its own."""
    skip(call.missing("aiortc"))
    lab.set_mood("drop")
    config = lab.config("twenty")
    number = 20
    options = ["--no-video", "--timeout", "60"]
    outside = call.End(lab.outside, "aiortc", "twenty", "answer",
                       options=[*options, "--calls", number])
    inside = [call.End(lab.inside, "aiortc", f"twenty-{room}", "offer",
                       lab.run(config), options) for room in range(number)]
    found = [end.verdict(60) for end in inside]
    bad = [call.describe(verdict) for verdict in found if not verdict["ok"]]
    check(not bad, f"{len(bad)} of {number} failed: {bad[:1]}")
    check(all(verdict["ok"] for verdict in outside.verdicts(60)),
          "an outside end failed")
    check_no_leak(lab)
    slowest = max(v["connected"] - v["joined"] for v in found)
    lab.remark = f"the slowest connected {slowest:.1f} s after it had joined"
