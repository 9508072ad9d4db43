# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_survival.py - the connection to the relay dies in the middle of a call:
how long each end hears nothing, and whether the relayed address stays

The figures themselves come from tests/bench/survival.
"""
import surviving
from suite import check, test
from test_calls import check_no_leak

# How long both ends may be silent: with a ticket for the allocation (RFC 8016),
# and with another relayed address. A busy machine gets twice that.
KEPT_MS, CHANGED_MS = 2000, 5000
# What the hazard itself takes.
OWN_MS = {"stall": 3000, "proxy": 1000, "restart_relay": 3000,
          "restart": 1000, "kill": 1000}
HAZARDS = ("reset", "reset_all", "half_open", "proxy", "stall", "restart",
           "restart_relay", "kill")
# These end the allocation itself: a killed tunneld has left no ticket.
FATAL = ("restart_relay", "kill")


def survive(lab, app, relay, hazards, pause_s=None, deaf=False):
    """`deaf`: with another address nothing comes in inside any more, since the
    app outside sends to the first for ever; so it is with aiortc."""
    seen = surviving.Survival(lab, app, relay, hazards, pause_s)
    cuts = seen.run()
    lab.remark = "; ".join(
        f"{cut.hazard}: silent for {cut.in_ms} ms inside, {cut.out_ms} outside"
        + (", another address" if cut.changes else "") for cut in cuts)
    for cut in cuts:
        kept = relay == "mobile" and cut.hazard not in FATAL
        limit_ms = 2 * ((KEPT_MS if kept else CHANGED_MS)
                        + OWN_MS.get(cut.hazard, 0))
        check(not (kept and cut.changes), lab.remark)
        check(deaf or cut.in_ms < limit_ms, lab.remark)
        check(cut.out_ms < limit_ms or not seen.lives, lab.remark)
    check(deaf or seen.lives, "it ended; " + lab.remark)
    if not seen.lives:
        lab.remark += "; it ended"
    check_no_leak(lab)


for _hazard in HAZARDS:
    for _relay in ("mobile", "half"):
        test(f"survival-{_hazard.replace('_', '-')}-{_relay}", app="udp",
             relay=_relay, hazards=(_hazard,))(survive)
# A relay without any mobility; one of each kind for real apps.
test("survival-reset-relay", app="udp", relay="relay",
     hazards=("reset", "reset"))(survive)
for _app in ("aiortc", "chromium"):
    test("survival-long-mobile-" + _app, long=True, app=_app, relay="mobile",
         hazards=[hazard for hazard in HAZARDS if _app == "chromium"
                  or hazard not in FATAL])(survive)
test("survival-long-half-chromium", long=True, app="chromium", relay="half",
     hazards=HAZARDS)(survive)
test("survival-long-half-aiortc", long=True, app="aiortc", relay="half",
     hazards=("reset",), pause_s=35, deaf=True)(survive)
