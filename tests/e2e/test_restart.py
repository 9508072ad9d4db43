# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_restart.py - tunneld is restarted by its service manager, as an upgrade
does, in the middle of a call: nobody notices
"""
import select
import threading

import service
import surviving
from suite import check, test
from test_calls import check_no_leak
from test_trouble import Talker

# What the last tunneld had taken and the relay not yet, and what was on its way
# at the end of the test; a datagram is sent every 20 ms.
TAKEN = 5
SILENT_MS = 4000


class Managed(surviving.Survival):
    start_daemon = service.Managed


@test("restart-in-stream")
def stream(lab):
    """What is sent to the flow meanwhile waits in its socket, and who connects
    in the tunneld's socket."""
    seen = Managed(lab, "udp", "mobile", ())
    keeper = seen.daemon.manager
    talker = Talker(lab, "restart", seen.daemon)
    heard = talker.ask("open")
    check(heard == "ok 1", heard)
    check(keeper.names(), "no flow is in store")
    before = keeper.names()
    status = seen.daemon.stop()
    check(status == 0, f"SIGTERM: status {status}")
    answers = []
    asker = threading.Thread(target=lambda: answers.append(talker.ask("open")))
    asker.start()
    check(select.select([keeper.listener], [], [], 10)[0],
          "nobody waits in the socket")
    check(not answers, f"it did not wait: {answers}")
    seen.daemon.start()
    asker.join(20)
    check(answers == ["ok 2"], f"a connection in between: {answers}")
    inside, outside = seen.ends.finish()
    lost = inside["sent"] - outside["heard"]
    lab.remark = f"{inside['sent']} sent, {lost} lost"
    check(inside["alive"] and outside["alive"], "it ended; " + lab.remark)
    check(inside["errors"] == 0, f"{inside['errors']} errors; " + lab.remark)
    check(lost <= TAKEN, lab.remark)
    check(len(outside["sources"]) == 1, f"moved: {outside['sources']}")
    check(set(before) & set(keeper.names()) or not keeper.names(),
          f"other sockets: {before}, {keeper.names()}")
    check_no_leak(lab)


def call(lab, app):
    seen = Managed(lab, app, "mobile", ("restart",))
    cut, = seen.run()
    lab.remark = (f"silent for {cut.in_ms} ms inside, {cut.out_ms} ms outside")
    check(cut.changes is None, "the same tunneld")
    check(seen.lives, "it ended; " + lab.remark)
    check(max(cut.in_ms, cut.out_ms) < SILENT_MS, lab.remark)
    check_no_leak(lab)


for _app in ("aiortc", "chromium"):
    test("restart-in-call-" + _app, app=_app)(call)
