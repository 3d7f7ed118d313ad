"""
Tests of L{txfcgi.server.application}: bodies that come in pieces. The head waits for the first
piece, and no more goes out than it declares.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer

from tests.producers import Pieces, Producer
from txfcgi import Request, Response, Role, SCGIServerFactory
from txfcgi.errors import ContentLengthMismatch, InvalidResponse
from txfcgi.wire.records import Stdin, Stdout

from .apps import PAGE, asynchronous, returning, synchronous
from .asking import GET
from .conversation import PEER, Answer, ServerTests, Wire, beginning


def failing(*pieces: bytes) -> Iterator[bytes]:
    """
    A body that fails behind these pieces.
    """
    yield from pieces
    raise ZeroDivisionError


async def failingLater(*pieces: bytes) -> AsyncIterator[bytes]:
    """
    One that waits, for what is there already, and fails then.
    """
    await succeed(None)
    for piece in pieces:
        yield piece
    raise ZeroDivisionError


class NeverStarting(Producer):
    """
    A producer that fails when it is to begin.
    """

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Fail.
        """
        raise ZeroDivisionError


def failed() -> Producer:
    """
    A producer that has failed before it began.
    """
    producer = Producer()
    producer.finished.errback(ZeroDivisionError())
    return producer


class FirstPieceTests(ServerTests):
    """
    What fails before the first piece of a body is a clean error.
    """

    def test_fails(self) -> None:
        """
        A body that fails at once, whatever it is made of, is a 500, and the connection goes on.
        """
        bodies: list[Callable[[], Any]] = [
            failing,
            lambda: failing(b"", b""),
            failingLater,
            lambda: failingLater(b""),
            NeverStarting,
            failed,
        ]
        for body in bodies:
            server = self.serve(returning(Response(200, PAGE, body())))
            answer = server.get()
            self.assertEqual((answer.code, answer.status), (500, (1, 0)))
            self.assertFailed(ZeroDivisionError)
            self.assertServes(server)

    def test_text(self) -> None:
        """
        Text in place of bytes is named.
        """
        server = self.serve(lambda _: Response(200, PAGE, ["a", "b"]))  # type: ignore[list-item]
        self.assertEqual(server.get().code, 500)
        self.assertFailed(InvalidResponse)
        self.assertSaid(
            "only bytes can be written, not str: 'a'", "test_application_bodies.py, line "
        )
        self.assertServes(server)

    def test_forgottenAwait(self) -> None:
        """
        The Deferred of a body is not an empty one.
        """

        def bytesOf(request: Any) -> Response:
            return Response(200, PAGE, request.stdin.read())

        def valueOf(request: Any) -> Response:
            return Response(200, PAGE, request.json())

        for app in (bytesOf, valueOf):
            server = self.serve(app)
            self.assertEqual(server.post(b"[]").code, 500)
            self.assertFailed(InvalidResponse)
            self.assertSaid("await it", "test_application_bodies.py, line ")

    def test_filter(self) -> None:
        """
        The same in a Filter, whose answer waits for its stdin.
        """
        server = self.serve(lambda _: Response(200, PAGE, failing()))
        server.begin(role=Role.FILTER)
        server.endStdin()
        self.assertEqual((server.answer().code, server.answer().status), (500, (1, 0)))
        self.assertFailed(ZeroDivisionError)

    def test_scgi(self) -> None:
        """
        The same over SCGI.
        """
        factory = SCGIServerFactory(lambda _: Response(200, PAGE, failing()), clock=self.clock)
        protocol, transport = factory.buildProtocol(PEER), Wire()
        assert protocol is not None
        protocol.makeConnection(transport)
        protocol.dataReceived(GET)
        self.assertTrue(transport.value().startswith(b"Status: 500 "))
        self.assertTrue(transport.disconnecting)
        self.assertFailed(ZeroDivisionError)
        protocol.connectionLost()

    def test_shared(self) -> None:
        """
        Another request on the same connection notices nothing.
        """
        quiet: Deferred[None] = Deferred()

        async def waiting() -> AsyncIterator[bytes]:
            await quiet
            yield b"at last"

        bodies: list[Any] = [waiting(), failing()]
        server = self.serve(lambda _: Response(200, PAGE, bodies.pop(0)))
        server.get(1)
        self.assertEqual(server.get(2).code, 500)
        self.assertFailed(ZeroDivisionError)
        quiet.callback(None)
        self.assertEqual((server.answer(1).body, server.answer(1).status), (b"at last", (0, 0)))

    def test_tooShort(self) -> None:
        """
        A body with nothing in it, where some was declared.
        """
        server = self.serve(lambda _: Response(200, {**PAGE, "Content-Length": "5"}, synchronous()))
        self.assertEqual(server.get().code, 500)
        self.assertFailed(ContentLengthMismatch)

    def test_quiet(self) -> None:
        """
        A body that has nothing to say for now opens at once: its head does not wait.
        """
        event: Deferred[None] = Deferred()

        async def events() -> AsyncIterator[bytes]:
            await event
            yield b"data: 1\n\n"

        for body in (events(), Producer()):
            server = self.serve(returning(Response(200, PAGE, body)))
            server.get()
            self.assertEqual((server.answer().code, server.answer().body), (200, b""))
            self.assertIsNone(server.answer().end)
            server.abort()

    def test_empty(self) -> None:
        """
        A body of no pieces is an empty one.
        """
        for body in (synchronous(), asynchronous(), synchronous(b"", b"")):
            answer = self.serve(returning(Response(200, PAGE, body))).get()
            self.assertEqual((answer.code, answer.body, answer.status), (200, b"", (0, 0)))

    def test_together(self) -> None:
        """
        The head and the first piece are one write.
        """
        more: Deferred[None] = Deferred()

        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await more

        server = self.serve(lambda _: Response(200, PAGE, body()))
        server.get()
        self.assertEqual((server.answer().body, server.writes), (b"first", 1))
        server.abort()


class LengthTests(ServerTests):
    """
    What is more than Content-Length says is cut, so that the answer is what was declared.
    """

    def assertCut(self, answer: Answer) -> None:
        """
        Check that an answer has its five bytes, and that the log tells of the rest.
        """
        self.assertEqual((answer.code, answer.headers["content-length"]), (200, "5"))
        self.assertEqual((answer.body, answer.status), (b"abcde", (0, 0)))
        said = [line for line in self.said.splitlines() if "is longer than" in line]
        self.assertEqual(len(said), 1)
        self.assertIn("GET /long", said[0])
        self.events.clear()

    def get(self, app: Callable[[Any], Any]) -> Answer:
        """
        Ask an app that declares five bytes.
        """
        server = self.serve(app)
        server.get(1, {"REQUEST_METHOD": "GET", "REQUEST_URI": "/long"})
        self.assertFalse(server.closed)
        return server.answer()

    def test_bodies(self) -> None:
        """
        Any kind of body.
        """

        class Long(Producer):
            def startProducing(self, consumer: IConsumer) -> Deferred[None]:
                for piece in (b"abc", b"def", b"g"):
                    consumer.write(piece)
                return succeed(None)

        bodies: list[Any] = [
            b"abcdef",
            [b"abc", b"de", b"f", b"g"],
            [b"abc", b"defg"],
            asynchronous(b"abcde", b"f"),
            Long(),
            Long(7),
        ]
        headers = {**PAGE, "Content-Length": "5"}
        for body in bodies:
            self.assertCut(self.get(returning(Response(200, headers, body))))

    def test_endless(self) -> None:
        """
        A body without an end is not asked for more, and closed.
        """
        body = Pieces(b"abcdef", b"gh")
        self.assertCut(self.get(lambda _: Response(200, {"Content-Length": "5"}, body)))
        self.assertTrue(body.closed)
        endless: Iterable[bytes] = repeat(b"abcde")
        self.assertCut(self.get(lambda _: Response(200, {"Content-Length": "5"}, endless)))

    def test_written(self) -> None:
        """
        What an app writes by itself, such as the line end that C{print} adds.
        """

        def together(request: Request) -> None:
            request.stdout.write(b"Status: 200 OK\nContent-Length: 5\n\nabcde\n")

        def apart(request: Request) -> None:
            request.stdout.write(b"Status: 200 OK\nContent-Length: 5\n\n")
            for piece in (b"abcde", b"\n", b"more"):
                request.stdout.write(piece)

        for app in (together, apart):
            self.assertCut(self.get(app))

    def test_scgi(self) -> None:
        """
        The same over SCGI.
        """
        headers = {**PAGE, "Content-Length": "2"}
        factory = SCGIServerFactory(
            lambda _: Response(200, headers, [b"ok", b"!"]), clock=self.clock
        )
        protocol, transport = factory.buildProtocol(PEER), Wire()
        assert protocol is not None
        protocol.makeConnection(transport)
        protocol.dataReceived(GET)
        self.assertTrue(transport.value().endswith(b"\r\n\r\nok"))
        self.assertFalse(transport.disconnected)
        self.assertSaid("is longer than the Content-Length")
        protocol.connectionLost()

    def test_head(self) -> None:
        """
        The answer to HEAD says what was declared.
        """
        headers = {**PAGE, "Content-Length": "5"}
        for body in (b"abcdef", synchronous(b"abcdef")):
            server = self.serve(returning(Response(200, headers, body)))
            answer = server.get(params={"REQUEST_METHOD": "HEAD"})
            self.assertEqual((answer.headers["content-length"], answer.body), ("5", b""))

    def test_nothingBehind(self) -> None:
        """
        No record of the rest goes out, and the end is proper.
        """
        server = self.serve(lambda _: Response(200, {"Content-Length": "0"}, [b"a"]))
        server.send(*beginning(1), Stdin(1))
        contents = [each.content for each in server.records if isinstance(each, Stdout)]
        self.assertEqual(contents[1:], [b""])
        self.assertEqual(server.answer().status, (0, 0))
