# SPDX-License-Identifier: LGPL-2.1-or-later
"""dialing.py - TCP programs inside that connect outside, whatever the proxy is
"""
import json
import sys

import lab as labs
import proxies
from suite import check, skip
from test_connect import inside

HELLO = "hello from outside"
RIGHT, WRONG = labs.PROXY_PASSWORD, "not-the-pass"
# All connections of a row, which are made one after the other.
ALL_KINDS = """
set -e
{python} {apps}/connect.py call.lab.test 443
{python} {apps}/connect.py call.lab.test 443 --async
curl -sS --cacert {ca} https://call.lab.test/
"""


def prepare(lab, needs):
    """Starts what a test needs; who needs a realm has a ticket, others have
    none."""
    skip(proxies.missing(*needs.split()))
    proxies.need(lab, *needs.split())
    if "krb5" in needs:
        proxies.kinit(lab)
    elif "krb5" in lab.standing:
        proxies.kdestroy(lab)
    lab.set_mood("drop")


def reach(lab, name, *wrap):
    """Unmodified programs of each kind get through."""
    script = ALL_KINDS.format(python=sys.executable, apps=lab.apps, ca=lab.ca)
    status, out, errors = inside(lab, name, *wrap, "env",
                                 f"SSL_CERT_FILE={lab.ca}", "sh", "-c", script)
    lines = out.splitlines()
    check(status == 0 and len(lines) == 3, f"status {status}: {out} {errors}")
    for line in lines[:2]:
        found = json.loads(line)
        check(found["reply"] == HELLO, f"{found} {errors}")
        check(found["peer"] != labs.PROXY, f"the app sees the proxy: {found}")
    check(lines[2] == HELLO, f"curl: {lines[2]} {errors}")


def through(lab, name, daemon):
    """A connection by a tunneld that runs: what connect.py says."""
    status, out, errors = inside(
        lab, name, "env", f"TURNOUT_SOCKET={daemon.socket}",
        f"SSL_CERT_FILE={lab.ca}", lab.turnout, "run", "--", sys.executable,
        lab.apps / "connect.py", "call.lab.test", "443")
    check(status == 0, f"status {status}: {errors}")
    return json.loads(out)


def many(lab, name, daemon, number):
    """What so many connect() at once come to."""
    status, out, errors = inside(
        lab, name, "env", f"TURNOUT_SOCKET={daemon.socket}", lab.turnout,
        "run", "--", sys.executable, lab.apps / "connect_many.py",
        "call.lab.test", "443", number, timeout_s=60)
    check(status == 0, f"status {status}: {errors}")
    return json.loads(out)
