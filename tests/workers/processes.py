"""
Workers without processes: what a master starts, and what it tells each.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from txfcgi.workers.child import Child
from txfcgi.workers.link import ILinkEnd, Link
from txfcgi.workers.master import Master, MasterOptions


@implementer(ILinkEnd)
class Orders:
    """
    A link end that writes down what it hears.
    """

    def __init__(self) -> None:
        self.heardSoFar: list[tuple[str, dict[str, Any]]] = []
        self.reasons: list[str] = []

    def heard(self, kind: str, values: Any) -> None:
        self.heardSoFar.append((kind, dict(values)))

    def unlinked(self, why: str) -> None:
        self.reasons.append(why)


class PretendProcess:
    """
    A process transport, and the worker's end of its link.
    """

    def __init__(self, child: Child, pid: int) -> None:
        self.child = child
        self.pid: int | None = pid
        self.signals: list[int] = []
        self._told = StringTransport()
        child.link.makeConnection(self._told)
        self._orders = Orders()
        self._reader = Link(self._orders)
        self._reader.makeConnection(StringTransport())

    def signalProcess(self, number: int) -> None:
        self.signals.append(number)

    def says(self, kind: str, **values: object) -> None:
        """
        The worker tells its master something.
        """
        writer, transport = Link(Orders()), StringTransport()
        writer.makeConnection(transport)
        writer.tell(kind, **values)
        self.writes(transport.value())

    def writes(self, data: bytes) -> None:
        """
        The worker writes to descriptor 3, whatever it is.
        """
        self.child.link.dataReceived(data)
        if self._told.disconnecting:
            self.child.link.connectionLost()

    def orders(self) -> list[str]:
        """
        What the master has told it so far.
        """
        self._reader.dataReceived(self._told.value())
        self._told.clear()
        return [kind for kind, _ in self._orders.heardSoFar]

    def dies(self, status: int | None = 0, signal: int | None = None) -> None:
        """
        The process ends.
        """
        self.pid = None
        reason = ProcessTerminated(status, signal) if status or signal else ProcessDone(0)
        self.child.processEnded(Failure(reason))


class Household:
    """
    A master, a clock, and the workers that it has started.
    """

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.started: list[PretendProcess] = []
        self.fails: list[Exception] = []
        self.master = Master(self.clock, MasterOptions(**options), self._spawn)

    def _spawn(self, child: Child) -> None:
        if self.fails:
            raise self.fails.pop()
        process = PretendProcess(child, 1000 + child.number)
        child.makeConnection(process)
        self.started.append(process)

    def begin(self) -> None:
        """
        Start, and let all workers become ready.
        """
        self.master.start()
        self.allReady()

    def allReady(self) -> None:
        """
        Those that were not ready become so.
        """
        for process in self.started:
            if process.pid is not None and not process.child.state:
                process.says("ready")

    def alive(self) -> list[int]:
        """
        The numbers of the workers that run.
        """
        return [process.child.number for process in self.started if process.pid is not None]
