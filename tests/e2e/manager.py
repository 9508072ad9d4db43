# SPDX-License-Identifier: LGPL-2.1-or-later
"""manager.py - a service manager for one tunneld: it listens for it, keeps its
descriptors over restarts, and hears what it is told (sd_listen_fds(3),
sd_notify(3))
"""
import array
import os
import socket
import sys
import threading
import time

# Descriptors from 3 on, and LISTEN_PID, as the manager's child has them.
BECOME = """
import fcntl, os, sys
given = [int(fd) for fd in sys.argv[1].split(",")]
fds = [fcntl.fcntl(fd, fcntl.F_DUPFD, 1000) for fd in given]
for fd in given:
    os.close(fd)
for number, fd in enumerate(fds):
    os.dup2(fd, 3 + number)
    os.close(fd)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """`control`: where it listens; `notify`: where it hears."""

    def __init__(self, control, notify, store_max=64):
        self.store = []  # (name, socket)
        self.heard = []  # (time, {key: value})
        self.max = store_max
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(control))
        os.chmod(control, 0o666)
        self.listener.listen()
        self.path = str(notify)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.path)
        self.lock = threading.Lock()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            text, control, _, _ = self.notify.recvmsg(4096, 1024)
            fds = array.array("i")
            for level, kind, data in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(data)
            words = dict(line.split("=", 1)
                         for line in text.decode().split("\n"))
            with self.lock:
                self.heard.append((time.monotonic(), words))
                self.take(words, list(fds))

    def take(self, words, fds):
        # Without FDPOLL=0, systemd would drop a socket with an error pending.
        if "FDSTORE" in words and words.get("FDPOLL") == "0":
            for fd in fds:
                self.store.append((words["FDNAME"], socket.socket(fileno=fd)))
        elif "FDSTOREREMOVE" in words:
            gone = [entry for entry in self.store
                    if entry[0] == words["FDNAME"]]
            for entry in gone:
                entry[1].close()
                self.store.remove(entry)

    def names(self):
        with self.lock:
            return sorted(name for name, _ in self.store)

    def told(self, key):
        with self.lock:
            return [words[key] for _, words in self.heard if key in words]

    def times(self, key):
        with self.lock:
            return [at for at, words in self.heard if key in words]

    def launch(self, *argv):
        """The next one: its command, descriptors and environment."""
        with self.lock:
            given = [("control", self.listener), *self.store]
            self.heard.clear()
        fds = [one.fileno() for _, one in given]
        return ([sys.executable, "-c", BECOME, ",".join(map(str, fds)),
                 *map(str, argv)], fds,
                {"NOTIFY_SOCKET": self.path, "FDSTORE": str(self.max),
                 "LISTEN_FDS": str(len(fds)),
                 "LISTEN_FDNAMES": ":".join(name for name, _ in given)})
