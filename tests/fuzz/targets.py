"""
What is fuzzed: the four ends of the wire, the server behind it, and the gateway's HTTP. Each target
takes any bytes, and says how it came out; what must not happen is an error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from tests.wire.conversations import begin, endRequest, get, merged, params, record, stream
from txfcgi import Allow, FastCGIServerFactory, Request, Response, SCGIServerFactory, roles
from txfcgi.testing import MemoryBackEnd
from txfcgi.web import GatewayResource, StreamingSite
from txfcgi.wire import fastcgiclient, fastcgiserver, scgiclient, scgiserver
from txfcgi.wire.events import ConnectionFailed, DataReceived, Event, RequestRefused

# How a conversation came out, in words.
Outcome = tuple[str, ...]

# The most words that tell two outcomes apart.
WORDS = 3


class Target(ABC):
    """
    Something that reads bytes of a peer.

    @cvar name: What it is called.
    """

    name: str

    @abstractmethod
    def seeds(self) -> list[bytes]:
        """
        Conversations that are right.
        """

    @abstractmethod
    def run(self, data: bytes, pieces: list[bytes]) -> Outcome:
        """
        Read bytes, in one piece and in these.

        @raise AssertionError: If that comes out differently, or as it never should.
        """


def worded(events: Iterable[object]) -> Outcome:
    """
    Events in words; of the same one after another, one.
    """
    words: list[str] = []
    for event in events:
        word = event.__name__ if isinstance(event, type) else type(event).__name__
        if isinstance(event, RequestRefused):
            word += f"-{type(event.reason).__name__}"
        elif isinstance(event, DataReceived):
            word += f"-{event.stream.name}"
        if words[-1:] != [word]:
            words.append(word)
    return tuple(words[:WORDS])


class Wire(Target):
    """
    One end of the wire. It raises nothing, and it does not matter to it how bytes arrive.
    """

    @abstractmethod
    def connection(self) -> Any:
        """
        A new connection.
        """

    def run(self, data: bytes, pieces: list[bytes]) -> Outcome:
        """
        Read bytes, in one piece and in these.
        """
        inOne = self._received([data])
        inPieces = self._received(pieces)
        assert inOne == inPieces, f"{inOne} in one piece, and {inPieces} in {len(pieces)}"
        return worded(inOne)

    def _received(self, pieces: Iterable[bytes]) -> list[object]:
        connection = self.connection()
        events: list[Event] = []
        for piece in pieces:
            if connection.failed is None:
                events += connection.receive(piece)
        for event in events[:-1]:
            assert not isinstance(event, ConnectionFailed), f"{event} is not the last event"
        # What an error quotes may depend on how much has come.
        return [
            type(event.error) if isinstance(event, ConnectionFailed) else event
            for event in merged(events)
        ]


A_PAIR = (b"REQUEST_METHOD", b"POST")


def fastcgiRequests() -> list[bytes]:
    """
    Requests over FastCGI, of each role, that are right.
    """
    return [
        get(1, A_PAIR),
        get(1, A_PAIR, flags=0) + get(2, A_PAIR),
        begin(1) + params(1, A_PAIR, (b"CONTENT_LENGTH", b"8")) + stream(5, 1, b"some", b"body"),
        begin(1, 2) + params(1, A_PAIR),
        begin(1, 3) + params(1, A_PAIR) + stream(5, 1, b"form") + stream(8, 1, b"file"),
        get(1, A_PAIR) + record(2, 1),
        record(9, 0, b"\x0e\0FCGI_MAX_CONNS") + record(77, 0, b"what") + get(1),
        begin(1) + begin(2) + params(2, A_PAIR) + params(1, A_PAIR) + record(5, 2) + record(5, 1),
    ]


class FastCGIServer(Wire):
    """
    An application's end of FastCGI.
    """

    name = "fastcgi-server"

    def seeds(self) -> list[bytes]:
        """
        Requests.
        """
        return fastcgiRequests()

    def connection(self) -> Any:
        """
        A new connection.
        """
        return fastcgiserver.ServerConnection(requests=4, values={b"FCGI_MAX_CONNS": b"1"})


class FastCGIClient(Wire):
    """
    A web server's end of FastCGI, with two requests under way.
    """

    name = "fastcgi-client"

    def seeds(self) -> list[bytes]:
        """
        Responses.
        """
        head = b"Content-Type: text/plain\r\n\r\n"
        one = record(6, 1, head + b"hello") + record(6, 1) + endRequest(1)
        two = record(7, 2, b"oops") + record(6, 2, head, bytes(5)) + endRequest(2, 3)
        return [one, two, one + two, endRequest(1, 0, 2), record(10, 0, b"\1\1ab"), record(11, 0)]

    def connection(self) -> Any:
        """
        A new connection.
        """
        connection = fastcgiclient.ClientConnection()
        for _ in range(2):
            connection.request([A_PAIR], 1, True)
        return connection


class SCGIServer(Wire):
    """
    An application's end of SCGI.
    """

    name = "scgi-server"

    def seeds(self) -> list[bytes]:
        """
        Requests.
        """
        return [scgi(b""), scgi(b"hello"), scgi(b"x" * 300, (b"HTTP_X", b"y" * 200))]

    def connection(self) -> Any:
        """
        A new connection.
        """
        return scgiserver.ServerConnection()


def scgi(body: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """
    A request over SCGI.
    """
    pairs = [(b"CONTENT_LENGTH", b"%d" % len(body)), (b"SCGI", b"1"), A_PAIR, *more]
    block = b"".join(b"%b\0%b\0" % pair for pair in pairs)
    return b"%d:%b,%b" % (len(block), block, body)


class SCGIClient(Wire):
    """
    A web server's end of SCGI, with a request under way.
    """

    name = "scgi-client"

    def seeds(self) -> list[bytes]:
        """
        Responses.
        """
        return [b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello", b""]

    def connection(self) -> Any:
        """
        A new connection.
        """
        connection = scgiclient.ClientConnection()
        connection.request([A_PAIR, (b"CONTENT_LENGTH", b"0")])
        return connection


@contextmanager
def noFailures() -> Iterator[list[str]]:
    """
    See to it that no failure is logged: that would be a mistake of our own.

    @return: What else was logged, in its form.
    """
    failures: list[str] = []
    forms: list[str] = []

    def observe(event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            failures.append(failure.getTraceback())
        else:
            forms.append(event.get("log_format") or "")

    observer = cast(ILogObserver, observe)
    globalLogPublisher.addObserver(observer)
    try:
        yield forms
    finally:
        globalLogPublisher.removeObserver(observer)
    assert not failures, "\n".join(failures)


async def app(request: Request) -> Response:
    """
    An app that looks at everything.
    """
    body = await request.stdin.read()
    return Response(200, {"X-Many": str(len(request.params))}, request.uri.encode() + body)


APP = roles(responder=app, authorizer=lambda request: Allow(), filter=app)
PEER = IPv4Address("TCP", "127.0.0.1", 50_000)


class Server(Target):
    """
    A server with an app behind it: whatever comes, it logs no mistake of its own, and forgets the
    connection when that is lost.
    """

    def __init__(self, name: str, factory: Any, seeds: list[bytes]) -> None:
        self.name = name
        self._factory = factory
        self._seeds = seeds

    def seeds(self) -> list[bytes]:
        """
        Requests.
        """
        return self._seeds

    def run(self, data: bytes, pieces: list[bytes]) -> Outcome:
        """
        Serve bytes, in these pieces.
        """
        clock = Clock()
        factory = self._factory(APP, clock=clock)
        with noFailures() as forms:
            protocol = factory.buildProtocol(PEER)
            transport = StringTransport(peerAddress=PEER)
            protocol.makeConnection(transport)
            for piece in pieces:
                if not transport.disconnecting:
                    protocol.dataReceived(piece)
            written = transport.value()
            protocol.connectionLost(connectionDone)
            assert factory.connections == factory.requests == 0
            assert clock.getDelayedCalls() == []
        answered = "answered" if written else "silent"
        closed = "closed" if transport.disconnecting else "open"
        return answered, closed, *dict.fromkeys(forms)


HTTP = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a%20b?c=d HTTP/1.0\r\n\r\n",
    b"HEAD http://a/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" * 2,
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n!",
    b'OPTIONS * HTTP/1.1\r\nHost: a\r\nRange: bytes=0-5,7-\r\nIf-Range: "x"\r\n\r\n',
]


class Gateway(Target):
    """
    The gateway's HTTP, with a back end in memory: it logs no mistake of its own, and what it says
    is HTTP.
    """

    name = "http"

    def seeds(self) -> list[bytes]:
        """
        Requests.
        """
        return HTTP

    def run(self, data: bytes, pieces: list[bytes]) -> Outcome:
        """
        Serve bytes, in these pieces.
        """
        with noFailures() as forms, MemoryBackEnd("hello") as backEnd:
            site = StreamingSite(GatewayResource(backEnd.client()), reactor=backEnd.clock)
            protocol: Any = site.buildProtocol(PEER)
            transport = StringTransport(peerAddress=PEER)
            protocol.makeConnection(transport)
            for piece in pieces:
                if not transport.disconnecting:
                    protocol.dataReceived(piece)
            backEnd.pump()
            written = transport.value()
            protocol.connectionLost(connectionDone)
            backEnd.pump()
        assert not written or written.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), written[:80]
        status = written[9:12].decode("latin-1") or "silent"
        asked = f"asked-{min(len(backEnd.calls), 2)}"
        closed = "closed" if transport.disconnecting else "open"
        return status, asked, closed, *dict.fromkeys(forms)


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        FastCGIServer(),
        FastCGIClient(),
        SCGIServer(),
        SCGIClient(),
        Server("fastcgi-app", FastCGIServerFactory, fastcgiRequests()),
        Server("scgi-app", SCGIServerFactory, SCGIServer().seeds()),
        Gateway(),
    )
}
