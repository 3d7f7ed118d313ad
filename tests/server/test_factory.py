"""
Tests of L{txfcgi.server.factory}: who may connect, what is counted, and how it comes to an end.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from txfcgi import FastCGIServerFactory, Limits
from txfcgi.server.factory import ServerFactory
from txfcgi.server.fastcgi import FastCGIServerProtocol

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
