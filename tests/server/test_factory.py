"""
Tests of L{txfcgi.server.factory}: who may connect, what is counted, and how it comes to an end.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from txfcgi import FastCGIServerFactory, Limits
from txfcgi.server.factory import ServerFactory
from txfcgi.server.fastcgi import FastCGIServerProtocol
from txfcgi.wire.records import BeginRequest, EndRequest, Params, Role, Stdin

from .conversation import Held, ServerTests, WebServer, ok

STRANGER = IPv4Address("TCP", "203.0.113.5", 99)


class FactoryTests(ServerTests):
    """
    Tests of L{FastCGIServerFactory}.
    """

    def test_defaults(self) -> None:
        """
        An app is all that it needs. The clock is then the reactor.
        """
        from twisted.internet import reactor

        factory = FastCGIServerFactory(ok)
        self.assertIsInstance(factory, Factory)
        self.assertIs(factory.clock, reactor)
        self.assertEqual(factory.limits, Limits())
        self.assertEqual((factory.connections, factory.requests), (0, 0))
        self.assertIsInstance(factory.log, Logger)
        self.assertFalse(factory.noisy)

    def test_protocol(self) -> None:
        """
        It builds a protocol for each connection, which knows it.
        """
        factory = self.factory()
        protocol = factory.buildProtocol(STRANGER)
        self.assertIsInstance(protocol, FastCGIServerProtocol)
        assert protocol is not None
        self.assertIs(protocol.factory, factory)
        self.assertRaises(NotImplementedError, ServerFactory(ok, clock=self.clock).makeProtocol)

    def test_counts(self) -> None:
        """
        It counts what is open and what is active.
        """
        app = Held()
        factory = self.factory(app)
        servers = [WebServer(factory) for _ in range(3)]
        servers[0].begin(1)
        servers[0].begin(2)
        servers[1].begin(1)
        self.assertEqual((factory.connections, factory.requests), (3, 3))
        app.answer(index=0)
        servers[0].abort(2)
        self.assertEqual((factory.connections, factory.requests), (3, 1))
        for server in servers:
            server.disconnect()
        self.assertEqual((factory.connections, factory.requests), (0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_oneTimer(self) -> None:
        """
        All connections share one timer, which is gone with the last.
        """
        factory = self.factory()
        servers = [WebServer(factory) for _ in range(10)]
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.advance(3)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        for server in servers:
            server.disconnect()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        WebServer(factory).disconnect()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_ownMistakeInTimer(self) -> None:
        """
        A mistake of our own at a tick is logged, costs its connection, and no other's tick.
        """
        factory = self.factory(limits=Limits(idleTimeout=5))
        server, other = WebServer(factory), WebServer(factory)
        self.patch(server.protocol, "watch", None)
        self.advance(7)
        self.assertSaid("txfcgi failed on", "192.0.2.1")
        self.assertTrue(self.flushLoggedErrors(AttributeError))
        self.assertTrue(server.cut)
        self.assertTrue(other.closed)


class AllowFromTests(ServerTests):
    """
    C{allowFrom} says who may connect (section 3.2).
    """

    def test_allowed(self) -> None:
        """
        Who may is served; who may not is not, and that is logged.
        """
        asked: list[IAddress] = []

        def allowFrom(address: IAddress) -> bool:
            asked.append(address)
            return address != STRANGER

        factory = self.factory(allowFrom=allowFrom)
        self.assertIsNone(factory.buildProtocol(STRANGER))
        self.assertSaid("203.0.113.5", "is not allowed to connect")
        server = WebServer(factory)
        self.assertEqual(asked[0], STRANGER)
        self.assertServes(server)
        self.assertEqual(factory.connections, 1)

    def test_unknown(self) -> None:
        """
        A peer without an address is asked for by none, and refused.
        """
        factory = self.factory(allowFrom=lambda address: True)
        self.assertIsNone(factory.buildProtocol(None))
        self.assertIsNotNone(factory.buildProtocol(UNIXAddress(None)))
        app = Held()
        server = WebServer(self.factory(app), None)
        server.begin()
        self.assertEqual(app.requests[0].peer, server.transport.getPeer())


class DrainTests(ServerTests):
    """
    Tests of L{FastCGIServerFactory.drain}.
    """

    def test_nothingOpen(self) -> None:
        """
        Where no connection is open there is nothing to wait for. None is taken any more.
        """
        factory = self.factory()
        self.successResultOf(factory.drain(5))
        self.assertIsNone(factory.buildProtocol(STRANGER))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_idle(self) -> None:
        """
        Idle connections are closed at once.
        """
        server = self.serve()
        server.get()
        drained = server.protocol.factory.drain(5)
        self.assertTrue(server.closed)
        self.assertNoResult(drained)
        server.disconnect()
        self.assertIsNone(self.successResultOf(drained))
        self.assertEqual(self.clock.getDelayedCalls(), [])

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

    def test_takesNoMore(self) -> None:
        """
        A request that comes on a connection where one still runs is refused: 503.
        """
        app = Held()
        server = self.serve(app)
        server.begin(1)
        server.protocol.factory.drain(60)
        server.get(2)
        self.assertEqual((server.answer(2).code, server.answer(2).status), (503, (1, 0)))
        self.assertSaid("request 2", "refused", "about to stop")
        self.assertEqual(len(app.requests), 1)
        app.answer()
        self.assertEqual(server.answer(1).body, b"ok")
        self.assertTrue(server.closed)
        server.disconnect()

    def test_halfSent(self) -> None:
        """
        A request whose params were on their way is refused too, and then its connection is closed.
        """
        server = self.serve()
        server.send(BeginRequest(1, Role.RESPONDER, True))
        server.protocol.factory.drain(60)
        self.assertFalse(server.closed)
        server.send(Params(1), Stdin(1))
        self.assertEqual(server.answer().code, 503)
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
        self.assertSaid("1 requests did not end in time and are aborted")
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
