"""
Tests of L{txfcgi.server.protocol}: requests that are aborted, and connections that are lost.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from txfcgi import Limits, Request, Response
from txfcgi.errors import (
    ConnectionClosed,
    RequestAborted,
)
from txfcgi.wire.records import (
    AbortRequest,
    BeginRequest,
    EndRequest,
    Params,
    Role,
    Stdin,
    Stdout,
)

from .conversation import Held, ServerTests, WebServer, beginning


def aborted(requestID: int) -> list[Any]:
    """
    The end of a request that was aborted.
    """
    return [Stdout(requestID), EndRequest(requestID)]


class AbortTests(ServerTests):
    """
    ABORT_REQUEST (section 5.4), and the loss of a connection.
    """

    def test_ended(self) -> None:
        """
        The request is ended at once, without output; its app is cancelled, and hears why.
        """
        app = Held()
        server = self.serve(app)
        server.begin()
        finished = app.requests[0].notifyFinish()
        server.abort()
        self.assertEqual(server.records, aborted(1))
        self.assertEqual(app.cancelled, app.requests)
        self.failureResultOf(finished, RequestAborted)
        self.assertServes(server)

    def test_coroutine(self) -> None:
        """
        A coroutine is cancelled where it waits.
        """
        never: Deferred[None] = Deferred()
        ended: list[str] = []

        async def app(request: Request) -> None:
            try:
                await never
            finally:
                ended.append("cleaned up")

        server = self.serve(app)
        server.begin()
        server.abort()
        self.assertEqual(ended, ["cleaned up"])
        self.assertEqual(server.records, aborted(1))

    def test_reading(self) -> None:
        """
        An app that waits for its body is cancelled as well.
        """
        ended: list[bool] = []

        async def app(request: Request) -> None:
            try:
                await request.stdin.read()
            finally:
                ended.append(True)

        server = self.serve(app)
        server.begin()
        server.stdin(b"a part")
        server.abort()
        self.assertEqual(ended, [True])

    def test_inTheMiddleOfTheAnswer(self) -> None:
        """
        No output comes behind the end, whatever the app still writes, and nothing is raised.
        """
        app = Held()
        server = self.serve(app)
        server.begin()
        request = app.requests[0]
        request.stdout.write(b"Status: 200 OK\r\n\r\na part")
        server.abort()
        request.stdout.write(b"too late")
        request.stderr.write(b"too late")
        self.assertEqual(server.answer().stdout, b"Status: 200 OK\r\n\r\na part")
        self.assertEqual(server.records[-2:], aborted(1))
        self.failureResultOf(request.stdout.drain(), RequestAborted)

    def test_resultTooLate(self) -> None:
        """
        What the app returns although it was cancelled is dropped, and its body released.
        """
        body = generator()
        next(body)
        later: Deferred[Any] = Deferred(lambda _: later.callback(Response(200, {}, body)))
        server = self.serve(lambda _: later)
        server.begin()
        server.abort()
        self.assertEqual(list(body), [])
        self.assertEqual(server.records, aborted(1))

    def test_otherResultTooLate(self) -> None:
        """
        So is a result that has no body.
        """
        later: Deferred[Any] = Deferred(lambda _: later.callback(None))
        server = self.serve(lambda _: later)
        server.begin()
        server.abort()
        self.assertEqual(server.records, aborted(1))

    def test_failureTooLate(self) -> None:
        """
        What goes wrong in an app that is cancelled is logged, and costs nothing else.
        """

        async def app(request: Request) -> None:
            try:
                await Deferred()
            finally:
                raise ZeroDivisionError

        server = self.serve(app)
        server.begin(1, {"REQUEST_METHOD": "GET", "REQUEST_URI": "/a?token=1234"})
        server.abort()
        self.assertFailed(ZeroDivisionError)
        self.assertSaid("app failed after", "(GET /a?token=***) was over")
        self.assertServes(server)

    def test_failingCanceller(self) -> None:
        """
        So is a canceller that fails.
        """

        def fail(_: object) -> None:
            raise ZeroDivisionError

        never: Deferred[None] = Deferred(fail)
        server = self.serve(lambda _: never)
        server.begin()
        server.abort()
        self.assertFailed(ZeroDivisionError)
        self.assertSaid("failed while it was cancelled")
        self.assertServes(server)

    def test_beforeTheParams(self) -> None:
        """
        A request can be aborted before its params are complete.
        """
        server = self.serve()
        server.send(BeginRequest(1, Role.RESPONDER, True), Params(1, b"\1"))
        server.abort()
        self.assertEqual(server.records, aborted(1))
        self.assertServes(server, 1)

    def test_withoutKeeping(self) -> None:
        """
        The connection of an aborted request that is not to be kept is closed.
        """
        app = Held()
        server = self.serve(app)
        server.begin(keep=False)
        server.abort()
        self.assertEqual(server.records, aborted(1))
        self.assertTrue(server.closed)

    def test_afterTheEnd(self) -> None:
        """
        An abort that crossed the answer means nothing.
        """
        server = self.serve()
        server.get()
        server.forget()
        server.abort()
        self.assertEqual(server.records, [])
        self.assertServes(server)

    def test_inTheSameRead(self) -> None:
        """
        So does one that came in one read with a request that was answered at once.
        """
        server = self.serve()
        server.send(*beginning(1), Stdin(1), AbortRequest(1))
        self.assertEqual(server.answer().status, (0, 0))
        self.assertServes(server)

    def test_refusedAndAborted(self) -> None:
        """
        So does one for a request that was refused in the same read.
        """
        server = self.serve()
        server.send(*beginning(1, role=9), AbortRequest(1))
        self.assertEqual(server.records, [EndRequest(1, 0, 3)])
        self.assertServes(server)

    def test_abortedBeforeItIsRefused(self) -> None:
        """
        A request that is too much, and aborted before its params are complete, ends once.
        """
        app = Held()
        server = self.serve(app, Limits(requestsPerConnection=1))
        server.begin(1)
        server.send(BeginRequest(2, Role.RESPONDER, True), AbortRequest(2), Params(2))
        self.assertEqual(server.records, aborted(2))
        app.answer()
        self.assertServes(server)

    def test_connectionLost(self) -> None:
        """
        The loss of a connection aborts all its requests, and those of no other.
        """
        app = Held()
        factory = self.factory(app)
        server, other = WebServer(factory), WebServer(factory)
        server.begin(1)
        server.begin(2)
        other.begin(1)
        finished = [request.notifyFinish() for request in app.requests]
        server.disconnect()
        self.failureResultOf(finished[0], ConnectionClosed)
        self.failureResultOf(finished[1], ConnectionClosed)
        self.assertNoResult(finished[2])
        self.assertEqual(app.cancelled, app.requests[:2])
        self.assertEqual((factory.connections, factory.requests), (1, 1))
        app.answer(index=2)
        self.assertEqual(other.answer().body, b"ok")

    def test_oneEndsAnother(self) -> None:
        """
        When the cancellation of one request makes another's app answer, that is over all the same.
        """
        app = Held()

        def cancel(_: object) -> None:
            app.answer(index=0)

        def respond(request: Request) -> Deferred[Any]:
            return app(request) if request.requestID == 2 else Deferred(cancel)

        server = self.serve(respond)
        server.begin(1)
        server.begin(2)
        finished = app.requests[0].notifyFinish()
        server.disconnect()
        self.failureResultOf(finished, ConnectionClosed)
        self.assertEqual(server.protocol.factory.requests, 0)

    def test_lostWhileAnswering(self) -> None:
        """
        A body that is being sent is closed when the connection is lost.
        """
        body = generator()
        server = self.serve(lambda _: Response(200, {}, body))
        server.protocol.outlet.pauseProducing()
        server.get()
        server.disconnect()
        self.assertEqual(list(body), [])


def generator() -> Any:
    """
    A body that does not end by itself.
    """
    while True:
        yield b"more"
