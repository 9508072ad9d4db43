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
nothing from inside but TCP to the proxy's ports; `noroute` is `drop` where
inside has no default route either. In the closed moods inside's name server
does not answer.

`lab.py shell [MOOD]` opens a shell inside.
"""
import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("TURNOUT_BUILD", TOP / "build")).resolve()

INSIDE, LAN_GATEWAY, LAN_DNS = "10.20.0.2", "10.20.0.1", "10.20.0.53"
PROXY, RELAY, REST_RELAY = "192.0.2.10", "192.0.2.20", "192.0.2.30"
WORLD = "203.0.113.10"
PLAIN_PORT, BASIC_PORT = 3128, 3129
PROXY_URL = f"http://proxy.lab.test:{PLAIN_PORT}"
BASIC_URL = f"http://proxy.lab.test:{BASIC_PORT}"
PROXY_USER, PROXY_PASSWORD = "paul", "pr0xy ;pass"
RELAY_USER, RELAY_PASSWORD = "alice", "re1ay-pass"
REST_SECRET = "north-by-northwest"
USERS = ("root", "nobody")

LOCAL_HOSTS = f"127.0.0.1 localhost\n::1 localhost\n{PROXY} proxy.lab.test\n"
WORLD_HOSTS = LOCAL_HOSTS + f"""\
{RELAY} relay.lab.test
{REST_RELAY} rest.lab.test
{WORLD} call.lab.test stun.lab.test refused.lab.test
"""

RULES = """
flush ruleset
table inet lab {{
	counter udp_unicast {{ }}
	counter udp_multicast {{ }}
	counter tcp_stray {{ }}
	set udp_seen {{ type ipv4_addr . inet_service; flags dynamic; }}
	set tcp_seen {{ type ipv4_addr . inet_service; flags dynamic; }}
	chain count {{
		type filter hook prerouting priority -300; policy accept;
		iifname != lan return
		ip daddr {proxy} tcp dport {{ {plain}, {basic} }} return
		meta l4proto udp ip daddr 224.0.0.0/4 counter name udp_multicast return
		meta l4proto udp ip6 daddr ff00::/8 counter name udp_multicast return
		meta l4proto udp counter name udp_unicast
		meta l4proto udp add @udp_seen {{ ip daddr . udp dport }}
		tcp flags & (syn | ack) == syn counter name tcp_stray
		tcp flags & (syn | ack) == syn add @tcp_seen {{ ip daddr . tcp dport }}
	}}
	chain forward {{
		type filter hook forward priority 0; policy accept;
		ct state established,related accept
		iifname lan ip daddr {proxy} tcp dport {{ {plain}, {basic} }} accept
		{forward}
	}}
	chain input {{
		type filter hook input priority 0; policy accept;
		{input}
	}}
}}
"""
REJECT = """{match} meta l4proto tcp reject with tcp reset
		{match} reject with icmpx type admin-prohibited"""


def rules(mood):
    closed = {"open": "", "drop": "{match} drop", "noroute": "{match} drop",
              "reject": REJECT}[mood]
    # Neither side may start anything through the firewall.
    forward = "\n\t\t".join(closed.format(match=match) for match in
                            ("iifname lan", "oifname lan")) if closed else ""
    return RULES.format(proxy=PROXY, plain=PLAIN_PORT, basic=BASIC_PORT,
                        forward=forward,
                        input=closed.format(match="iifname lan"))


SQUID = """
http_port {proxy}:{plain} name=plain
http_port {proxy}:{basic} name=basic
auth_param basic program /usr/lib/squid/basic_ncsa_auth {dir}/squid.users
auth_param basic realm lab
acl basic_port myportname basic
acl users proxy_auth REQUIRED
acl SSL_ports port 443
acl CONNECT method CONNECT
acl refused dstdomain refused.lab.test
http_access deny CONNECT !SSL_ports
http_access deny refused
http_access deny basic_port !users
http_access allow all
hosts_file /etc/hosts
cache deny all
cache_log {dir}/squid.log
access_log stdio:{dir}/squid.access
pid_filename {dir}/squid.pid
coredump_dir {dir}
pinger_enable off
max_filedescriptors 4096
shutdown_lifetime 0 seconds
"""

COTURN = """
listening-ip={address}
relay-ip={address}
listening-port=3478
tls-listening-port=443
min-port=50000
max-port=50999
realm=lab
fingerprint
cert={dir}/server.pem
pkey={dir}/server.key
no-cli
no-udp
no-dtls
no-multicast-peers
denied-peer-ip=10.0.0.0-10.255.255.255
userdb={dir}/{name}.sqlite
pidfile={dir}/{name}.pid
log-file={dir}/{name}.log
simple-log
verbose
{credentials}
"""

TUNNELD = """\
[proxy]
url = {proxy}
{proxy_credentials}
[relay lab]
uri = turns:{relay}:443?transport=tcp
{ca}{relay_credentials}path = {path}
[daemon]
log_level = info
"""

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
    return None


def enclose():
    """Runs the rest of this program in namespaces of its own.

    There the first process only starts the second and collects the dead; when
    it ends the kernel kills all the others.
    """
    if os.environ.pop("TURNOUT_LAB", None) is None:
        argv = ["unshare", "--mount", "--net", "--pid", "--fork",
                "--kill-child=KILL", "--mount-proc",
                sys.executable, *sys.argv]
        os.execvpe(argv[0], argv, {**os.environ, "TURNOUT_LAB": "yes"})
    child = os.fork()
    if child == 0:
        return
    # A terminal's ^C reaches the second process too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM,
                  lambda *_: os.kill(child, signal.SIGINT))
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def wait_for(what, condition, timeout_s=10.0):
    """Waits until `condition()` is true; returns what it returned."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s} s")
        time.sleep(0.02)


def now():
    return time.time()


def sh(*argv, stdin=None):
    done = subprocess.run([str(word) for word in argv], input=stdin, text=True,
                          capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stderr}")
    return done.stdout


class Host:
    """A network and mount namespace, held by a process that sleeps."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.dir = lab.dir / name
        self.dir.mkdir()
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sleep", "infinity"])
        lab.hosts.append(self)
        ours = os.readlink("/proc/self/ns/net")
        wait_for("namespace", lambda: os.readlink(
            f"/proc/{self.holder.pid}/ns/net") != ours and os.readlink(
            f"/proc/{self.holder.pid}/exe").endswith("/sleep"))
        self.enter = ["nsenter", "--target", str(self.holder.pid), "--net",
                      "--mount", "--wd=/"]
        self.do("mount", "-t", "tmpfs", "-o", "mode=755", "run", "/run")
        # Any user may come to these, wherever the checkout is.
        for source, target in ((TOP, lab.source), (BUILD, lab.build)):
            if source.exists():
                self.do("mount", "--bind", source, target)
        self.do("ip", "link", "set", "lo", "up")

    def do(self, *argv, stdin=None):
        return sh(*self.enter, *argv, stdin=stdin)

    def etc(self, **files):
        """Gives the host files of its own in /etc."""
        for name, text in files.items():
            name = name.replace("_", ".")
            ours = self.dir / name
            ours.write_text(text)
            theirs = os.path.realpath("/etc/" + name)
            self.do("sh", "-c", f"mkdir -p $(dirname {theirs}) && "
                    f"touch {theirs} && mount --bind {ours} {theirs}")

    def link(self, address, peer, peer_if, peer_address):
        self.do("ip", "link", "add", "eth0", "type", "veth", "peer", "name",
                peer_if, "netns", peer.holder.pid)
        self.do("ip", "address", "add", address, "dev", "eth0")
        peer.do("ip", "address", "add", peer_address, "dev", peer_if)
        self.do("ip", "link", "set", "eth0", "up")
        peer.do("ip", "link", "set", peer_if, "up")

    def start(self, *argv, user="root", log=None, env=(), **options):
        """Starts a program on this host, as `user`; with `log`, a file name,
        what it says goes there."""
        become = []
        if user != "root":
            become = ["setpriv", "--reuid", user, "--regid", "nogroup",
                      "--clear-groups", "--"]
        if log:
            stream = open(self.dir / log, "ab")
            options = {"stdout": stream, "stderr": stream, **options}
        child = subprocess.Popen(
            [*self.enter, *become, *map(str, argv)], start_new_session=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
                 "XDG_RUNTIME_DIR": str(self.lab.runtime[user]),
                 "TMPDIR": str(self.lab.tmp[user]), **dict(env)},
            **{"stdin": subprocess.DEVNULL, **options})
        if log:
            stream.close()
        self.lab.guests.append(child)
        return child


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
        self.fw.do("ip", "address", "add", LAN_DNS + "/32", "dev", "lan")
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
        """A CA for the lab and one certificate for all its servers."""
        def key(name):
            path = self.dir / name
            sh("openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout",
               "-out", path)
            return path

        self.ca = self.dir / "ca.pem"
        server_key = key("server.key")
        names = ",".join("DNS:" + name + ".lab.test" for name in
                         ("relay", "rest", "call", "refused"))
        sh("openssl", "req", "-x509", "-new", "-key", key("ca.key"), "-days",
           "30", "-subj", "/CN=lab CA", "-out", self.ca)
        sh("openssl", "req", "-x509", "-new", "-key", server_key, "-CA",
           self.ca, "-CAkey", self.dir / "ca.key", "-days", "30", "-subj",
           "/CN=lab", "-addext", "basicConstraints=critical,CA:FALSE",
           "-addext", "subjectAltName=" + names, "-out",
           self.dir / "server.pem")
        public = subprocess.run(
            ["openssl", "pkey", "-in", server_key, "-pubout", "-outform",
             "DER"], check=True, capture_output=True).stdout
        digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary"],
                                input=public, check=True,
                                capture_output=True).stdout
        self.spki = base64.b64encode(digest).decode()
        for path in self.dir.glob("*.pem"):
            path.chmod(0o644)

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
        host.start(sys.executable, "-u", self.apps / program, *argv, log=log.name)
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
               relay="relay", relay_password=RELAY_PASSWORD, path="proxy",
               trusted=True, extra=""):
        """Writes a configuration of tunneld, with secrets of `user`'s own."""
        place = self.dir / name
        place.mkdir()

        def secret(stem, text):
            path = place / stem
            path.write_text(text + "\n")
            path.chmod(0o600)
            shutil.chown(path, user)
            return path

        proxy_credentials = relay_credentials = ""
        if basic is not None:
            proxy_credentials = (
                f"username = {PROXY_USER}\n"
                f"password_file = {secret('proxy.password', basic)}\n"
                "auth = basic\n")
        if relay == "rest":
            relay_credentials = (
                f"secret_file = {secret('relay.secret', REST_SECRET)}\n")
        else:
            relay_credentials = (
                f"username = {RELAY_USER}\npassword_file = "
                f"{secret('relay.password', relay_password)}\n")
        conf = place / "tunneld.conf"
        conf.write_text(TUNNELD.format(
            proxy=proxy, proxy_credentials=proxy_credentials,
            relay=relay + ".lab.test", path=path,
            relay_credentials=relay_credentials,
            ca=f"ca_file = {self.ca}\n" if trusted else "") + extra)
        shutil.chown(place, user)
        shutil.chown(conf, user)
        return conf


def kill(child, number=signal.SIGTERM):
    """Signals a program and all that it started, and collects it."""
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        pass
    child.wait()


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
