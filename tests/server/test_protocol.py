"""
Tests of L{txfcgi.server.protocol}: connections, and the requests that share one.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from twisted.internet.defer import Deferred

from txfcgi import Limits, Request, Response
from txfcgi.errors import (
    ConnectionClosed,
    RequestAborted,
    UnsupportedVersion,
)
from txfcgi.server.protocol import ServerProtocol
from txfcgi.transport.outlet import HIGH_WATER
from txfcgi.wire.records import (
    AbortRequest,
    BeginRequest,
    EndRequest,
    GetValues,
    GetValuesResult,
    Params,
    Record,
    Role,
    Stdin,
    Stdout,
    UnknownType,
)

from .conversation import Held, ServerTests, WebServer, beginning, ok, stdin

VISITOR: ContextVar[str] = ContextVar("VISITOR", default="nobody")


class KeptConnectionTests(ServerTests):
    """
    KEEP_CONN (section 3.5, statements 15 and 16).
    """

    def test_closed(self) -> None:
        """
        Without KEEP_CONN the connection is closed after the answer.
        """
        server = self.serve()
        answer = server.get(keep=False)
        self.assertEqual((answer.body, answer.status), (b"ok", (0, 0)))
        self.assertTrue(server.closed)
        self.assertFalse(server.cut)

    def test_kept(self) -> None:
        """
        With KEEP_CONN it stays open, for any number of requests, also of the same id.
        """
        server = self.serve()
        for _ in range(10):
            server.forget()
            self.assertEqual(server.get(keep=True).body, b"ok")
        self.assertFalse(server.closed)
        self.assertEqual(server.protocol.factory.requests, 0)

    def test_oneWrite(self) -> None:
        """
        A small response is one write: head, body, the end of the stream and of the request.
        """
        server = self.serve()
        server.get()
        self.assertEqual(server.writes, 1)

    def test_lastOfSeveral(self) -> None:
        """
        When one of several requests asked for it, the connection is closed after the last of them.
        """
        app = Held()
        server = self.serve(app)
        server.begin(1, keep=False)
        server.begin(2, keep=True)
        app.answer(index=0)
        self.assertEqual(server.answer(1).status, (0, 0))
        self.assertFalse(server.closed)
        app.answer(index=1)
        self.assertEqual(server.answer(2).status, (0, 0))
        self.assertTrue(server.closed)

    def test_webServerClosesIdle(self) -> None:
        """
        The web server may close when nothing is active: that is not worth a message.
        """
        server = self.serve()
        server.get()
        server.disconnect()
        self.assertEqual(self.said, "")
        self.assertEqual(server.protocol.factory.connections, 0)

    def test_nothingUnasked(self) -> None:
        """
        Nothing is sent before a request, and nothing behind the end of one.
        """
        server = self.serve()
        self.assertEqual(server.records, [])
        server.get()
        self.assertIsInstance(server.records[-1], EndRequest)
        self.advance(10)
        self.assertIsInstance(server.records[-1], EndRequest)


class MultiplexTests(ServerTests):
    """
    Several requests at once on one connection.
    """

    def test_outOfOrder(self) -> None:
        """
        Requests end in any order, each with its own id (appendix B, example 4).
        """
        app = Held()
        server = self.serve(app)
        for requestID in (1, 2, 65535):
            server.begin(requestID)
        for index in (2, 0, 1):
            app.answer(b"%d" % index, index)
        ends = [each.requestID for each in server.records if isinstance(each, EndRequest)]
        self.assertEqual(ends, [65535, 1, 2])
        self.assertEqual(server.answer(65535).body, b"2")
        self.assertEqual(server.answer(1).body, b"0")
        self.assertEqual(server.answer(2).body, b"1")

    def test_inOneRead(self) -> None:
        """
        Many requests that come in one read are all served, and answered in one write.
        """
        server = self.serve(lambda request: Response(200, {}, b"%d" % request.requestID))
        server.send(*(each for n in range(1, 9) for each in (*beginning(n), Stdin(n))))
        self.assertEqual(
            [server.answer(n).body for n in range(1, 9)], [b"%d" % n for n in range(1, 9)]
        )
        self.assertEqual(server.writes, 1)

    def test_bodiesInterleaved(self) -> None:
        """
        The pieces of several bodies may be mixed.
        """

        async def echo(request: Request) -> Response:
            return Response(200, {}, await request.stdin.read())

        server = self.serve(echo)
        server.begin(1)
        server.begin(2)
        server.send(Stdin(1, b"a"), Stdin(2, b"1"), Stdin(1, b"b"), Stdin(2, b"2"), Stdin(2))
        self.assertEqual(server.answer(2).body, b"12")
        self.assertIsNone(server.answer(1).end)
        server.endStdin(1)
        self.assertEqual(server.answer(1).body, b"ab")

    def test_nothingIsShared(self) -> None:
        """
        A request sees no param, no context variable and no input of another on its connection.
        """
        seen: list[Any] = []

        async def app(request: Request) -> Response:
            seen.append((dict(request.params), VISITOR.get(), await request.stdin.read()))
            VISITOR.set("somebody")
            return Response(200, {}, b"ok")

        def plain(request: Request) -> Deferred[Response]:
            return Deferred.fromCoroutine(app(request))

        for each in (app, plain):
            seen.clear()
            server = self.serve(each)
            server.post(b"secret", 1, {"SECRET": "1", "HTTP_COOKIE": "a"})
            server.get(1, {"PLAIN": "2"})
            self.assertEqual(seen[0][1:], ("nobody", b"secret"))
            self.assertEqual(seen[1], ({"PLAIN": "2"}, "nobody", b""))

    def test_switchedOff(self) -> None:
        """
        With C{multiplex=False} a second request is refused with CANT_MPX_CONN; the first goes on,
        and so does the connection.
        """
        app = Held()
        server = self.serve(app, multiplex=False)
        server.begin(1)
        server.get(2)
        self.assertEqual(server.answer(2).records, [EndRequest(2, 0, 1)])
        self.assertSaid("request 2 from", "refused", "one request at a time")
        app.answer()
        self.assertEqual(server.answer(1).body, b"ok")
        server.begin(3)
        app.answer(index=1)
        self.assertEqual(server.answer(3).body, b"ok")

    def test_failureIsAlone(self) -> None:
        """
        An app that fails after the head costs its request; the end of that says that it failed,
        and the others on the connection go on.
        """
        app = Held()

        async def respond(request: Request) -> Any:
            if request.requestID == 2:
                return await app(request)
            return Response(200, {}, broken())

        def broken() -> Any:
            yield b"a part"
            raise ZeroDivisionError

        server = self.serve(respond)
        server.begin(2)
        server.get(1)
        self.assertFailed(ZeroDivisionError)
        self.assertEqual(server.answer(1).status, (1, 0))
        app.answer()
        self.assertEqual(server.answer(2).body, b"ok")
        self.assertServes(server)


class AbortTests(ServerTests):
    """
    ABORT_REQUEST (section 5.4, statement 21), and the loss of a connection (statement 22).
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
        server.begin()
        server.abort()
        self.assertFailed(ZeroDivisionError)
        self.assertSaid("app failed after", "was over")
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


class ManagementTests(ServerTests):
    """
    Management records (section 4).
    """

    def test_values(self) -> None:
        """
        GET_VALUES is answered with what is enforced.
        """
        server = self.serve(limits=Limits(connections=7, requests=8))
        self.assertEqual(
            server.values(b"FCGI_MAX_CONNS", b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS", b"NEVER_HEARD"),
            {b"FCGI_MAX_CONNS": b"7", b"FCGI_MAX_REQS": b"8", b"FCGI_MPXS_CONNS": b"1"},
        )
        # HAProxy takes the number of requests for that of one connection.
        server = self.serve(limits=Limits(requests=8, requestsPerConnection=3))
        self.assertEqual(server.values(b"FCGI_MAX_REQS"), {b"FCGI_MAX_REQS": b"3"})
        server = self.serve(multiplex=False)
        self.assertEqual(server.values(b"FCGI_MPXS_CONNS"), {b"FCGI_MPXS_CONNS": b"0"})

    def test_ownValues(self) -> None:
        """
        More values may be given, and the known ones replaced.
        """
        server = self.serve(values={"COLOUR": "grün", "FCGI_MAX_REQS": "3"})
        self.assertEqual(
            server.values(b"COLOUR", b"FCGI_MAX_REQS"),
            {b"COLOUR": "grün".encode(), b"FCGI_MAX_REQS": b"3"},
        )

    def test_noValues(self) -> None:
        """
        A question for nothing is answered with nothing.
        """
        server = self.serve()
        server.send(GetValues(()))
        self.assertEqual(server.records, [GetValuesResult(())])

    def test_amidParams(self) -> None:
        """
        The question may come in the middle of a request.
        """
        server = self.serve()
        server.send(BeginRequest(1, Role.RESPONDER, True), GetValues((b"FCGI_MPXS_CONNS",)))
        self.assertEqual(server.records, [GetValuesResult(((b"FCGI_MPXS_CONNS", b"1"),))])
        server.send(Params(1), Stdin(1))
        self.assertEqual(server.answer().body, b"ok")

    def test_unknownType(self) -> None:
        """
        A management record of unknown type is answered with UNKNOWN_TYPE.
        """
        server = self.serve()
        server.send(Record(77, 0, b"?"))
        self.assertEqual(server.records, [UnknownType(77)])
        self.assertServes(server)

    def test_floodOfQuestions(self) -> None:
        """
        A peer that asks and asks, and reads nothing, is cut off.
        """
        server = self.serve(limits=Limits(outputBytes=HIGH_WATER + 100))
        server.protocol.outlet.pauseProducing()
        for _ in range(3):
            server.send(GetValues((b"FCGI_MAX_CONNS",)))
        self.assertFalse(server.cut)
        server.send(GetValues((b"FCGI_MAX_CONNS",)))
        self.assertTrue(server.cut)
        self.assertSaid("192.0.2.1", "reads none of its answers")


class MistakeTests(ServerTests):
    """
    What a peer does wrong costs its connection, with one line that says which rule and from where.
    """

    def test_brokenProtocol(self) -> None:
        """
        The connection is closed, and its requests are aborted; those of others are not.
        """
        app = Held()
        factory = self.factory(app)
        server, other = WebServer(factory), WebServer(factory)
        server.begin()
        other.begin()
        finished = app.requests[0].notifyFinish()
        server.send(BeginRequest(1, Role.RESPONDER))
        self.assertTrue(server.closed)
        self.assertSaid("192.0.2.1", "broke the protocol", "id 1, which is active (section 3.3)")
        self.assertEqual(len(self.said.splitlines()), 1)
        self.failureResultOf(finished, ConnectionClosed)
        self.assertEqual(app.cancelled, app.requests[:1])
        app.answer(index=1)
        self.assertEqual(other.answer().body, b"ok")

    def test_http(self) -> None:
        """
        An HTTP client is told apart.
        """
        server = self.serve()
        server.sendBytes(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n")
        self.assertTrue(server.closed)
        self.assertSaid("does an HTTP client speak to this port?")
        self.assertEqual(server.records, [])

    def test_more(self) -> None:
        """
        What still comes on a connection that is being closed is dropped.
        """
        server = self.serve()
        server.sendBytes(bytes(8))
        server.send(*beginning(1), Stdin(1))
        server.sendBytes(bytes(8))
        self.assertEqual(server.records, [])
        self.assertEqual(len(self.said.splitlines()), 1)

    def test_requestsBefore(self) -> None:
        """
        A request that was complete before the mistake, in the same read, is answered.
        """
        server = self.serve()
        server.sendBytes(b"".join(each.encode() for each in (*beginning(1), Stdin(1))) + bytes(8))
        self.assertEqual(server.answer().status, (0, 0))
        self.assertTrue(server.closed)

    def test_unknownRole(self) -> None:
        """
        A role that does not exist is refused, and the connection kept (statement 23).
        """
        server = self.serve()
        self.assertEqual(server.get(1, role=77).records, [EndRequest(1, 0, 3)])
        self.assertSaid("request 1 from", "refused", "role 77")
        self.assertServes(server)

    def test_unknownRoleWithoutKeeping(self) -> None:
        """
        A refused request that is not to be kept open is the last.
        """
        server = self.serve()
        self.assertEqual(server.get(1, role=77, keep=False).records, [EndRequest(1, 0, 3)])
        self.assertTrue(server.closed)

    def test_inactiveIDs(self) -> None:
        """
        Records for ids that are not active are ignored (statement 8).
        """
        server = self.serve()
        server.send(Stdin(5, b"x"), Params(6, b"y"), AbortRequest(7), Record(8, 8, b"z"))
        self.assertEqual(server.records, [])
        self.assertServes(server)

    def test_ownMistake(self) -> None:
        """
        A mistake of our own is logged with its traceback, and costs the connection.
        """
        server = self.serve()

        def broken(data: bytes) -> Any:
            raise ZeroDivisionError

        self.patch(type(server.protocol.wire), "receive", lambda self, data: broken(data))
        server.get()
        self.assertFailed(ZeroDivisionError)
        self.assertSaid("txfcgi failed on", "192.0.2.1", "is cut")
        self.assertTrue(server.cut)

    def test_everyCut(self) -> None:
        """
        However a request is cut into reads, it is served.
        """
        whole = b"".join(
            each.encode() for each in (*beginning(3, {"CONTENT_LENGTH": "4"}), *stdin(3, b"body"))
        )

        async def echo(request: Request) -> Response:
            return Response(200, {}, await request.stdin.read())

        for at in range(1, len(whole)):
            server = self.serve(echo)
            server.sendBytes(whole[:at])
            server.sendBytes(whole[at:])
            self.assertEqual(server.answer(3).body, b"body")
        server = self.serve(echo)
        for byte in whole:
            server.sendBytes(bytes([byte]))
        self.assertEqual(server.answer(3).body, b"body")

    def test_halfSent(self) -> None:
        """
        A web server that goes away in the middle of a request costs nothing.
        """
        whole = b"".join(
            each.encode() for each in (*beginning(3, {"CONTENT_LENGTH": "4"}), *stdin(3, b"body"))
        )
        ended: list[BaseException] = []

        async def app(request: Request) -> Response:
            try:
                return Response(200, {}, await request.stdin.read())
            except BaseException as error:
                ended.append(error)
                raise

        factory = self.factory(app)
        for at in range(len(whole) - 8):
            server = WebServer(factory)
            server.sendBytes(whole[:at])
            server.disconnect()
        self.assertEqual((factory.connections, factory.requests), (0, 0))
        self.assertTrue(ended)
        self.assertEqual(self.said, "")

    def test_errorClass(self) -> None:
        """
        What an app of a failed connection hears names the rule.
        """
        app = Held()
        server = self.serve(app)
        server.begin()
        finished = app.requests[0].notifyFinish()
        server.sendBytes(b"\7" + bytes(7))
        error = self.failureResultOf(finished, ConnectionClosed).value
        self.assertIn("version 7", str(error))
        self.assertIsInstance(server.protocol.wire.failed, UnsupportedVersion)


class RolesTests(ServerTests):
    """
    What an app is told of its connection.
    """

    def test_addresses(self) -> None:
        """
        Both ends of the connection, the id, and whether the connection is kept.
        """
        app = Held()
        server = self.serve(app)
        server.begin(300, keep=False)
        (request,) = app.requests
        self.assertEqual((request.peer.host, request.peer.port), ("192.0.2.1", 4711))
        self.assertEqual((request.host.host, request.host.port), ("192.0.2.2", 9000))
        self.assertEqual((request.requestID, request.keepConnection), (300, False))
        self.assertIsInstance(server.protocol, ServerProtocol)
        self.assertIn("300", repr(request))
        self.assertIn("192.0.2.1", repr(request))

    def test_plainFunction(self) -> None:
        """
        The simplest of apps.
        """
        self.assertEqual(self.serve(ok).get().body, b"ok")


def aborted(requestID: int) -> list[Any]:
    """
    The end of a request that was aborted.
    """
    return [Stdout(requestID), EndRequest(requestID)]


def generator() -> Any:
    """
    A body that does not end by itself.
    """
    while True:
        yield b"more"
