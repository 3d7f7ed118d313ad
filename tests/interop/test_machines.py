"""
Three servers, each with a loopback address of its own as if it were a machine, behind a web server
under steady load: each is restarted in turn, and nobody notices.
"""

from __future__ import annotations

import csv
import io
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .frontends import CHECKOUT, WEB, adapted
from .processes import Child, Workspace, connect, folder, freePort, running
from .steady import BROWSERS, Book, Steady, repeated
from .webservers import Starter, haproxy, nginx

#: Where the files of the documentation have them.
MACHINES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
PORT = 9000

#: What haproxy-machines.cfg calls them.
NAMES = ("one", "two", "three")

#: How often each is restarted.
ROUNDS = 2


class Machines:
    """
    Servers, all on the same port, each on its own address.
    """

    def __init__(self, workspace: Workspace, book: Book) -> None:
        self.port = freePort()
        self._workspace = workspace
        self._book = book
        self._running: dict[str, ExitStack] = {}
        self._children: dict[str, Child] = {}

    def close(self) -> None:
        """
        Stop all.
        """
        for machine in list(self._running):
            self.stop(machine)

    def start(self, machine: str) -> None:
        """
        Start one, and wait until it serves.
        """
        command = [str(Path(sys.executable).parent / "twistd"), "-n", "--pidfile=", "fcgi"]
        command += ["--port", f"tcp:{self.port}:interface={machine}", "--app-dir", str(CHECKOUT)]
        command += ["--app", "tests.interop.programs.counted.app", "--ping-path", "/ping"]
        started = running(machine, command, self._workspace.root, self._book.environment)
        stack = self._running[machine] = ExitStack()
        child = self._children[machine] = stack.enter_context(started)
        child.waitUntilAccepting((machine, self.port))

    def stop(self, machine: str) -> None:
        """
        Stop one in order.
        """
        child = self._children[machine]
        assert child.stop() == 0, child.output()
        self._running.pop(machine).close()

    def __getitem__(self, machine: str) -> Child:
        """
        The process of one.
        """
        return self._children[machine]


@dataclass
class Stage:
    """
    A web server, three machines behind it, and load.
    """

    machines: Machines
    server: Child
    load: Steady

    def restart(self, machine: str) -> None:
        """
        Restart one. Meanwhile the others answer.
        """
        self.machines.stop(machine)
        self.load.waitForMore(20)
        self.machines.start(machine)

    def waitFor(self, machine: str) -> None:
        """
        Wait until one answers.
        """
        pid = self.machines[machine].process.pid
        self.load.wait(lambda: self.load.pids[pid] >= 10)


@contextmanager
def staged(
    start: Callable[..., Any],
    conf: str,
    changes: Mapping[str, str],
    kept: bool = False,
    **options: str,
) -> Iterator[Stage]:
    """
    Run all that, and see in the end that no request was lost or run twice.

    @param kept: A connection to the app that is kept may swallow a POST; those are reported.
    """
    with ExitStack() as stack:
        workspace = Workspace(stack.enter_context(folder()))
        book = Book(workspace.root)
        machines = Machines(workspace, book)
        stack.callback(machines.close)
        for machine in MACHINES:
            machines.start(machine)
        port = freePort()
        changes = {**changes, WEB: f"{workspace.host}:{port}"}
        changes |= {f"{machine}:{PORT}": f"{machine}:{machines.port}" for machine in MACHINES}
        server = stack.enter_context(start(workspace, adapted(conf, changes), port, **options))
        server.waitUntilAccepting((workspace.host, port))
        with Steady(workspace.host, port) as load:
            stage = Stage(machines, server, load)
            for machine in MACHINES:
                stage.waitFor(machine)
            yield stage
        swallowed = [failure for failure in load.failures if kept and failure.method == "POST"]
        print(f"answered {dict(load.answered)}, POSTs that failed: {swallowed}")
        assert [failure for failure in load.failures if failure not in swallowed] == []
        assert repeated(book.runs()) == {}


HAPROXY = "haproxy-machines.cfg"
NGINX = "nginx-machines.conf"
NEW_TO_HAPROXY = {"docroot /": "docroot /\n    no option keep-conn"}
NEW_TO_NGINX = {"fastcgi_keep_conn on;": "fastcgi_keep_conn off;"}


@pytest.mark.xdist_group("machines")
@pytest.mark.parametrize(
    ("start", "conf", "settings", "kept"),
    [
        pytest.param(haproxy, HAPROXY, {}, True, id="haproxy"),
        pytest.param(haproxy, HAPROXY, NEW_TO_HAPROXY, False, id="haproxy-not-kept"),
        pytest.param(nginx, NGINX, {}, True, id="nginx"),
        pytest.param(nginx, NGINX, NEW_TO_NGINX, False, id="nginx-not-kept"),
    ],
)
def test_rollingRestart(start: Starter, conf: str, settings: Mapping[str, str], kept: bool) -> None:
    """
    Each machine is restarted in turn, and answers before the next one is. No request is lost or
    run twice, but for POSTs that a kept connection swallowed, which are reported (C{pytest -rP}).
    """
    with staged(start, conf, settings, kept) as stage:
        for machine in MACHINES * ROUNDS:
            stage.restart(machine)
            stage.waitFor(machine)


@pytest.mark.xdist_group("machines")
def test_drained() -> None:
    """
    A machine that HAProxy is told to drain gets no request any more, so that nothing at all is lost
    when it is restarted, kept connections and POSTs included.
    """
    with folder() as where:
        admin = str(where / "admin.sock")

        def tell(command: str) -> str:
            with connect(admin) as connection:
                connection.sendall(f"{command}\n".encode())
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

        control = f"global\n    stats socket {admin} mode 600 level admin\n"
        with staged(haproxy, HAPROXY, {}, settings=control) as stage:
            for name, machine in zip(NAMES, MACHINES, strict=True):
                assert tell(f"set server txfcgi/{name} state drain").strip() == ""
                while sessionsOf(tell("show stat"), name):
                    stage.load.waitForMore(1)
                stage.restart(machine)
                assert tell(f"set server txfcgi/{name} state ready").strip() == ""
                stage.waitFor(machine)


def sessionsOf(table: str, name: str) -> int:
    """
    How many requests HAProxy has with a server.

    @param table: What C{show stat} answers.
    """
    rows = csv.DictReader(io.StringIO(table.removeprefix("# ")))
    return sum(int(row["scur"]) for row in rows if row["svname"] == name)


@pytest.mark.xdist_group("machines")
def test_health() -> None:
    """
    HAProxy asks each machine a real request: one that accepts, but does not answer, is left out
    until it does again.
    """
    often = {"inter 2s fall 2": "inter 200ms fall 2", "timeout check 3s": "timeout check 500ms"}
    with staged(haproxy, HAPROXY, often) as stage:
        one = stage.machines[MACHINES[0]]
        stage.load.pause()
        one.process.send_signal(signal.SIGSTOP)
        try:
            stage.server.waitUntilSaid("Server txfcgi/one is DOWN, reason: Layer7 timeout")
            stage.load.goOn()
            stage.load.waitForMore(200)
        finally:
            one.process.send_signal(signal.SIGCONT)
        stage.server.waitUntilSaid("Server txfcgi/one is UP, reason: Layer7 check passed")
        before = stage.load.pids[one.process.pid]
        stage.load.wait(lambda: stage.load.pids[one.process.pid] >= before + 10)


@pytest.mark.xdist_group("machines")
def test_passive() -> None:
    """
    nginx finds out by requests that a machine can't be reached, and leaves it out, for as long as
    the file says: nobody notices, and few requests are tried there.
    """
    long = {"max_fails=1 fail_timeout=2s": "max_fails=1 fail_timeout=600s"}
    with staged(nginx, NGINX, {**NEW_TO_NGINX, **long}) as stage:
        stage.machines.stop(MACHINES[0])
        stage.load.waitForMore(300)
        tried = stage.server.output().count("Connection refused) while connecting to upstream")
        # All that were under way when the first failed may have gone there.
        assert 1 <= tried <= BROWSERS
