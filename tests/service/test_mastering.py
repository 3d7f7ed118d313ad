"""
Tests of L{txfcgi.service.mastering}, as far as they need no processes.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.monitor.counters import Counters
from txfcgi.service.mastering import Mastering, WorkerCommand
from txfcgi.workers.child import Child
from txfcgi.workers.master import MasterOptions


class PretendProcess:
    """
    A process transport.
    """

    pid = None

    def signalProcess(self, number: int) -> None:
        """
        Nobody is there.
        """


class SpawningReactor(MemoryReactorClock):
    """
    A reactor that pretends to start processes.

    @ivar children: What was started.
    """

    def __init__(self) -> None:
        super().__init__()
        self.children: list[Child] = []

    def spawnProcess(self, child: Any, *what: Any, **options: Any) -> None:
        """
        Start nothing.
        """
        child.makeConnection(PretendProcess())
        self.children.append(child)

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:
        """
        Connect nothing.
        """


class FiguresTests(SynchronousTestCase):
    """
    What all workers have counted together.
    """

    def setUp(self) -> None:
        self.reactor = SpawningReactor()
        self.service = Mastering(
            self.reactor, WorkerCommand("fcgi", []), [], MasterOptions(workers=2)
        )
        self.service.master.started.addErrback(lambda _: None)

    def test_nobody(self) -> None:
        """
        Before anyone has said anything, there is nothing.
        """
        self.assertEqual(self.service.figures(), Counters().figures())

    def test_workersThatAreGone(self) -> None:
        """
        The sum never goes back when a worker ends; what it had at that moment is not in it.
        """
        self.service.master.start()
        first, second = self.reactor.children
        for child in (first, second):
            child.heard("ready", {})
            child.heard("figures", {"requests": 10, "running": 1, "limits": {"bodyBytes": 1}})
        self.assertEqual(self.service.figures()["requests"], 20)
        first.retire(30)
        first.heard("figures", {"requests": 12, "running": 1, "limits": {"bodyBytes": 1}})
        first.gone("ended with status 0")
        figures = self.service.figures()
        self.assertEqual((figures["requests"], figures["running"]), (22, 1))
        self.assertEqual(figures["limits"], {"bodyBytes": 2})
