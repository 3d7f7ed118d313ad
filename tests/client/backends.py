"""
Back ends in memory: they do what a test tells them, when it tells them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.wire.conversations import END_REQUEST, STDERR, STDOUT, record
from txfcgi.client.client import FastCGIClient
from txfcgi.client.options import ClientOptions, RetryPolicy, Timeouts
from txfcgi.wire.events import DataReceived, Event, RequestAborted, RequestReceived, StreamEnded
from txfcgi.wire.fastcgiserver import ServerConnection
from txfcgi.wire.records import Stream

ADDRESS = IPv4Address("TCP", "127.0.0.1", 9000)
HEAD = b"Content-Type: text/plain\r\n\r\n"
GET = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/hello"}
POST = {"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/hello"}


class Transport(StringTransport):
    """
    A transport that remembers how it was closed; the test says when that comes about.
    """

    aborted = False
    producer: Any

    def abortConnection(self) -> None:
        """
        Note it.
        """
        self.aborted = True
        self.disconnecting = True


class Connection:
    """
    The back end's side of a connection.

    @ivar events: What it received so far.
    """

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.transport = Transport()
        self.wire = ServerConnection(requests=1000)
        self.events: list[Event] = []
        self.lost = False
        protocol.makeConnection(self.transport)

    def read(self) -> list[Event]:
        """
        What the client sent since the last look.
        """
        data = self.transport.value()
        self.transport.clear()
        events = self.wire.receive(data)
        self.events += events
        return events

    def request(self) -> RequestReceived:
        """
        The one request that the client sent since the last look.
        """
        (request,) = [event for event in self.read() if isinstance(event, RequestReceived)]
        return request

    def input(self, requestID: int = 1) -> tuple[bytes, bool]:
        """
        All of STDIN that came so far for the last request, and whether it has ended.
        """
        self.read()
        started = [
            at
            for at, event in enumerate(self.events)
            if isinstance(event, RequestReceived) and event.requestID == requestID
        ]
        own = self.events[started[-1] :]
        data = b"".join(
            event.data
            for event in own
            if isinstance(event, DataReceived)
            and event.requestID == requestID
            and event.stream is Stream.STDIN
        )
        return data, StreamEnded(requestID, Stream.STDIN) in own

    def aborts(self) -> list[int]:
        """
        The requests that the client aborted since the last look.
        """
        return [event.requestID for event in self.read() if isinstance(event, RequestAborted)]

    def send(self, data: bytes) -> None:
        """
        Send bytes to the client.
        """
        self.protocol.dataReceived(data)

    def stdout(self, data: bytes, requestID: int = 1) -> None:
        """
        Send STDOUT.
        """
        self.send(record(STDOUT, requestID, data))

    def stderr(self, data: bytes, requestID: int = 1) -> None:
        """
        Send STDERR.
        """
        self.send(record(STDERR, requestID, data))

    def end(self, requestID: int = 1, appStatus: int = 0, protocolStatus: int = 0) -> None:
        """
        Send END_REQUEST.
        """
        content = appStatus.to_bytes(4, "big") + bytes((protocolStatus, 0, 0, 0))
        self.wire.end(requestID)
        self.send(record(END_REQUEST, requestID, content))

    def answer(self, body: bytes = b"hello", requestID: int = 1, head: bytes = HEAD) -> None:
        """
        Send a whole response in one piece.
        """
        self.read()
        self.send(
            record(STDOUT, requestID, head + body)
            + record(STDOUT, requestID)
            + self.wire.end(requestID)[8:]
        )

    def close(self, reason: type[Exception] = ConnectionDone) -> None:
        """
        Close the connection.
        """
        self.lost = True
        self.protocol.connectionLost(Failure(reason()))

    def settle(self) -> None:
        """
        Let a close that the client asked for come about.
        """
        if self.transport.disconnecting and not self.lost:
            self.close(ConnectionAborted if self.transport.aborted else ConnectionDone)


@implementer(IStreamClientEndpoint)
class Backend:
    """
    An endpoint.

    @ivar connections: All connections that were made.
    @ivar refuses: Whether it refuses to be connected to.
    @ivar fails: What connecting to it fails with.
    @ivar stubborn: Whether it connects when that is cancelled.
    @ivar waits: Whether it leaves those who connect waiting; they are in C{waiting}.
    """

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.refuses = False
        self.fails: Exception | None = None
        self.waits = False
        self.waiting: list[tuple[IProtocolFactory, Deferred[Any]]] = []
        self.cancelled = 0
        self.stubborn = False

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """
        Connect.
        """
        if self.refuses:
            return fail(ConnectionRefusedError())
        if self.fails is not None:
            return fail(self.fails)
        connecting: Deferred[Any] = Deferred(self._cancelled)
        if self.waits:
            self.waiting.append((factory, connecting))
        else:
            self._accept(factory, connecting)
        return connecting

    def _cancelled(self, connecting: Deferred[Any]) -> None:
        self.cancelled += 1
        if self.stubborn:
            self.accept()
            return
        self.waiting = [each for each in self.waiting if each[1] is not connecting]

    def _accept(self, factory: IProtocolFactory, connecting: Deferred[Any]) -> None:
        protocol: Any = factory.buildProtocol(ADDRESS)
        self.connections.append(Connection(protocol))
        connecting.callback(protocol)

    def accept(self) -> None:
        """
        Let the first of those who wait in.
        """
        self._accept(*self.waiting.pop(0))

    @property
    def last(self) -> Connection:
        """
        The connection that was made last.
        """
        return self.connections[-1]

    def settle(self) -> None:
        """
        Let all closes come about that the client asked for.
        """
        for connection in self.connections:
            connection.settle()


NO_RETRY = RetryPolicy(attempts=0)


def client(*backends: Backend, clock: Clock | None = None, **options: Any) -> FastCGIClient:
    """
    A client of these back ends.

    @param options: Those of L{ClientOptions}, or C{timeouts} as a dictionary.
    """
    timeouts = options.pop("timeouts", None)
    made = ClientOptions(**options)
    if timeouts is not None:
        made = replace(made, timeouts=replace(Timeouts(), **timeouts))
    return FastCGIClient(Clock() if clock is None else clock, list(backends), made)


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """
    A list that will have what a Deferred fires with: a value or an exception.
    """
    results: list[Any] = []
    deferred.addCallbacks(results.append, lambda failure: results.append(failure.value))
    return results


__all__ = [
    "GET",
    "HEAD",
    "NO_RETRY",
    "POST",
    "Backend",
    "Connection",
    "ConnectionLost",
    "client",
    "outcome",
]
