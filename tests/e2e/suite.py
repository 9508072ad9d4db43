# SPDX-License-Identifier: LGPL-2.1-or-later
"""suite.py - what a test is here, and how one is run

A test is a function of a Lab, listed by the decorator `test`. It passes when
it returns; `check` and `skip` end it otherwise.
"""
import collections
import os
import pathlib
import shutil
import signal
import time
import traceback

import lab as labs

# A long one takes more than 40 seconds, and is for check-full.
Test = collections.namedtuple("Test", "name run long")
TESTS = []
CI = os.environ.get("CI") == "true"


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def test(label, /, long=False, **arguments):
    """Lists a function as a test; with arguments, as one of several."""
    def add(function):
        TESTS.append(Test(label, lambda lab: function(lab, **arguments),
                          long))
        return function
    return add


def check(condition, message):
    if not condition:
        raise Failed(message)


def skip(reason):
    """A package is missing: fine by hand, not in CI."""
    if reason:
        raise (Failed if CI else Skipped)(reason)


def tunnelds():
    """The pids of all tunneld in this PID namespace, which is the lab's."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name = (path / "comm").read_text().strip()
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name == "tunneld" and state != "Z":
            found.append(int(path.name))
    return found


def tidy(lab):
    """Ends what a test left running. A tunneld that stays is a failure: a
    private one ends with the last process that it serves."""
    lab.end_guests()
    try:
        labs.wait_for("the end of tunneld", lambda: not tunnelds(), 5)
    except TimeoutError:
        for pid in tunnelds():
            os.kill(pid, signal.SIGKILL)
        raise Failed("a tunneld outlived what it served") from None
    # What one test found out about the network is no matter of the next.
    for place in lab.tmp.values():
        shutil.rmtree(place / ".local", ignore_errors=True)
    left = [path for place in lab.runtime.values() for path in place.iterdir()
            if path.name.startswith("turnout")]
    for path in left:
        shutil.rmtree(path)
    if left:
        raise Failed(f"tunneld left {left[0]} behind")


def run_one(lab, wanted, after):
    """Runs one test; True: passed, False: failed, None: skipped."""
    began = time.monotonic()
    problem = None
    try:
        wanted.run(lab)
    except Skipped as reason:
        print(f"SKIP {wanted.name}: {reason}", flush=True)
        return None
    except (Failed, TimeoutError) as reason:
        problem = str(reason) or "no reason was given"
    except Exception:  # a broken test is a failed one, and the next may pass
        problem = traceback.format_exc()
    try:
        after(lab)
    except Failed as reason:
        problem = problem or str(reason)
    took = f"{time.monotonic() - began:.1f} s"
    if problem:
        print(f"FAIL {wanted.name} ({took}): {problem}", flush=True)
        return False
    print(f"PASS {wanted.name} ({took}) {lab.remark}".rstrip(), flush=True)
    return True


def run_all(lab, tests, after=tidy):
    """Returns how many passed, failed and were skipped; `after` each, what it
    has left is looked at."""
    count = collections.Counter()
    for wanted in tests:
        lab.remark = ""
        count[run_one(lab, wanted, after)] += 1
    return count[True], count[False], count[None]
