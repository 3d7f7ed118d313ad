"""
A web server in memory: what it sends to an app's server, and what it gets back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import FastCGIServerFactory, Limits, Request, Response
from txfcgi.server.application import Application
from txfcgi.server.fastcgi import FastCGIServerProtocol
from txfcgi.wire.pairs import encodePair
from txfcgi.wire.records import (
    AbortRequest,
    AnyRecord,
    BeginRequest,
    Data,
    EndRequest,
    GetValues,
    GetValuesResult,
    Params,
    RecordReader,
    Role,
    Stderr,
    Stdin,
    Stdout,
    interpret,
)

PEER = IPv4Address("TCP", "192.0.2.1", 4711)
HOST = IPv4Address("TCP", "192.0.2.2", 9000)


class Answer:
    """
    What came for one request.

    @ivar records: All of its records, in their order.
    """

    def __init__(self, records: Iterable[AnyRecord]) -> None:
        self.records = list(records)

    @property
    def stdout(self) -> bytes:
        """
        The content of all STDOUT records.
        """
        return b"".join(each.content for each in self.records if isinstance(each, Stdout))

    @property
    def stderr(self) -> bytes:
        """
        The content of all STDERR records.
        """
        return b"".join(each.content for each in self.records if isinstance(each, Stderr))

    @property
    def end(self) -> EndRequest | None:
        """
        The END_REQUEST record, if it came. Nothing comes behind it.
        """
        ends = [each for each in self.records if isinstance(each, EndRequest)]
        if not ends:
            return None
        assert self.records.index(ends[0]) == len(self.records) - 1, self.records
        return ends[0]

    @property
    def status(self) -> tuple[int, int]:
        """
        appStatus and protocolStatus.
        """
        end = self.end
        assert end is not None, f"the request has not ended: {self.records}"
        return end.appStatus, end.protocolStatus

    @property
    def code(self) -> int:
        """
        The number in the Status header.
        """
        return int(self.headers["status"].split()[0])

    @property
    def headers(self) -> dict[str, str]:
        """
        The headers, with their names in lower case.
        """
        head = self.stdout.partition(b"\r\n\r\n")[0].decode()
        lines = [line.split(": ", 1) for line in head.split("\r\n")]
        return {name.lower(): value for name, value in lines}

    @property
    def body(self) -> bytes:
        """
        What follows the head.
        """
        head, blank, body = self.stdout.partition(b"\r\n\r\n")
        assert blank, f"there is no head: {head!r}"
        return body


def encodeParams(params: Mapping[str, str] | Iterable[tuple[bytes, bytes]]) -> bytes:
    """
    Params as a block of name-value pairs.
    """
    pairs = (
        [(name.encode(), value.encode()) for name, value in params.items()]
        if isinstance(params, Mapping)
        else params
    )
    return b"".join(encodePair(name, value) for name, value in pairs)


class Wire(StringTransport):
    """
    A transport that counts its writes.
    """

    writes = 0

    def write(self, data: bytes) -> None:
        """
        Keep bytes.
        """
        self.writes += 1
        super().write(data)


class WebServer:
    """
    One connection of a web server to an app's server.

    @ivar protocol: The other end.
    @ivar transport: What is between them.
    """

    def __init__(self, factory: FastCGIServerFactory, peer: IAddress | None = PEER) -> None:
        protocol = factory.buildProtocol(peer)
        assert isinstance(protocol, FastCGIServerProtocol), "the connection was refused"
        self.protocol = protocol
        self.transport = Wire(hostAddress=HOST, peerAddress=peer)
        self._reader = RecordReader()
        self._records: list[AnyRecord] = []
        self.protocol.makeConnection(self.transport)

    # Sending

    def sendBytes(self, data: bytes) -> None:
        """
        Send bytes, in one read.
        """
        self.protocol.dataReceived(data)

    def send(self, *records: AnyRecord) -> None:
        """
        Send records, in one read.
        """
        self.sendBytes(b"".join(record.encode() for record in records))

    def begin(
        self,
        requestID: int = 1,
        params: Mapping[str, str] | Iterable[tuple[bytes, bytes]] = (),
        *,
        role: int = Role.RESPONDER,
        keep: bool = True,
    ) -> None:
        """
        Send a request up to the end of its params.
        """
        self.send(*beginning(requestID, params, role=role, keep=keep))

    def get(
        self,
        requestID: int = 1,
        params: Mapping[str, str] | Iterable[tuple[bytes, bytes]] = (),
        *,
        role: int = Role.RESPONDER,
        keep: bool = True,
    ) -> Answer:
        """
        Send a request without a body.

        @return: What came for it so far.
        """
        self.send(*beginning(requestID, params, role=role, keep=keep), Stdin(requestID))
        return self.answer(requestID)

    def post(
        self,
        body: bytes,
        requestID: int = 1,
        params: Mapping[str, str] | None = None,
        *,
        keep: bool = True,
    ) -> Answer:
        """
        Send a request with a body, and its length.

        @return: What came for it so far.
        """
        params = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(body)), **(params or {})}
        self.send(*beginning(requestID, params, keep=keep), *stdin(requestID, body))
        return self.answer(requestID)

    def stdin(self, data: bytes, requestID: int = 1) -> None:
        """
        Send a piece of body.
        """
        self.send(Stdin(requestID, data))

    def endStdin(self, requestID: int = 1) -> None:
        """
        Send the end of the body.
        """
        self.send(Stdin(requestID))

    def data(self, data: bytes, requestID: int = 1) -> None:
        """
        Send a piece of a Filter's file, or its end.
        """
        self.send(Data(requestID, data))

    def abort(self, requestID: int = 1) -> None:
        """
        Abort a request.
        """
        self.send(AbortRequest(requestID))

    def disconnect(self) -> None:
        """
        Go away.
        """
        self.protocol.connectionLost(Failure(ConnectionDone()))

    # Receiving

    @property
    def writes(self) -> int:
        """
        How many writes there were.
        """
        return self.transport.writes

    @property
    def records(self) -> list[AnyRecord]:
        """
        All that came, since L{forget} was called.
        """
        data: bytes = self.transport.value()
        self.transport.clear()
        self._records += [interpret(record) for record in self._reader.receive(data)]
        return self._records

    def forget(self) -> None:
        """
        Look only at what comes from now on.
        """
        assert self.records is not None
        self._records = []

    def answer(self, requestID: int = 1) -> Answer:
        """
        What came for a request.
        """
        return Answer(record for record in self.records if record.requestID == requestID)

    def values(self, *names: bytes) -> dict[bytes, bytes]:
        """
        Ask for variables.
        """
        self.send(GetValues(names))
        last = self.records.pop()
        assert isinstance(last, GetValuesResult)
        return dict(last.values)

    @property
    def closed(self) -> bool:
        """
        Whether the connection was closed, after all that was written.
        """
        return self.transport.disconnecting

    @property
    def cut(self) -> bool:
        """
        Whether the connection was cut, with what was still to be written.
        """
        return self.transport.disconnected

    @property
    def paused(self) -> bool:
        """
        Whether the server does not read at the moment.
        """
        return self.transport.producerState == "paused"


def beginning(
    requestID: int,
    params: Mapping[str, str] | Iterable[tuple[bytes, bytes]] = (),
    *,
    role: int = Role.RESPONDER,
    keep: bool = True,
) -> list[AnyRecord]:
    """
    The records of a request, up to the end of its params.
    """
    block = encodeParams(params)
    pieces = [block[at : at + 65528] for at in range(0, len(block), 65528)]
    return [
        BeginRequest(requestID, role, keep),
        *(Params(requestID, piece) for piece in pieces),
        Params(requestID),
    ]


def stdin(requestID: int, body: bytes) -> list[AnyRecord]:
    """
    The records of a whole body.
    """
    pieces = [body[at : at + 65528] for at in range(0, len(body), 65528)]
    return [*(Stdin(requestID, piece) for piece in pieces), Stdin(requestID)]


def ok(request: Request) -> Response:
    """
    An app that answers at once.
    """
    return Response(200, {"Content-Type": "text/plain"}, b"ok")


class Held:
    """
    An app that answers when it is told to.

    @ivar requests: The requests that came.
    @ivar results: A Deferred for the result of each.
    @ivar cancelled: The requests whose results are not wanted any more.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.results: list[Deferred[Any]] = []
        self.cancelled: list[Any] = []

    def __call__(self, request: Request) -> Deferred[Any]:
        result: Deferred[Any] = Deferred(lambda _: self.cancelled.append(request))
        self.requests.append(request)
        self.results.append(result)
        return result

    def answer(self, body: bytes = b"ok", index: int = 0) -> None:
        """
        Answer a request.
        """
        self.results[index].callback(Response(200, {"Content-Type": "text/plain"}, body))


class ServerTests(SynchronousTestCase):
    """
    Tests that serve an app to a web server in memory.

    @ivar clock: The time of all servers.
    @ivar events: What was logged.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.events: list[LogEvent] = []
        observer = cast(ILogObserver, self.events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def factory(
        self, app: Callable[[Any], Any] = ok, limits: Limits | None = None, **options: Any
    ) -> FastCGIServerFactory:
        """
        Make a server for an app.
        """
        return FastCGIServerFactory(app, limits, clock=self.clock, **options)

    def serve(
        self, app: Callable[[Any], Any] = ok, limits: Limits | None = None, **options: Any
    ) -> WebServer:
        """
        Connect a web server to an app.
        """
        return WebServer(self.factory(app, limits, **options))

    def advance(self, seconds: float) -> None:
        """
        Let time pass, a second at a time.
        """
        self.clock.pump([1.0] * int(seconds))

    @property
    def said(self) -> str:
        """
        The messages that were logged, a line each.
        """
        return "\n".join(formatEvent(event) for event in self.events)

    def assertSaid(self, *parts: str) -> None:
        """
        Check that one message has all of these in it.
        """
        for line in self.said.splitlines():
            if all(part in line for part in parts):
                return
        self.fail(f"no message has {parts} in it:\n{self.said}")

    def assertFailed(self, kind: type[BaseException]) -> None:
        """
        Check that one failure was logged, and take it.
        """
        failures = self.flushLoggedErrors()
        self.assertEqual([failure.type for failure in failures], [kind], self.said)

    def assertServes(self, server: WebServer, requestID: int = 99) -> None:
        """
        Check that a connection is as good as new. The request is answered by an app of its own.
        """
        self.assertFalse(server.closed or server.cut)
        server.forget()
        application, server.protocol.application = server.protocol.application, Application(ok)
        answer = server.get(requestID, {"REQUEST_METHOD": "GET"})
        server.protocol.application = application
        self.assertEqual((answer.body, answer.status), (b"ok", (0, 0)))
