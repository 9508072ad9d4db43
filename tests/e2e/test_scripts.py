# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_scripts.py - proxy scripts (PAC) that look names up, in a network whose
name server is silent, and desktops
"""
import os
import time

import lab as labs
from dialing import prepare, reach
from suite import check, test
from test_calls import check_no_leak
from test_connect import inside

# As many companies write it. A browser waits for each look-up, too.
RESOLVES = """
function FindProxyForURL(url, host) {{
	if (isInNet(dnsResolve(host), "10.0.0.0", "255.0.0.0") ||
	    isResolvable(host))
		return "DIRECT";
	return "PROXY {proxy}:{plain}";
}}
"""

RETURNS = """
function FindProxyForURL(url, host) {{ return "{}"; }}
"""


def script(lab, name, text):
    path = lab.write(name + ".pac", text)
    return f"pac+file://{path}"


@test("script-silent-resolver")
def silent(lab):
    """One look-up may take its second, the same one later none."""
    prepare(lab, "")
    config = lab.config("silent-resolver", proxy=script(
        lab, "silent-resolver", RESOLVES.format(
            proxy=labs.PROXY, plain=labs.PLAIN_PORT)))
    start = time.monotonic()
    reach(lab, "silent-resolver", *lab.run(config))
    took_s = time.monotonic() - start
    # Three connections to one name: one look-up that nobody answers.
    check(took_s < 5, f"{took_s:.1f} s")
    seen = lab.counted()
    check(set(seen["udp_seen"]) <= {labs.LAN_DNS + ":53"}
          and seen["tcp_stray"] == 0, f"more than look-ups: {seen}")
    lab.remark = f"three connections in {took_s:.1f} s"


def kind(lab, name, entry, needs, **more):
    """Proxies of other kinds than http://, and logins, by a script."""
    prepare(lab, needs)
    text = RETURNS.format(entry.format(**labs.PORTS))
    reach(lab, name, *lab.run(lab.config(
        name, proxy=script(lab, name, text),
        proxy_more=f"ca_file = {lab.ca}\n", **more)))
    check_no_leak(lab)


for _name, _entry, _needs, _more in (
        ("script-https", "HTTPS proxy.lab.test:{tls}", "squid", {}),
        ("script-https-login", "HTTPS proxy.lab.test:{tls-digest}", "squid",
         {"password": labs.PROXY_PASSWORD}),
        ("script-socks", "SOCKS4 proxy.lab.test:1; SOCKS5 proxy.lab.test:"
         "{socks}", "socks", {}),
        ("script-negotiate", "PROXY proxy.lab.test:{negotiate}", "squid krb5",
         {})):
    test(_name, name=_name, entry=_entry, needs=_needs, **_more)(kind)


@test("desktop")
def desktop(lab):
    """What libproxy's program says, here a double of it."""
    prepare(lab, "")
    place = lab.dir / "desktop-bin"
    place.mkdir()
    program = place / "proxy"
    program.write_text("#!/bin/sh\necho http://proxy.lab.test:"
                       f"{labs.PORTS['dead']} {labs.PROXY_URL}\n")
    program.chmod(0o755)
    config = lab.config("desktop", proxy="desktop")
    reach(lab, "desktop", "env", f"PATH={place}:{os.environ['PATH']}",
          *lab.run(config))
    check_no_leak(lab)


@test("desktop-without-libproxy")
def no_libproxy(lab):
    """Nobody to ask: no connection, and a word on what is missing."""
    prepare(lab, "")
    config = lab.config("no-libproxy", proxy="desktop")
    place = lab.dir / "no-libproxy-bin"
    place.mkdir()
    (place / "sh").symlink_to("/bin/sh")
    status, out, log = inside(
        lab, "no-libproxy", "env", f"PATH={place}", *lab.run(config),
        "/usr/bin/curl", "-sS", "--cacert", lab.ca, "https://call.lab.test/")
    check(status == 7, f"status {status}: {out} {log}")
    check("libproxy-tools" in log, f"not said: {log}")
    check_no_leak(lab)
