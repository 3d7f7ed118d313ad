"""
Tests of L{txfcgi.service.notify}: what a service manager hears.
"""

from __future__ import annotations

import os
import signal
import socket
import time

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.folders import folderFor
from txfcgi.service.notify import Notifier

from .processes import PATIENCE, Program, ProgramTests


class NotifierTests(SynchronousTestCase):
    """
    A service manager's socket, of the test's own.
    """

    def setUp(self) -> None:
        self.path = str(folderFor(self) / "notify")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(self.path)
        self.manager.setblocking(False)
        self.clock = Clock()

    def notifier(self, **environ: str) -> Notifier:
        """
        A notifier in an environment.
        """
        made = Notifier(self.clock, {"NOTIFY_SOCKET": self.path, **environ})
        self.addCleanup(made.close)
        return made

    def heard(self) -> list[dict[str, str]]:
        """
        What the service manager has heard since it was asked last.
        """
        messages: list[dict[str, str]] = []
        while True:
            try:
                text = self.manager.recv(65536).decode("utf-8")
            except BlockingIOError:
                return messages
            messages.append(dict(line.split("=", 1) for line in text.split("\n")))

    def test_ready(self) -> None:
        """
        READY comes with the status, in one line, and with the process that is to be watched.
        """
        self.notifier().ready("2 of 2 workers\nready")
        self.assertEqual(
            self.heard(),
            [{"READY": "1", "MAINPID": str(os.getpid()), "STATUS": "2 of 2 workers ready"}],
        )

    def test_reload(self) -> None:
        """
        RELOADING carries the time, as systemd asks of it, and READY ends it.
        """
        notifier = self.notifier()
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        notifier.reloading("reloads")
        notifier.ready("done")
        first, second = self.heard()
        self.assertEqual(first["RELOADING"], "1")
        self.assertGreaterEqual(int(first["MONOTONIC_USEC"]), before)
        self.assertEqual(second["READY"], "1")

    def test_stop(self) -> None:
        """
        STOPPING is told, and after the end nothing.
        """
        notifier = self.notifier()
        notifier.status("well")
        notifier.stopping("drains")
        notifier.close()
        notifier.status("gone")
        self.assertEqual(self.heard(), [{"STATUS": "well"}, {"STOPPING": "1", "STATUS": "drains"}])

    def test_watchdog(self) -> None:
        """
        A watchdog is answered twice as often as it asks, from READY to the end.
        """
        notifier = self.notifier(WATCHDOG_USEC="4000000", WATCHDOG_PID=str(os.getpid()))
        self.clock.advance(4)
        self.assertEqual(self.heard(), [])
        notifier.ready("well")
        self.clock.pump([2.0, 2.0])
        self.assertEqual([m for m in self.heard() if "WATCHDOG" in m], [{"WATCHDOG": "1"}] * 3)
        notifier.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_watchdogOfAnother(self) -> None:
        """
        A watchdog that is meant for another process is not answered.
        """
        self.notifier(WATCHDOG_USEC="4000000", WATCHDOG_PID="1").ready("well")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_abstract(self) -> None:
        """
        A name in the abstract namespace is written with an @.
        """
        name = f"txfcgi-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("\0" + name)
            manager.setblocking(False)
            Notifier(self.clock, {"NOTIFY_SOCKET": "@" + name}).status("well")
            self.assertEqual(manager.recv(100), b"STATUS=well")

    def test_nobody(self) -> None:
        """
        Without a service manager nothing is sent, and nothing goes wrong; one that is gone is
        logged once.
        """
        silent = Notifier(self.clock, {})
        silent.ready("well")
        silent.close()
        gone = Notifier(self.clock, {"NOTIFY_SOCKET": self.path + ".gone"})
        gone.status("well")
        gone.status("well")
        self.assertEqual(self.heard(), [])


class ServiceTests(ProgramTests):
    """
    Programs under a service manager of the test's own.
    """

    def setUp(self) -> None:
        super().setUp()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(self.path("notify"))
        self.manager.settimeout(PATIENCE)

    def hear(self, state: str) -> str:
        """
        Wait for a state, and for what is said with it.
        """
        while True:
            text = self.manager.recv(65536).decode("utf-8")
            if text.startswith(f"{state}=1\n"):
                return text

    def begin(self, *words: str) -> Program:
        """
        Start a server.
        """
        command = ("twistd", "-n", "--pidfile=", "fcgi", "--app", "sample.hello", *words)
        return self.start(
            *(*command, "--port", f"unix:{self.socketPath}"),
            env={"NOTIFY_SOCKET": self.path("notify")},
        )

    def test_oneProcess(self) -> None:
        """
        A server is ready when it accepts, and says when it stops.
        """
        program = self.begin()
        self.assertIn(f"MAINPID={program.pid}\n", self.hear("READY"))
        self.assertServes(self.socketPath)
        program.kill(signal.SIGTERM)
        self.hear("STOPPING")
        self.assertEqual(program.end(), 0)

    def test_workers(self) -> None:
        """
        A master is ready when all workers are, and says when it reloads, when that is over, and
        when it stops.
        """
        program = self.begin("--workers", "2")
        self.assertIn("2 of 2 workers ready", self.hear("READY"))
        program.kill(signal.SIGHUP)
        self.assertIn("MONOTONIC_USEC=", self.hear("RELOADING"))
        self.assertIn("2 of 2 workers ready", self.hear("READY"))
        program.kill(signal.SIGTERM)
        self.hear("STOPPING")
        self.assertEqual(program.end(), 0)
