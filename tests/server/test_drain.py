"""
Tests of L{txfcgi.server.factory}: how a server ends, with nothing lost.
"""

from __future__ import annotations

from socket import socketpair

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import ISystemHandle
from zope.interface import directlyProvides, providedBy

from txfcgi import FastCGIServerFactory
from txfcgi.wire.records import BeginRequest, EndRequest, Params, Role, Stdin

from .conversation import PEER, Held, ServerTests, WebServer, beginning


class DrainTests(ServerTests):
    """
    Tests of L{FastCGIServerFactory.drain}.
    """

    def test_nothingOpen(self) -> None:
        """
        Where no connection is open there is nothing to wait for. After the last call none is taken.
        """
        factory = self.factory()
        self.successResultOf(factory.drain(5))
        self.assertIsNotNone(factory.buildProtocol(PEER))
        self.advance(2)
        self.assertIsNone(factory.buildProtocol(PEER))
        factory = self.factory()
        self.successResultOf(factory.drain(5, 0))
        self.assertIsNone(factory.buildProtocol(PEER))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_idle(self) -> None:
        """
        A connection that is kept and has no request is closed after some seconds, or at once.
        """
        for idle in (2, 0):
            server = self.serve()
            server.get()
            drained = server.protocol.factory.drain(5, idle)
            self.assertEqual(server.closed, idle == 0)
            self.clock.advance(idle)
            self.assertTrue(server.closed)
            self.assertNoResult(drained)
            server.disconnect()
            self.assertIsNone(self.successResultOf(drained))
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_oneMore(self) -> None:
        """
        In that time it may bring one more request, which is answered; the connection is closed
        right behind the answer.
        """
        server = self.serve()
        server.get()
        drained = server.protocol.factory.drain(30)
        self.advance(1)
        self.assertFalse(server.closed)
        self.assertEqual(server.post(b"", 2).body, b"ok")
        self.assertTrue(server.closed)
        server.disconnect()
        self.successResultOf(drained)

    def test_oneMoreThatRuns(self) -> None:
        """
        A request that came in that time has as long as the others to end.
        """
        app = Held()
        server = self.serve(app)
        server.protocol.factory.drain(30)
        server.begin()
        self.advance(20)
        self.assertFalse(server.closed)
        app.answer()
        self.assertEqual(server.answer().body, b"ok")
        self.assertTrue(server.closed)
        server.disconnect()

    def test_firstRead(self) -> None:
        """
        A connection that was accepted and has brought nothing so far is no idle one: its first
        request is served, though no other would be.
        """
        for idle in (2, 0):
            factory = self.factory()
            server = WebServer(factory)
            factory.drain(30, idle)
            self.clock.advance(1.5)
            self.assertFalse(server.closed)
            self.assertEqual(server.post(b"").body, b"ok")
            self.assertTrue(server.closed)
            server.disconnect()

    def test_noFirstRead(self) -> None:
        """
        One that goes on to bring nothing is closed, too.
        """
        server = self.serve()
        server.protocol.factory.drain(30, 0)
        self.advance(4)
        self.assertTrue(server.closed)
        server.disconnect()

    def test_unread(self) -> None:
        """
        A connection on which something has come that was not read so far is not closed before: a
        request that was there before our close is served.
        """
        peer, ours = socketpair()
        self.addCleanup(peer.close)
        self.addCleanup(ours.close)
        factory = self.factory()
        server = WebServer(factory)
        directlyProvides(server.transport, ISystemHandle, *providedBy(server.transport))
        server.transport.getHandle = lambda: ours  # type: ignore[attr-defined]
        server.get()
        request = b"".join(record.encode() for record in (*beginning(2), Stdin(2)))
        peer.sendall(request)
        factory.drain(30, 0)
        self.advance(3)
        self.assertFalse(server.closed)
        server.sendBytes(ours.recv(65536))
        self.assertEqual(server.answer(2).body, b"ok")
        self.assertTrue(server.closed)
        server.disconnect()

    def test_unreadBehindAnswer(self) -> None:
        """
        So is one that came on a shared connection while the last answer was on its way.
        """
        peer, ours = socketpair()
        self.addCleanup(peer.close)
        self.addCleanup(ours.close)
        app = Held()
        factory = self.factory(app)
        server = WebServer(factory)
        directlyProvides(server.transport, ISystemHandle, *providedBy(server.transport))
        server.transport.getHandle = lambda: ours  # type: ignore[attr-defined]
        server.begin(1)
        factory.drain(30)
        peer.sendall(b"".join(record.encode() for record in (*beginning(2), Stdin(2))))
        app.answer(index=0)
        self.assertFalse(server.closed)
        server.sendBytes(ours.recv(65536))
        self.assertFalse(server.closed)
        app.answer(index=1)
        self.assertEqual(server.answer(2).body, b"ok")
        self.assertTrue(server.closed)
        server.disconnect()

    def test_finishes(self) -> None:
        """
        What runs is finished, and then its connection is closed, though it was to be kept.
        """
        app = Held()
        server = self.serve(app)
        server.begin(1)
        server.begin(2)
        drained = server.protocol.factory.drain(60)
        app.answer(index=0)
        self.assertFalse(server.closed)
        app.answer(index=1)
        self.assertEqual(server.answer(2).body, b"ok")
        self.assertTrue(server.closed)
        server.disconnect()
        self.successResultOf(drained)

    def test_shared(self) -> None:
        """
        A request that comes on a connection where another runs is served, but after the last call:
        then it is refused with 503.
        """
        app = Held()
        server = self.serve(app)
        server.begin(1)
        server.protocol.factory.drain(60)
        server.begin(2)
        self.assertEqual(len(app.requests), 2)
        self.advance(2)
        server.get(3)
        self.assertEqual((server.answer(3).code, server.answer(3).status), (503, (1, 0)))
        self.assertSaid("request 3", "refused", "about to stop")
        self.assertEqual(len(app.requests), 2)
        for index in (0, 1):
            self.assertFalse(server.closed)
            app.answer(index=index)
        self.assertEqual(server.answer(1).body + server.answer(2).body, b"okok")
        self.assertTrue(server.closed)
        server.disconnect()

    def test_halfSent(self) -> None:
        """
        A request whose params, or whose first record, were on their way is served, and then its
        connection is closed.
        """
        begin = BeginRequest(1, Role.RESPONDER, True).encode()
        for cut in (3, len(begin)):
            server = self.serve()
            server.sendBytes(begin[:cut])
            server.protocol.factory.drain(60, 0)
            self.advance(10)
            self.assertFalse(server.closed)
            server.sendBytes(begin[cut:])
            server.send(Params(1), Stdin(1))
            self.assertEqual(server.answer().body, b"ok")
            self.assertTrue(server.closed)
            server.disconnect()

    def test_deadline(self) -> None:
        """
        What does not end in time is aborted; only when its app has heard of that is it over.
        """
        app = Held()
        server = self.serve(app)
        factory = server.protocol.factory
        assert isinstance(factory, FastCGIServerFactory)
        server.begin()
        seen: list[tuple[int, int]] = []
        drained = factory.drain(60)
        drained.addCallback(lambda _: seen.append((factory.requests, len(app.cancelled))))
        self.advance(59)
        self.assertFalse(server.cut)
        self.advance(2)
        self.assertTrue(server.cut)
        self.assertSaid("aborts 1 request that did not end in time")
        server.disconnect()
        self.successResultOf(drained)
        self.assertEqual(seen, [(0, 1)])
        self.assertEqual([each for each in server.records if isinstance(each, EndRequest)], [])

    def test_deadlineOfTheSlow(self) -> None:
        """
        A connection that is not closed in time is cut too; there is no request to speak of.
        """
        server = self.serve()
        drained = server.protocol.factory.drain(3)
        self.advance(4)
        self.assertTrue(server.cut)
        self.assertEqual(self.said, "")
        server.disconnect()
        self.successResultOf(drained)

    def test_twice(self) -> None:
        """
        Who asks twice, for less time, gets less time. Both are told of the end.
        """
        app = Held()
        server = self.serve(app)
        server.begin()
        first = server.protocol.factory.drain(60)
        second = server.protocol.factory.drain(0)
        self.clock.advance(0)
        self.assertTrue(server.cut)
        server.disconnect()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """
        Who does not want to know any more leaves no timer behind.
        """
        app = Held()
        server = self.serve(app)
        server.begin()
        drained = server.protocol.factory.drain(60)
        drained.cancel()
        self.failureResultOf(drained, CancelledError)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        app.answer()
        server.disconnect()
        self.assertEqual(self.clock.getDelayedCalls(), [])
