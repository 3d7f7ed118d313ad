"""
Tests of L{txfcgi.server.scgi}: what a web server gets over SCGI.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from txfcgi import (
    FastCGIServerProtocol,
    Limits,
    Overloaded,
    Request,
    RequestAborted,
    Response,
    Role,
    SCGIServerFactory,
    SCGIServerProtocol,
    roles,
)
from txfcgi.errors import BodyTooShort, ConnectionClosed

from ..wire.scgi import EXAMPLE, asked
from .asking import GET, OK
from .conversation import HOST, PEER, Held, ServerTests, ok


class SCGITests(ServerTests):
    """
    Tests that serve an app over SCGI to a web server in memory.
    """

    def ask(
        self,
        app: Callable[[Any], Any] = ok,
        data: bytes = GET,
        limits: Limits | None = None,
        **options: Any,
    ) -> StringTransport:
        """
        Send a request.

        @return: What is between the two ends.
        """
        factory = SCGIServerFactory(app, limits, clock=self.clock, **options)
        protocol = factory.buildProtocol(PEER)
        assert isinstance(protocol, SCGIServerProtocol)
        self.protocol = protocol
        self.addCleanup(self.disconnect)
        transport = StringTransport(hostAddress=HOST, peerAddress=PEER)
        self.protocol.makeConnection(transport)
        if data:
            self.protocol.dataReceived(data)
        return transport

    def disconnect(self) -> None:
        """
        Let the web server go away, if it has not.
        """
        if self.protocol in self.protocol.server._open:
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def assertAnswered(self, transport: StringTransport, code: int, part: bytes = b"") -> None:
        """
        Check that there is one answer, and that the connection is closed behind it.
        """
        self.assertTrue(transport.value().startswith(b"Status: %d " % code), transport.value())
        self.assertEqual(transport.value().count(b"Status: "), 1)
        self.assertIn(part, transport.value())
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.protocol.server.requests, 0)


class AnswerTests(SCGITests):
    """
    Requests and results are FastCGI's.
    """

    def test_example(self) -> None:
        """
        The specification's example.
        """

        async def app(request: Request) -> Response:
            assert await request.stdin.read() == b"What is the answer to life?"
            self.assertEqual((request.method, request.uri), ("POST", "/deepthought"))
            self.assertEqual((request.role, request.requestID), (Role.RESPONDER, 1))
            self.assertEqual((request.peer, request.host), (PEER, HOST))
            self.assertFalse(request.keepConnection)
            return Response(200, {"Content-Type": "text/plain"}, b"42")

        for cut in range(len(EXAMPLE)):
            transport = self.ask(app, EXAMPLE[:cut])
            self.protocol.dataReceived(EXAMPLE[cut:])
            self.assertAnswered(transport, 200, b"\r\n\r\n42")

    def test_oneWrite(self) -> None:
        """
        A small response is one write.
        """
        writes: list[bytes] = []
        transport = self.ask(data=b"")
        transport.write = writes.append  # type: ignore[method-assign]
        self.protocol.dataReceived(GET)
        self.assertEqual(writes, [OK])

    def test_results(self) -> None:
        """
        An app that writes by itself, and one whose body is not all there yet.
        """

        def writes(request: Request) -> int:
            request.stdout.write(b"Content-Type: text/plain\n\nwr")
            request.stdout.write(b"itten")
            return 3

        def streams(request: Request) -> Response:
            return Response(200, {}, iter([b"in ", b"pieces"]))

        self.assertTrue(self.ask(writes).value().endswith(b"\r\n\r\nwritten"))
        self.assertAnswered(self.ask(streams), 200, b"\r\n\r\nin pieces")

    def test_head(self) -> None:
        """
        HEAD has no body.
        """
        transport = self.ask(data=asked((b"REQUEST_METHOD", b"HEAD")))
        self.assertEqual(transport.value(), OK[:-2])

    def test_statusLine(self) -> None:
        """
        Answers can start with a status line, those that the server gives by itself as well.
        """
        transport = self.ask(statusLine=True)
        self.assertEqual(transport.value(), b"HTTP/1.1 200 OK\r\n" + OK[16:])
        transport = self.ask(data=asked(version=b"2"), statusLine=True)
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 400 Bad Request\r\n"))

    def test_failed(self) -> None:
        """
        An app that fails is a 500, and in the log.
        """

        def fails(request: Request) -> Response:
            raise RuntimeError("a secret")

        self.assertAnswered(self.ask(fails), 500, b"500 Internal Server Error\n")
        self.assertFailed(RuntimeError)

    def test_overloaded(self) -> None:
        """
        An app that has enough to do, and a server that has, say so.
        """

        def full(request: Request) -> Response:
            raise Overloaded(retryAfter=7)

        self.assertAnswered(self.ask(full), 503, b"Retry-After: 7\r\n")
        factory = SCGIServerFactory(Held(), Limits(requests=1), clock=self.clock)
        answers = []
        for _ in range(2):
            protocol = factory.buildProtocol(PEER)
            assert protocol is not None
            transport = StringTransport(hostAddress=HOST, peerAddress=PEER)
            protocol.makeConnection(transport)
            self.addCleanup(protocol.connectionLost, connectionDone)
            protocol.dataReceived(GET)
            answers.append(transport.value()[:12])
        self.assertEqual(answers, [b"", b"Status: 503 "])

    def test_noResponder(self) -> None:
        """
        No status can say that an app is no Responder, so an error page does.
        """
        self.assertAnswered(self.ask(roles(authorizer=ok)), 500)

    def test_stderr(self) -> None:
        """
        What an app writes to its stderr goes to the log, where it can forge no line.
        """

        def app(request: Request) -> Response:
            request.stderr.write(b"careful\nroot logged in")
            return Response(204)

        self.assertAnswered(self.ask(app), 204)
        self.assertSaid("ResponderRequest 1", r"careful\nroot logged in")

    def test_interface(self) -> None:
        """
        Only SCGI's protocol is told of half a close.
        """
        self.ask()
        verifyObject(IHalfCloseableProtocol, self.protocol)
        self.assertFalse(IHalfCloseableProtocol.implementedBy(FastCGIServerProtocol))


class MistakeTests(SCGITests):
    """
    What a web server does wrong.
    """

    def test_noSCGI(self) -> None:
        """
        Another protocol is closed, with a word in the log, and never reaches the app.
        """
        app = Held()
        transport = self.ask(app, b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual((transport.value(), transport.disconnecting), (b"", True))
        self.assertSaid("broke the protocol", "HTTP client")
        self.assertEqual(app.requests, [])

    def test_headers(self) -> None:
        """
        Headers that break a rule are answered.
        """
        app = Held()
        self.assertAnswered(self.ask(app, asked((b"A", b"1"), (b"A", b"2"))), 400)
        self.assertSaid("refused", "'A' is there twice")
        self.assertAnswered(self.ask(app, asked(version=b"2")), 400)
        self.assertAnswered(self.ask(app, b"300:", Limits(paramsBytes=299)), 431)
        self.assertAnswered(self.ask(app, GET, Limits(paramsCount=2)), 431)
        self.assertEqual(app.requests, [])

    def test_refused(self) -> None:
        """
        Too many headers are a 431, a length that is not a number a 400, and the app sees neither;
        where there is no room for any request, both are a 503.
        """
        app = Held()
        many = asked(*((b"N%d" % number, b"") for number in range(1000)))
        for data, code in ((many, 431), (asked(length=b"abc"), 400)):
            self.assertAnswered(self.ask(app, data), code)
            self.assertEqual(app.requests, [])
            factory = SCGIServerFactory(Held(), Limits(requests=1), clock=self.clock)
            answers = []
            for each in (GET, data):
                protocol = factory.buildProtocol(PEER)
                assert protocol is not None
                transport = StringTransport(hostAddress=HOST, peerAddress=PEER)
                protocol.makeConnection(transport)
                protocol.dataReceived(each)
                self.addCleanup(protocol.connectionLost)
                answers.append(transport.value())
            self.assertEqual(answers[0], b"")
            self.assertTrue(answers[1].startswith(b"Status: 503 "))

    def test_lenient(self) -> None:
        """
        An nginx without its scgi_params is served if that is wanted.
        """
        data = b"17:CONTENT_LENGTH\x000\x00,"
        self.assertAnswered(self.ask(data=data), 400)
        self.assertSaid("scgi_params")
        self.assertAnswered(self.ask(data=data, lenient=True), 200)

    def test_body(self) -> None:
        """
        A body that is too large is a 413 where an app reads it.
        """

        async def app(request: Any) -> Response:
            return Response(200, {}, await request.stdin.read())

        self.assertAnswered(self.ask(app, EXAMPLE, Limits(bodyBytes=26)), 413)
        self.assertAnswered(self.ask(app, EXAMPLE, Limits(bodyBytes=27)), 200, b"life?")

    def test_excess(self) -> None:
        """
        What is behind the body is for nobody.
        """

        async def app(request: Any) -> Response:
            return Response(200, {}, await request.stdin.read())

        transport = self.ask(app, EXAMPLE + b" Or is there one?")
        self.assertAnswered(transport, 200, b"\r\n\r\nWhat is the answer to life?")

    def test_bodyCutOff(self) -> None:
        """
        A body that ends too early never looks complete: the app's read fails, and the app is
        cancelled.
        """
        app = Held()
        transport = self.ask(app, EXAMPLE[:-1])
        [request] = app.requests
        reading = request.stdin.read()
        finished = request.notifyFinish()
        self.protocol.readConnectionLost()
        error = self.failureResultOf(reading).check(RequestAborted, BodyTooShort)
        self.assertIsNotNone(error)
        self.failureResultOf(finished, RequestAborted)
        self.assertEqual(app.cancelled, [request])
        self.assertTrue(transport.disconnecting)
        self.assertSaid("broke the protocol", "1 bytes before its CONTENT_LENGTH")

    def test_headersCutOff(self) -> None:
        """
        Headers that end too early are no request.
        """
        transport = self.ask(data=GET[:-1])
        self.protocol.readConnectionLost()
        self.assertEqual((transport.value(), transport.disconnecting), (b"", True))

    def test_nothing(self) -> None:
        """
        A connection on which nothing came is closed without a word.
        """
        transport = self.ask(data=b"")
        self.protocol.readConnectionLost()
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.said, "")


class TimeTests(SCGITests):
    """
    What takes too long, and what comes to its end.
    """

    def test_params(self) -> None:
        """
        Headers have to be there in time.
        """
        transport = self.ask(data=GET[:-1], limits=Limits(paramsTimeout=5))
        self.advance(4)
        self.assertFalse(transport.disconnected)
        self.advance(4)
        self.assertTrue(transport.disconnected)

    def test_body(self) -> None:
        """
        So has a body that is wanted.
        """

        async def app(request: Any) -> Response:
            return Response(200, {}, await request.stdin.read())

        transport = self.ask(app, EXAMPLE[:-1], Limits(bodyTimeout=5))
        self.advance(4)
        self.assertEqual(transport.value(), b"")
        self.advance(4)
        self.assertAnswered(transport, 408)

    def test_answer(self) -> None:
        """
        So has an answer.
        """
        app = Held()
        transport = self.ask(app, limits=Limits(requestTimeout=5))
        self.advance(8)
        self.assertAnswered(transport, 504)
        self.assertEqual(app.cancelled, app.requests)

    def test_drain(self) -> None:
        """
        A request that has begun is answered before the server ends, be it in the middle of its
        headers; an idle connection is closed.
        """
        app = Held()
        idle = self.ask(app, b"")
        self.protocol.server.drain(30)
        self.advance(3)
        self.assertTrue(idle.disconnecting)
        transport = self.ask(app)
        drained = self.protocol.server.drain(30)
        self.assertFalse(transport.disconnecting)
        app.answer()
        self.assertAnswered(transport, 200)
        self.assertNoResult(drained)
        self.disconnect()
        self.successResultOf(drained)

    def test_aborted(self) -> None:
        """
        A connection that is lost takes its request with it.
        """
        app = Held()
        self.ask(app)
        finished = app.requests[0].notifyFinish()
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(finished, ConnectionClosed)
        self.assertEqual(app.cancelled, app.requests)
