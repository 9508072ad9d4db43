# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_lab_proxies.py - the lab's proxies prove themselves: without turnout,
curl gets through each with what it asks for, and not with anything less
"""
import lab as labs
import proxies
from suite import check, skip, test
from test_connect import inside

LOGIN = f"{labs.PROXY_USER}:{labs.PROXY_PASSWORD}"
TINY_LOGIN = f"{labs.PROXY_USER}:{proxies.TICKET_PASSWORD}"


def curl(lab, name, url, *options, target="https://call.lab.test/"):
    """What curl got, and what it said if it got nothing."""
    lab.set_mood("drop")
    status, out, errors = inside(
        lab, name, "curl", "-sSv", "--max-time", "5", "--cacert", lab.ca,
        "--proxy-cacert", lab.ca, "-x", url, *options, target)
    return out if status == 0 else errors


def proxy(lab, name, port, needs, scheme="http", login=(), refused=("407",)):
    skip(proxies.missing(*needs))
    proxies.need(lab, *needs)
    if "krb5" in needs:
        proxies.kinit(lab)
    login = [option.format(lab=lab) for option in login]
    got = curl(lab, name, proxies.url(port, scheme), *login)
    check(got == "hello from outside\n", f"it failed: {got}")
    if login:
        got = curl(lab, name + "-without", proxies.url(port, scheme))
        check(any(words in got for words in refused),
              f"without a login: {got}")


for _port, _needs, _more in (
        ("digest", ("squid",), {"login": ("--proxy-digest", "-U", LOGIN)}),
        ("ntlm", ("squid",), {"login": ("--proxy-ntlm", "-U", LOGIN)}),
        ("strict", ("strict",), {"login": ("--proxy-ntlm", "-U", LOGIN)}),
        ("negotiate", ("squid", "krb5"),
         {"login": ("--proxy-negotiate", "-U", ":")}),
        ("all", ("squid", "krb5"), {"login": ("--proxy-anyauth", "-U", ":")}),
        ("passwords", ("squid",), {"login": ("--proxy-anyauth", "-U", LOGIN)}),
        ("tls", ("squid",), {"scheme": "https"}),
        ("tls-basic", ("squid",), {"scheme": "https",
                                   "login": ("--proxy-basic", "-U", LOGIN)}),
        ("tls-digest", ("squid",), {"scheme": "https",
                                    "login": ("--proxy-digest", "-U", LOGIN)}),
        ("tls-negotiate", ("squid", "krb5"), {
            "scheme": "https", "login": ("--proxy-negotiate", "-U", ":")}),
        ("tls-client", ("client",), {
            # TLS 1.3 has the client done before the proxy looks: the reset
            # that follows the alert may overtake it.
            "scheme": "https", "refused": ("alert certificate required",
                                           "errno 104", "errno 32"),
            "login": ("--proxy-cert", "{lab.dir}/client.pem", "--proxy-key",
                      "{lab.dir}/server.key")}),
        ("tiny", ("tiny",), {}),
        ("tiny-basic", ("tiny",), {"login": ("-U", TINY_LOGIN)}),
        ("socks", ("socks",), {"scheme": "socks5h"}),
        ("socks-login", ("socks",), {
            "scheme": "socks5h", "login": ("-U", LOGIN),
            "refused": ("No authentication method was acceptable",)})):
    test("lab-proxy-" + _port, name="lab-proxy-" + _port, port=_port,
         needs=_needs, **_more)(proxy)


@test("lab-proxy-offers")
def offers(lab):
    """Each port names its own ways to log in, in its order."""
    proxies.need(lab, "squid", "strict")
    for port, schemes in {**proxies.OFFERS, **proxies.STRICT_OFFERS}.items():
        said = curl(lab, "lab-offers-" + port, proxies.url(
            port, "https" if port.startswith("tls") else "http"))
        found = [line.split()[2].lower() for line in said.splitlines()
                 if line.startswith("< Proxy-Authenticate:")]
        check(found == schemes.split(), f"{port}: {found}")


@test("lab-proxy-wrong-password")
def wrong(lab):
    """Each that has a password looks at it (ntlm_fake_auth does not).
    tinyproxy says 407 to those without one, and 401 to the wrong."""
    proxies.need(lab, "squid", "strict", "tiny", "socks")
    for port, options in (("digest", ["--proxy-digest"]),
                          ("strict", ["--proxy-ntlm"]),
                          ("passwords", ["--proxy-basic"]),
                          ("tiny-basic", [])):
        got = curl(lab, "lab-wrong-" + port, proxies.url(port), *options, "-U",
                   labs.PROXY_USER + ":wrong")
        check(("HTTP/1.0 401" if port == "tiny-basic" else "HTTP/1.1 407")
              in got, f"{port}: {got}")
    got = curl(lab, "lab-wrong-socks", proxies.url("socks-login", "socks5h"),
               "-U", labs.PROXY_USER + ":wrong")
    check("User was rejected by the SOCKS5 server" in got, got)


@test("lab-proxy-port-80")
def port_80(lab):
    """CONNECT is for TLS alone; what is not encrypted is forwarded."""
    lab.set_mood("drop")
    got = curl(lab, "lab-port-80", labs.PROXY_URL,
               target="http://call.lab.test/")
    check(got == "hello from outside\n", got)
    got = curl(lab, "lab-port-80-tunnel", labs.PROXY_URL, "--proxytunnel",
               target="http://call.lab.test/")
    check("HTTP/1.1 403" in got, got)


@test("lab-proxy-captive")
def captive(lab):
    proxies.need(lab, "squid")
    got = curl(lab, "lab-captive", proxies.url("captive"))
    check("HTTP/1.1 302" in got and "portal.lab.test" in got, got)


@test("lab-proxy-inspecting")
def inspecting(lab):
    proxies.need(lab, "inspecting")
    got = curl(lab, "lab-inspecting", proxies.url("inspecting"))
    check("self-signed certificate" in got or "unable to get local issuer"
          in got, got)


@test("lab-proxy-intranet")
def intranet(lab):
    """Open to who is inside, and to nobody else."""
    proxies.need(lab, "intranet")
    lab.set_mood("drop")
    for url in ("http://intranet/", "https://intranet.lab.test/"):
        status, out, errors = inside(lab, "lab-intranet", "curl", "-sS",
                                     "--cacert", lab.ca, url)
        check(out == "hello from inside\n", f"{status} {errors}")
    got = curl(lab, "lab-intranet-by-proxy", labs.PROXY_URL, "--max-time", "1",
               target="http://intranet.lab.test/")
    check("hello" not in got, got)
    check(lab.counted()["tcp_stray"] == 0, "it was counted as a leak")
