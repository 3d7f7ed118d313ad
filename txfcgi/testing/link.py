"""
L{Link}: one connection of a web server in memory to an app's server. What the one writes the other
reads, in an order like that of a network: nobody is called back while it is still calling.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.interfaces import IAddress, IPushProducer, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import ConnectionClosed, TxFCGIError
from ..server.protocol import ServerProtocol
from ..wire.events import ConnectionFailed, DataReceived, Event, RequestEnded
from ..wire.records import AnyRecord, BeginRequest, RecordReader, interpret
from .manners import Leaving, Manners
from .speakers import FastCGISpeaker, Speaker

if TYPE_CHECKING:
    from .exchange import Exchange

#: The most that one read brings, as with Twisted's own transports.
READ: Final = 65_536
# A writer is asked to wait when more than this waits, as with Twisted's own transports.
_HIGH_WATER: Final = 65_536

Soon = Callable[..., None]


class Passed(NamedTuple):
    """
    A record as it passed.

    @ivar toApp: Whether the web server sent it; if not, the application did.
    @ivar record: The record; over SCGI, the bytes of a read or a write.
    """

    toApp: bool
    record: AnyRecord | bytes


@implementer(ITransport)
class MemoryTransport:
    """
    What the app's server has for a transport.

    @ivar window: How many bytes the web server takes now; L{None}: all that comes.
    @ivar paused: Whether the app's server does not read.
    """

    disconnecting = False
    connected = True

    def __init__(self, link: Link, host: IAddress, peer: IAddress) -> None:
        self._link = link
        self._host = host
        self._peer = peer
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._producer: IPushProducer | None = None
        self._producerPaused = False
        self.window: int | None = None
        self.paused = False

    def getHost(self) -> IAddress:
        """
        The application's end.
        """
        return self._host

    def getPeer(self) -> IAddress:
        """
        The web server's end.
        """
        return self._peer

    def write(self, data: bytes) -> None:
        """
        The application sends.
        """
        if not self.connected:
            return
        if self.window is None and not self._waiting:
            self._link.outputReceived(bytes(data))
            return
        self._waiting.append(bytes(data))
        self._size += len(data)
        self._drain()
        if self._size > _HIGH_WATER and self._producer is not None and not self._producerPaused:
            self._producerPaused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        """
        The application sends several pieces.
        """
        self.write(b"".join(data))

    def allow(self, size: int | None) -> None:
        """
        The web server takes so many bytes more, or from now on all.
        """
        if size is None or self.window is None:
            self.window = size
        else:
            self.window += size
        self._drain()
        if self.connected and self._producerPaused and not self._size:
            self._producerPaused = False
            assert self._producer is not None
            self._producer.resumeProducing()
        if self.disconnecting and not self._size:
            self._link.closedByApp(ConnectionDone())

    def _drain(self) -> None:
        while self._waiting and self.window != 0:
            data = self._waiting.popleft()
            if self.window is not None:
                if len(data) > self.window:
                    self._waiting.appendleft(data[self.window :])
                    data = data[: self.window]
                self.window -= len(data)
            self._size -= len(data)
            self._link.outputReceived(data)

    def loseConnection(self) -> None:
        """
        The application closes when all it wrote was taken.
        """
        self.disconnecting = True
        if not self._size:
            self._link.closedByApp(ConnectionDone())

    def abortConnection(self) -> None:
        """
        The application cuts the connection.
        """
        self.disconnecting = True
        self._waiting.clear()
        self._size = 0
        self._link.closedByApp(ConnectionAborted())

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        The application wants to know when to pause.
        """
        self._producer = cast(IPushProducer, producer)
        self._producerPaused = False

    def unregisterProducer(self) -> None:
        """
        The application does not need to know any more.
        """
        self._producer = None
        self._producerPaused = False

    def pauseProducing(self) -> None:
        """
        The application does not read for now.
        """
        self.paused = True

    def resumeProducing(self) -> None:
        """
        The application reads again.
        """
        self.paused = False
        self._link.inputWanted()

    def stopProducing(self) -> None:
        """
        The application does not read any more.
        """
        self.loseConnection()


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
        soon: Soon,
        pump: Callable[[], None],
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
        self.soon = soon
        self.pump = pump
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

    def closedByApp(self, reason: Exception) -> None:
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
        self.transport.connected = False
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
            # While others use the connection, what comes for nobody is dropped.
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
