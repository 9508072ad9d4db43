# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_proxy_choice.py - which proxy a connection takes: scripts (PAC) and the
environment; and connections without TLS, which the proxy forwards
"""
import json
import sys
import urllib.parse

import call
import lab as labs
import proxies
from dialing import HELLO, RIGHT, prepare, reach
from suite import check, skip, test
from test_calls import check_no_leak, tunnelled
from test_connect import connect, inside
from test_proxies import MATRIX, configure

# As companies write them: names inside directly, and a list for the rest whose
# first does not run.
SCRIPT = """
function FindProxyForURL(url, host) {{
	if (isPlainHostName(host) || dnsDomainIs(host, "intranet.lab.test"))
		return "DIRECT";
	return "PROXY proxy.lab.test:{dead}; PROXY proxy.lab.test:{plain}";
}}
"""
HANGS = "function FindProxyForURL(url, host) { while (1); }"
BROKEN = "function FindProxyForURL(url, host) { return PROXY }"
BOUNDED_S = 15


def script(lab, name, text=SCRIPT):
    """A file with a script: its URL."""
    path = lab.write(name + ".pac", text.format(**labs.PORTS)
                     if text is SCRIPT else text)
    return f"pac+file://{path}"


def served(lab, name, text=SCRIPT, scheme="http"):
    """The same from the intranet's server."""
    proxies.need(lab, "intranet")
    path = lab.fw.dir / "www" / (name + ".pac")
    path.write_text(text.format(**labs.PORTS) if text is SCRIPT else text)
    return f"pac+{scheme}://intranet.lab.test/{path.name}"


def choose(lab, name, make, **options):
    prepare(lab, "intranet")
    # A name of /etc/hosts would not come so far as to the script.
    config = lab.config(name, proxy=make(lab, name, **options),
                        extra="[rules]\nrule = proxy intranet.lab.test\n")
    reach(lab, name, *lab.run(config))
    found, log = connect(lab, name + "-intranet", config, "intranet.lab.test",
                         "443")
    check(found["reply"] == "hello from inside", f"{found} {log}")
    check_no_leak(lab)


test("pac-file", name="pac-file", make=script)(choose)
test("pac-url", name="pac-url", make=served)(choose)


def useless(lab, name, text, error="ECONNREFUSED"):
    """A script that gives no answer: the connection fails, soon, and the log
    says why; nothing goes another way."""
    prepare(lab, "intranet")
    config = lab.config(name, proxy=script(lab, name, text))
    found, log = connect(lab, name, config, "call.lab.test", "443")
    check(found["errno"] is not None, f"it got through: {found}")
    check(found["took_s"] < BOUNDED_S, f"slow: {found}")
    check("script" in log.lower() or "pac" in log.lower(), f"not said: {log}")
    check_no_leak(lab)


test("pac-hangs", name="pac-hangs", text=HANGS)(useless)
test("pac-broken", name="pac-broken", text=BROKEN)(useless)


@test("pac-url-missing")
def missing(lab):
    """No script at that URL: no connection, and no way around."""
    prepare(lab, "intranet")
    config = lab.config("pac-missing", proxy="pac+http://intranet.lab.test/no")
    found, log = connect(lab, "pac-missing", config, "call.lab.test", "443")
    check(found["errno"] is not None, f"it got through: {found}")
    check("404" in log, f"not said: {log}")
    check_no_leak(lab)


@test("pac-call-chromium")
def pac_call(lab):
    skip(call.missing("chromium"))
    prepare(lab, "intranet")
    tunnelled(lab, "drop", "chromium", "pac-call",
              proxy=served(lab, "pac-call"))


ANYWHERE = "http://proxy.lab.test:{}"
PLAIN, DEAD = (ANYWHERE.format(labs.PORTS[port]) for port in ("plain", "dead"))
LOGIN = "http://{}:{}@proxy.lab.test:{}".format(
    labs.PROXY_USER, urllib.parse.quote(RIGHT), labs.PORTS["digest"])
SOCKS = f"socks5://proxy.lab.test:{labs.PORTS['socks']}"
# Variables, and whether call.lab.test is reached with them.
ENVIRONMENTS = {
    "https": ({"https_proxy": PLAIN}, True),
    "https-upper": ({"HTTPS_PROXY": PLAIN}, True),
    "lower-wins": ({"https_proxy": PLAIN, "HTTPS_PROXY": DEAD}, True),
    "all": ({"all_proxy": PLAIN}, True),
    "all-upper": ({"ALL_PROXY": PLAIN}, True),
    "https-before-all": ({"https_proxy": PLAIN, "all_proxy": DEAD}, True),
    "socks": ({"all_proxy": SOCKS}, True),
    "without-scheme": ({"https_proxy": PLAIN.removeprefix("http://")}, True),
    "http": ({"http_proxy": PLAIN}, True),
    "http-upper": ({"HTTP_PROXY": PLAIN}, True),
    # A web server sets that to what a client wants (CVE-2016-5385).
    "http-of-a-client": ({"HTTP_PROXY": PLAIN, "REQUEST_METHOD": "GET"},
                         False),
    "login": ({"https_proxy": LOGIN}, True),
    "no-proxy": ({"https_proxy": PLAIN, "no_proxy": "lab.test"}, False),
    "no-proxy-upper": ({"https_proxy": PLAIN, "NO_PROXY": "*.lab.test"},
                       False),
    "no-proxy-other": ({"https_proxy": PLAIN, "no_proxy": "call.lab.test:80"},
                       True),
}
VARIABLES = [case(name) for name in ("http_proxy", "https_proxy", "all_proxy",
                                     "no_proxy") for case in
             (str.lower, str.upper)]


def environment(lab, name):
    variables, works = ENVIRONMENTS[name]
    prepare(lab, "socks squid")
    label = "env-proxy-" + name
    # A relay that needs a proxy would be a mistake where there is none.
    config = lab.config(label, proxy="env",
                        path="proxy" if works else "auto")
    clean = [word for variable in VARIABLES for word in ("-u", variable)]
    status, out, errors = inside(
        lab, label, "env", *clean, *(f"{key}={value}" for key, value in
                                     variables.items()), *lab.run(config),
        "env", *clean, f"SSL_CERT_FILE={lab.ca}", "timeout", "3",
        sys.executable, lab.apps / "connect.py", "call.lab.test", "443")
    if works:
        check(status == 0, f"status {status}: {errors}")
        found = json.loads(out)
        check(found["reply"] == HELLO, f"{found} {errors}")
        check_no_leak(lab)
    else:
        # It goes directly, where the firewall stops it.
        check(status != 125, f"tunneld did not start: {errors}")
        check(HELLO not in out, f"it went through the proxy: {out}")


for _name in ENVIRONMENTS:
    test("env-proxy-" + _name, name=_name)(environment)


def fetched(lab, name, config, *argv):
    status, out, errors = inside(lab, name, *lab.run(config), *argv)
    check(status == 0, f"status {status}: {out} {errors}")
    return out


def forwarded(lab, row):
    """The proxy refuses CONNECT to port 80; it is asked as browsers do."""
    prepare(lab, MATRIX[row].needs)
    name = "forward-80-" + row
    config = configure(lab, name, MATRIX[row])
    for argv in (("wget", "-qO-"), ("curl", "-sS")):
        got = fetched(lab, name, config, *argv, "http://call.lab.test/")
        check(got == HELLO + "\n", f"{argv[0]}: {got}")
    # Two on one connection, and a body that does not fit into one packet.
    got = fetched(lab, name, config, "curl", "-sS", "http://call.lab.test/",
                  "http://call.lab.test/")
    check(got == 2 * (HELLO + "\n"), got)
    body = lab.write(name + ".body", "0123456789abcdef" * 10000)
    for more in ((), ("-H", "Transfer-Encoding: chunked")):
        got = fetched(lab, name, config, "curl", "-sS", *more, "--data-binary",
                      f"@{body}", "http://call.lab.test/post")
        check(got == body.read_text(), f"{more}: {len(got)} octets came back: {got[:300]}")
    check_no_leak(lab)


for _row in ("none", "all-basic-first", "digest", "ntlm-strict", "negotiate",
             "tls", "tls-digest"):
    test("forward-80-" + _row, row=_row)(forwarded)


@test("forward-80-websocket")
def websocket(lab):
    """What can't be forwarded is refused with a reason, and at once."""
    prepare(lab, "")
    config = lab.config("forward-websocket")
    status, out, errors = inside(
        lab, "forward-websocket", *lab.run(config), "curl", "-sS", "-i",
        "--max-time", "5", "-H", "Connection: Upgrade", "-H",
        "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13", "-H",
        "Sec-WebSocket-Key: bm8gc2VjcmV0IGhlcmUhIQ==",
        "http://call.lab.test/echo")
    check(status == 0, f"status {status}: {errors}")
    code = int(out.split()[1])
    check(400 <= code < 600, out)
    check("websocket" in (out + errors).lower(), f"no reason: {out}")
    check_no_leak(lab)


@test("inspected-relay")
def inspected(lab):
    """TLS to the relay ends at the proxy: the log says so."""
    skip(call.missing("aiortc"))
    prepare(lab, "inspecting")
    config = lab.config("inspected", proxy=proxies.url("inspecting"))
    _, log = connect(lab, "inspected", config, "call.lab.test", "443")
    lines = [line for line in log.splitlines() if "relay" in line
             and "inspection CA" in line]
    check(lines, f"it is not said who inspects: {log}")
