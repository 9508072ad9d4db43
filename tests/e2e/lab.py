#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""lab.py - a company network with its firewall, proxy and relay, on one machine

    inside 10.20.0.2 -- 10.20.0.1 fw 192.0.2.1 ---- dmz 192.0.2.10 squid
                                   203.0.113.1        .20 coturn, static user
                                       |              .30 coturn, REST secret
                               outside 203.0.113.10 signaling, page, STUN

Each host is a network and mount namespace with its own /etc/hosts, resolv.conf
and /run. All of it lives in a PID namespace of its own (`enclose`): when the
first process of that ends, however it ends, nothing is left.

The firewall has four moods: `open` routes everything; `drop` and `reject` let
nothing from inside but TCP to the proxies' ports, which are all at one address
(the ticket server is there, too); `noroute` is `drop` where inside has no
default route either. The intranet's server, 10.20.0.80, is always there. In the
closed moods inside's name server does not answer. `udp-relay`, `tcp-relay` and
`tls-relay` are `drop` with a way to one relay. More relays and proxies, of more
kinds: relays.py, proxies.py.

`lab.py shell [MOOD]` opens a shell inside.
"""
import base64
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from plan import (  # noqa: F401, some for those who use a lab
    BASIC_PORT, BASIC_URL, COTURN, DMZ6, DMZ_GATEWAY6, ELSEWHERE, INSIDE,
    INSIDE6, INTRANET, LAN_DNS, LAN_GATEWAY, LAN_GATEWAY6, LOCAL_HOSTS,
    PLAIN_PORT, PORTS, PROXY, PROXY_PASSWORD, PROXY_URL, PROXY_USER, RELAY,
    RELAY_ADDRESSES, RELAY_PASSWORD, RELAY_SECTION, RELAY_USER, REST_RELAY,
    REST_RELAYS, REST_SECRET, SQUID, TICKET_PORT, TUNNELD, USERS, WAN_GATEWAY6,
    WORLD, WORLD6, WORLD_HOSTS, rules)
from space import (  # noqa: F401
    BUILD, TOP, Host, enclose, kill, now, sh, wait_for)

# What the lab runs, and the Debian package that has it.
NEEDS = {"ip": "iproute2", "nft": "nftables", "squid": "squid",
         "turnserver": "coturn", "openssl": "openssl", "unshare": "util-linux",
         "nsenter": "util-linux", "setpriv": "util-linux"}


def missing():
    """Why the lab can't be raised here, or None."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    lost = sorted({package for tool, package in NEEDS.items()
                   if not shutil.which(tool)})
    if lost:
        return "not installed: " + " ".join(lost)
    if subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork",
                       "true"], capture_output=True, check=False).returncode:
        return "root may not make namespaces here, as in many containers"
    return None


class Lab:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="turnout-lab-"))
        self.dir.chmod(0o755)
        self.source = self.dir / "source"
        self.build = self.dir / "build"
        self.source.mkdir()
        self.build.mkdir()
        self.apps = self.source / "tests" / "e2e" / "apps"
        self.turnout = self.build / "tunneld" / "turnout"
        self.tunneld = self.build / "tunneld" / "tunneld"
        self.runtime = {user: self.own_place("run", user) for user in USERS}
        self.tmp = {user: self.own_place("tmp", user) for user in USERS}
        self.children = []
        self.hosts = []
        self.guests = []
        self.remark = ""
        self.open_took_s = {}
        self.mood = None
        self.spki = None
        # What proxies.py has started.
        self.standing = set()

    def __enter__(self):
        try:
            self.raise_network()
            self.make_certificates()
            self.start_services()
            self.adopt()
            self.set_mood("open")
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    def own_place(self, stem, user):
        """A directory that belongs to one user."""
        path = self.dir / f"{stem}-{user}"
        path.mkdir(mode=0o700)
        shutil.chown(path, user)
        return path

    def adopt(self):
        """What runs now stays for as long as the lab."""
        self.children += self.guests
        self.guests = []

    @contextlib.contextmanager
    def lasting(self):
        """What is started meanwhile stays for as long as the lab."""
        others, self.guests = self.guests, []
        try:
            yield
        finally:
            self.adopt()
            self.guests = others

    def end_guests(self):
        """Ends every program that was started since the lab stood."""
        for child in self.guests:
            if child.poll() is None:
                kill(child, signal.SIGKILL)
        self.guests = []

    def down(self):
        self.adopt()
        self.guests, self.children = self.children, []
        self.end_guests()
        for host in self.hosts:
            host.holder.kill()
            host.holder.wait()

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def raise_network(self):
        self.fw = Host(self, "fw")
        self.inside = Host(self, "inside")
        self.dmz = Host(self, "dmz")
        self.outside = Host(self, "outside")
        self.inside.link(INSIDE + "/24", self.fw, "lan", LAN_GATEWAY + "/24")
        self.dmz.link(PROXY + "/24", self.fw, "dmz", "192.0.2.1/24")
        self.outside.link(WORLD + "/24", self.fw, "wan", "203.0.113.1/24")
        for address in (LAN_DNS, INTRANET):
            self.fw.do("ip", "address", "add", address + "/32", "dev", "lan")
        for address in (RELAY, REST_RELAY):
            self.dmz.do("ip", "address", "add", address + "/32", "dev", "eth0")
        self.dmz.do("ip", "route", "add", "default", "via", "192.0.2.1")
        self.outside.do("ip", "route", "add", "default", "via", "203.0.113.1")
        self.inside.do("ip", "route", "add", PROXY, "via", LAN_GATEWAY)
        self.fw.do("sysctl", "-qw", "net.ipv4.ip_forward=1")
        dns = "nameserver {}\noptions timeout:1 attempts:1\n"
        nss = "passwd: files\ngroup: files\nhosts: files dns\n"
        self.inside.etc(hosts=LOCAL_HOSTS, resolv_conf=dns.format(LAN_DNS),
                        nsswitch_conf=nss)
        for host in (self.dmz, self.outside):
            host.etc(hosts=WORLD_HOSTS, resolv_conf=dns.format("127.0.0.1"),
                     nsswitch_conf=nss)

    def make_certificates(self):
        """A CA for the lab and certificates for its servers."""
        self.ca = self.make_authority("ca", "lab CA")
        server_key = self.make_key("server")
        self.certify("server", "relay", "rest", "call", "refused",
                     *(set(RELAY_ADDRESSES) - {"stranger"}))
        self.certify("stranger", "stranger")
        public = subprocess.run(
            ["openssl", "pkey", "-in", server_key, "-pubout", "-outform",
             "DER"], check=True, capture_output=True).stdout
        digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary"],
                                input=public, check=True,
                                capture_output=True).stdout
        self.spki = base64.b64encode(digest).decode()
        for path in self.dir.glob("*.pem"):
            path.chmod(0o644)

    def make_key(self, stem):
        path = self.dir / (stem + ".key")
        sh("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout",
           "-out", path)
        return path

    def make_authority(self, stem, name):
        path = self.dir / (stem + ".pem")
        sh("openssl", "req", "-x509", "-new", "-key", self.make_key(stem),
           "-days", "30", "-subj", "/CN=" + name, "-out", path)
        return path

    def certify(self, stem, *names, authority="ca"):
        """A certificate for names of the lab; all servers have one key."""
        sh("openssl", "req", "-x509", "-new", "-key", self.dir / "server.key",
           "-CA", self.dir / (authority + ".pem"), "-CAkey",
           self.dir / (authority + ".key"), "-days", "30",
           "-subj", "/CN=lab", "-addext",
           "basicConstraints=critical,CA:FALSE", "-addext",
           "subjectAltName=" + ",".join(f"DNS:{name}.lab.test"
                                        for name in names),
           "-out", self.dir / (stem + ".pem"))

    def give_ipv6(self):
        """Addresses and routes, until take_ipv6()."""
        for host, address, device, gateway in (
                (self.inside, INSIDE6, "lan", LAN_GATEWAY6),
                (self.dmz, DMZ6, "dmz", DMZ_GATEWAY6),
                (self.outside, WORLD6, "wan", WAN_GATEWAY6)):
            for who, what, where in ((self.fw, gateway, device),
                                     (host, address, "eth0")):
                who.do("ip", "address", "replace", what + "/64", "dev", where,
                       "nodad")
            host.do("ip", "route", "replace", "default", "via", gateway)
        self.fw.do("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")

    def take_ipv6(self):
        for host, address in ((self.inside, INSIDE6), (self.dmz, DMZ6),
                              (self.outside, WORLD6)):
            host.do("ip", "address", "del", address + "/64", "dev", "eth0")

    def start_services(self):
        waiting = []
        for host, address in ((self.fw, LAN_DNS), (self.dmz, "127.0.0.1"),
                              (self.outside, "127.0.0.1")):
            waiting.append(self.start_said_ready(
                host, "dnsd.py", address, self.write("zone", WORLD_HOSTS)))
        waiting.append(self.start_said_ready(
            self.outside, "world.py", WORLD, self.dir / "server.pem",
            self.dir / "server.key"))
        self.start_squid()
        self.start_coturn("relay", RELAY, f"lt-cred-mech\nuser={RELAY_USER}:"
                          f"{RELAY_PASSWORD}")
        self.start_coturn("rest", REST_RELAY, "use-auth-secret\n"
                          f"static-auth-secret={REST_SECRET}")
        for name, log in waiting:
            wait_for(name, lambda log=log: "ready" in log.read_text())
        for address, port in ((PROXY, PLAIN_PORT), (PROXY, BASIC_PORT),
                              (RELAY, 443), (REST_RELAY, 443)):
            self.wait_listening(address, port)

    def start_said_ready(self, host, program, *argv):
        log = host.dir / (program + ".log")
        host.start(sys.executable, "-u", self.apps / program, *argv,
                   log=log.name)
        return program, log

    def start_squid(self):
        # squid changes to its own user, who must write here.
        place = self.dmz.dir / "squid"
        place.mkdir(exist_ok=True)
        shutil.chown(place, "proxy", "proxy")
        hashed = sh("openssl", "passwd", "-apr1", PROXY_PASSWORD).strip()
        (place / "squid.users").write_text(f"{PROXY_USER}:{hashed}\n")
        conf = self.write("squid.conf", SQUID.format(
            proxy=PROXY, plain=PLAIN_PORT, basic=BASIC_PORT, dir=place))
        self.squid = self.dmz.start("squid", "-N", "-f", conf, log="squid.out")

    def restart_squid(self):
        """Its connections are closed; it takes new ones at once."""
        with self.lasting():
            kill(self.squid)
            self.start_squid()
            self.wait_listening(PROXY, PLAIN_PORT)

    def start_coturn(self, name, address, credentials):
        conf = self.write(name + ".conf", COTURN.format(
            address=address, dir=self.dir, name=name, credentials=credentials))
        self.dmz.start("turnserver", "-c", conf, log=name + ".out")

    def wait_listening(self, address, port):
        wanted = f"{address}:{port}"
        wait_for(wanted, lambda: wanted in self.dmz.do("ss", "-Hltn"), 20)

    def write(self, name, text, mode=0o644):
        path = self.dir / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def set_mood(self, mood):
        """Changes the firewall, and zeroes what it has counted."""
        self.fw.do("nft", "-f", "-", stdin=rules(mood))
        if mood == "noroute":
            self.inside.do("ip", "route", "flush", "default")
        else:
            self.inside.do("ip", "route", "replace", "default", "via",
                           LAN_GATEWAY)
        self.mood = mood

    def counted(self):
        """What of inside reached the firewall, but for the proxy's TCP."""
        listing = json.loads(self.fw.do("nft", "-j", "list", "table", "inet",
                                        "lab"))["nftables"]
        found = {row["counter"]["name"]: row["counter"]["packets"]
                 for row in listing if "counter" in row}
        for row in listing:
            if "set" in row:
                found[row["set"]["name"]] = [
                    ":".join(map(str, entry["concat"]))
                    for entry in row["set"].get("elem", [])]
        return found

    def forget_counts(self):
        self.set_mood(self.mood)

    def run(self, config, *options):
        """The beginning of a command line: the rest is run with turnout."""
        return [self.turnout, "run", "--config", config, *options, "--"]

    def config(self, name, user="root", proxy=PROXY_URL, basic=None,
               password=None, proxy_more="", relay="relay",
               relay_password=RELAY_PASSWORD, path="proxy", uris=(),
               trusted=True, relay_more="", extra="", names="synthetic"):
        """Writes a configuration of tunneld, with secrets of `user`'s own.
        `password` is the one at the proxy; `basic` is the same for one that
        knows nothing better. `relay` names one relay, or several with spaces
        between; `uris` is what to write instead of theirs, `relay_more` more
        lines for each. `names` is the mode of names: with any other the
        machine's own resolver asks too, which looks like an app that leaks."""
        place = self.dir / name
        place.mkdir()

        def secret(stem, text):
            path = place / stem
            path.write_text(text + "\n")
            path.chmod(0o600)
            shutil.chown(path, user)
            return path

        if basic is not None:
            password = basic
            proxy_more += "auth = basic\nbasic_over_http = yes\n"
        if password is not None:
            proxy_more += (
                f"username = {PROXY_USER}\n"
                f"password_file = {secret('proxy.password', password)}\n")
        sections = ""
        for number, host in enumerate(relay.split()):
            if host in REST_RELAYS:
                credentials = (
                    f"secret_file = {secret('relay.secret', REST_SECRET)}\n")
            else:
                credentials = (
                    f"username = {RELAY_USER}\npassword_file = "
                    f"{secret('relay.password', relay_password)}\n")
            sections += RELAY_SECTION.format(
                name=host, path=path, credentials=credentials,
                uri=uris[number] if uris else
                f"turns:{host}.lab.test:443?transport=tcp",
                ca=f"ca_file = {self.ca}\n" if trusted else "") + relay_more
        conf = place / "tunneld.conf"
        conf.write_text(TUNNELD.format(
            proxy=proxy, proxy_more=proxy_more,
            relays=sections, names=names) + extra)
        shutil.chown(place, user)
        shutil.chown(conf, user)
        return conf


def shell():
    with Lab() as lab:
        lab.set_mood(sys.argv[2] if len(sys.argv) > 2 else "drop")
        print(f"inside, {lab.mood}; logs in {lab.dir}; a configuration: "
              f"{lab.config('shell')}")
        subprocess.run([*lab.inside.enter, os.environ.get("SHELL", "bash")],
                       env={**os.environ, "SSL_CERT_FILE": str(lab.ca)},
                       check=False)
    lab.remove()


if __name__ == "__main__":
    if sys.argv[1:2] != ["shell"]:
        sys.exit(__doc__)
    if missing():
        sys.exit(missing())
    enclose()
    shell()
