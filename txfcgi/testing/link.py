"""
L{Link}: one connection of a web server in memory to an app's server. What the one writes the other
reads, in an order like that of a network: nobody is called back while it is still calling.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from ..errors import ConnectionClosed, TxFCGIError
from ..server.protocol import ServerProtocol
from ..wire.events import ConnectionFailed, DataReceived, Event, RequestEnded
from ..wire.records import AnyRecord, BeginRequest, RecordReader, interpret
from .manners import Leaving, Manners
from .speakers import FastCGISpeaker, Speaker
from .transport import READ, MemoryTransport
from .turns import Turns

if TYPE_CHECKING:
    from .exchange import Exchange


class Passed(NamedTuple):
    """
    A record as it passed.

    @ivar toApp: Whether the web server sent it; if not, the application did.
    @ivar record: The record; over SCGI, the bytes of a read or a write.
    """

    toApp: bool
    record: AnyRecord | bytes


class Link:
    """
    One connection.

    @ivar number: Counted from 0 in the order they were made.
    @ivar exchanges: The requests that are under way, by their id.
    @ivar lost: Whether it is gone.
    @ivar soon: Does something when nobody is in the middle of something else.
    @ivar pump: Does all of that now, unless somebody is.
    @ivar last: The request that ended last.
    """

    def __init__(
        self,
        number: int,
        manners: Manners,
        speaker: Speaker,
        turns: Turns,
        protocol: ServerProtocol,
        host: IAddress,
        peer: IAddress,
    ) -> None:
        self.number = number
        self.manners = manners
        self.speaker = speaker
        self.exchanges: dict[int, Exchange] = {}
        self.lost = False
        self.protocol = protocol
        self.transport = MemoryTransport(self, host, peer)
        self.soon = turns.soon
        self.pump = turns.run
        self.last: Exchange | None = None
        self._toApp: deque[bytes | None] = deque()
        self._delivering = False
        self._left = False
        self._log: list[tuple[bool, bytes]] = []
        self._passed: dict[int, list[list[Passed]]] = {}
        self._before: list[Passed] = []
        self._readers = (RecordReader(), RecordReader())
        self._turns: dict[int, int] = {}
        protocol.makeConnection(self.transport)  # type: ignore[no-untyped-call]
        question = speaker.question()
        if question:
            self.send(question)

    @property
    def free(self) -> bool:
        """
        Whether another request may be sent on it now.
        """
        return (
            not self.lost
            and not self._left
            and not self.transport.disconnecting
            and self.speaker.reusable
            and (self.manners.multiplexes or not self.exchanges)
        )

    @property
    def idle(self) -> bool:
        """
        Whether all that was sent has arrived, or never will.
        """
        return self.lost or not self._toApp

    def begin(self, exchange: Exchange) -> int:
        """
        Take a request.

        @return: How many requests had its id before.
        """
        requestID = exchange.requestID
        self.exchanges[requestID] = exchange
        turn = self._turns.get(requestID, 0)
        self._turns[requestID] = turn + 1
        return turn

    # To the application

    def send(self, data: bytes, fragment: int = READ) -> None:
        """
        Send bytes, a read for each C{fragment} of them.
        """
        if self.lost:
            return
        if len(data) <= fragment:
            self._toApp.append(data)
        else:
            for start in range(0, len(data), fragment):
                self._toApp.append(data[start : start + fragment])
        self.inputWanted()

    def cut(self) -> None:
        """
        Lose the connection when all that was sent has arrived.
        """
        self._toApp.append(None)
        self.inputWanted()

    def inputWanted(self) -> None:
        """
        Go on to deliver, if there is something.
        """
        if self._toApp and not self._delivering and not self.transport.paused:
            self._delivering = True
            self.soon(self._deliver)

    def _deliver(self) -> None:
        self._delivering = False
        if self.lost or self.transport.paused or not self._toApp:
            return
        data = self._toApp.popleft()
        if data is None:
            self.drop(ConnectionLost())
            return
        self._log.append((True, data))
        self.protocol.dataReceived(data)
        self.inputWanted()

    # From the application

    def outputReceived(self, data: bytes) -> None:
        """
        Take what the application sent. Nobody's code runs here.
        """
        self._log.append((False, data))
        if self._left:
            self.soon(self.drop, ConnectionDone())
            return
        if self.speaker.failed is None:
            self._take(self.speaker.receive(data))

    def _take(self, events: list[Event]) -> None:
        exchanges = self.exchanges
        for event in events:
            if isinstance(event, DataReceived):
                exchanges[event.requestID].receive(event.stream, event.data)
            elif isinstance(event, RequestEnded):
                exchange = self.last = exchanges.pop(event.requestID)
                exchange.ended(event.appStatus, event.protocolStatus)
                self.soon(exchange.finish)
                if self.manners.resets and not exchanges:
                    self.soon(self.drop, ConnectionLost())
            elif isinstance(event, ConnectionFailed):
                self._fail(event.error)
                self.soon(self.drop, ConnectionDone())

    def closed(self, reason: Exception) -> None:
        """
        The application closed the connection; that comes about a little later.
        """
        self.soon(self._closedByApp, reason)

    def _closedByApp(self, reason: Exception) -> None:
        if self.lost:
            return
        if isinstance(reason, ConnectionDone):
            self._take(self.speaker.receiveEnd())
        self._gone(reason)
        self._fail(ConnectionClosed("the application closed the connection"), cutOff=True)

    def _fail(self, error: TxFCGIError, cutOff: bool = True) -> None:
        exchanges, self.exchanges = self.exchanges, {}
        for exchange in exchanges.values():
            exchange.broken(error, cutOff)
            self.soon(exchange.finish)

    def _gone(self, reason: Exception) -> None:
        self.lost = True
        self.transport.disconnect()
        self._toApp.clear()
        self.protocol.connectionLost(Failure(reason))

    # Leaving

    def drop(self, reason: Exception) -> None:
        """
        The web server closes the connection, or it is lost.
        """
        if not self.lost:
            self._gone(reason)
            self._fail(ConnectionClosed("the web server closed the connection"), cutOff=False)

    def leave(self, exchange: Exchange) -> None:
        """
        The browser of a request has left.
        """
        leaving = self.manners.leaving
        if leaving is Leaving.CLOSES:
            self.soon(self.drop, ConnectionDone())
        elif leaving is Leaving.CLOSES_ON_OUTPUT:
            # While others use the connection, output of a request that was given up is dropped.
            self._left = all(one.left for one in self.exchanges.values())
        elif exchange.requestID in self.exchanges:
            self.send(bytes(self.speaker.abort(exchange.requestID)))

    # What passed

    def passed(self, requestID: int, turn: int) -> list[Passed]:
        """
        What passed for a request, and what passed meanwhile, or before the first one, for the
        connection as a whole.

        @param turn: How many requests had this id before, on this connection.
        """
        if not isinstance(self.speaker, FastCGISpeaker):
            return [Passed(*each) for each in self._log]
        log, self._log = self._log, []
        for toApp, data in log:
            for record in self._readers[toApp].receive(data):
                self._sort(Passed(toApp, interpret(record)))
        turns = self._passed.get(requestID, [])
        return list(turns[turn]) if turn < len(turns) else []

    def _sort(self, passed: Passed) -> None:
        assert not isinstance(passed.record, bytes)
        requestID = passed.record.requestID
        if isinstance(passed.record, BeginRequest):
            self._passed.setdefault(requestID, []).append([*self._before, passed])
            self._before.clear()
        elif requestID in self._passed:
            self._passed[requestID][-1].append(passed)
        elif self._passed:
            for turns in self._passed.values():
                turns[-1].append(passed)
        else:
            self._before.append(passed)
