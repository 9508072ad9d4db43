# SPDX-License-Identifier: LGPL-2.1-or-later
"""space.py - hosts made of namespaces, which end with what made them"""
import os
import pathlib
import signal
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("TURNOUT_BUILD", TOP / "build")).resolve()


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
        self.do("mount", "-t", "tmpfs", "-o", "mode=1777", "shm", "/dev/shm")
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
                    f"{{ [ -e {theirs} ] || touch {theirs}; }} && "
                    f"mount --bind {ours} {theirs}")

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
                 "HOME": str(self.lab.tmp[user]),
                 "XDG_RUNTIME_DIR": str(self.lab.runtime[user]),
                 "TMPDIR": str(self.lab.tmp[user]), **dict(env)},
            **{"stdin": subprocess.DEVNULL, **options})
        if log:
            stream.close()
        self.lab.guests.append(child)
        return child


def kill(child, number=signal.SIGTERM):
    """Signals a program and all that it started, and collects it."""
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        pass
    child.wait()
