"""
Tests of L{txfcgi.server.application}: an app that fails, before its answer and in the middle of it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer

from tests.producers import Producer
from txfcgi import (
    Allow,
    Deny,
    Request,
    ResponderRequest,
    Response,
)
from txfcgi.errors import (
    ContentLengthMismatch,
    InvalidHeader,
    InvalidResponse,
    RequestAborted,
    StreamClosed,
    TxFCGIError,
)
from txfcgi.server.application import Application
from txfcgi.wire.records import Stdin, Stdout

from .apps import PAGE, returning, synchronous, writing
from .conversation import Held, ServerTests, WebServer, beginning


class Plain:
    """
    An app that is an object.
    """

    def __call__(self, request: Request) -> object:
        return 1.5


class FailureTests(ServerTests):
    """
    What an app does wrong gets a message that names the mistake and the app, costs that request,
    and nothing else.
    """

    def fails(self, app: Callable[[Any], Any], kind: type[BaseException], *words: str) -> None:
        """
        Check that a mistake ends its request with a 500, that it is explained in the log alone, and
        that a second request on the connection does not suffer.
        """
        server = self.serve(app)
        held = Held()
        server.protocol.application, application = Application(held), server.protocol.application
        server.begin(7)
        server.protocol.application = application
        answer = server.get(1, {"REQUEST_URI": "/the/page"})
        self.assertEqual((answer.code, answer.status), (500, (1, 0)))
        self.assertEqual(answer.body, b"500 Internal Server Error\n")
        self.assertSaid(application.name, *words, "/the/page")
        self.assertFailed(kind)
        self.assertEqual(server.protocol.factory.requests, 1)
        held.answer()
        self.assertEqual(server.answer(7).body, b"ok")
        self.assertServes(server)

    def test_target(self) -> None:
        """
        What is logged of a request is short, forges no line and drives no terminal; a log that is
        written as UTF-8 can take it.
        """

        def app(request: Request) -> Response:
            raise ZeroDivisionError

        server = self.serve(app)
        for uri, shown in (
            (b"/caf\xe9", "(GET /caf\\udce9)"),
            (b"/a\x1b[31m\r\nb", "(GET /a\\x1b[31m\\r\\nb)"),
            ("/grün?'\"".encode(), "(GET /grün?\\'\")"),
            (b"/" + b"x" * 5000, f"(GET /{'x' * 995})"),
        ):
            server.begin(1, [(b"REQUEST_URI", uri)])
            server.endStdin()
            self.assertSaid("app failed on", shown)
            self.assertFailed(ZeroDivisionError)

    def test_exception(self) -> None:
        """
        An exception.
        """

        def app(request: Request) -> Response:
            raise ZeroDivisionError("by nought")

        self.fails(app, ZeroDivisionError, "test_exception", "app failed on", "by nought")

    def test_exceptionLater(self) -> None:
        """
        An exception in a coroutine.
        """

        async def app(request: Request) -> Response:
            await succeed(None)
            raise ZeroDivisionError("by nought")

        self.fails(app, ZeroDivisionError, "app failed on", "by nought")

    def test_exceptionInDeferred(self) -> None:
        """
        A Deferred that fails.
        """
        self.fails(
            lambda _: succeed(1).addCallback(lambda _: 1 / 0), ZeroDivisionError, "division by zero"
        )

    def test_exit(self) -> None:
        """
        C{sys.exit}, with which CGI programs end.
        """

        async def coroutine(request: Request) -> None:
            sys.exit(3)

        self.fails(lambda _: sys.exit(3), SystemExit, "failed on")
        self.fails(coroutine, SystemExit, "failed on")

    def test_wrongResult(self) -> None:
        """
        A result that is none.
        """
        results: list[Any] = ["text", b"bytes", 1.5, True, {}, [], object(), Response]
        for result in results:

            def app(request: Request, result: Any = result) -> Any:
                return result

            self.fails(
                app, InvalidResponse, f"returned {type(result).__name__}", "returns a Response"
            )

    def test_wrongResultOfObject(self) -> None:
        """
        An app that has no name is named by what it is.
        """
        self.fails(Plain(), InvalidResponse, "Plain object at", "returned float")

    def test_nothing(self) -> None:
        """
        C{None}, and nothing written.
        """
        self.fails(lambda _: None, InvalidResponse, "returned None and wrote nothing to stdout")
        self.fails(lambda _: 0, InvalidResponse, "wrote nothing to stdout")

    def test_textForBytes(self) -> None:
        """
        C{str} where bytes belong: as a body, in one, and written.
        """
        text: Any = "text"

        async def pieces() -> AsyncIterator[Any]:
            yield "text"

        self.fails(lambda _: Response(200, PAGE, text), InvalidResponse, "not str: 'text'")
        self.fails(
            lambda r: r.stdout.write(text), InvalidResponse, "only bytes can be written, not str"
        )
        self.fails(lambda _: Response(200, PAGE, {}), InvalidResponse, "not dict")
        self.fails(lambda _: Response(200, PAGE, 5), InvalidResponse, "not int")  # type: ignore[arg-type]

    def test_textInBody(self) -> None:
        """
        C{str} in the pieces of a body, behind the head.
        """
        server = self.serve(lambda _: Response(200, PAGE, synchronous(b"a", "text")))
        self.assertIsNone(server.get().end)
        self.assertFailed(InvalidResponse)
        self.assertSaid("only bytes can be written, not str: 'text'")

    def test_header(self) -> None:
        """
        A newline in a header, and other headers that are none.
        """
        for name, value in (
            ("X", "a\r\nSet-Cookie: b"),
            ("X", "a\nb"),
            ("X\n", "a"),
            ("X", "a\0"),
            ("", "a"),
            ("X Y", "a"),
            ("Status", "200"),
        ):
            self.fails(returning(Response(200, {name: value})), InvalidHeader, "lambda")

    def test_status(self) -> None:
        """
        A code that is no status, or not that of a final response.
        """
        for code in (0, 100, 103, 199, 1000, "200"):
            wrong: Any = code
            self.fails(returning(Response(wrong)), InvalidResponse, "not the status of a final")

    def test_noStatus(self) -> None:
        """
        No code at all, and no local redirect.
        """
        for response in (Response(None), Response(None, {"Location": "/"}, b"body")):
            self.fails(returning(response), InvalidResponse, "has a Location, and no body")
        answer = self.serve(returning(Response.localRedirect("/other"))).get()
        self.assertEqual(answer.stdout, b"Location: /other\r\n\r\n")

    def test_length(self) -> None:
        """
        A Content-Length that is not that of the body.
        """
        self.fails(
            lambda _: Response(200, {"Content-Length": "5"}, b"four"),
            ContentLengthMismatch,
            "Content-Length says 5 bytes, and the body has 4",
        )

    def test_head(self) -> None:
        """
        Output that has no head, or none that is complete.
        """
        for output, words in (
            (b"<html>\n\n", "no response head"),
            (b"\n", "blank line"),
            (b"Content-Type: text/plain\n", "no response head"),
            (b"Status: 100\n\n", "100 is not the status of a final response"),
            (b"X: a\rb\n\n", "no response head"),
        ):
            self.fails(writing(output), InvalidResponse, words)

    def test_longHead(self) -> None:
        """
        A head that does not come to its end.
        """

        def app(request: Request) -> None:
            for _ in range(1000):
                request.stdout.write(b"X-Same: " + b"y" * 1000 + b"\n")

        self.fails(app, InvalidResponse, "a response head of more than 65535 bytes")

    def test_writesOn(self) -> None:
        """
        An app that does not look at the mistake, and goes on, is told again.
        """

        def app(request: Request) -> None:
            for _ in range(2):
                self.assertRaises(InvalidResponse, request.stdout.write, b"\n")

        self.fails(app, InvalidResponse, "blank line")

    def test_both(self) -> None:
        """
        Output, and a response as well.
        """

        def app(request: Request) -> Response:
            request.stdout.write(b"Content-Type: ")
            return Response()

        self.fails(app, InvalidResponse, "returned a response after it had written to stdout")

    def test_allowNoAuthorizer(self) -> None:
        """
        An Authorizer's yes in answer to another question.
        """
        self.fails(lambda _: Allow(), InvalidResponse, "returned Allow", "for Authorizer requests")

    def test_denyNoAuthorizer(self) -> None:
        """
        An Authorizer's no in answer to another question.
        """
        self.fails(lambda _: Deny(), InvalidResponse, "returned Deny", "for Authorizer requests")

    def test_twoReaders(self) -> None:
        """
        Two reads at once.
        """

        async def app(request: ResponderRequest) -> Response:
            first = request.stdin.read()
            first.addErrback(lambda _: None)
            await request.stdin.read()
            return Response()

        server = self.serve(app)
        server.begin()
        self.assertEqual(server.answer().code, 500)
        self.assertSaid("app failed on", "one reader at a time")
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_afterTheEnd(self) -> None:
        """
        What is written when the request is over is an error, and nothing is sent.
        """
        requests: list[Request] = []

        def app(request: Request) -> Response:
            requests.append(request)
            return Response()

        server = self.serve(app)
        server.get()
        server.forget()
        self.assertRaisesRegex(
            StreamClosed, "the request is over", requests[0].stdout.write, b"late"
        )
        self.assertRaises(StreamClosed, requests[0].stderr.write, b"late")
        self.successResultOf(requests[0].stdout.drain())
        self.assertEqual(server.records, [])
        self.assertServes(server)

    def test_afterTheEndHeld(self) -> None:
        """
        So it is for who kept the streams, or a producer on one of them.
        """
        producer = Producer()

        def app(request: Request) -> None:
            streams.extend([request.stdout, request.stderr])
            request.stdout.write(b"Status: 200 OK\n\n")
            request.stderr.registerProducer(producer, True)

        streams: list[Any] = []
        server = self.serve(app)
        server.get()
        for stream in streams:
            self.assertTrue(stream.closed)
            for _ in range(2):
                self.assertRaisesRegex(StreamClosed, "the request is over", stream.write, b"late")
        self.assertEqual(producer.calls, ["stop"])

    def test_closedOutput(self) -> None:
        """
        An app may close its output; it can't write after that.
        """

        def app(request: Request) -> None:
            request.stdout.write(b"Status: 200 OK\n\nall")
            request.stdout.close()
            with self.assertRaisesRegex(StreamClosed, "the stream was closed before"):
                request.stdout.write(b"more")

        self.assertEqual(self.serve(app).get().body, b"all")


class MistakeTests(ServerTests):
    """
    Mistakes in what an app gives are told with the place of the app.
    """

    def test_messages(self) -> None:
        """
        The message names the header or the argument, the log the file and line.
        """
        make: Any = Response
        mistakes: list[tuple[Any, str]] = [
            (
                200,
                "returned 200 and wrote nothing to stdout; an int is an exit status, and what a "
                "browser gets is a Response(200)",
            ),
            (None, "returned None and wrote nothing to stdout"),
            (0, "returned 0 and wrote nothing to stdout"),
            (make(200, {"X": 5}), "the value of the header 'X' is str, bytes, or a list"),
            (make(200, {"X": ["a", 5]}), "the value of the header 'X' is str or bytes, not int"),
            (make(200, [("X",)]), "a header is a name and a value, not ('X',)"),
            (make(200, {}, "text"), "not str: 'text'"),
            (make("200 OK"), "'200 OK' is not the status of a final response"),
        ]
        for result, message in mistakes:
            self.events.clear()
            self.assertEqual(self.serve(returning(result)).get().code, 500)
            self.assertEqual(len(self.flushLoggedErrors(TxFCGIError)), 1)
            self.assertSaid("failed on", message, "(in ", "tests/server/apps.py, line ")

    def test_argument(self) -> None:
        """
        Headers that are text are told where the response is made: the traceback has that line.
        """
        make: Any = Response

        def app(request: Request) -> object:
            result: object = make(200, "text/plain")
            return result

        self.assertEqual(self.serve(app).get().code, 500)
        (failure,) = self.flushLoggedErrors(InvalidResponse)
        self.assertIn("the headers are a mapping or pairs, not 'text/plain'", str(failure.value))
        self.assertIn(__file__, failure.getTraceback())


class BrokenOffTests(ServerTests):
    """
    An answer that fails when its head is out already must not look complete.
    """

    def breaksOff(self, result: Callable[[Any], Any], kind: type[BaseException]) -> WebServer:
        """
        Check that the connection is closed without END_REQUEST, by bytes that are no record.
        """
        server = self.serve(result)
        server.send(*beginning(1), Stdin(1))
        data = server.transport.value()
        self.assertTrue(data.endswith(bytes(8)))
        server.transport.clear()
        server.transport.write(data[:-8])
        self.assertIsNone(server.answer().end)
        self.assertNotIn(Stdout(1), server.records)
        self.assertNotIn(b"500", server.answer().stdout)
        self.assertTrue(server.closed)
        self.assertFailed(kind)
        self.assertEqual(server.protocol.factory.requests, 0)
        return server

    def test_body(self) -> None:
        """
        A body that fails.
        """

        def body() -> Iterator[bytes]:
            yield b"a part"
            raise ZeroDivisionError

        server = self.breaksOff(lambda _: Response(200, PAGE, body()), ZeroDivisionError)
        self.assertEqual(server.answer().body, b"a part")

    def test_producer(self) -> None:
        """
        A producer that fails.
        """

        class Writing(Producer):
            def startProducing(self, consumer: IConsumer) -> Deferred[None]:
                consumer.write(b"a part")
                return super().startProducing(consumer)

        producer = Writing()
        producer.finished.errback(ZeroDivisionError())
        self.breaksOff(lambda _: Response(200, PAGE, producer), ZeroDivisionError)
        self.assertEqual(producer.calls, ["start"])

    def test_written(self) -> None:
        """
        An app that fails after it wrote its head.
        """

        def app(request: Request) -> None:
            request.stdout.write(b"Status: 200 OK\n\na part")
            raise ZeroDivisionError

        self.breaksOff(app, ZeroDivisionError)

    def test_tooShort(self) -> None:
        """
        Fewer bytes than Content-Length said.
        """
        headers = {**PAGE, "Content-Length": "5"}
        self.breaksOff(lambda _: Response(200, headers, synchronous(b"ab")), ContentLengthMismatch)
        self.assertSaid("the body ended 3 bytes before its Content-Length")

    def test_finished(self) -> None:
        """
        Who waits for the end of the request hears that there was none.
        """
        finished: list[Deferred[None]] = []

        def app(request: Request) -> None:
            finished.append(request.notifyFinish())
            request.stdout.write(b"Status: 200 OK\n\n")
            raise ZeroDivisionError

        self.breaksOff(app, ZeroDivisionError)
        self.failureResultOf(finished[0], RequestAborted)
