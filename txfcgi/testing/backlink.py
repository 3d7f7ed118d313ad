"""
L{BackLink}: a back end's end of a connection in memory, and L{Called}: a request on one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from ..wire import fastcgiserver, scgiserver
from ..wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestAborted,
    RequestReceived,
    StreamEnded,
)
from ..wire.records import Role, Stream
from .transport import READ, MemoryTransport

if TYPE_CHECKING:
    from .backend import MemoryBackEnd

#: Where a back end in memory is, and where its clients are.
ADDRESS: Final = IPv4Address("TCP", "127.0.0.1", 9000)
_CLIENT: Final = IPv4Address("TCP", "127.0.0.1", 50000)


@dataclass
class Called:
    """
    A request that a back end in memory received.

    @ivar params: Its params.
    @ivar role: Its role.
    @ivar keepConnection: Whether the connection stays open after the answer.
    @ivar requestID: Its id on the connection.
    @ivar connection: The number of the connection, counted from 0.
    @ivar body: The bytes of STDIN so far.
    @ivar data: The bytes of DATA so far.
    @ivar complete: Whether the whole request has arrived.
    @ivar aborted: Whether the client aborted it.
    @ivar answered: Whether the answer was sent.
    """

    params: dict[str, str]
    role: Role
    keepConnection: bool
    requestID: int
    connection: int
    body: bytes = b""
    data: bytes = b""
    complete: bool = False
    aborted: bool = False
    answered: bool = False

    @property
    def path(self) -> str:
        """
        SCRIPT_NAME and PATH_INFO.
        """
        return self.params.get("SCRIPT_NAME", "") + self.params.get("PATH_INFO", "")

    def __str__(self) -> str:
        method = self.params.get("REQUEST_METHOD", "GET")
        return f"{method} {self.params.get('REQUEST_URI') or self.path}"


class BackLink:
    """
    The back end's end of a connection.
    """

    def __init__(self, backEnd: MemoryBackEnd, number: int, protocol: IProtocol) -> None:
        self.backEnd = backEnd
        self.number = number
        self.protocol = cast(Protocol, protocol)
        self.transport = MemoryTransport(self, _CLIENT, ADDRESS)
        self.wire: fastcgiserver.ServerConnection | scgiserver.ServerConnection = backEnd.makeWire()
        self.calls: dict[int, Called] = {}
        self.served = 0
        self.lost = False
        self._toClient: deque[bytes | Exception] = deque()
        self._delivering = False

    # From the client

    def outputReceived(self, data: bytes) -> None:
        """
        Take what the client sent.
        """
        if self.lost or self.wire.failed is not None:
            return
        events = self.wire.receive(data)
        replies = (
            self.wire.takeReplies()
            if isinstance(self.wire, fastcgiserver.ServerConnection)
            else b""
        )
        if replies and self.backEnd.answersValues:
            # Before the answer to a request in the same read, which may end the connection.
            self.send(replies)
        self._take(events)

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestReceived):
                called = Called(
                    dict(event.params),
                    event.role,
                    event.keepConnection,
                    event.requestID,
                    self.number,
                )
                self.calls[event.requestID] = called
                self.backEnd.calls.append(called)
                self.backEnd.begun(self, called)
            elif isinstance(event, DataReceived):
                called = self.calls[event.requestID]
                if event.stream is Stream.STDIN:
                    called.body += event.data
                else:
                    called.data += event.data
            elif isinstance(event, StreamEnded):
                called = self.calls[event.requestID]
                last = Stream.DATA if called.role is Role.FILTER else Stream.STDIN
                if event.stream is last:
                    called.complete = True
                    self.backEnd.completed(self, called)
            elif isinstance(event, RequestAborted):
                called = self.calls[event.requestID]
                called.aborted = True
                if self.wire.isActive(event.requestID):
                    self.send(self.wire.end(event.requestID))
            elif isinstance(event, ConnectionFailed):
                self.backEnd.failures.append(event.error)
                self.backEnd.turns.soon(self.drop, ConnectionDone())

    def closed(self, reason: Exception) -> None:
        """
        The client closed the connection.
        """
        self.backEnd.turns.soon(self._closed, reason)

    def _closed(self, reason: Exception) -> None:
        if not self.lost:
            for called in self.calls.values():
                called.aborted |= not called.answered
            self.drop(reason)

    # To the client

    def send(self, data: bytes, pieceBytes: int = READ) -> None:
        """
        Send bytes.
        """
        for start in range(0, len(data), pieceBytes):
            self._toClient.append(data[start : start + pieceBytes])
        self.inputWanted()

    def close(self, reason: Exception) -> None:
        """
        Close when all that was sent has arrived.
        """
        self._toClient.append(reason)
        self.inputWanted()

    def inputWanted(self) -> None:
        """
        Go on to deliver.
        """
        if self._toClient and not self._delivering and not self.transport.paused:
            self._delivering = True
            self.backEnd.turns.soon(self._deliver)

    def _deliver(self) -> None:
        self._delivering = False
        if self.lost or self.transport.paused or not self._toClient:
            return
        data = self._toClient.popleft()
        if isinstance(data, Exception):
            self.drop(data)
            return
        self.protocol.dataReceived(data)
        self.inputWanted()

    def drop(self, reason: Exception) -> None:
        """
        The connection is gone.
        """
        if not self.lost:
            self.lost = True
            self.transport.disconnect()
            self._toClient.clear()
            self.protocol.connectionLost(Failure(reason))
