"""
Tests of requests that can't be read: no answer but a refusal leaves, whatever the app does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from txfcgi import (
    Allow,
    AuthorizerRequest,
    Limits,
    Overloaded,
    Request,
    ResponderRequest,
    Response,
    Role,
    UnknownRole,
)
from txfcgi.errors import MalformedParams, ParamsTooLarge
from txfcgi.wire.records import BeginRequest, Data, EndRequest, Params, Stdin

from .apps import PAGE, asynchronous
from .conversation import Answer, Held, ServerTests, encodeParams, ok, stdin

MALFORMED = b"\1\xff\0"
TOO_MANY = encodeParams([(b"N%d" % number, b"") for number in range(1001)])
UNREADABLE = ((MALFORMED, 400), (TOO_MANY, 431))


def looking(request: Request) -> None:
    """
    Look at the params, and pass over what is wrong with them.
    """
    for look in (
        lambda: request.params.get("A"),
        lambda: request.headers,
        lambda: request.params.raw,
    ):
        with pytest.raises((MalformedParams, ParamsTooLarge)):
            look()


def whole(request: Request) -> Response:
    """
    An answer in one piece.
    """
    return ok(request)


def streaming(request: Request) -> Response:
    """
    One in several.
    """
    return Response(200, PAGE, asynchronous(b"a", b"b"))


def writing(request: Request) -> int:
    """
    One that is written.
    """
    request.stdout.write(b"Status: 200 OK\n\nwritten")
    return 3


def failing(request: Request) -> Response:
    """
    An app that fails for another reason.
    """
    raise ZeroDivisionError


def silent(request: Request) -> None:
    """
    An app that gives nothing.
    """


def awaiting(request: Request) -> Deferred[Response]:
    """
    One that takes a moment.
    """
    return Deferred.fromCoroutine(awaited(request))


async def awaited(request: Request) -> Response:
    """
    One that is a coroutine.
    """
    return ok(request)


APPS: tuple[Callable[[Any], Any], ...] = (
    whole,
    streaming,
    writing,
    failing,
    silent,
    awaiting,
    awaited,
)


class UnreadableTests(ServerTests):
    """
    Params that can't be read, and too many of them.
    """

    def ask(self, app: Callable[[Any], Any], block: bytes, role: int = Role.RESPONDER) -> Answer:
        """
        Send a request with these params, and see that the connection is as good as before.
        """
        server = self.serve(app)
        server.send(BeginRequest(1, role, True), Params(1, block), Params(1), Stdin(1))
        if role == Role.FILTER:
            server.send(Data(1))
        self.flushLoggedErrors()
        answer = server.answer()
        self.assertServes(server)
        return answer

    def test_unseen(self) -> None:
        """
        An app that looks at none of them.
        """
        for block, code in UNREADABLE:
            for app in APPS:
                answer = self.ask(app, block)
                self.assertEqual((answer.code, answer.status), (code, (1, 0)), app)
                self.assertIn(b"%d " % code, answer.body)

    def test_passedOver(self) -> None:
        """
        An app that looks, and answers all the same.
        """
        for block, code in UNREADABLE:
            for app in APPS:

                def looks(request: Request, app: Callable[[Any], Any] = app) -> object:
                    looking(request)
                    result: object = app(request)
                    return result

                self.assertEqual(self.ask(looks, block).code, code, app)

    def test_otherRoles(self) -> None:
        """
        An Authorizer never says yes, and a Filter does not filter.
        """

        def allows(request: AuthorizerRequest) -> Allow:
            return Allow()

        def writes(request: AuthorizerRequest) -> None:
            request.stdout.write(b"Status: 200 OK\n\n")

        for block, code in UNREADABLE:
            for app in (allows, writes):
                self.assertEqual(self.ask(app, block, Role.AUTHORIZER).code, code)
            for other in (whole, streaming, writing):
                self.assertEqual(self.ask(other, block, Role.FILTER).code, code)

    def test_log(self) -> None:
        """
        The log says what is wrong with them; and what failed in the app, if something did.
        """
        self.ask(whole, MALFORMED)
        self.assertSaid("whole failed: the lengths of the name-value pairs do not add up")
        self.ask(whole, TOO_MANY)
        self.assertSaid("whole failed: 1001 params, and at most 1000 are allowed")
        self.events.clear()
        self.ask(failing, MALFORMED)
        self.assertSaid("failing failed on")
        self.assertSaid("failing failed: the lengths")

    def test_order(self) -> None:
        """
        A role that is unknown, and overload, are told first.
        """

        def overloaded(request: Request) -> Response:
            raise Overloaded

        def unknown(request: Request) -> Response:
            raise UnknownRole

        for block, _ in UNREADABLE:
            self.assertEqual(self.ask(overloaded, block).code, 503)
            self.assertEqual(self.ask(unknown, block).records, [EndRequest(1, 0, 3)])
            self.assertEqual(self.ask(ok, block, role=77).records, [EndRequest(1, 0, 3)])
            server = self.serve(Held(), Limits(requests=1))
            server.begin(1)
            server.send(BeginRequest(2, Role.RESPONDER, True), Params(2, block), Params(2))
            self.assertEqual(server.answer(2).code, 503)

    def test_orderOfTheWire(self) -> None:
        """
        So they are where the wire refuses a request by itself: params of too many bytes.
        """
        server = self.serve(Held(), Limits(requests=1, paramsBytes=100))
        large = (BeginRequest(2, Role.RESPONDER, True), Params(2, b"x" * 200), Params(2))
        server.send(*large)
        self.assertEqual(server.answer(2).code, 431)
        server.forget()
        server.begin(1)
        server.send(*large)
        self.assertEqual(server.answer(2).code, 503)

    def test_withBody(self) -> None:
        """
        A body does not make another error of it, or cost the connection.
        """

        async def reads(request: ResponderRequest) -> Response:
            return Response(200, PAGE, await request.stdin.read())

        for block, code in UNREADABLE:
            for app in (whole, reads, Held()):
                server = self.serve(app)
                server.send(BeginRequest(1, Role.RESPONDER, True), Params(1, block), Params(1))
                server.send(*stdin(1, b"body"))
                self.assertEqual(server.answer().code, code)
                self.assertServes(server)

    def test_stderr(self) -> None:
        """
        What goes to the log of the web server goes there.
        """

        def app(request: Request) -> Response:
            request.stderr.write(b"began")
            return ok(request)

        answer = self.ask(app, MALFORMED)
        self.assertEqual((answer.code, answer.stderr), (400, b"began"))


class ContentLengthTests(ServerTests):
    """
    A CONTENT_LENGTH that is not a number.
    """

    def test_withBody(self) -> None:
        """
        With a body it is a 400, whether or not the app reads it.
        """

        async def reads(request: ResponderRequest) -> Response:
            return Response(200, PAGE, await request.stdin.read())

        async def passesOver(request: ResponderRequest) -> Response:
            try:
                await request.stdin.read()
            except Exception:
                return Response(200, PAGE, b"never mind")
            return Response(200, PAGE, b"ok")

        for length in ("abc", "5 5", "-5", "+4", "٣"):
            for app in (ok, reads, passesOver, Held()):
                server = self.serve(app)
                answer = server.post(b"body", 1, {"CONTENT_LENGTH": length})
                self.assertEqual((answer.code, answer.status), (400, (1, 0)))
                self.assertSaid("CONTENT_LENGTH is not a number")
                self.assertServes(server)

    def test_beforeTheBody(self) -> None:
        """
        The same when the app answers before anything of the body has come. Without a body, nobody
        minds.
        """
        server = self.serve(ok)
        server.begin(1, {"CONTENT_LENGTH": "abc"})
        self.assertEqual(server.answer().code, 400)
        self.assertEqual(self.serve(ok).get(1, {"CONTENT_LENGTH": "abc"}).body, b"ok")

    def test_none(self) -> None:
        """
        An empty one, and -1, say nothing.
        """

        async def reads(request: ResponderRequest) -> Response:
            return Response(200, PAGE, await request.stdin.read())

        for length in ("", "-1"):
            answer = self.serve(reads).post(b"body", 1, {"CONTENT_LENGTH": length})
            self.assertEqual(answer.body, b"body")

    def test_filter(self) -> None:
        """
        The same for the file of a Filter.
        """
        server = self.serve(Held())
        server.begin(1, {"FCGI_DATA_LENGTH": "abc"}, role=Role.FILTER)
        server.endStdin()
        server.data(b"data")
        self.assertEqual(server.answer().code, 400)
        self.assertSaid("FCGI_DATA_LENGTH is not a number")
