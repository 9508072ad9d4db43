# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_report.py - the page of `turnout doctor --html` in a real browser, on a
desktop and on a phone: all of it is to be seen, and it asks for nothing
"""
import json
import os
import pathlib
import pty
import subprocess

import browser
import lab as labs
from suite import check, skip, test

DATA = labs.TOP / "tests" / "data"
# Width, height, whether it is a phone, whether it is dark.
SCREENS = {"desktop": (1280, 900, False, False),
           "dark": (1280, 900, False, True),
           "phone": (360, 740, True, False)}
# The exit status is the verdict.
SAMPLES = {"good": 0, "poor": 1, "refused": 2, "hostile": 2}

# What a reader would see: how wide the page is, the drawings that are shown,
# how large the smallest text is on the screen, and how its colours differ from
# their ground (WCAG 2.1, 1.4.3).
LOOK = r"""(() => {
const shown = e => e.getClientRects().length > 0;
const light = c => {
  const part = v => (v /= 255) <= .03928 ? v / 12.92
    : ((v + .055) / 1.055) ** 2.4;
  return .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2]); };
const colour = s => s.match(/[\d.]+/g).map(Number);
const ground = e => {
  for (; e; e = e.parentElement) {
    const c = colour(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; }
  return [255, 255, 255]; };
const contrast = (a, b) => { const [x, y] = [light(a), light(b)];
  return (Math.max(x, y) + .05) / (Math.min(x, y) + .05); };
const all = [...document.querySelectorAll("body *")].filter(e => shown(e) &&
  [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) &&
  !e.closest("title,desc"));
const scale = e => { const m = e.getScreenCTM && e.getScreenCTM();
  return m ? m.a : 1; };
const style = e => getComputedStyle(e);
const ways = [...document.querySelectorAll("svg.way")].filter(shown);
const width = document.documentElement.clientWidth;
return {
  wide: document.documentElement.scrollWidth, width,
  over: all.filter(e => e.getBoundingClientRect().right > width + .5)
    .map(e => e.textContent.slice(0, 60)),
  smallest: Math.min(...all.map(e => parseFloat(style(e).fontSize) *
    scale(e))),
  contrast: Math.min(...all.map(e => contrast(ground(e), colour(
    e instanceof SVGElement ? style(e).fill : style(e).color)))),
  ways: ways.map(e => e.getAttribute("class")),
  stops: ways.map(e => e.querySelectorAll(".stop").length),
  described: ways.every(e => e.getAttribute("aria-labelledby").split(" ")
    .every(id => document.getElementById(id).textContent)),
  plots: [...document.querySelectorAll(".plot svg")].filter(e => shown(e) &&
    e.getBBox().width > 100).length,
  landmarks: ["header", "main", "footer", "h1"].every(
    n => document.querySelectorAll("body " + n).length == 1),
  alien: document.querySelectorAll(
    "script,img,iframe,object,embed,audio,video,[onerror],[onload]").length,
  title: document.title, verdict: document.querySelector("h1").textContent,
}; })()"""


def write(lab, name, page):
    done = subprocess.run(
        [*lab.inside.enter, lab.turnout, "doctor", "--from", DATA / f"doctor-{name}.json",
         "--html", page], capture_output=True, text=True, check=False,
        timeout=30)
    check(done.returncode == SAMPLES[name],
          f"status {done.returncode}: {done.stderr}")


def check_page(found, name, screen):
    who = f"{name} on {screen}: {found}"
    check(found["wide"] <= found["width"] and not found["over"],
          "it is wider than the screen: " + who)
    check(found["smallest"] >= 9.5, "a text is too small: " + who)
    check(found["contrast"] >= 4.5, "a text is too pale: " + who)
    check(found["stops"] == [5] and found["described"],
          "the way is not drawn: " + who)
    check(("upright" in found["ways"][0]) == (screen == "phone"),
          "the way is drawn for another screen: " + who)
    check(found["plots"] == {"good": 3, "poor": 3, "refused": 0,
                             "hostile": 2}[name], "plots are missing: " + who)
    check(found["landmarks"] and not found["alien"], who)
    check(found["title"].startswith(found["verdict"]), who)


def take(lab, chromium, name):
    """A screenshot; for people, TURNOUT_SCREENSHOTS=DIRECTORY keeps it."""
    keep = os.environ.get("TURNOUT_SCREENSHOTS")
    shot = (pathlib.Path(keep) if keep else lab.tmp["root"]) / (name + ".png")
    chromium.screenshot(shot)
    check(shot.stat().st_size > 10000, f"{shot} is empty")


@test("report-in-chromium")
def in_chromium(lab):
    skip(browser.missing())
    with browser.Browser() as chromium:
        for name in SAMPLES:
            page = lab.tmp["root"] / f"report-{name}.html"
            write(lab, name, page)
            for screen, how in SCREENS.items():
                chromium.show(*how)
                chromium.open(page.as_uri())
                check_page(chromium.look(LOOK), name, screen)
                asked = [url for url in chromium.requests
                         if url not in (page.as_uri(), "data:,")]
                check(not asked, f"the page asks for {asked}")
                take(lab, chromium, f"report-{name}-{screen}")
        check(not chromium.errors, f"{chromium.errors}")


@test("report-samples")
def samples(_):
    """What is shown in tests is what the schema allows."""
    try:
        import jsonschema  # pylint: disable=import-outside-toplevel
    except ImportError:
        skip("not installed: python3-jsonschema")
    schema = json.loads((labs.TOP / "docs" / "schema" /
                         "turnout-doctor-1.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    for name in SAMPLES:
        report = json.loads((DATA / f"doctor-{name}.json").read_text())
        errors = list(jsonschema.Draft7Validator(schema).iter_errors(report))
        check(bool(errors) == (name == "hostile"), f"{name}: {errors[:1]}")


def doctor(lab, config, *argv, terminal=False):
    """Without a tunneld: the exit status, and what was said and shown."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*lab.inside.enter, lab.turnout, "doctor", "--config", config, *argv],
        stdout=subprocess.PIPE, text=True, check=False, timeout=60,
        stderr=theirs if terminal else subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "TURNOUT_SOCKET": ""})
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode() if terminal else done.stderr
    os.close(ours)
    return done.returncode, done.stdout, shown


@test("report-without-tunneld")
def without_tunneld(lab):
    """One is started to look, and ends; its report as a page and a ticket."""
    skip(browser.missing())
    lab.set_mood("drop")
    page = lab.tmp["root"] / "report.html"
    config = lab.config("report", relay_password="wrong")
    status, ticket, shown = doctor(lab, config, "--ticket", "--html", page,
                                   terminal=True)
    check(status == 2 and "Who must act: IT\n" in ticket and
          "    tunneld.conf: [relay relay] username" in ticket,
          f"status {status}: {ticket} {shown}")
    check("relay.lab.test" in ticket and labs.RELAY_USER not in ticket, ticket)
    check("\r\x1b[K[" in shown and shown.endswith("\r\x1b[K"), repr(shown))
    with browser.Browser() as chromium:
        chromium.show(*SCREENS["phone"])
        chromium.open(page.as_uri())
        found = chromium.look(LOOK)
        take(lab, chromium, "report-without-tunneld")
    check(found["wide"] <= found["width"] and not found["over"] and
          found["stops"] == [5] and not found["alien"], f"{found}")


@test("report-good")
def good(lab):
    """Calls will be good: the real page has real plots."""
    skip(browser.missing())
    lab.set_mood("drop")
    page = lab.tmp["root"] / "report.html"
    status, out, said = doctor(lab, lab.config("report-good"), "--html", page)
    check(status == 0 and "\nCalls will be good: " in out and not said and
          "\x1b" not in out, f"status {status}: {out} {said}")
    with browser.Browser() as chromium:
        chromium.show(*SCREENS["desktop"])
        chromium.open(page.as_uri())
        found = chromium.look(LOOK)
        take(lab, chromium, "report-good")
    check(found["plots"] == 3 and found["stops"] == [5], f"{found}")
    lab.remark = out.splitlines()[-1]


@test("report-bad-config")
def bad_config(lab):
    """tunneld says what is wrong, and the report is one all the same."""
    lab.set_mood("drop")
    config = lab.config("report-bad", proxy="gopher://proxy.lab.test")
    status, out, said = doctor(lab, config, "--json")
    report = json.loads(out)
    line, = report["lines"]
    check(status == 2 and line["id"] == "config" and line["who"] == "it" and
          line["state"] == "failed" and "config check" in line["change"][0],
          f"status {status}: {line}")
    check("url: not the URL of a proxy" in said, said)


@test("report-usage")
def usage(lab):
    """Wrong usage is told on stderr, with nothing on stdout."""
    config = lab.config("report-usage")
    for argv in (("--json", "--ticket"), ("--from", "/dev/null"), ("--no",),
                 ("--html",), ("--relay", "x" * 64)):
        status, out, said = doctor(lab, config, *argv)
        check(status == 2 and not out and said.startswith("turnout: "),
              f"{argv}: status {status}: {out} {said}")
