"""
Tests of L{txfcgi.server.application}: what an app returns or raises, and what becomes of it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Cooperator
from twisted.web.client import FileBodyProducer

from tests.producers import Pieces, Producer
from txfcgi import (
    Allow,
    AuthorizerRequest,
    Deny,
    FilterRequest,
    Limits,
    Overloaded,
    Request,
    ResponderRequest,
    Response,
    Role,
    UnknownRole,
    roles,
)
from txfcgi.errors import (
    ContentLengthMismatch,
    InvalidHeader,
    InvalidResponse,
    OutputTooLarge,
    RequestAborted,
    StreamClosed,
)
from txfcgi.server.application import Application
from txfcgi.wire.records import EndRequest, Stderr, Stdin, Stdout

from .conversation import Answer, Held, ServerTests, WebServer, beginning, ok, stdin

PAGE = {"Content-Type": "text/plain"}


def returning(result: Any) -> Callable[[Any], Any]:
    """
    An app that has this result.
    """
    return lambda request: result


def writing(output: bytes) -> Callable[[Any], Any]:
    """
    An app that writes this.
    """
    return lambda request: request.stdout.write(output)


class Plain:
    """
    An app that is an object.
    """

    def __call__(self, request: Request) -> object:
        return 1.5


class Awaited:
    """
    Something that is awaited, and no coroutine.
    """

    def __await__(self) -> Iterator[Any]:
        return succeed(Response(200, PAGE, b"awaited")).__await__()


async def asynchronous(*pieces: bytes) -> AsyncIterator[bytes]:
    """
    A body in pieces that are waited for.
    """
    for piece in pieces:
        await succeed(None)
        yield piece


def synchronous(*pieces: Any) -> Iterator[Any]:
    """
    A body in pieces.
    """
    yield from pieces


class ResultTests(ServerTests):
    """
    Each kind of result.
    """

    def get(self, app: Callable[[Any], Any], params: dict[str, str] | None = None) -> Answer:
        """
        Ask an app for an answer.
        """
        return self.serve(app).get(params=params or {})

    def result(self, result: Any, params: dict[str, str] | None = None) -> Answer:
        """
        Ask an app that has this result: returned, in a Deferred, or by a coroutine, all the same.
        """

        async def coroutine(request: Request) -> Any:
            return result()

        async def waiting(request: Request) -> Any:
            await succeed(None)
            return result()

        answers = [
            self.get(app, params)
            for app in (
                lambda request: result(),
                lambda request: succeed(None).addCallback(lambda _: result()),
                coroutine,
                waiting,
            )
        ]
        for answer in answers[1:]:
            self.assertEqual(
                (answer.stdout, answer.stderr, answer.end),
                (answers[0].stdout, answers[0].stderr, answers[0].end),
            )
        return answers[0]

    def test_bytes(self) -> None:
        """
        A response whose body is bytes: it has a length.
        """
        answer = self.result(lambda: Response(201, PAGE, b"created"))
        self.assertEqual((answer.code, answer.body, answer.status), (201, b"created", (0, 0)))
        self.assertEqual(answer.headers["content-length"], "7")
        self.assertEqual(answer.stderr, b"")

    def test_default(self) -> None:
        """
        A response of nothing is a 200 without a body.
        """
        answer = self.result(Response)
        self.assertEqual((answer.code, answer.body), (200, b""))
        self.assertEqual(answer.headers["content-length"], "0")

    def test_large(self) -> None:
        """
        A large body goes out in records of at most 65528 bytes, padded to eight.
        """
        body = bytes(range(251)) * 4000
        answer = self.result(lambda: Response(200, PAGE, body))
        self.assertEqual(answer.body, body)
        sizes = [len(each.content) for each in answer.records if isinstance(each, Stdout)]
        self.assertEqual(max(sizes), 65528)

    def test_iterable(self) -> None:
        """
        A body in pieces: each goes out as it is, and no length is known.
        """
        answer = self.result(lambda: Response(200, PAGE, synchronous(b"a", b"", b"bc")))
        self.assertEqual(answer.body, b"abc")
        self.assertNotIn("content-length", answer.headers)
        pieces = [each.content for each in answer.records if isinstance(each, Stdout)]
        self.assertEqual(pieces[1:], [b"a", b"bc", b""])
        self.assertEqual(self.result(lambda: Response(200, PAGE, [b"a", b"b"])).body, b"ab")

    def test_closed(self) -> None:
        """
        A body that can be closed is, at its end.
        """
        body = Pieces(b"a", b"b")
        self.assertEqual(self.get(lambda _: Response(200, PAGE, body)).body, b"ab")
        self.assertTrue(body.closed)

    def test_asynchronousIterable(self) -> None:
        """
        A body whose pieces are waited for.
        """
        answer = self.result(lambda: Response(200, PAGE, asynchronous(b"a", b"bc")))
        self.assertEqual(answer.body, b"abc")

    def test_producer(self) -> None:
        """
        An C{IBodyProducer} writes when it likes.
        """
        producer = Producer()
        server = self.serve(lambda _: Response(200, PAGE, producer))
        server.get()
        producer.consumer.write(b"a")
        self.assertEqual(server.answer().body, b"a")
        producer.consumer.write(b"b")
        self.assertIsNone(server.answer().end)
        producer.finished.callback(None)
        self.assertEqual((server.answer().body, server.answer().status), (b"ab", (0, 0)))
        self.assertEqual(producer.calls, ["start"])

    def test_producerOfKnownLength(self) -> None:
        """
        The length of a producer is declared.
        """
        cooperator = Cooperator(scheduler=lambda call: self.clock.callLater(0, call))
        body = BytesIO(b"a file")
        server = self.serve(
            lambda _: Response(200, PAGE, FileBodyProducer(body, cooperator=cooperator))
        )
        server.get()
        self.advance(5)
        self.assertEqual(server.answer().body, b"a file")
        self.assertEqual(server.answer().headers["content-length"], "6")
        self.assertTrue(body.closed)

    def test_ownBody(self) -> None:
        """
        The body of the request is a body, whose length is known if it was declared.
        """

        def echo(request: ResponderRequest) -> Response:
            return Response(200, PAGE, request.stdin)

        server = self.serve(echo)
        answer = server.post(b"echo")
        self.assertEqual((answer.body, answer.headers["content-length"]), (b"echo", "4"))
        server.begin(2)
        server.stdin(b"pie", 2)
        self.assertEqual(server.answer(2).body, b"pie")
        server.stdin(b"ces", 2)
        server.endStdin(2)
        self.assertEqual(server.answer(2).body, b"pieces")
        self.assertNotIn("content-length", server.answer(2).headers)

    def test_none(self) -> None:
        """
        C{None}: the app wrote it all.
        """

        def app(request: Request) -> None:
            request.stdout.write(b"Content-Type: text/plain\n\nwrit")
            request.stdout.write(cast(bytes, bytearray(b"t")))
            request.stdout.write(memoryview(b"en"))

        answer = self.get(app)
        self.assertEqual((answer.body, answer.status), (b"written", (0, 0)))

    def test_number(self) -> None:
        """
        An C{int}: the same, and its exit status, which wraps to 32 bits (statement 24).
        """
        for number, status in ((0, 0), (938, 938), (-1, 2**32 - 1), (2**32 + 5, 5)):

            def app(request: Request, number: int = number) -> int:
                request.stdout.write(b"Status: 200 OK\r\n\r\n")
                return number

            self.assertEqual(self.get(app).status, (status, 0))

    def test_awaitable(self) -> None:
        """
        Anything that can be awaited.
        """
        self.assertEqual(self.get(lambda _: Awaited()).body, b"awaited")

    def test_deferredInCoroutine(self) -> None:
        """
        A coroutine may return a Deferred, and a Deferred may have a coroutine for a result.
        """

        async def app(request: Request) -> Any:
            return succeed(Response(200, PAGE, b"ok"))

        self.assertEqual(self.get(app).body, b"ok")
        self.assertEqual(self.get(lambda request: succeed(app(request))).body, b"ok")

    def test_later(self) -> None:
        """
        A coroutine that waits again and again.
        """
        waits: list[Deferred[bytes]] = [Deferred() for _ in range(3)]

        async def app(request: Request) -> Response:
            return Response(200, PAGE, b"".join([await wait for wait in waits]))

        server = self.serve(app)
        server.get()
        for number, wait in enumerate(waits):
            self.assertEqual(server.records, [])
            wait.callback(b"%d" % number)
        self.assertEqual(server.answer().body, b"012")

    def test_subclass(self) -> None:
        """
        A class of one's own may be a response.
        """

        class Own(Response):
            __slots__ = ()

        self.assertEqual(self.result(lambda: Own(200, PAGE, b"own")).body, b"own")

    def test_head(self) -> None:
        """
        The answer to HEAD has the head of one to GET, and no body; the body is let go of.
        """
        head = {"REQUEST_METHOD": "HEAD"}
        answer = self.result(lambda: Response(200, PAGE, b"body"), head)
        self.assertEqual((answer.body, answer.headers["content-length"]), (b"", "4"))
        body = Pieces(b"a")
        self.assertEqual(self.get(lambda _: Response(200, PAGE, body), head).body, b"")
        self.assertTrue(body.closed)
        producer = Producer(5)
        answer = self.get(lambda _: Response(200, PAGE, producer), head)
        self.assertEqual((answer.body, answer.headers["content-length"]), (b"", "5"))
        self.assertEqual(producer.calls, ["stop"])

    def test_headOfOwnBody(self) -> None:
        """
        The body of the request itself is let go of as well, and so are the two kinds of body that
        have their own ways to be closed.
        """
        bodies: list[Callable[[Any], Any]] = [
            lambda request: request.stdin,
            lambda request: asynchronous(b"never"),
            lambda request: FileBodyProducer(BytesIO(b"file")),
        ]
        for body in bodies:

            def app(request: Request, body: Callable[[Any], Any] = body) -> Response:
                return Response(200, PAGE, body(request))

            answer = self.get(app, {"REQUEST_METHOD": "HEAD"})
            self.assertEqual((answer.code, answer.body, answer.status), (200, b"", (0, 0)))

    def test_headWritten(self) -> None:
        """
        What an app writes to stdout in answer to HEAD has no body either.
        """

        def app(request: Request) -> None:
            request.stdout.write(b"Content-Length: 4\n\n")
            request.stdout.write(b"body")

        answer = self.get(app, {"REQUEST_METHOD": "HEAD"})
        self.assertEqual((answer.body, answer.headers), (b"", {"content-length": "4"}))

    def test_noBody(self) -> None:
        """
        A 204 and a 304 have none.
        """
        for code in (204, 304):
            answer = self.result(lambda code=code: Response(code, {}, b"body"))
            self.assertEqual((answer.code, answer.body), (code, b""))

        def app(request: Request) -> None:
            request.stdout.write(b"Status: 204\n\nbody")

        self.assertEqual(self.get(app).body, b"")


class RefusalTests(ServerTests):
    """
    What an app raises to say that it takes no request (section 5.5).
    """

    def test_overloaded(self) -> None:
        """
        C{Overloaded} is a 503 with Retry-After.
        """

        def app(request: Request) -> Response:
            raise Overloaded(retryAfter=30)

        server = self.serve(app)
        answer = server.get()
        self.assertEqual((answer.code, answer.headers["retry-after"]), (503, "30"))
        self.assertEqual(answer.status, (1, 0))
        self.assertSaid("app did not take", "overloaded")
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertServes(server)

    def test_overloadedByProtocol(self) -> None:
        """
        FCGI_OVERLOADED without output is for Filters, and for Responders by option.
        """

        def app(request: Request) -> Response:
            raise Overloaded

        server = self.serve(app)
        server.begin(role=Role.FILTER)
        self.assertEqual(server.answer().records, [EndRequest(1, 0, 2)])
        server = self.serve(app, overload="protocol")
        self.assertEqual(server.get().records, [EndRequest(1, 0, 2)])

    def test_noRetryAfter(self) -> None:
        """
        It need not say when to come again. The answer to HEAD has no body.
        """

        async def app(request: Request) -> Response:
            raise Overloaded("closed for today", retryAfter=None)

        answer = self.serve(app).get(params={"REQUEST_METHOD": "HEAD"})
        self.assertEqual((answer.code, answer.body), (503, b""))
        self.assertNotIn("retry-after", answer.headers)
        self.assertSaid("closed for today")

    def test_unknownRole(self) -> None:
        """
        C{UnknownRole} is FCGI_UNKNOWN_ROLE, without output.
        """

        def app(request: Request) -> Response:
            raise UnknownRole("not here")

        server = self.serve(app)
        self.assertEqual(server.get().records, [EndRequest(1, 0, 3)])
        self.assertSaid("app did not take", "not here")
        self.assertServes(server)

    def test_roles(self) -> None:
        """
        L{roles} makes one app of several; a role that is missing is unknown.
        """
        app = roles(
            responder=lambda request: Response(200, PAGE, b"responder"),
            authorizer=lambda request: Deny(Response(401, PAGE, b"authorizer")),
            filter=lambda request: Response(200, PAGE, b"filter"),
        )
        server = self.serve(app)
        self.assertEqual(server.get(1).body, b"responder")
        self.assertEqual(server.get(2, role=Role.AUTHORIZER).body, b"authorizer")
        server.begin(3, role=Role.FILTER)
        server.endStdin(3)
        server.data(b"", 3)
        self.assertEqual(server.answer(3).body, b"filter")
        server = self.serve(roles(authorizer=ok))
        self.assertEqual(server.get(1).records, [EndRequest(1, 0, 3)])
        self.assertSaid("roles(authorizer=ok) did not take", "the app is no Responder")


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
        self.fails(lambda r: r.stdout.write(text), InvalidResponse, "bytes are written, not str")
        self.fails(lambda _: Response(200, PAGE, {}), InvalidResponse, "not dict")
        self.fails(lambda _: Response(200, PAGE, 5), InvalidResponse, "not int")  # type: ignore[arg-type]

    def test_textInBody(self) -> None:
        """
        C{str} in the pieces of a body, behind the head.
        """
        server = self.serve(lambda _: Response(200, PAGE, synchronous(b"a", "text")))
        self.assertIsNone(server.get().end)
        self.assertFailed(InvalidResponse)
        self.assertSaid("bytes are written, not str: 'text'")

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
        self.fails(lambda _: Allow(), InvalidResponse, "returned Allow", "no Authorizer's")

    def test_denyNoAuthorizer(self) -> None:
        """
        An Authorizer's no in answer to another question.
        """
        self.fails(lambda _: Deny(), InvalidResponse, "returned Deny", "no Authorizer's")

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
        producer = Producer()
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

    def test_tooLong(self) -> None:
        """
        More bytes than Content-Length said: no more than that go out.
        """
        headers = {**PAGE, "Content-Length": "5"}
        server = self.breaksOff(
            lambda _: Response(200, headers, synchronous(b"ab", b"cdefg")), ContentLengthMismatch
        )
        self.assertEqual(server.answer().body, b"ab")
        self.assertSaid("longer than its Content-Length, by 2 bytes")

    def test_tooLongUnseen(self) -> None:
        """
        An app that does not look at that mistake does not get through with it.
        """

        def app(request: Request) -> None:
            request.stdout.write(b"Content-Length: 2\n\nab")
            for _ in range(2):
                self.assertRaises(ContentLengthMismatch, request.stdout.write, b"cd")

        self.breaksOff(app, ContentLengthMismatch)
        self.assertSaid("longer than its Content-Length, by 2 bytes")

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


class OutputTests(ServerTests):
    """
    Output that the web server does not take.
    """

    def test_tooMuch(self) -> None:
        """
        An app that writes on and on when nobody takes it fails: its request, not the process. It is
        logged once, with the app's name.
        """

        async def coroutine(request: Request) -> None:
            await succeed(None)
            write(request)

        def write(request: Request) -> None:
            request.stdout.write(b"Status: 200 OK\n\n")
            while True:
                request.stdout.write(b"x" * 1000)

        for app in (coroutine, write):
            self.events.clear()
            server = self.serve(app, Limits(outputBytes=5000))
            server.protocol.outlet.pauseProducing()
            server.get()
            self.assertEqual(server.protocol.factory.requests, 0)
            self.assertSaid(app.__qualname__, "wait for drain(), or register a producer")
            self.assertEqual(len(self.said.splitlines()), 1)
            self.assertLess(len(server.transport.value()), 8000)

    def test_tooMuchLater(self) -> None:
        """
        So it is for a coroutine that had waited for something.
        """
        wait: Deferred[None] = Deferred()
        ended: list[Any] = []

        async def app(request: Request) -> None:
            await wait
            try:
                while True:
                    request.stdout.write(b"Status: 200 OK\n\n" + b"x" * 1000)
            finally:
                ended.append(True)

        server = self.serve(app, Limits(outputBytes=5000))
        server.protocol.outlet.pauseProducing()
        server.get()
        wait.callback(None)
        self.assertEqual(ended, [True])
        self.assertEqual(len(self.said.splitlines()), 1)

    def test_otherWriter(self) -> None:
        """
        When another writes than the app's coroutine, that is cancelled.
        """
        app = Held()
        server = self.serve(app, Limits(outputBytes=10))
        server.protocol.outlet.pauseProducing()
        server.begin()
        stdout = app.requests[0].stdout
        self.assertRaises(OutputTooLarge, stdout.write, b"Status: 200 OK\n\n")
        self.assertEqual(app.cancelled, app.requests)
        self.assertRaises(StreamClosed, stdout.write, b"more")

    def test_counted(self) -> None:
        """
        Only what is written while there is no room counts.
        """

        def app(request: Request) -> None:
            outlet = server.protocol.outlet
            request.stdout.write(b"Status: 200 OK\n\n")
            for _ in range(100):
                outlet.pauseProducing()
                request.stdout.write(b"x" * 1000)
                outlet.resumeProducing()
                request.stdout.write(b"x" * 1000)

        server = self.serve(app, Limits(outputBytes=5000))
        self.assertEqual(len(server.get().body), 200_000)

    def test_waits(self) -> None:
        """
        Each kind of body waits when there is no room, and goes on when there is.
        """
        bodies: list[Any] = [
            synchronous(*[bytes(100_000)] * 10),
            asynchronous(*[bytes(100_000)] * 10),
        ]
        for body in bodies:
            server = self.serve(returning(Response(200, PAGE, body)))
            server.protocol.outlet.pauseProducing()
            server.get()
            self.assertLess(len(server.answer().stdout), 400_000)
            rounds = 0
            while server.answer().end is None:
                server.protocol.outlet.resumeProducing()
                self.clock.advance(0)
                rounds += 1
                self.assertLess(rounds, 20)
            self.assertEqual(len(server.answer().body), 1_000_000)

    def test_turns(self) -> None:
        """
        A body that the web server takes as fast as it comes leaves room for others, a turn of the
        reactor from time to time.
        """
        for body in (synchronous(*[bytes(400_000)] * 6), asynchronous(*[bytes(400_000)] * 6)):
            server = self.serve(returning(Response(200, PAGE, body)))
            self.assertIsNone(server.get().end)
            self.assertGreater(len(server.answer().stdout), 1_000_000)
            self.advance(5)
            self.assertEqual(len(server.answer().body), 2_400_000)

    def test_producerWaits(self) -> None:
        """
        A producer is paused and resumed; it is stopped when the request is over.
        """
        producer = Producer()
        server = self.serve(lambda _: Response(200, PAGE, producer))
        server.begin()
        server.protocol.outlet.pauseProducing()
        producer.consumer.write(b"a")
        server.protocol.outlet.resumeProducing()
        server.abort()
        self.assertEqual(producer.calls, ["start", "pause", "resume", "stop"])
        producer.consumer.write(b"ignored")
        self.assertEqual(server.answer().body, b"a")

    def test_producerFails(self) -> None:
        """
        A producer that fails when it is resumed costs its request.
        """
        producer = Producer()
        self.patch(producer, "resumeProducing", lambda: 1 / 0)
        held = Held()
        server = self.serve(
            lambda request: (
                Response(200, PAGE, producer) if request.requestID == 1 else held(request)
            )
        )
        server.begin(2)
        server.begin(1)
        server.protocol.outlet.pauseProducing()
        producer.consumer.write(b"a")
        server.protocol.outlet.resumeProducing()
        self.assertFailed(ZeroDivisionError)
        self.assertEqual(server.answer(1).status, (1, 0))
        self.assertEqual(producer.calls, ["start", "pause", "stop"])
        held.answer()
        self.assertEqual(server.answer(2).body, b"ok")

    def test_producerFailsToStop(self) -> None:
        """
        One that can't be stopped is logged.
        """
        producer = Producer()
        self.patch(producer, "stopProducing", lambda: 1 / 0)

        def app(request: Request) -> None:
            request.stdout.registerProducer(producer, True)
            request.stdout.write(b"Status: 200 OK\n\n")

        server = self.serve(app)
        self.assertEqual(server.get().status, (0, 0))
        self.assertFailed(ZeroDivisionError)
        self.assertSaid("Producer object", "failed when it was stopped")
        self.assertServes(server)


class AuthorizerTests(ServerTests):
    """
    Authorizers (section 6.3): only a clear yes is a yes.
    """

    def ask(self, app: Callable[[Any], Any], *, stdin: bool = False) -> Answer:
        """
        Ask an Authorizer, as Apache does or as lighttpd does.
        """
        server = self.serve(app)
        server.begin(role=Role.AUTHORIZER)
        if stdin:
            server.endStdin()
        return server.answer()

    def test_allow(self) -> None:
        """
        L{Allow} is a 200, with its variables; with no STDIN record, and with an empty one.
        """
        for way in (False, True):
            answer = self.ask(lambda _: Allow({"REMOTE_TIER": "known", "N": b"1"}), stdin=way)
            self.assertEqual((answer.code, answer.body, answer.status), (200, b"", (0, 0)))
            self.assertEqual(answer.headers["variable-remote_tier"], "known")
            self.assertEqual(answer.headers["variable-n"], "1")

    def test_deny(self) -> None:
        """
        L{Deny} is a 403, or a page of the app's own.
        """
        self.assertEqual(self.ask(lambda _: Deny()).code, 403)
        page = Response(401, {"WWW-Authenticate": "Basic"}, b"who?")
        answer = self.ask(lambda _: Deny(page))
        self.assertEqual((answer.code, answer.body), (401, b"who?"))
        self.assertEqual(answer.headers["www-authenticate"], "Basic")

    def test_otherAnswer(self) -> None:
        """
        A response with another status is a no.
        """
        self.assertEqual(self.ask(lambda _: Response(402)).code, 402)

    def test_failsClosed(self) -> None:
        """
        What is no clear yes never authorizes, whatever it is.
        """

        def headless(request: Request) -> None:
            request.stdout.write(b"Content-Type: text/plain\n\nwelcome")

        def raises(request: Request) -> None:
            raise ZeroDivisionError

        apps: list[tuple[Callable[[Any], Any], str]] = [
            (lambda _: Response(), "answered as an Authorizer with a Response of 200"),
            (lambda _: None, "wrote nothing"),
            (lambda _: 0, "wrote nothing"),
            (lambda _: True, "returned bool"),
            (lambda _: Deny(Response()), "denied with 200, which means yes"),
            (lambda _: Allow({"A\nB": "c"}), "is not a header name"),
            (lambda _: Allow({"A": "b\nc"}), "control character"),
            (headless, "says yes says it: Status: 200"),
            (raises, "raises failed on <AuthorizerRequest"),
        ]
        for app, words in apps:
            answer = self.ask(app)
            self.assertEqual((answer.code, answer.status), (500, (1, 0)))
            self.assertSaid(words)
            self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_refused(self) -> None:
        """
        A refusal has a page whatever else it says: lighttpd lets in whom an answer without an HTTP
        status is about.
        """

        def overloaded(request: Request) -> None:
            raise Overloaded

        for overload in ("http", "protocol"):
            server = self.serve(overloaded, overload=overload)
            server.begin(role=Role.AUTHORIZER)
            answer = server.answer()
            self.assertEqual((answer.code, answer.headers["retry-after"]), (503, "1"))
            self.assertEqual(answer.status, (0, 2))
            self.assertEqual(server.writes, 1)
        server = self.serve(roles(responder=ok))
        server.begin(role=Role.AUTHORIZER)
        answer = server.answer()
        self.assertEqual((answer.code, answer.status), (500, (0, 3)))

    def test_refusedBeforeTheApp(self) -> None:
        """
        So does one that no app has seen: too many requests or connections, a second one on a
        connection for one, too many params, and a server that is about to stop.
        """
        held = Held()
        crowded: list[tuple[WebServer, tuple[int, tuple[int, int]]]] = []
        for limits, options, outcome in (
            (Limits(requests=1), {}, (503, (0, 2))),
            (Limits(requestsPerConnection=1), {}, (503, (0, 2))),
            (Limits(), {"multiplex": False}, (500, (0, 1))),
        ):
            server = self.serve(held, limits, **options)
            server.begin(1)
            crowded.append((server, outcome))
        full = self.factory(held, Limits(connections=1))
        WebServer(full)
        crowded.append((WebServer(full), (503, (0, 2))))
        factory = self.factory(held)
        stopping = WebServer(factory)
        stopping.begin(1)
        drained = factory.drain(30)
        crowded.append((stopping, (503, (0, 2))))
        for server, outcome in crowded:
            server.begin(2, role=Role.AUTHORIZER)
            answer = server.answer(2)
            self.assertEqual((answer.code, answer.status), outcome)
        stopping.disconnect()
        self.successResultOf(drained)
        server = self.serve(held, Limits(paramsBytes=10))
        server.begin(1, {"A": "b" * 20}, role=Role.AUTHORIZER)
        self.assertEqual(server.answer().code, 431)

    def test_failsAfterYes(self) -> None:
        """
        An app that writes a yes has not said it before it has ended: if it fails then, it is a no.
        """

        async def app(request: AuthorizerRequest) -> None:
            request.stdout.write(b"Status: 200 OK\nVariable-A: b\n\n")
            request.stdout.write(b"and a body")
            await unsaid
            raise ZeroDivisionError

        unsaid: Deferred[None] = Deferred()
        server = self.serve(app)
        server.begin(1, role=Role.AUTHORIZER)
        self.assertEqual(server.records, [])
        unsaid.callback(None)
        answer = server.answer(1)
        self.assertEqual((answer.code, answer.status), (500, (1, 0)))
        self.assertFailed(ZeroDivisionError)

    def test_yesAndResponse(self) -> None:
        """
        A yes that was written and a decision are one too many.
        """

        def app(request: AuthorizerRequest) -> Deny:
            request.stdout.write(b"Status: 200 OK\n\n")
            return Deny()

        self.assertEqual(self.ask(app).code, 500)
        self.assertFailed(InvalidResponse)

    def test_written(self) -> None:
        """
        An app may write it by itself, if it says so. What follows the head means nothing.
        """

        def app(request: AuthorizerRequest) -> None:
            request.stdout.write(b"Status: 200 OK\nVariable-A: b\nContent-Length: 9\n\nwelcome")

        answer = self.ask(app)
        self.assertEqual((answer.code, answer.headers["variable-a"]), (200, "b"))
        self.assertEqual(answer.body, b"")

    def test_noBody(self) -> None:
        """
        It has a body, and that is empty, whatever the params say and whatever is sent.
        """
        bodies: list[bytes] = []

        async def app(request: AuthorizerRequest) -> Allow:
            bodies.append(await request.stdin.read() + await request.stdin.read())
            return Allow()

        server = self.serve(app)
        server.begin(1, {"CONTENT_LENGTH": "100"}, role=Role.AUTHORIZER)
        self.assertEqual(server.answer().code, 200)
        held = Held()
        server = self.serve(held)
        server.send(*beginning(1, {"CONTENT_LENGTH": "1"}, role=Role.AUTHORIZER), *stdin(1, b"x"))
        held.results[0].callback(Allow())
        self.assertEqual(server.answer().code, 200)
        self.assertEqual(bodies, [b""])

    def test_representations(self) -> None:
        """
        Decisions say what they are.
        """
        self.assertEqual(repr(Allow({"A": "b"})), "Allow(A)")
        self.assertTrue(repr(Deny()).startswith("Deny(Response(403"))


class FilterTests(ServerTests):
    """
    Filters (section 6.4).
    """

    PARAMS = {"FCGI_DATA_LENGTH": "4", "FCGI_DATA_LAST_MOD": "1000000000", "CONTENT_LENGTH": "2"}

    def serveFilter(self, app: Callable[[Any], Any]) -> WebServer:
        """
        Begin a request to a Filter.
        """
        server = self.serve(app)
        server.begin(1, self.PARAMS, role=Role.FILTER)
        return server

    def test_streams(self) -> None:
        """
        It reads its stdin, then its data.
        """

        async def app(request: FilterRequest) -> Response:
            body = await request.stdin.read()
            data = await request.data.read()
            self.assertEqual((request.dataLength, request.dataLastModified), (4, 1000000000))
            return Response(200, PAGE, body + data)

        server = self.serveFilter(app)
        server.send(*stdin(1, b"in"))
        server.data(b"fi")
        self.assertIsNone(server.answer().end)
        server.data(b"le")
        server.data(b"")
        self.assertEqual(server.answer().body, b"infile")

    def test_streaming(self) -> None:
        """
        Its data may be its body.
        """
        server = self.serveFilter(lambda request: Response(200, PAGE, request.data))
        server.send(*stdin(1, b"in"))
        server.data(b"file")
        self.assertEqual(server.answer().body, b"file")
        server.data(b"")
        self.assertEqual(server.answer().status, (0, 0))

    def test_answersLate(self) -> None:
        """
        An answer that is there before the stdin is complete waits for it; what is unread of that
        is dropped.
        """
        server = self.serveFilter(lambda request: Response(200, PAGE, b"early"))
        self.assertEqual(server.records, [])
        server.stdin(b"in")
        self.assertEqual(server.answer().body, b"early")

    def test_refusesLate(self) -> None:
        """
        So does a body; it is let go of if the request ends before.
        """
        body = Pieces(b"a")
        server = self.serveFilter(lambda request: Response(200, PAGE, body))
        self.assertEqual(server.records, [])
        server.abort()
        self.assertTrue(body.closed)

    def test_writesEarly(self) -> None:
        """
        To write before that is a mistake. There can be no page that says so.
        """

        def app(request: FilterRequest) -> None:
            request.stdout.write(b"Status: 200 OK\n\n")

        server = self.serveFilter(app)
        self.assertEqual(server.answer().records, [Stdout(1), EndRequest(1, 1)])
        self.assertFailed(InvalidResponse)
        self.assertSaid("app failed on", "a Filter writes when its stdin is complete")

    def test_wrongLengths(self) -> None:
        """
        Lengths that do not fit are seen by the app: statement 31.
        """
        for sent, words in ((b"f", "ended after 1 bytes"), (b"files", "5 bytes or more")):
            errors: list[str] = []

            async def app(request: FilterRequest, errors: list[str] = errors) -> Response:
                try:
                    await request.data.read()
                except Exception as error:
                    errors.append(str(error))
                return Response(200, PAGE, b"")

            server = self.serveFilter(app)
            server.send(*stdin(1, b"in"))
            server.data(sent)
            server.data(b"")
            self.assertIn(words, errors[0])
            self.assertEqual(server.answer().code, 200)

    def test_unreadableLengths(self) -> None:
        """
        Lengths that are no numbers are the web server's mistake: a 400, with the name of the param.
        """
        for name in ("FCGI_DATA_LENGTH", "FCGI_DATA_LAST_MOD"):

            def app(request: FilterRequest) -> Response:
                return Response(200, PAGE, b"%r%r" % (request.dataLength, request.dataLastModified))

            server = self.serve(app)
            server.send(*beginning(1, {name: "+1"}, role=Role.FILTER), Stdin(1))
            self.assertEqual(server.answer().code, 400)
            self.assertSaid(f"{name} is not a number")

    def test_dataTooLate(self) -> None:
        """
        Streams that are first looked at when their ends are there, or when the request is over.
        """
        app = Held()
        server = self.serve(app)
        server.begin(1, role=Role.FILTER)
        server.endStdin()
        server.data(b"")
        (request,) = app.requests
        self.assertEqual(self.successResultOf(request.stdin.read()), b"")
        self.assertEqual(self.successResultOf(request.data.read()), b"")
        server = self.serve(app)
        server.begin(1, role=Role.FILTER)
        server.abort()
        self.failureResultOf(app.requests[1].stdin.read(), RequestAborted)
        self.failureResultOf(app.requests[1].data.read(), RequestAborted)


class StderrTests(ServerTests):
    """
    STDERR (statements 25 and 28).
    """

    def test_none(self) -> None:
        """
        There is no STDERR record when nothing was written, and STDOUT is always closed.
        """
        server = self.serve()
        server.get()
        self.assertFalse(any(isinstance(each, Stderr) for each in server.records))
        self.assertEqual(server.records.count(Stdout(1)), 1)

    def test_interleaved(self) -> None:
        """
        It may come between pieces of STDOUT, is not cut or joined, and is closed by one record.
        """

        def app(request: Request) -> None:
            request.stderr.write(b"one")
            request.stdout.write(b"Status: 200 OK\r\n\r\n")
            request.stderr.write(b"")
            request.stderr.write(b"two\n")
            request.stdout.write(b"all")

        server = self.serve(app)
        self.assertEqual(
            server.get().records,
            [
                Stderr(1, b"one"),
                Stdout(1, b"Status: 200 OK\r\n\r\n"),
                Stderr(1, b"two\n"),
                Stdout(1, b"all"),
                Stdout(1),
                Stderr(1),
                EndRequest(1),
            ],
        )

    def test_withResponse(self) -> None:
        """
        It goes with every kind of answer.
        """

        def app(request: Request) -> Response:
            request.stderr.write(b"oops")
            return Response(200, PAGE, b"all")

        server = self.serve(app)
        server.get()
        self.assertEqual(server.answer().stderr, b"oops")
        self.assertEqual(server.records[-3:], [Stdout(1), Stderr(1), EndRequest(1)])

    def test_large(self) -> None:
        """
        It is split into records as STDOUT is.
        """

        def app(request: Request) -> Response:
            request.stderr.write(b"x" * 200_000)
            return Response()

        self.assertEqual(len(self.serve(app).get().stderr), 200_000)

    def test_tooMuch(self) -> None:
        """
        It is held to the same limit as STDOUT.
        """

        def app(request: Request) -> Response:
            request.stderr.write(b"x" * 200)
            return Response()

        server = self.serve(app, Limits(outputBytes=100))
        server.protocol.outlet.pauseProducing()
        self.assertEqual(server.get().code, 500)
        self.assertSaid("200 bytes were written that the peer did not take")
