# SPDX-License-Identifier: LGPL-2.1-or-later
"""living.py - the life of an installation, from dpkg -i to its purge

The order matters: each test goes on where the one before ended.
"""
import json
import os
import signal
import sys

import lab as labs
import making
import surviving
import suite
from suite import check

# What nobody should notice: less than a doubtful connection takes.
SILENCE_MS = 3000
CONF = f"""
[proxy]
url = {labs.BASIC_URL}
username = {labs.PROXY_USER}
password_credential = proxy
auth = basic
basic_over_http = yes

[relay company]
uri = turns:relay.lab.test:443?transport=tcp
username = {labs.RELAY_USER}
password_file = /run/credentials/tunneld.service/relay
ca_file = /etc/lab-ca.pem

[names]
mode = synthetic
"""
DROP_IN = """
[Service]
LoadCredential=proxy:/etc/lab-secrets/proxy
LoadCredential=relay:/etc/lab-secrets/relay
WatchdogSec=2s
"""
EDITED = "# What our administrator has written.\n"
# An ELF header of 32 bits, and nothing behind it: printf(1) makes it.
I386_HEAD = (r"\177ELF\1\1\1" + r"\0" * 9 + r"\2\0\3\0\1\0\0\0" + r"\0" * 4
             + r"\64\0\0\0" + r"\0" * 8 + r"\64\0\40\0\0\0\50\0\0\0\0\0")
USES_LIBRARY = """\
maps = open("/proc/self/maps").read()
assert "/turnout/libturnout.so" in maps, maps
"""


class Life:
    def __init__(self, lab, packages):
        self.lab, self.machine, self.packages = lab, lab.machine, packages
        self.talk = None
        self.prepare()
        self.before = self.machine.changes()

    def prepare(self):
        """What has to do with the lab, and is there before and after."""
        m = self.machine
        m.write("/etc/hosts", labs.LOCAL_HOSTS)
        m.do("rm", "-f", "/etc/resolv.conf")
        m.write("/etc/resolv.conf", f"nameserver {labs.LAN_DNS}\n"
                "options timeout:1 attempts:1\n")
        m.write("/etc/nsswitch.conf",
                "passwd: files\ngroup: files\nhosts: files dns\n")
        m.write("/etc/lab-ca.pem", self.lab.ca.read_text())
        m.write("/etc/lab-secrets/proxy", labs.PROXY_PASSWORD + "\n", 0o600)
        m.write("/etc/lab-secrets/relay", labs.RELAY_PASSWORD + "\n", 0o600)
        # Who builds packages may have forbidden that services be restarted.
        m.do("rm", "-f", "/usr/sbin/policy-rc.d")
        # The manual's index takes a minute, and is no matter of ours.
        m.do("rm", "-f", "/var/lib/man-db/auto-update")

    def list(self):
        for name in ("rpm_as_deb", "install", "run_private", "foreign", "start",
                     "activate", "configure", "hardened", "reload", "everybody",
                     "ansible", "connect", "call", "watchdog", "upgrade",
                     "hang_up", "remove", "purge"):
            suite.test("packages_" + name)(
                lambda _, name=name: getattr(self, name)())

    def dpkg(self, *argv):
        done = self.machine.ask("dpkg", "--force-unsafe-io",
                                "--force-confold", *argv)
        check(done.returncode == 0, done.stdout + done.stderr)

    def install_debs(self, debs):
        self.machine.do("mkdir", "-p", "/tmp/debs")
        for deb in debs:
            self.machine.copy(deb, f"/tmp/debs/{deb.name}")
        self.dpkg("-i", *(f"/tmp/debs/{deb.name}" for deb in debs))
        self.machine.do("rm", "-r", "/tmp/debs")

    def active(self, unit="tunneld.service"):
        return self.machine.ask("systemctl", "is-active",
                                unit).stdout.strip() == "active"

    def rpm_as_deb(self):
        making.check_rpms(self.packages)

    def install(self):
        self.install_debs(making.debs(self.packages))
        check(not self.active(), "tunneld was started by its installation")
        failed = self.machine.do("systemctl", "--failed", "--plain",
                                 "--no-legend")
        check("tunneld" not in failed, failed)
        self.machine.do("getent", "passwd", "turnout")

    def run_private(self):
        self.machine.do("turnout", "run", "--set", "proxy.url=none", "--",
                        sys.executable, "-c", USES_LIBRARY + """
import os
assert os.environ["LD_PRELOAD"] == "/usr/$LIB/turnout/libturnout.so"
""")

    def foreign(self):
        """An app of another architecture is refused, but for where its own
        library is installed: then its loader finds that. (It cannot be run
        here, and is the bare head of a program.)"""
        m, library = self.machine, "/usr/lib/i386-linux-gnu/turnout"
        m.do("sh", "-c", f"printf '{I386_HEAD}' >/tmp/app32; "
             "chmod 755 /tmp/app32")
        told = m.ask("turnout", "run", "--strict", "--", "/tmp/app32")
        check(told.returncode == 125 and "is for i386" in told.stderr, told)
        m.do("sh", "-c", f"mkdir -p {library}; "
             f"cp /tmp/app32 {library}/libturnout.so")
        told = m.ask("turnout", "run", "--set", "proxy.url=none", "--strict",
                     "--", "/tmp/app32")
        check(told.returncode == 126 and "is for" not in told.stderr, told)
        m.do("rm", "-r", "/tmp/app32", "/usr/lib/i386-linux-gnu/turnout")
        m.ask("rmdir", "/usr/lib/i386-linux-gnu")

    def start(self):
        self.machine.do("systemctl", "enable", "--now", "tunneld")
        check(self.active(), "it does not run")
        self.machine.do("systemctl", "status", "tunneld")
        check(self.machine.unit("User") == "turnout", "it runs as root")

    def activate(self):
        """The first who asks starts it."""
        self.machine.do("systemctl", "stop", "tunneld.service")
        check(self.active("tunneld.socket"), "its socket does not listen")
        self.machine.do("turnout", "status")
        check(self.active(), "a question does not start it")

    def configure(self):
        m = self.machine
        m.write("/etc/systemd/system/tunneld.service.d/lab.conf", DROP_IN)
        m.write("/etc/turnout/conf.d/50-lab.conf", CONF)
        m.do("systemctl", "daemon-reload")
        m.do("systemctl", "restart", "tunneld")
        check(self.active(), "it does not run with credentials")

    def hardened(self):
        """What the unit asks for is in force, and so is tunneld's own."""
        pid = self.machine.unit("MainPID")
        status = self.machine.do("cat", f"/proc/{pid}/status").splitlines()
        for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t" + "0" * 16,
                     "CapEff:\t" + "0" * 16):
            check(line in status, f"not {line}: {status}")
        mounts = self.machine.do("cat", f"/proc/{pid}/mountinfo")
        check(any(line.split()[4] == "/" and line.split()[5][:2] == "ro"
                  for line in mounts.splitlines()), f"it can write: {mounts}")

    def reload(self):
        m, pid = self.machine, self.machine.unit("MainPID")
        m.do("systemctl", "reload", "tunneld")
        m.write("/etc/turnout/conf.d/60-wrong.conf", "[media]\nmode = maybe\n")
        check(m.ask("systemctl", "reload", "tunneld").returncode,
              "a wrong configuration is taken")
        m.do("rm", "/etc/turnout/conf.d/60-wrong.conf")
        m.do("systemctl", "reload", "tunneld")
        check(m.unit("MainPID") == pid, "a reload has restarted it")

    def everybody(self):
        """The examples: profile.d, a lock, a desktop entry."""
        source = self.lab.source / "contrib"
        self.machine.do(
            "setpriv", "--reuid", "nobody", "--regid", "nogroup",
            "--clear-groups", "sh", "-euc",
            f". {source}/profile.d/turnout.sh; exec python3 -c '{USES_LIBRARY}'")
        policy = source / "policy" / "50-company.conf"
        self.machine.do("turnout", "config", "check", "--as-policy",
                        "--no-secrets", policy)
        self.machine.write("/etc/turnout/policy.d/50-company.conf",
                           "[media]\nmode = always\n")
        done = self.machine.ask("turnout", "config", "check", "--no-secrets")
        shown = self.machine.do("turnout", "config", "show", "--origin",
                                "media.mode")
        check("always" in shown and "50-company.conf" in shown, shown)
        check(done.returncode == 0, done.stderr)
        self.machine.do("rm", "/etc/turnout/policy.d/50-company.conf")

    def ansible(self):
        """The role writes what turnout takes, and starts tunneld."""
        roles = self.lab.source / "contrib" / "ansible" / "roles"
        play = [{"hosts": "localhost", "connection": "local", "roles": [{
            "role": "turnout", "turnout_packages": [],
            "turnout_relays": [{"name": "spare", "username": "u",
                                "uri": "turns:relay.lab.test:443?transport=tcp",
                                "password": "fleet-pass"}],
            "turnout_rules": ["direct 203.0.113.99/32"],
            "turnout_policy": {"media": {"mode": "auto"}}}]}]
        self.machine.write("/tmp/play.yml", json.dumps(play))
        environment = ("env", f"ANSIBLE_ROLES_PATH={roles}",
                       "ANSIBLE_LOCALHOST_WARNING=false")
        inventory = ("-i", "localhost,")
        self.machine.do(*environment, "ansible-playbook", *inventory,
                        "--syntax-check", "/tmp/play.yml")
        told = self.machine.ask(*environment, "ansible-playbook", *inventory,
                                "/tmp/play.yml").stdout
        check("failed=0" in told and "fleet-pass" not in told, told)
        shown = self.machine.do("turnout", "config", "show", "--origin")
        check("spare" in shown and "50-fleet.conf" in shown, shown)
        self.machine.do(
            "rm", "-r", "/root/.ansible", "/tmp/play.yml",
            "/etc/turnout/conf.d/50-fleet.conf",
            "/etc/turnout/policy.d/50-fleet.conf",
            "/etc/turnout/relay-spare.secret")
        self.machine.do("systemctl", "reload", "tunneld")

    def connect(self):
        """A plain program of a user reaches the outside through the proxy."""
        told = self.machine.do(
            "setpriv", "--reuid", "nobody", "--regid", "nogroup",
            "--clear-groups", "turnout", "run", "--", "curl", "-sS",
            "--max-time", "10", "--cacert", "/etc/lab-ca.pem",
            "https://call.lab.test/")
        check(told == "hello from outside\n", told)

    def call(self):
        """A user's program talks to one outside, by way of the relay."""
        where = f"{labs.WORLD}/7001"
        with self.lab.lasting():
            self.outside = surviving.Stream(self.lab, self.lab.outside,
                                            "packages", "answer", where)
            self.inside = surviving.Stream(
                self.lab, _User(self.machine), "packages", "call", where,
                wrap=["turnout", "run", "--"])
            labs.wait_for("the first datagrams", lambda: all(
                end.told("heard") for end in (self.inside, self.outside)), 20)
        self.machine.do("turnout", "status", "--check")

    def restarted(self, before, since):
        """tunneld has another pid, and the call has gone on."""
        labs.wait_for("another tunneld", lambda: self.active() and
                      self.machine.unit("MainPID") not in ("0", before), 20)
        labs.wait_for("its answer", lambda: self.machine.ask(
            "turnout", "status").returncode == 0)
        self.since = since

    def watchdog(self):
        """A tunneld that does nothing any more is replaced."""
        before, since = self.machine.unit("MainPID"), labs.now()
        check(before != "0", "it does not run")
        self.machine.do("kill", "-STOP", before)
        self.restarted(before, since)
        told = self.machine.do("journalctl", "-u", "tunneld", "--no-pager")
        check("Watchdog timeout" in told, told[-2000:])

    def upgrade(self):
        m, before = self.machine, self.machine.unit("MainPID")
        m.do("sh", "-c", f"printf '%s' '{EDITED}' "
             ">>/etc/turnout/tunneld.conf")
        self.upgraded_s = labs.now()
        self.install_debs(making.newer(self.packages, self.lab.dir))
        self.restarted(before, self.upgraded_s)
        check(EDITED in m.do("cat", "/etc/turnout/tunneld.conf"),
              "what an administrator has written is lost")
        version = m.do("dpkg-query", "-W", "-f", "${Version}", "tunneld")
        check(version == making.NEWER, version)

    def hang_up(self):
        """What the two ends of the call say of the upgrade."""
        heard = self.machine.ask("sleep", "2")
        check(heard.returncode == 0, heard.stderr)
        until = labs.now()
        for stream in (self.inside, self.outside):
            os.killpg(stream.child.pid, signal.SIGTERM)
            # The one at the machine is a grandchild of ours.
            end = labs.wait_for("what it has heard", lambda stream=stream:
                                stream.told("end"))[0]
            check(end["last"] > until - 0.5, f"the call has ended: {end}")
            silence = surviving.silence_ms(end["gaps"], self.upgraded_s, until)
            check(silence <= SILENCE_MS, f"silent for {silence} ms: {end}")
            self.lab.remark += f"{silence} ms "

    def remove(self):
        self.dpkg("-r", *making.NAMES)
        check(not self.active() and not self.active("tunneld.socket"),
              "it still runs")
        self.machine.do("test", "-e", "/etc/turnout/tunneld.conf")
        self.machine.do("test", "-d", "/var/lib/turnout")
        check(self.machine.ask("sh", "-c", "command -v turnout tunneld"
                               ).returncode, "a program is left")

    def purge(self):
        m = self.machine
        m.do("rm", "-r", "/etc/systemd/system/tunneld.service.d",
             "/etc/turnout/conf.d/50-lab.conf")
        self.dpkg("-P", *making.NAMES)
        m.do("systemctl", "daemon-reload")
        check(m.ask("getent", "passwd", "turnout").returncode, "a user is left")
        check(m.ask("test", "-e", "/run/turnout").returncode,
              "/run/turnout is left")
        after = m.changes()
        left = {path for path in {*after, *self.before}
                if after.get(path) != self.before.get(path)}
        check(not left, f"left or changed: {sorted(left)}")


class _User:
    """A user at the machine, as surviving.Stream wants a host."""

    def __init__(self, machine):
        self.machine, self.dir = machine, machine.dir

    def start(self, *argv, **options):
        options.pop("env", None)
        return self.machine.start(*argv, user="nobody", **options)
