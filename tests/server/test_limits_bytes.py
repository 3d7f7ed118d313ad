"""
Tests of L{txfcgi.Limits} in bytes: each is reached, and nothing else is lost.
"""

from __future__ import annotations

from txfcgi import Limits, Request, ResponderRequest, Response, Role
from txfcgi.errors import (
    BodyTooLarge,
    OutputTooLarge,
    ReadTooLarge,
)
from txfcgi.wire.records import BeginRequest, Params, Stdin

from .conversation import Held, beginning, ok
from .limited import LimitTests


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
