"""
Tests of a server over real sockets, moved by hand: how it closes, and what it notices while it does
not read.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import FastCGIServerFactory, Limits, Request, Response
from txfcgi.errors import ConnectionClosed
from txfcgi.server.fastcgi import FastCGIServerProtocol
from txfcgi.wire.records import AnyRecord, RecordReader, Role, Stdin, interpret

from ..lines import Hands, Line
from .conversation import Answer, Held, beginning, ok, stdin


class SocketServer:
    """
    A server, and the connections to it.
    """

    def __init__(self, app: Any, limits: Limits | None = None) -> None:
        self.reactor = Hands()
        self.factory = FastCGIServerFactory(app, limits, clock=self.reactor)
        self.links: list[Link] = []

    def connect(self, **options: Any) -> Link:
        """
        Connect a web server.
        """
        link = Link(self, **options)
        self.links.append(link)
        return link

    def close(self) -> None:
        """
        End all connections.
        """
        for link in self.links:
            link.line.close()


class Link:
    """
    A connection of a web server over a socket.
    """

    def __init__(self, server: SocketServer, **options: Any) -> None:
        protocol = server.factory.buildProtocol(UNIXAddress(b"far"))
        assert isinstance(protocol, FastCGIServerProtocol)
        self.protocol = protocol
        self.line = Line(protocol, server.reactor, **options)
        self._reader = RecordReader()
        self._records: list[AnyRecord] = []

    def sendBytes(self, data: bytes | memoryview) -> int:
        """
        Send as much as is taken without being read.
        """
        try:
            return self.line.far.send(data)
        except BlockingIOError:
            return 0

    def send(self, *records: AnyRecord) -> None:
        """
        Send records, and let the server read them.
        """
        data = memoryview(b"".join(record.encode() for record in records))
        while data:
            sent = self.sendBytes(data)
            data = data[sent:]
            if not self.line.read() and not sent:
                raise AssertionError("the server does not read")
        while self.line.read():
            pass

    def answer(self, requestID: int = 1) -> Answer:
        """
        What came for a request, all that the server has to write included.
        """
        while data := self.line.takeAll():
            self._records += map(interpret, self._reader.receive(data))
            self.line.reactor.advance(0)
        return Answer(each for each in self._records if each.requestID == requestID)


class SocketTests(SynchronousTestCase):
    """
    Tests with a server.
    """

    def serve(self, app: Any = ok, limits: Limits | None = None) -> SocketServer:
        """
        Make a server.
        """
        server = SocketServer(app, limits)
        self.addCleanup(server.close)
        self.addCleanup(self.assertIdle, server)
        return server

    def assertIdle(self, server: SocketServer) -> None:
        """
        When all are gone, nothing is left.
        """
        server.close()
        self.assertEqual((server.factory.connections, server.factory.requests), (0, 0))
        self.assertEqual(server.reactor.getDelayedCalls(), [])


class ServingTests(SocketTests):
    """
    Requests over sockets.
    """

    def test_served(self) -> None:
        """
        Over every kind of socket, bytes go both ways.
        """
        for options in ({}, {"tcp": True}, {"accepted": True}):

            async def echo(request: Request) -> Response:
                return Response(200, {}, await request.stdin.read())

            link = self.serve(echo).connect(**options)
            body = bytes(range(256)) * 8192
            link.send(*beginning(1, {"CONTENT_LENGTH": str(len(body))}), *stdin(1, body))
            self.assertEqual(link.answer().body, body)
            self.assertEqual(link.answer().status, (0, 0))

    def test_largeAnswers(self) -> None:
        """
        Answers that are larger than what the socket takes come whole and in order, and those of
        others between them.
        """
        sizes = {1: 1_000_000, 2: 10, 3: 300_000}
        app = Held()
        link = self.serve(app).connect()
        for requestID in sizes:
            link.send(*beginning(requestID), Stdin(requestID))
        for index, (requestID, size) in enumerate(sizes.items()):
            app.answer(bytes([requestID]) * size, index)
        for requestID, size in sizes.items():
            answer = link.answer(requestID)
            self.assertEqual(answer.body, bytes([requestID]) * size)
            self.assertEqual(answer.status, (0, 0))

    def test_everyKindOfBody(self) -> None:
        """
        So it is for bodies that are made while they are sent.
        """

        def pieces() -> Any:
            for number in range(200):
                yield b"%05d" % number * 1000

        async def waited() -> Any:
            for piece in pieces():
                yield piece

        for body in (pieces(), waited()):
            server = self.serve(lambda _, body=body: Response(200, {}, body))
            link = server.connect()
            link.send(*beginning(1), Stdin(1))
            self.assertEqual(link.answer().body, b"".join(pieces()))

    def test_written(self) -> None:
        """
        So it is for an app that writes and waits.
        """

        async def app(request: Request) -> None:
            request.stdout.write(b"Status: 200 OK\n\n")
            for number in range(200):
                request.stdout.write(b"%05d" % number * 1000)
                await request.stdout.drain()

        link = self.serve(app, Limits(outputBytes=100_000)).connect()
        link.send(*beginning(1), Stdin(1))
        self.assertEqual(len(link.answer().body), 1_000_000)


class ClosingTests(SocketTests):
    """
    The end of a connection, at which nothing of an answer may get lost.
    """

    def test_closed(self) -> None:
        """
        After the last answer the server's direction ends at once; the rest when the web server has
        closed as well.
        """
        server = self.serve()
        link = server.connect()
        link.send(*beginning(1, keep=False), Stdin(1))
        self.assertEqual(link.answer().body, b"ok")
        self.assertTrue(link.line.ended)
        link.line.far.close()
        link.line.read()
        link.line.settle()
        self.assertEqual(server.factory.connections, 0)

    def test_hungUp(self) -> None:
        """
        Behind a request without a body, all of which has come, the connection is closed in the next
        turn, whole. So it is not where some of the request is still to come, or has just come.
        """
        server = self.serve()
        whole = b"".join(each.encode() for each in (*beginning(1, keep=False), Stdin(1)))
        body = b"".join(each.encode() for each in (*beginning(1, keep=False), *stdin(1, b"body")))
        for data, closed in (
            (whole, True),
            (whole[:-8], False),
            (whole + b"\1", False),
            (body, False),
        ):
            link = server.connect()
            link.sendBytes(data)
            link.line.read()
            self.assertEqual(link.answer().code, 200)
            self.assertEqual(bool(link.line.near.disconnected), closed, data)
            self.assertTrue(link.line.ended)

    def test_unreadBody(self) -> None:
        """
        An answer that is early arrives whole though 20 MiB of body are still on their way: they are
        taken and dropped.
        """
        for options in ({}, {"tcp": True}):
            server = self.serve(lambda _: Response(413, {}, b"too much" * 10_000))
            link = server.connect(**options)
            size = 20 * 1024 * 1024
            records = [*beginning(1, {"CONTENT_LENGTH": str(size)}, keep=False)]
            link.send(*records, *stdin(1, bytes(size)))
            self.assertEqual(link.answer().body, b"too much" * 10_000)
            self.assertEqual(link.answer().status, (0, 0))
            self.assertTrue(link.line.ended)
            link.line.far.close()
            link.line.read()
            link.line.settle()
            self.assertEqual(server.factory.connections, 0)

    def test_pausedBody(self) -> None:
        """
        So does that of an app which had held its body up.
        """
        app = Held()
        server = self.serve(app)
        link = server.connect()
        link.send(*beginning(1, keep=False))
        data = memoryview(Stdin(1, bytes(60_000)).encode() * 50)
        while (sent := link.sendBytes(data)) or link.line.read():
            data = data[sent:]
        self.assertTrue(data)
        self.assertTrue(link.protocol.paused)
        app.answer(b"early")
        self.assertFalse(link.protocol.paused)
        self.assertEqual(link.answer().body, b"early")
        while link.line.read():
            pass
        self.assertTrue(link.line.ended)
        self.assertEqual(server.factory.connections, 1)

    def test_lingerBytes(self) -> None:
        """
        C{lingerBytes}: no more than so many are taken and dropped. Another connection is not
        touched.
        """
        server = self.serve(limits=Limits(lingerBytes=100_000))
        link, other = server.connect(), server.connect()
        link.send(*beginning(1, {"CONTENT_LENGTH": "10000000"}, keep=False))
        self.assertEqual(link.answer().body, b"ok")
        link.send(Stdin(1, bytes(60_000)))
        link.line.settle()
        self.assertEqual(server.factory.connections, 2)
        link.send(Stdin(1, bytes(60_000)))
        link.line.settle()
        self.assertEqual(server.factory.connections, 1)
        other.send(*beginning(1), Stdin(1))
        self.assertEqual(other.answer().body, b"ok")

    def test_noLingering(self) -> None:
        """
        With 0 a connection is closed whole, at once.
        """
        server = self.serve(limits=Limits(lingerBytes=0))
        link = server.connect()
        link.send(*beginning(1, {"CONTENT_LENGTH": "10000000"}, keep=False))
        link.line.settle()
        self.assertEqual(server.factory.connections, 0)
        self.assertEqual(link.answer().body, b"ok")

    def test_lingerTimeout(self) -> None:
        """
        C{lingerTimeout}: nor is it waited for longer. Another connection is not touched.
        """
        server = self.serve(limits=Limits(lingerTimeout=5, closeTimeout=100))
        link, other = server.connect(), server.connect()
        link.send(*beginning(1, {"CONTENT_LENGTH": "10000000"}, keep=False))
        self.assertEqual(link.answer().body, b"ok")
        server.reactor.pump([1.0] * 4)
        link.line.settle()
        self.assertEqual(server.factory.connections, 2)
        server.reactor.pump([1.0] * 3)
        link.line.settle()
        self.assertEqual(server.factory.connections, 1)
        other.send(*beginning(1), Stdin(1))
        self.assertEqual(other.answer().body, b"ok")

    def test_brokenProtocol(self) -> None:
        """
        A connection that is closed for a mistake of the peer's is closed in the same way.
        """
        server = self.serve()
        link = server.connect()
        link.send(*beginning(1), Stdin(1))
        self.assertEqual(link.answer().body, b"ok")
        self.assertEqual(link.sendBytes(bytes(8)), 8)
        link.line.read()
        link.line.settle()
        self.assertTrue(link.line.ended)

    def test_closedInTheMiddleOfOutput(self) -> None:
        """
        What waits is sent before the end.
        """
        server = self.serve(lambda _: Response(200, {}, bytes(1_000_000)))
        link = server.connect()
        link.send(*beginning(1, keep=False), Stdin(1))
        self.assertFalse(link.line.ended)
        self.assertEqual(len(link.answer().body), 1_000_000)
        self.assertTrue(link.line.ended)

    def test_reset(self) -> None:
        """
        A web server that resets its connections (Caddy) costs nothing.
        """
        server = self.serve()
        link = server.connect(tcp=True)
        link.send(*beginning(1, keep=False), Stdin(1))
        self.assertEqual(link.answer().body, b"ok")
        link.line.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.line.far.close()
        link.line.read()
        link.line.settle()
        self.assertEqual(server.factory.connections, 0)


class GoneTests(SocketTests):
    """
    A web server that goes away.
    """

    def begin(self, server: SocketServer, app: Held, **options: Any) -> tuple[Link, Deferred[None]]:
        """
        Begin a request whose body holds up its connection.
        """
        link = server.connect(**options)
        link.send(*beginning(1))
        link.send(Stdin(1, bytes(60_000)), Stdin(1, bytes(60_000)))
        self.assertTrue(link.protocol.paused)
        return link, app.requests[-1].notifyFinish()

    def test_whilePaused(self) -> None:
        """
        It is noticed at the next tick though nothing is read.
        """
        app = Held()
        server = self.serve(app)
        for options in ({}, {"tcp": True}):
            link, finished = self.begin(server, app, **options)
            server.reactor.pump([1.0] * 3)
            self.assertNoResult(finished)
            link.line.far.close()
            server.reactor.pump([1.0] * 2)
            link.line.settle()
            self.failureResultOf(finished, ConnectionClosed)
        self.assertEqual(app.cancelled, app.requests)

    def test_whileWriting(self) -> None:
        """
        It is noticed when something is written to it.
        """
        app = Held()
        server = self.serve(app)
        link = server.connect()
        link.send(*beginning(1), *beginning(2))
        finished = app.requests[1].notifyFinish()
        link.line.far.close()
        app.answer(index=0)
        link.line.settle()
        self.failureResultOf(finished, ConnectionClosed)

    def test_halfClosed(self) -> None:
        """
        One that closes its direction alone has gone, too: no web server does so over FastCGI.
        """
        app = Held()
        server = self.serve(app)
        link = server.connect()
        link.send(*beginning(1))
        finished = app.requests[0].notifyFinish()
        link.line.far.shutdown(socket.SHUT_WR)
        link.line.read()
        link.line.settle()
        self.failureResultOf(finished, ConnectionClosed)


class SlowTests(SocketTests):
    """
    A web server that does not take its answer.
    """

    def test_writeTimeout(self) -> None:
        """
        C{writeTimeout} on a socket: it is cut off, and its requests are aborted; another is served
        meanwhile.
        """
        app = Held()
        server = self.serve(
            lambda request: app(request) if request.requestID == 1 else ok(request),
            Limits(writeTimeout=10, idleTimeout=1000),
        )
        link, other = server.connect(), server.connect()
        link.send(*beginning(1))
        finished = app.requests[0].notifyFinish()
        app.requests[0].stdout.write(b"Status: 200 OK\n\n" + bytes(1_000_000))
        for _ in range(5):
            server.reactor.pump([1.0] * 9)
            link.line.take(10_000)
            link.line.write()
        self.assertNoResult(finished)
        server.reactor.pump([1.0] * 12)
        server.reactor.advance(0)
        self.failureResultOf(finished, ConnectionClosed)
        other.send(*beginning(2, role=Role.RESPONDER), Stdin(2))
        self.assertEqual(other.answer(2).body, b"ok")

    def test_bounded(self) -> None:
        """
        Bodies that are made while they are sent wait for it: little of them is held.
        """
        made = [0]

        def body() -> Any:
            for _ in range(1000):
                made[0] += 10_000
                yield bytes(10_000)

        server = self.serve(lambda _: Response(200, {}, body()))
        link = server.connect()
        for requestID in range(1, 9):
            link.send(*beginning(requestID), Stdin(requestID))
        for _ in range(10):
            link.line.write()
            server.reactor.advance(0)
        self.assertLess(made[0], 500_000)
        self.assertLess(link.protocol.outlet.queued, 300_000)
        self.assertEqual(server.factory.requests, 8)
