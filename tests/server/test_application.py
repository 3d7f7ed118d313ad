"""
Tests of L{txfcgi.server.application}: what an app returns, and what becomes of it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Cooperator
from twisted.web.client import FileBodyProducer
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.producers import Pieces, Producer
from txfcgi import (
    Deny,
    Overloaded,
    Request,
    ResponderRequest,
    Response,
    Role,
    UnknownRole,
    roles,
)
from txfcgi.errors import CantMultiplex
from txfcgi.server.application import IStartsAndStops
from txfcgi.wire.records import EndRequest, Stdout

from .apps import PAGE, Awaited, asynchronous, synchronous
from .conversation import Answer, ServerTests, ok


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
        An C{int}: the same, and its exit status, which wraps to 32 bits.
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

    def test_neverContinued(self) -> None:
        """
        A coroutine that waits for something that nobody holds any more ends quietly, with what it
        has to clean up.
        """
        ended: list[str] = []
        unraisable: list[Any] = []
        self.patch(sys, "unraisablehook", unraisable.append)

        async def app(request: Request) -> Response:
            try:
                await Deferred()
            finally:
                ended.append("cleaned up")
            return Response()

        server = self.serve(app)
        server.get()
        server.protocol.requests.clear()
        gc.collect()
        self.assertEqual((ended, unraisable), (["cleaned up"], []))

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

    def test_cantMultiplex(self) -> None:
        """
        C{CantMultiplex} is FCGI_CANT_MPX_CONN, without output.
        """

        def app(request: Request) -> Response:
            raise CantMultiplex("one at a time")

        server = self.serve(app)
        self.assertEqual(server.get().records, [EndRequest(1, 0, 1)])
        self.assertSaid("app did not take", "one at a time")
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
        self.assertSaid(
            "roles(authorizer=ok) did not take",
            "no app was given for the role of responder: roles(responder=)",
        )

    def test_rolesThatStart(self) -> None:
        """
        L{roles} starts and stops those of its apps that do, each once, the first last.
        """
        done: list[str] = []
        both, other = Starting("both", done), Starting("other", done)
        app: Any = roles(responder=both, authorizer=other, filter=both)
        verifyObject(IStartsAndStops, app)
        self.successResultOf(Deferred.fromCoroutine(app.startup()))
        self.assertEqual(done, ["both starts", "other starts"])
        self.successResultOf(Deferred.fromCoroutine(app.shutdown()))
        self.assertEqual(done[2:], ["other stops", "both stops"])
        self.assertEqual(self.serve(app).get().body, b"both")


@implementer(IStartsAndStops)
class Starting:
    """
    An app that notes when it starts and stops.
    """

    def __init__(self, name: str, done: list[str]) -> None:
        self.name = name
        self.done = done

    def startup(self) -> Deferred[None]:
        """
        Is noted.
        """
        self.done.append(f"{self.name} starts")
        return succeed(None)

    def shutdown(self) -> None:
        """
        Is noted.
        """
        self.done.append(f"{self.name} stops")

    def __call__(self, request: Request) -> Response:
        return Response(200, PAGE, self.name.encode())
