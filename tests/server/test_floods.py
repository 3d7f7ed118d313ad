"""
Tests of what a server logs when the same goes wrong again and again.
"""

from __future__ import annotations

from txfcgi import Limits, Request, Response, SCGIServerFactory
from txfcgi.transport.sparing import FEW, SECONDS
from txfcgi.wire.records import BeginRequest

from .conversation import PEER, ServerTests, WebServer, Wire, ok


def failing(request: Request) -> Response:
    """
    An app that always fails.
    """
    raise ZeroDivisionError


class FloodTests(ServerTests):
    """
    A flood of mistakes writes a few lines, and then how many there were.
    """

    def test_unknownRoles(self) -> None:
        """
        Requests of an unknown role, in 320 kB.
        """
        server = self.serve(ok)
        for _ in range(100):
            server.send(*(BeginRequest(number, 9, True) for number in range(1, 201)))
            server.transport.clear()
        self.assertLessEqual(len(self.events), 2 * FEW)
        self.advance(SECONDS)
        self.assertSaid("19995 more messages like this in 5 s", "is refused: role 9 is not one")
        server.disconnect()

    def test_exceptions(self) -> None:
        """
        An app that fails on every request: each gets its 500, and a few of them a traceback.
        """
        server = self.serve(failing)
        for number in range(1000):
            server.forget()
            self.assertEqual(server.get(params={"REQUEST_URI": f"/{number}"}).code, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), FEW)
        self.advance(SECONDS)
        self.assertSaid(f"{1000 - FEW} more messages like this", "failing failed on", "/999")

    def test_connections(self) -> None:
        """
        A broken request on each of many connections.
        """
        factory = SCGIServerFactory(ok, clock=self.clock)
        factory.doStart()
        for _ in range(100):
            protocol, transport = factory.buildProtocol(PEER), Wire()
            assert protocol is not None
            protocol.makeConnection(transport)
            protocol.dataReceived(b"GET / HTTP/1.1\r\n")
            protocol.connectionLost()
        told = [line for line in self.said.splitlines() if "broke the protocol" in line]
        self.assertEqual(len(told), FEW)
        factory.doStop()
        self.assertSaid(f"{100 - FEW} more messages like this", "broke the protocol")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refusals(self) -> None:
        """
        Connections that are not taken: those that may not connect, and those that are too many.
        """
        factory = self.factory(ok, allowFrom=lambda peer: False)
        for _ in range(100):
            self.assertIsNone(factory.buildProtocol(PEER))
        factory.sparing.flush()
        self.assertSaid("95 more", "is not allowed to connect")
        factory = self.factory(ok, Limits(connections=1))
        servers = [WebServer(factory), WebServer(factory)]
        for _ in range(100):
            self.assertIsNone(factory.buildProtocol(PEER))
        factory.sparing.flush()
        self.assertSaid("95 more", "2 connections are open, twice as many as")
        for server in servers:
            server.disconnect()

    def test_leavesNothing(self) -> None:
        """
        When nobody listens any more and the last connection goes, what is held back is told, and
        nothing is left with the reactor.
        """
        factory = self.factory(failing)
        factory.doStart()
        server = WebServer(factory)
        for _ in range(10):
            server.get()
        factory.doStop()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), FEW)
        server.disconnect()
        self.assertSaid("5 more messages like this", "failing failed on")
        self.assertEqual(self.clock.getDelayedCalls(), [])
