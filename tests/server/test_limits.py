"""
Tests of L{txfcgi.Limits}: each of them is reached, and nothing else is lost: no other request, no
other connection. What is enforced on real sockets is in L{test_sockets}.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Limits, Request, ResponderRequest, Response, Role
from txfcgi.errors import (
    BodyTooLarge,
    OutputTooLarge,
    ReadTooLarge,
    RequestAborted,
    TimedOut,
)
from txfcgi.server.watch import Watch
from txfcgi.wire.records import BeginRequest, EndRequest, Params, Stdin

from .conversation import Held, ServerTests, WebServer, beginning, ok


class ValuesTests(SynchronousTestCase):
    """
    What can be a limit.
    """

    def test_frozen(self) -> None:
        """
        Limits are values, given by name.
        """
        limits = Limits(requests=5)
        self.assertEqual(dataclasses.replace(limits, requests=1024), Limits())
        self.assertRaises(dataclasses.FrozenInstanceError, setattr, limits, "requests", 6)
        self.assertRaises(TypeError, Limits, 5)

    def test_impossible(self) -> None:
        """
        None of them can be negative, only two can be nothing, and only two can be switched off.
        """
        for field in dataclasses.fields(Limits):
            for value, allowed in (
                (-1, ()),
                (0, ("lingerBytes", "abortSlowReaders")),
                (None, ("bodyBytes", "requestTimeout")),
            ):
                given: dict[str, Any] = {field.name: value}
                if field.name in allowed:
                    self.assertEqual(getattr(Limits(**given), field.name), value)
                else:
                    with self.assertRaisesRegex(ValueError, field.name):
                        Limits(**given)


class LimitTests(ServerTests):
    """
    Tests that bring a server to one of its limits while others use it.
    """

    def serveTwo(self, app: Any, limits: Limits, **options: Any) -> tuple[WebServer, WebServer]:
        """
        Connect two web servers to one server. The second one has a request that waits.
        """
        self.others = Held()
        factory = self.factory(
            lambda request: (self.others if "OTHER" in request.params else app)(request),
            limits,
            **options,
        )
        server, other = WebServer(factory), WebServer(factory)
        other.begin(1, {"OTHER": "1"})
        return server, other

    def beginOther(self, server: WebServer, requestID: int = 500) -> None:
        """
        Begin a request that has nothing to do with it.
        """
        server.begin(requestID, {"OTHER": "1"})

    def assertNothingLost(self, *servers: WebServer) -> None:
        """
        Answer all of those requests: they had not noticed anything.
        """
        answers = [
            (server, requestID)
            for server in servers
            for requestID, request in server.protocol.requests.items()
            if request in self.others.requests
        ]
        self.assertEqual(len(answers), len(self.others.requests))
        self.assertEqual(self.others.cancelled, [])
        for index in range(len(self.others.requests)):
            self.others.answer(index=index)
        for server, requestID in answers:
            self.assertEqual(server.answer(requestID).body, b"ok")
            self.assertEqual(server.answer(requestID).status, (0, 0))


class HowManyTests(LimitTests):
    """
    Limits of counts.
    """

    def test_connections(self) -> None:
        """
        C{connections}: a request on one more is answered with 503, and its connection closed; at
        twice as many a connection is closed at once. When others go there is room again.
        """
        server, other = self.serveTwo(ok, Limits(connections=2))
        factory = server.protocol.server
        third, fourth = WebServer(factory), WebServer(factory)  # type: ignore[arg-type]
        answer = third.get(5)
        self.assertEqual((answer.code, answer.status), (503, (1, 0)))
        self.assertEqual(answer.headers["retry-after"], "1")
        self.assertTrue(third.closed)
        self.assertSaid("request 5 from", "refused", "too many connections")
        self.assertIsNone(factory.buildProtocol(None))
        self.assertSaid("is refused: too many connections")
        self.assertEqual(server.get().body, b"ok")
        third.disconnect()
        fourth.disconnect()
        server.disconnect()
        self.assertEqual(WebServer(factory).get().body, b"ok")  # type: ignore[arg-type]
        self.assertNothingLost(other)

    def test_requests(self) -> None:
        """
        C{requests}: one more, on any connection, is answered with 503. The
        connection stays, and there is room when another has ended.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(requests=2))
        server.begin(1)
        server.get(2, {"A": "b"})
        self.assertEqual((server.answer(2).code, server.answer(2).status), (503, (1, 0)))
        self.assertSaid("request 2 from", "too many requests")
        self.assertEqual(server.post(b"not taken", 3).code, 503)
        third = WebServer(server.protocol.server)  # type: ignore[arg-type]
        self.assertEqual(third.get(1, {"A": "b"}).code, 503)
        third.disconnect()
        app.answer()
        self.assertEqual(server.answer(1).body, b"ok")
        server.begin(2)
        self.assertEqual(len(app.requests), 2)
        app.answer(index=1)
        self.assertServes(server)
        self.assertNothingLost(other)

    def test_requestsPerConnection(self) -> None:
        """
        C{requestsPerConnection}: one more on a connection is answered with 503; others have room.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(requestsPerConnection=2))
        self.beginOther(server)
        server.begin(1)
        server.get(2)
        self.assertEqual((server.answer(2).code, server.answer(2).status), (503, (1, 0)))
        self.assertSaid("request 2 from", "2 requests are active on this connection")
        other.begin(2)
        self.assertEqual(len(app.requests), 2)
        app.answer(index=0)
        app.answer(index=1)
        self.assertEqual(server.answer(1).body, b"ok")
        self.assertServes(server)
        self.assertNothingLost(server, other)

    def test_requestsPerConnectionFlood(self) -> None:
        """
        A peer that begins ever more requests, and ends the params of none, hears of each.
        """
        server, other = self.serveTwo(ok, Limits(requestsPerConnection=2))
        server.send(*(BeginRequest(n, Role.RESPONDER, True) for n in range(1, 100)))
        ends = [each for each in server.records if isinstance(each, EndRequest)]
        self.assertEqual(ends, [EndRequest(n, 0, 2) for n in range(5, 100)])
        self.assertNothingLost(other)

    def test_requestsPerConnectionTotal(self) -> None:
        """
        C{requestsPerConnectionTotal}: the connection is closed after its last request, when all
        that are active on it have ended.
        """
        server, other = self.serveTwo(ok, Limits(requestsPerConnectionTotal=3))
        self.beginOther(server)
        self.assertEqual(server.get(1).body, b"ok")
        self.assertFalse(server.closed)
        self.assertEqual(server.get(2).body, b"ok")
        self.assertFalse(server.closed)
        self.assertNothingLost(server, other)
        self.assertTrue(server.closed)
        self.assertFalse(other.closed)
        server = self.serve(ok, Limits(requestsPerConnectionTotal=3))
        for _ in range(3):
            self.assertFalse(server.closed)
            server.forget()
            self.assertEqual(server.get().body, b"ok")
        self.assertTrue(server.closed)

    def test_paramsCount(self) -> None:
        """
        C{paramsCount}: more are answered with 431, before or at the first look at them.
        """
        server, other = self.serveTwo(ok, Limits(paramsCount=3))
        self.beginOther(server)
        self.assertEqual(server.get(1, {"A": "", "B": "", "C": ""}).body, b"ok")
        answer = server.get(2, {"A": "", "B": "", "C": "", "D": ""})
        self.assertEqual((answer.code, answer.status), (431, (1, 0)))
        self.assertSaid("ResponderRequest 2 from", "4 params, and at most 3 are allowed")
        self.assertNothingLost(server, other)
        self.assertServes(server)


class BytesTests(LimitTests):
    """
    Limits of bytes.
    """

    def test_paramsBytes(self) -> None:
        """
        C{paramsBytes}: more are answered with 431 at their end, and the app is not asked.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(paramsBytes=1000))
        self.beginOther(server)
        pairs = [(b"A", b"x" * 950), (b"B", b"y" * 950)]
        server.begin(1, pairs[:1])
        self.assertEqual(len(app.requests), 1)
        server.get(2, pairs)
        self.assertEqual((server.answer(2).code, server.answer(2).status), (431, (1, 0)))
        self.assertSaid("request 2 from", "refused", "more than 1000 bytes of params")
        self.assertEqual(len(app.requests), 1)
        app.answer()
        self.assertEqual(server.answer(1).body, b"ok")
        self.assertNothingLost(server, other)
        self.assertServes(server)

    def test_incompleteParams(self) -> None:
        """
        C{connectionBytes} also limits the params of all requests of a connection that are not
        complete: beyond it a request is answered with 503.
        """
        server, other = self.serveTwo(ok, Limits(paramsBytes=1000, connectionBytes=2000))
        self.beginOther(server)
        for n in (1, 2, 3):
            server.send(BeginRequest(n, Role.RESPONDER, True), Params(n, b"\0\0" * 450))
        server.send(Params(3), Stdin(3))
        self.assertEqual(server.answer(3).code, 503)
        self.assertSaid("request 3", "more than 2000 bytes of incomplete params")
        self.assertEqual(server.answer(1).records, [])
        server.send(Params(1), Params(2))
        self.assertEqual((server.answer(1).body, server.answer(2).body), (b"ok", b"ok"))
        self.assertNothingLost(server, other)

    def test_bodyBytesDeclared(self) -> None:
        """
        C{bodyBytes}: a body that is declared to be longer is answered with 413, before it comes.
        """

        async def app(request: ResponderRequest) -> Response:
            return Response(200, {}, await request.stdin.read())

        server, other = self.serveTwo(app, Limits(bodyBytes=10))
        self.beginOther(server)
        self.assertEqual(server.post(b"0123456789").body, b"0123456789")
        server.begin(2, {"CONTENT_LENGTH": "11"})
        self.assertEqual(server.answer(2).code, 413)
        self.assertSaid("ResponderRequest 2", "the body has 11 bytes, and at most 10 are taken")
        self.assertNothingLost(server, other)
        self.assertServes(server)

    def test_bodyBytesSent(self) -> None:
        """
        One that turns out to be longer is, too, whatever the app does with it.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(bodyBytes=10))
        self.beginOther(server)
        server.begin(1)
        server.stdin(b"0123456789")
        read = app.requests[0].stdin.read()
        self.assertNoResult(read)
        server.stdin(b"x")
        self.failureResultOf(read, BodyTooLarge)
        self.assertEqual(server.answer(1).code, 413)
        self.assertEqual(app.cancelled, app.requests)
        self.assertSaid("the body has more than 10 bytes")
        server.stdin(b"more")
        server.endStdin()
        self.assertNothingLost(server, other)
        self.assertServes(server)

    def test_collectBytes(self) -> None:
        """
        C{collectBytes}: C{read()} and C{readline()} fail at more, which is a 413 unless the app
        looks at it. Pieces may come as many as there are.
        """

        async def read(request: ResponderRequest) -> Response:
            return Response(200, {}, await request.stdin.read())

        async def readline(request: ResponderRequest) -> Response:
            return Response(200, {}, await request.stdin.readline())

        async def pieces(request: ResponderRequest) -> Response:
            return Response(200, {}, b"".join([piece async for piece in request.stdin]))

        limits = Limits(collectBytes=10)
        for app in (read, readline):
            server, other = self.serveTwo(app, limits)
            self.beginOther(server)
            self.assertEqual(server.post(b"x" * 10).body, b"x" * 10)
            self.assertEqual(server.post(b"x" * 11, 2).code, 413)
            self.assertSaid("ResponderRequest 2", "10 bytes")
            self.assertNothingLost(server, other)
            self.assertServes(server)
        self.assertEqual(self.serve(pieces, limits).post(b"x" * 100).body, b"x" * 100)

    def test_collectBytesStays(self) -> None:
        """
        What follows can't pass for the whole.
        """
        app = Held()
        server = self.serve(app, Limits(collectBytes=10))
        server.begin()
        stream = app.requests[0].stdin
        server.stdin(b"x" * 11)
        self.failureResultOf(stream.read(), ReadTooLarge)
        server.endStdin()
        self.failureResultOf(stream.read(), ReadTooLarge)

    def test_streamBytes(self) -> None:
        """
        C{streamBytes}: a connection that has one request is paused when more of its body waits.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(streamBytes=100))
        server.begin()
        server.stdin(bytes(100))
        self.assertFalse(server.paused)
        server.stdin(bytes(1))
        self.assertTrue(server.paused)
        self.assertFalse(other.paused)
        self.successResultOf(app.requests[0].stdin.read(60))
        self.assertFalse(server.paused)
        self.assertNothingLost(other)

    def test_connectionBytes(self) -> None:
        """
        C{connectionBytes}: a connection that several requests share is paused when more waits of
        all of them together; until then, one that is not read does not hold up the others.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(streamBytes=100, connectionBytes=1000))
        self.beginOther(server)
        server.begin(1)
        server.begin(2)
        server.stdin(bytes(600), 1)
        server.stdin(bytes(400), 2)
        self.assertFalse(server.paused)
        server.stdin(bytes(1), 2)
        self.assertTrue(server.paused)
        self.successResultOf(app.requests[0].stdin.read(10))
        self.assertTrue(server.paused)
        self.successResultOf(app.requests[0].stdin.read(500))
        self.successResultOf(app.requests[0].stdin.read(500))
        self.assertFalse(server.paused)
        self.assertEqual(self.said, "")
        self.assertNothingLost(server, other)

    def test_connectionBytesOfTheEnded(self) -> None:
        """
        A request that ends takes what waited for it along.
        """
        app = Held()
        server = self.serve(app, Limits(streamBytes=100, connectionBytes=1000))
        for n in (1, 2, 3):
            server.begin(n)
        server.stdin(bytes(900), 1)
        server.stdin(bytes(200), 2)
        self.assertTrue(server.paused)
        app.answer(index=0)
        self.assertFalse(server.paused)
        app.answer(index=2)
        self.assertTrue(server.paused)
        self.successResultOf(app.requests[1].stdin.read(200))
        self.assertFalse(server.paused)

    def test_abortSlowReaders(self) -> None:
        """
        C{abortSlowReaders}: at C{connectionBytes} the request that holds most fails with 503, and
        the connection is not paused.
        """
        app = Held()
        server, other = self.serveTwo(
            app, Limits(streamBytes=100, connectionBytes=1000, abortSlowReaders=True)
        )
        self.beginOther(server)
        server.begin(1)
        server.begin(2)
        read = app.requests[0].stdin.read(1)
        server.stdin(bytes(400), 1)
        server.stdin(bytes(601), 2)
        self.assertEqual(self.successResultOf(read), bytes(1))
        server.stdin(bytes(10), 2)
        self.assertFalse(server.paused)
        self.assertEqual((server.answer(2).code, app.cancelled), (503, [app.requests[1]]))
        self.assertSaid("ResponderRequest 2", "611 bytes of its input were not read")
        self.assertEqual(len(self.successResultOf(app.requests[0].stdin.read(500))), 399)
        app.answer(index=0)
        self.assertEqual(server.answer(1).body, b"ok")
        self.assertNothingLost(server, other)
        self.assertServes(server)

    def test_abortSlowReadersBeforeTheyRun(self) -> None:
        """
        So does one whose app was still to be asked, and never is.
        """
        app = Held()
        server = self.serve(
            app,
            Limits(streamBytes=100, connectionBytes=1000, abortSlowReaders=True, bodyBytes=500),
        )
        server.begin(1)
        server.begin(2)
        server.stdin(bytes(450), 1)
        server.stdin(bytes(300), 2)
        server.send(
            *beginning(3),
            Stdin(3, bytes(499)),
            *beginning(4),
            Stdin(4, bytes(498)),
            Stdin(1, bytes(100)),
        )
        self.assertEqual([request.requestID for request in app.requests], [1, 2, 4])
        self.assertEqual(server.answer(1).code, 413)
        self.assertEqual(server.answer(3).code, 503)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertServes(server)

    def test_outputBytes(self) -> None:
        """
        C{outputBytes}: a request that writes more while the web server takes nothing fails.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(outputBytes=1000))
        self.beginOther(server)
        server.begin(1)
        server.protocol.outlet.pauseProducing()
        stdout = app.requests[0].stdout
        stdout.write(b"Status: 200 OK\n\n" + bytes(900))
        self.assertRaises(OutputTooLarge, stdout.write, bytes(100))
        self.assertSaid("ResponderRequest 1", "1016 bytes were written", "at most 1000 may wait")
        server.protocol.outlet.resumeProducing()
        self.assertEqual(server.answer(1).status, (1, 0))
        self.assertNothingLost(server, other)
        self.assertServes(server)

    def test_headBytes(self) -> None:
        """
        C{headBytes}: a response head that an app writes by itself, and that is longer, fails it.
        """

        def app(request: Request) -> None:
            request.stdout.write(b"X: " + b"y" * 100 + b"\n\n")

        server, other = self.serveTwo(app, Limits(headBytes=104))
        self.beginOther(server)
        self.assertEqual(server.get(1).code, 500)
        self.assertSaid("a response head of more than 104 bytes")
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertEqual(self.serve(app, Limits(headBytes=105)).get().status, (0, 0))
        self.assertNothingLost(server, other)
        self.assertServes(server)


class SecondsTests(LimitTests):
    """
    Limits of time. All is found at the next tick, which is a second apart.
    """

    def test_paramsTimeout(self) -> None:
        """
        C{paramsTimeout}: a request whose params do not come costs its connection.
        """
        starts = [
            b"\1",
            BeginRequest(1, Role.RESPONDER).encode(),
            BeginRequest(1, Role.RESPONDER).encode() + Params(1, b"\1").encode(),
            Params(77, bytes(100)).encode()[:50],
        ]
        for start in starts:
            server, other = self.serveTwo(ok, Limits(paramsTimeout=10))
            server.sendBytes(start)
            self.advance(9)
            self.assertFalse(server.cut)
            self.advance(3)
            self.assertTrue(server.cut)
            self.assertSaid("192.0.2.1", "sent no complete params in 10 s")
            self.assertNothingLost(other)

    def test_paramsTimeoutOfOneOfMany(self) -> None:
        """
        On a shared connection, others that come and go do not make up for one whose params do not
        come, and none of those is taken for it.
        """
        limits = Limits(paramsTimeout=10, idleTimeout=1000)
        for stuck in (True, False):
            server = self.serve(ok, limits)
            if stuck:
                server.send(BeginRequest(500, Role.RESPONDER, True))
            for n in range(1, 30):
                server.send(BeginRequest(n, Role.RESPONDER, True))
                self.advance(1)
                if not server.cut:
                    server.send(Params(n), Stdin(n))
            self.assertEqual(server.cut, stuck)

    def test_paramsTimeoutBetweenReads(self) -> None:
        """
        Nor is a connection cut on which a read always ends in the middle of a request.
        """
        server = self.serve(ok, Limits(paramsTimeout=10))
        request = b"".join(each.encode() for each in (*beginning(1), Stdin(1)))
        server.sendBytes(request[:5])
        for _ in range(30):
            self.advance(1)
            server.sendBytes(request[5:] + request[:5])
        self.assertFalse(server.cut)

    def test_paramsTimeoutAndBodies(self) -> None:
        """
        A body may take longer, in pieces of records too, and so may an app that does not read it.
        """
        app = Held()
        server = self.serve(app, Limits(paramsTimeout=10, idleTimeout=1000))
        server.begin()
        record = Stdin(1, bytes(60_000)).encode()
        for at in range(0, 60_000, 2_000):
            server.sendBytes(record[at : at + 2_000])
            self.advance(1)
        server.sendBytes(record[60_000:] + record[:30_000])
        self.assertTrue(server.paused)
        self.advance(100)
        self.assertFalse(server.cut)
        server.sendBytes(BeginRequest(2, Role.RESPONDER).encode()[:3])

    def test_paramsTimeoutWhilePaused(self) -> None:
        """
        The params of a request can't come while the connection is not read for another's sake.
        """
        app = Held()
        server = self.serve(app, Limits(paramsTimeout=10, streamBytes=10, connectionBytes=20))
        server.begin()
        server.send(BeginRequest(2, Role.RESPONDER, True), Stdin(1, bytes(30)))
        self.assertTrue(server.paused)
        self.advance(20)
        self.successResultOf(app.requests[0].stdin.read(30))
        self.assertFalse(server.paused or server.cut)
        self.advance(12)
        self.assertTrue(server.cut)

    def test_bodyTimeout(self) -> None:
        """
        C{bodyTimeout}: a body that is wanted, and of which nothing comes, fails: 408.
        """

        async def app(request: ResponderRequest) -> Response:
            return Response(200, {}, await request.stdin.read())

        server, other = self.serveTwo(app, Limits(bodyTimeout=10))
        self.beginOther(server)
        server.begin(1)
        server.begin(2)
        for _ in range(4):
            server.stdin(b"slow", 1)
            self.advance(9)
        self.assertEqual(server.answer(2).code, 408)
        self.assertIsNone(server.answer(1).end)
        self.advance(3)
        self.assertEqual(server.answer(1).code, 408)
        self.assertSaid("ResponderRequest 1", "no more of the body came in 10 s")
        self.assertNothingLost(server, other)
        self.assertServes(server)

    def test_bodyTimeoutUnwanted(self) -> None:
        """
        It is nobody's business before somebody wants it, nor while it is held up by ourselves.
        """
        app = Held()
        server = self.serve(app, Limits(bodyTimeout=10, streamBytes=10, idleTimeout=1000))
        server.begin()
        self.advance(50)
        self.assertFalse(server.closed or server.cut)
        server.stdin(bytes(20))
        self.advance(50)
        read = app.requests[0].stdin.read()
        self.advance(9)
        self.assertNoResult(read)
        self.advance(5)
        self.failureResultOf(read, TimedOut)
        self.assertEqual(app.cancelled, [])

    def test_bodyTimeoutOfFilter(self) -> None:
        """
        A Filter's two streams come one after the other.
        """
        app = Held()
        server = self.serve(app, Limits(bodyTimeout=10))
        server.begin(role=Role.FILTER)
        read = app.requests[0].data.read()
        for _ in range(4):
            server.stdin(b"slow")
            self.advance(9)
        self.assertNoResult(read)
        self.advance(3)
        self.failureResultOf(read, TimedOut)

    def test_idleTimeout(self) -> None:
        """
        C{idleTimeout}: a connection without a request is closed, also one that never had any.
        """
        server, other = self.serveTwo(ok, Limits(idleTimeout=10))
        self.advance(9)
        self.assertEqual(server.get().body, b"ok")
        self.advance(9)
        self.assertFalse(server.closed)
        self.advance(3)
        self.assertTrue(server.closed)
        self.assertFalse(other.closed)
        self.assertEqual(self.said, "")
        self.assertNothingLost(other)

    def test_idleTimeoutStartsAtTheEnd(self) -> None:
        """
        It counts from the end of a request, however long that took.
        """
        app = Held()
        server = self.serve(app, Limits(idleTimeout=10))
        server.get()
        self.advance(100)
        app.answer()
        self.advance(9)
        self.assertFalse(server.closed)
        self.advance(3)
        self.assertTrue(server.closed)

    def test_writeTimeout(self) -> None:
        """
        C{writeTimeout}: a web server that takes nothing of what waits for it is cut off, and its
        requests are aborted; as long as it takes something, however little, it is not.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits(writeTimeout=10, idleTimeout=1000))
        server.begin()
        finished = app.requests[0].notifyFinish()
        outlet = server.protocol.outlet
        for _ in range(5):
            outlet.pauseProducing()
            self.advance(9)
            outlet.resumeProducing()
        outlet.pauseProducing()
        self.advance(9)
        self.assertFalse(server.cut)
        self.advance(3)
        self.assertTrue(server.cut)
        self.assertSaid("192.0.2.1", "took nothing that waits for it, for 10 s")
        server.disconnect()
        self.failureResultOf(finished, RequestAborted)
        self.assertNothingLost(other)

    def test_requestTimeout(self) -> None:
        """
        C{requestTimeout}: an app that does not answer is cancelled, and the request gets a 504.
        """
        app = Held()
        server, other = self.serveTwo(app, Limits())
        self.assertIsNone(Limits().requestTimeout)
        server, other = self.serveTwo(app, Limits(requestTimeout=10))
        other.abort(1)
        self.others = Held()
        server.begin(1)
        self.advance(9)
        self.assertIsNone(server.answer().end)
        self.beginOther(server)
        other.begin(2, {"OTHER": "1"})
        self.advance(3)
        self.assertEqual((server.answer(1).code, server.answer(1).status), (504, (1, 0)))
        self.assertEqual(app.cancelled, app.requests)
        self.assertSaid("ResponderRequest 1", "the app did not answer in 10 s")
        self.assertNothingLost(server, other)
        self.assertServes(server)

    def test_requestTimeoutOfAnswer(self) -> None:
        """
        An answer that has begun by then is broken off.
        """
        app = Held()
        server = self.serve(app, Limits(requestTimeout=10))
        server.begin()
        app.requests[0].stdout.write(b"Status: 200 OK\n\n")
        self.advance(12)
        self.assertTrue(server.transport.value().endswith(bytes(8)))
        self.assertTrue(server.closed)

    def test_closeTimeout(self) -> None:
        """
        C{closeTimeout}: a connection that does not close is cut.
        """
        server, other = self.serveTwo(ok, Limits(closeTimeout=5))
        server.get(keep=False)
        self.assertTrue(server.closed)
        self.advance(4)
        self.assertFalse(server.cut)
        self.advance(3)
        self.assertTrue(server.cut)
        self.assertNothingLost(other)

    def test_closeTimeoutWaitsForOutput(self) -> None:
        """
        What is still to be written is limited by C{writeTimeout}.
        """
        server = self.serve(ok, Limits(closeTimeout=5, writeTimeout=20))
        server.protocol.outlet.pauseProducing()
        server.get(keep=False)
        self.assertFalse(server.closed)
        self.advance(19)
        self.assertFalse(server.closed or server.cut)
        self.advance(3)
        self.assertTrue(server.cut)


class OneTickTests(SynchronousTestCase):
    """
    What a watch costs.
    """

    def test_small(self) -> None:
        """
        A connection's watch has no dictionary of its own.
        """
        self.assertFalse(hasattr(Watch(), "__dict__"))
