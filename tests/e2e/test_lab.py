# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_lab.py - the lab proves itself: without turnout, calls work in an open
network and fail behind the firewall, even for apps that use the proxy for
their signaling
"""
import call
import lab as labs
from suite import check, skip, test

# Long enough for any of the apps in the open network, several times over.
CLOSED_S = 8


def open_call(lab, app):
    """A call in the open network: how long it took. It is made twice, since
    the first waits for disks more than for the network."""
    if app not in lab.open_took_s:
        mood = lab.mood
        lab.set_mood("open")
        took = []
        for number in (1, 2):
            ends = call.Call(lab, app, f"open{number}-{app}").finish()
            call.check_good(*ends)
            took.append(ends[0]["took_s"])
        lab.open_took_s[app] = min(took)
        lab.set_mood(mood)
    return lab.open_took_s[app]


def open_network(lab, app):
    skip(call.missing(app))
    lab.remark = f"connected in {open_call(lab, app)} s"


def closed_network(lab, mood):
    for app in call.PROGRAMS:
        skip(call.missing(app))
    lab.set_mood(mood)
    calls = {app: call.Call(lab, app, f"{mood}-{app}-without",
                            proxy=f"http://{labs.PROXY}:{labs.PLAIN_PORT}",
                            timeout_s=CLOSED_S) for app in call.PROGRAMS}
    for app, running in calls.items():
        inside, outside = running.finish()
        for end in (inside, outside):
            check(not end["connected"] and not end.get("packets"),
                  f"{app} got through: {call.describe(end)}")
        # The way through the proxy was open, so it is the media that failed.
        check(inside.get("joined"),
              f"{app} had no signaling: {call.describe(inside)}")
    check(lab.counted()["udp_unicast"] > 0, "the firewall counted nothing")


for _app in call.PROGRAMS:
    test("lab-open-" + _app, app=_app)(open_network)
for _mood in ("drop", "reject", "noroute"):
    test(f"lab-{_mood}-without", mood=_mood)(closed_network)
