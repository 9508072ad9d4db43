# SPDX-License-Identifier: LGPL-2.1-or-later
"""machine.py - a machine inside the lab with a systemd and a dpkg of its own

Its files are this machine's with a layer of its own above, so what is installed
in it is gone with it, and what it has changed can be listed.
"""
import contextlib
import hashlib
import os
import pathlib
import stat
import subprocess
import sys

import lab as labs
import space
import suite

HERE = pathlib.Path(__file__).resolve().parent
# What dpkg and the tools for users write down, whatever is installed.
BOOKS = ("var/lib/dpkg/", "var/log/", "var/cache/", "var/lib/systemd/",
         "var/lib/apt/", "var/lib/man-db/", "var/tmp/", "root/")
BACKUPS = ("etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-",
           "etc/ld.so.cache", "etc/.pwd.lock", "etc/subuid-", "etc/subgid-")


class Machine:
    """As space.Host: it has do() and start(), and a directory of its logs."""

    def __init__(self, lab):
        self.lab = lab
        self.dir = lab.dir / "machine"
        self.dir.mkdir()
        self.upper = self.dir / "upper"
        self.cgroups = self.dir / "cgroups"
        self.cgroups.mkdir()
        labs.sh("mount", "-t", "cgroup2", "cgroup2", self.cgroups)
        self.cgroup = self.cgroups / f"{lab.dir.name}-machine"
        self.boot()

    def boot(self):
        log = open(self.dir / "boot.log", "ab")
        with log:
            self.holder = subprocess.Popen(
                ["nsenter", "--target", str(self.lab.inside.holder.pid),
                 "--net", "--", "sh", "-c",
                 'mkdir "$1" && echo $$ >"$1/cgroup.procs" && shift && '
                 'exec unshare --mount --pid --fork --kill-child=KILL --ipc '
                 '--uts --cgroup "$@"', "sh", self.cgroup, HERE / "boot",
                 self.dir, labs.TOP, self.lab.source],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        first = labs.wait_for("the machine's first process", self.first_pid)
        labs.wait_for("systemd as the machine's first process", lambda:
                      os.readlink(f"/proc/{first}/exe").endswith("systemd"))
        self.enter = ["nsenter", "--target", str(first), "--mount", "--uts",
                      "--ipc", "--net", "--pid", "--cgroup", "--root",
                      "--wdns=/", "--", "env", "-i", "LC_ALL=C.UTF-8",
                      "DEBIAN_FRONTEND=noninteractive", "HOME=/root",
                      "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        labs.wait_for("the machine's boot", lambda: self.ask(
            "systemctl", "is-active", "basic.target").returncode == 0, 60)

    def first_pid(self):
        pid = self.holder.pid
        if self.holder.poll() is not None:
            sys.exit((self.dir / "boot.log").read_text())
        # Before, the children are those of the shell.
        if not os.readlink(f"/proc/{pid}/exe").endswith("unshare"):
            return None
        found = pathlib.Path(
            f"/proc/{pid}/task/{pid}/children").read_text().split()
        return found[0] if found else None

    def ask(self, *argv, stdin=None):
        """Runs a program to its end, whatever that is."""
        return subprocess.run([*self.enter, *map(str, argv)], input=stdin,
                              text=True, capture_output=True, check=False)

    def do(self, *argv, stdin=None):
        return space.sh(*self.enter, *argv, stdin=stdin)

    def write(self, path, text, mode=0o644, owner="root"):
        self.do("install", "-D", "-m", f"{mode:o}", "-o", owner, "/dev/stdin",
                path, stdin=text)

    def copy(self, path, target):
        subprocess.run([*self.enter, "tee", target], check=True,
                       input=path.read_bytes(), stdout=subprocess.DEVNULL)

    def start(self, *argv, user="root", env=(), **options):
        """Starts a program, as a user who has logged in."""
        words = [*self.enter, *(f"{k}={v}" for k, v in dict(env).items())]
        if user != "root":
            words += ["setpriv", "--reuid", user, "--regid", "nogroup",
                      "--clear-groups", "--"]
        child = subprocess.Popen([*words, *map(str, argv)],
                                 start_new_session=True, **options)
        self.lab.guests.append(child)
        return child

    def unit(self, name):
        """What systemd knows of the service."""
        told = self.do("systemctl", "show", "tunneld", "-p", name)
        return told.partition("=")[2].strip()

    def still_there(self, _):
        """What is installed goes on from one test to the next."""
        if self.holder.poll() is not None:
            raise suite.Failed("the machine has ended")

    def changes(self):
        """Path -> what became of it, of all that differs from this machine's
        files."""
        found = {}
        for where, folders, files in os.walk(self.upper):
            for name in folders + files:
                path = pathlib.Path(where, name)
                short = str(path.relative_to(self.upper))
                if (short + "/").startswith(BOOKS) or short in BACKUPS:
                    continue
                what = described(path, pathlib.Path("/", short))
                if what:
                    found[short] = what
        return found

    def down(self):
        """Ends it and all that runs in it."""
        with contextlib.suppress(ProcessLookupError):
            self.holder.kill()
        self.holder.wait()

        def emptied():
            for where, folders, _ in os.walk(self.cgroup, topdown=False):
                try:
                    os.rmdir(where)
                except FileNotFoundError:
                    pass
                except OSError:
                    return False
            return True
        labs.wait_for("the machine's end", emptied, 20)


def described(path, below):
    """What is at `path` that is not at `below`."""
    seen = path.lstat()
    if stat.S_ISCHR(seen.st_mode) and seen.st_rdev == 0:
        return "gone"
    if stat.S_ISDIR(seen.st_mode):
        return None if below.is_dir() else "directory"
    if stat.S_ISLNK(seen.st_mode):
        return "-> " + os.readlink(path)
    if not stat.S_ISREG(seen.st_mode):
        return "special"
    content = path.read_bytes()
    # Written anew with what it had: a user came and went.
    if below.is_file() and below.read_bytes() == content:
        return None
    return hashlib.sha256(content).hexdigest()
