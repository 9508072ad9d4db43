# SPDX-License-Identifier: LGPL-2.1-or-later
"""service.py - tunneld as a service, for tests that end it, read its use of the
processor, or share it between programs
"""
import os
import pathlib
import subprocess

import lab as labs
import manager


class Tunneld:
    """Runs inside, by `wrap` if there is one; programs find it by `env`."""

    def __init__(self, lab, config, *wrap):
        self.lab = lab
        self.config = config
        self.wrap = wrap
        self.log = lab.inside.dir / (config.parent.name + "-tunneld.log")
        self.socket = config.parent / "control"
        self.env = {"TURNOUT_SOCKET": str(self.socket)}
        self.start()

    def start(self):
        self.child = self.lab.inside.start(
            *self.wrap, self.lab.tunneld, "--config", self.config, "--set",
            f"daemon.socket={self.socket}", log=self.log.name)
        labs.wait_for("tunneld's answer", lambda: self.socket.exists()
                      and self.answers())

    def answers(self):
        asked = subprocess.run(
            [*self.lab.inside.enter, self.lab.turnout, "status"], check=False,
            capture_output=True, env={**os.environ, **self.env})
        return asked.returncode == 0

    def cpu_us(self):
        """Processor time that it has used so far."""
        tasks = pathlib.Path(f"/proc/{self.child.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0])
                   for task in tasks.iterdir()) / 1000

    def status(self):
        """Its counters; `relay` is a list of lines."""
        told = subprocess.run(
            [*self.lab.inside.enter, self.lab.turnout, "status", "--counters"],
            check=True,
            capture_output=True, text=True, env={**os.environ, **self.env})
        found = {"relay": []}
        for line in told.stdout.splitlines():
            key, _, value = line.partition(" ")
            if key == "relay":
                found[key].append(value)
            else:
                found[key] = int(value) if value.isdigit() else value
        return found

    def fds(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def anonymous_kib(self):
        """Memory of its own: what a leak would add to."""
        text = pathlib.Path(f"/proc/{self.child.pid}/smaps_rollup").read_text()
        return int(text.partition("\nAnonymous:")[2].split()[0])

    def said(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self):
        """SIGTERM; returns its exit status."""
        self.child.terminate()
        return self.child.wait(5)


class Managed(Tunneld):
    """… under a service manager that listens for it and keeps its sockets."""

    def __init__(self, lab, config):
        self.manager = manager.Manager(config.parent / "control",
                                       config.parent / "notify")
        super().__init__(lab, config)

    def start(self):
        argv, fds, env = self.manager.launch(
            self.lab.tunneld, "--config", self.config, "--set",
            f"daemon.socket={self.config.parent / 'control'}")
        self.child = self.lab.inside.start(
            *argv, log=self.log.name, pass_fds=fds, env=env)
        labs.wait_for("READY", lambda: self.manager.told("READY"))
