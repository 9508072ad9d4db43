# SPDX-License-Identifier: LGPL-2.1-or-later
"""proxies.py - proxies of each kind that companies have, started when a test
asks, and then there for as long as the lab

squid with each way to log in, one a port (`plan.PORTS`) and all on one; over
TLS; with a real Kerberos realm; tinyproxy; SOCKS; one that wants a certificate;
one that inspects TLS; and an intranet server with proxy scripts.
"""
import collections
import hashlib
import re
import shutil
import subprocess
import sys
import urllib.parse

from plan import (INTRANET, PLAIN_PORT, PORTS, PROXY, PROXY_PASSWORD,
                  PROXY_USER, TICKET_PORT)
from space import sh, wait_for

REALM = "LAB.TEST"
TICKET_PASSWORD = "t1cket-pass"
PACKAGES = {
    "squid": {"/usr/lib/squid/negotiate_kerberos_auth": "squid"},
    "strict": {"/usr/lib/squid/basic_ncsa_auth": "squid"},
    "krb5": {"krb5kdc": "krb5-kdc", "kadmin.local": "krb5-admin-server",
             "kinit": "krb5-user"},
    "tiny": {"tinyproxy": "tinyproxy"},
    "socks": {"microsocks": "microsocks"},
    "client": {"stunnel4": "stunnel4"},
    "inspecting": {}, "intranet": {},
}

SQUID = """
{ports}
auth_param negotiate program /usr/lib/squid/negotiate_kerberos_auth \\
    -k {dir}/keytab -c {dir} -s HTTP/proxy.lab.test@{realm}
auth_param negotiate children 20 startup=0 idle=1
auth_param ntlm program {ntlm}
auth_param ntlm children 60 startup=0 idle=1
auth_param digest program /usr/lib/squid/digest_file_auth -c {dir}/digest
auth_param digest realm lab
auth_param digest children 5 startup=0 idle=1
auth_param basic program /usr/lib/squid/basic_ncsa_auth {dir}/basic
auth_param basic realm lab
auth_param basic children 5 startup=0 idle=1
{acls}
acl users proxy_auth REQUIRED
acl SSL_ports port 443
acl CONNECT method CONNECT
deny_info 302:http://portal.lab.test/login on_captive
http_access deny on_captive
http_access deny CONNECT !SSL_ports
http_access deny login !users
http_access allow all
hosts_file /etc/hosts
cache deny all
cache_log {dir}/squid.log
logformat seen %>lp %rm %ru %>Hs %un %{{Proxy-Authorization}}>h
access_log stdio:{dir}/access seen
pid_filename {dir}/squid.pid
coredump_dir {dir}
pinger_enable off
max_filedescriptors 4096
shutdown_lifetime 0 seconds
"""
# What each port offers to those who have to log in, the best first.
OFFERS = {"digest": "digest", "ntlm": "ntlm", "negotiate": "negotiate",
          "all": "negotiate ntlm digest basic", "passwords": "digest basic",
          "tls-basic": "basic", "tls-digest": "digest",
          "tls-negotiate": "negotiate"}
STRICT_OFFERS = {"strict": "ntlm"}

KRB5_CONF = """
[libdefaults]
	default_realm = {realm}
	dns_lookup_kdc = false
	dns_lookup_realm = false
	rdns = false
	clockskew = 3
	default_ccache_name = FILE:/run/krb5cc_%{{uid}}
[realms]
	{realm} = {{
		kdc = {proxy}
	}}
[domain_realm]
	.lab.test = {realm}
"""
KDC_CONF = """
[kdcdefaults]
	kdc_listen = {proxy}:{port}
	kdc_tcp_listen = {proxy}:{port}
[realms]
	{realm} = {{
		database_name = {dir}/principal
		key_stash_file = {dir}/stash
		acl_file = {dir}/acl
		supported_enctypes = aes256-cts-hmac-sha1-96:normal
	}}
[logging]
	kdc = FILE:{dir}/kdc.log
"""

TINYPROXY = """
Listen {proxy}
Port {port}
Timeout 60
MaxClients 100
ConnectPort 443
LogFile "{log}"
LogLevel Connect
{login}
"""
STUNNEL = """
foreground = yes
pid =
[proxy]
accept = {proxy}:{port}
connect = {proxy}:{plain}
cert = {lab}/proxy.pem
key = {lab}/server.key
CAfile = {lab}/ca.pem
verifyChain = yes
"""


def missing(*names):
    """Why these can't be started here, or None."""
    lost = {package for name in names
            for program, package in PACKAGES[name].items()
            if not shutil.which(program)}
    return "not installed: " + " ".join(sorted(lost)) if lost else None


def need(lab, *names):
    """Starts those that do not stand yet."""
    for name in names:
        if name not in lab.standing:
            with lab.lasting():
                START[name](lab)
            lab.standing.add(name)


def place_of(lab, name):
    """A directory for a server that changes to the user of squid."""
    place = lab.dmz.dir / name
    place.mkdir(exist_ok=True)
    shutil.chown(place, "proxy", "proxy")
    return place


def certify(lab):
    if not (lab.dir / "proxy.pem").exists():
        lab.certify("proxy", "proxy")
        lab.certify("client", "client")
        lab.certify("intranet", "intranet")


def write_squid(lab, name, ports, offers, ntlm):
    """A directory with the configuration of a squid and its users."""
    place = place_of(lab, name)
    hashed = sh("openssl", "passwd", "-apr1", PROXY_PASSWORD).strip()
    (place / "basic").write_text(f"{PROXY_USER}:{hashed}\n")
    secret = f"{PROXY_USER}:lab:{PROXY_PASSWORD}".encode()
    (place / "digest").write_text(
        f"{PROXY_USER}:lab:{hashlib.md5(secret).hexdigest()}\n")
    listen, acls = "", ""
    for port in ports:
        tls = (f" tls-cert={lab.dir}/proxy.pem tls-key={lab.dir}/server.key"
               if port.startswith("tls") else "")
        listen += (f"http{'s' if tls else ''}_port {PROXY}:{PORTS[port]} "
                   f"name={port}{tls}\n")
        acls += f"acl on_{port} myportname {port}\n"
    if "captive" not in ports:
        acls += "acl on_captive myportname none\n"
    for port, schemes in offers.items():
        acls += (f"acl login myportname {port}\nauth_schemes "
                 f"{schemes.replace(' ', ',')} on_{port}\n")
    (place / "squid.conf").write_text(SQUID.format(
        ports=listen, acls=acls, dir=place, realm=REALM, ntlm=ntlm))
    return place


def run_squid(lab, name, port):
    place = lab.dmz.dir / name
    (place / "access").unlink(missing_ok=True)
    lab.dmz.start("squid", "-N", "-n", name, "-f", place / "squid.conf",
                  log=name + ".out")
    lab.wait_listening(PROXY, PORTS[port])


def start_squid(lab):
    certify(lab)
    write_squid(lab, "schemes", [*OFFERS, "captive", "tls"], OFFERS,
                "/usr/lib/squid/ntlm_fake_auth")
    run_squid(lab, "schemes", "all")


def start_strict(lab):
    """NTLM with a look at the password: squid's own helper has none."""
    hashed = subprocess.run(
        ["openssl", "dgst", "-md4", "-provider", "legacy", "-provider",
         "default", "-r"], input=PROXY_PASSWORD.encode("utf-16-le"),
        check=True, capture_output=True).stdout.decode().split()[0]
    place = place_of(lab, "strict")
    (place / "ntlm").write_text(f"{PROXY_USER} {hashed}\n")
    write_squid(lab, "strict", STRICT_OFFERS, STRICT_OFFERS,
                f"{sys.executable} {lab.apps}/ntlm_helper.py {place}/ntlm")
    run_squid(lab, "strict", "strict")


def start_krb5(lab):
    """A realm: its ticket server, the proxy's key, and a user's."""
    place = lab.dmz.dir / "krb5"
    place.mkdir()
    text = KRB5_CONF.format(realm=REALM, proxy=PROXY)
    for host in (lab.dmz, lab.inside):
        host.etc(krb5_conf=text)
    (place / "kdc.conf").write_text(KDC_CONF.format(
        realm=REALM, proxy=PROXY, port=TICKET_PORT, dir=place))
    env = ["env", f"KRB5_KDC_PROFILE={place}/kdc.conf"]
    lab.dmz.do(*env, "kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
    keytab = place_of(lab, "schemes") / "keytab"
    for query in (f"addprinc -pw {TICKET_PASSWORD} {PROXY_USER}",
                  "addprinc -randkey HTTP/proxy.lab.test",
                  f"ktadd -k {keytab} HTTP/proxy.lab.test"):
        lab.dmz.do(*env, "kadmin.local", "-q", query)
    shutil.chown(keytab, "proxy", "proxy")
    lab.dmz.start(*env, "krb5kdc", "-n", log="krb5kdc.out")
    lab.wait_listening(PROXY, TICKET_PORT)


def start_tiny(lab):
    for name, login in (("tiny", ""), ("tiny-basic", "BasicAuth "
                                       f"{PROXY_USER} {TICKET_PASSWORD}")):
        conf = lab.write(name + ".conf", TINYPROXY.format(
            proxy=PROXY, port=PORTS[name], log=lab.dmz.dir / (name + ".log"),
            login=login))
        lab.dmz.start("tinyproxy", "-d", "-c", conf, log=name + ".out")
        lab.wait_listening(PROXY, PORTS[name])


def start_socks(lab):
    for name, login in (("socks", ()),
                        ("socks-login", ("-u", PROXY_USER, "-P",
                                         PROXY_PASSWORD))):
        lab.dmz.start("microsocks", "-i", PROXY, "-p", PORTS[name], *login,
                      log=name + ".log")
        lab.wait_listening(PROXY, PORTS[name])


def start_client(lab):
    """The plain squid behind TLS that wants to see a certificate."""
    certify(lab)
    conf = lab.write("stunnel.conf", STUNNEL.format(
        proxy=PROXY, port=PORTS["tls-client"], plain=PLAIN_PORT, lab=lab.dir))
    lab.dmz.start("stunnel4", conf, log="stunnel.log")
    lab.wait_listening(PROXY, PORTS["tls-client"])


def start_inspecting(lab):
    """It answers in the name of whoever is asked for, with a CA of its own."""
    lab.make_authority("inspection", "inspection CA")
    lab.certify("inspected", "relay", "call", authority="inspection")
    log = lab.dmz.dir / "inspecting.log"
    lab.dmz.start(sys.executable, "-u", lab.apps / "inspecting.py", PROXY,
                  PORTS["inspecting"], lab.dir / "inspected.pem",
                  lab.dir / "server.key", log=log.name)
    wait_for("inspecting", lambda: "ready" in log.read_text())


def start_intranet(lab):
    certify(lab)
    www = lab.fw.dir / "www"
    www.mkdir()
    log = lab.fw.dir / "intranet.log"
    lab.fw.start(sys.executable, "-u", lab.apps / "intranet.py", INTRANET, www,
                 lab.dir / "intranet.pem", lab.dir / "server.key",
                 log=log.name)
    wait_for("intranet", lambda: "ready" in log.read_text())


START = {"squid": start_squid, "strict": start_strict, "krb5": start_krb5,
         "tiny": start_tiny, "socks": start_socks, "client": start_client,
         "inspecting": start_inspecting, "intranet": start_intranet}


def url(port, scheme="http"):
    return f"{scheme}://proxy.lab.test:{PORTS[port]}"


def kinit(lab, *options):
    """A ticket for who is inside, in the usual place."""
    lab.inside.do("kinit", *options, PROXY_USER, stdin=TICKET_PASSWORD + "\n")


def kdestroy(lab):
    """No ticket, whether there was one or not."""
    lab.inside.do("rm", "-f", "/run/krb5cc_0")


Seen = collections.namedtuple("Seen", "port method target status user login")
PORT_NAMES = {number: name for name, number in PORTS.items()}


class Access:
    """What a squid of this module has logged since this was made."""

    def __init__(self, lab, name="schemes"):
        self.log = lab.dmz.dir / name / "access"
        self.before = len(self.log.read_text()) if self.log.exists() else 0

    def seen(self, but="relay.lab.test"):
        """Requests, but for those to the relay, which is kept warm."""
        text = self.log.read_text()[self.before:]
        found = []
        for line in text[:text.rfind("\n") + 1].splitlines():
            port, method, target, status, user, login = map(
                urllib.parse.unquote, line.split(" "))
            if not (but and but in target):
                found.append(Seen(PORT_NAMES[int(port)], method, target,
                                  int(status), user, login))
        return found

    def passwords(self):
        """How often a password, or what proves it, has come."""
        # An NTLM message of type 1 holds none (MS-NLMP, 2.2.1.1).
        proof = re.compile(r"Basic |Digest |NTLM TlRMTVNTUAAD")
        return sum(1 for seen in self.seen(None) if proof.match(seen.login))

    def until(self, what, condition):
        """Squid logs a request when it is over: waits for one that fits."""
        return wait_for(what, lambda: [seen for seen in self.seen()
                                       if condition(seen)])
