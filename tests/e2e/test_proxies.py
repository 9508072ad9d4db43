# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_proxies.py - proxies of each kind with each way to log in, for programs
that know of none; and what programs and the log are told when it fails
"""
import collections

import call
import lab as labs
import proxies
from dialing import RIGHT, WRONG, prepare, reach
from suite import check, skip, test
from test_calls import check_no_leak, tunnelled
from test_connect import connect
from test_trouble import check_said

TRUSTED = "ca_file = {lab.ca}\n"
CERTIFICATE = (TRUSTED + "client_cert_file = {lab.dir}/client.pem\n"
               "client_key_file = {lab.dir}/server.key\n")

# A proxy: what it needs, where it is; then the configuration; then what squid
# saw, the way of logging in and the user, where it is one of those with a log.
Row = collections.namedtuple(
    "Row", "needs port scheme password more saw user",
    defaults=("http", None, "", None, None))
MATRIX = {
    "none": Row("", "plain"),
    "digest": Row("squid", "digest", password=RIGHT, saw="Digest"),
    "ntlm": Row("squid", "ntlm", password=RIGHT, saw="NTLM"),
    "ntlm-strict": Row("strict", "strict", password=RIGHT, saw="NTLM"),
    "negotiate": Row("squid krb5", "negotiate", saw="Negotiate",
                     user="paul@LAB.TEST"),
    "all-with-ticket": Row("squid krb5", "all", password=RIGHT,
                           saw="Negotiate", user="paul@LAB.TEST"),
    "all-without-ticket": Row("squid", "all", password=RIGHT, saw="NTLM"),
    "all-but-ntlm": Row("squid", "all", password=RIGHT, saw="Digest",
                        more="auth = negotiate digest basic\n"),
    "all-basic-first": Row("squid", "all", password=RIGHT, saw="Basic",
                           more="auth = basic digest\n"
                           "basic_over_http = yes\n"),
    "passwords": Row("squid", "passwords", password=RIGHT, saw="Digest"),
    "command": Row("squid", "digest", saw="Digest",
                   more="credential_command = cat {lab.dir}/vault\n"),
    "netrc": Row("squid", "digest", saw="Digest",
                 more="netrc_file = {lab.dir}/netrc\n"),
    "tls": Row("squid", "tls", "https", more=TRUSTED, saw="-"),
    "tls-basic": Row("squid", "tls-basic", "https", RIGHT, TRUSTED, "Basic"),
    "tls-digest": Row("squid", "tls-digest", "https", RIGHT, TRUSTED,
                      "Digest"),
    "tls-negotiate": Row("squid krb5", "tls-negotiate", "https", None, TRUSTED,
                         "Negotiate", "paul@LAB.TEST"),
    "tls-client": Row("client", "tls-client", "https", more=CERTIFICATE),
    "tiny": Row("tiny", "tiny"),
    "tiny-basic": Row("tiny", "tiny-basic", password=proxies.TICKET_PASSWORD,
                      more="basic_over_http = yes\n"),
    "socks": Row("socks", "socks", "socks5"),
    "socks-login": Row("socks", "socks-login", "socks5", RIGHT,
                       "basic_over_http = yes\n"),
}


def configure(lab, name, row):
    # Where a login may come from besides.
    lab.write("vault", f"username={labs.PROXY_USER}\npassword={RIGHT}\n",
              0o600)
    lab.write("netrc", f"machine proxy.lab.test login {labs.PROXY_USER} "
              f'password "{RIGHT}"\n', 0o600)
    return lab.config(name, proxy=proxies.url(row.port, row.scheme),
                      password=row.password,
                      proxy_more=row.more.format(lab=lab))


def cell(lab, name):
    row = MATRIX[name]
    prepare(lab, row.needs)
    access = proxies.Access(lab, row.needs.split()[0] if row.saw and
                            row.needs.startswith("strict") else "schemes")
    label = "proxy-" + name
    reach(lab, label, *lab.run(configure(lab, label, row)))
    check_no_leak(lab)
    if not row.saw:
        return
    done = access.until("the proxy's log", lambda seen: seen.status == 200
                        and seen.target == "call.lab.test:443")
    for seen in done:
        check(seen.port == row.port and seen.login.split()[0] == row.saw,
              f"another way: {seen}")
        check(row.user is None or seen.user == row.user, f"{seen}")


for _name in MATRIX:
    test("proxy-reach-" + _name, name=_name)(cell)

# What goes wrong: the row, the errno, what the log says of it.
LOGIN_REFUSED = r"proxy.*(password|login|credential)"
FAILURES = {
    "basic-in-the-clear": (
        MATRIX["tiny-basic"]._replace(more=""), "ECONNREFUSED",
        "basic_over_http"),
    "socks-in-the-clear": (
        MATRIX["socks-login"]._replace(more=""), "ECONNREFUSED",
        "basic_over_http"),
    "tiny-password": (MATRIX["tiny-basic"]._replace(password=WRONG),
                      "ECONNREFUSED", LOGIN_REFUSED),
    "digest-password": (MATRIX["digest"]._replace(password=WRONG),
                        "ECONNREFUSED", LOGIN_REFUSED),
    "ntlm-password": (MATRIX["ntlm-strict"]._replace(password=WRONG),
                      "ECONNREFUSED", LOGIN_REFUSED),
    "tls-password": (MATRIX["tls-basic"]._replace(password=WRONG),
                     "ECONNREFUSED", LOGIN_REFUSED),
    "socks-password": (MATRIX["socks-login"]._replace(password=WRONG),
                       "ECONNREFUSED", LOGIN_REFUSED),
    "no-password": (MATRIX["digest"]._replace(password=None), "ECONNREFUSED",
                    LOGIN_REFUSED),
    "no-ticket": (MATRIX["negotiate"]._replace(needs="squid"), "ECONNREFUSED",
                  r"proxy.*(ticket|kerberos)"),
    "down": (Row("", "dead"), "ECONNREFUSED", r"proxy.*refused"),
    "untrusted": (MATRIX["tls"]._replace(more=""), "ECONNREFUSED",
                  r"proxy.*certificate"),
    "no-certificate": (MATRIX["tls-client"]._replace(more=TRUSTED),
                       "ECONNREFUSED", r"proxy.*certificate"),
    "captive": (Row("squid", "captive"), "ENETUNREACH",
                r"302|captive|portal"),
}


def refused(lab, name):
    row, error, pattern = FAILURES[name]
    prepare(lab, row.needs)
    label = "proxy-failure-" + name
    found, log = connect(lab, label, configure(lab, label, row),
                         "call.lab.test", "443")
    check(found["errno"] == error, f"expected {error}: {found} {log}")
    check(found["took_s"] < 5, f"slow: {found}")
    # One for the program, one for the relay that is kept warm.
    check_said(log, pattern, most=2)
    check(WRONG not in log and RIGHT not in log, "a password is in the log")
    check_no_leak(lab)


for _name in FAILURES:
    test("proxy-failure-" + _name, name=_name)(refused)


def several(lab, name, ports, extra=""):
    """Those that are down are passed over."""
    prepare(lab, "")
    config = lab.config(name, proxy=" ".join(map(proxies.url, ports)))
    reach(lab, name, *lab.run(config))
    check_no_leak(lab)


test("proxy-several", name="proxy-several", ports=("plain", "dead"))(several)
test("proxy-several-first-down", name="proxy-several-first-down",
     ports=("dead", "plain"))(several)


@test("proxy-several-down")
def all_down(lab):
    prepare(lab, "")
    config = lab.config("proxy-several-down", proxy=" ".join(
        (proxies.url("dead"), proxies.url("dead", "https"))))
    found, log = connect(lab, "proxy-several-down", config, "call.lab.test",
                         "443")
    check(found["errno"] == "ECONNREFUSED", f"{found}")
    check_said(log, r"proxy.*refused", most=4)


@test("proxy-several-denied")
def denied(lab):
    """A proxy that says no has answered: the next is not asked."""
    prepare(lab, "squid")
    access = proxies.Access(lab)
    config = lab.config("proxy-several-denied", proxy=" ".join(
        map(proxies.url, ("plain", "all"))))
    found, _ = connect(lab, "proxy-several-denied", config,
                       "refused.lab.test", "443")
    check(found["errno"] == "ECONNREFUSED", f"{found}")
    asked = [seen for seen in access.seen() if "refused" in seen.target]
    check(not asked, f"the next one was asked: {asked}")


def behind(lab, app, name):
    """A call behind such a proxy, with no other way out."""
    row = MATRIX[name]
    skip(call.missing(app))
    prepare(lab, row.needs)
    tunnelled(lab, "drop", app, f"proxy-call-{name}-{app}",
              proxy=proxies.url(row.port, row.scheme), password=row.password,
              proxy_more=row.more.format(lab=lab))


for _app, _name in (("chromium", "negotiate"), ("chromium", "tls"),
                    ("aiortc", "digest"), ("aiortc", "ntlm-strict"),
                    ("aiortc", "socks-login"), ("aiortc", "tls-negotiate"),
                    ("aiortc", "tls-client")):
    test(f"proxy-call-{_name}-{_app}", app=_app, name=_name)(behind)
