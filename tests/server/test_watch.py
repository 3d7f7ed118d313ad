"""
Tests of L{txfcgi.server.watch}: how long a server waits for what.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Limits, ResponderRequest, Response, Role
from txfcgi.errors import (
    RequestAborted,
    TimedOut,
)
from txfcgi.server.watch import Watch
from txfcgi.wire.records import BeginRequest, Params, Stdin

from .conversation import Held, beginning, ok
from .limited import LimitTests


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
        self.assertSaid("ResponderRequest 1", "no byte of the body arrived in 10 s")
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
