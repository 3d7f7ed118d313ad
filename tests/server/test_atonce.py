"""
Tests of a server that answers at once: what is sent with a connection gets the same answer on
either way, and costs the same in limits and counts.
"""

from __future__ import annotations

import os
from functools import partial
from socket import SHUT_WR
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txfcgi import FastCGIServerFactory, Limits, Request, Response, SCGIServerFactory
from txfcgi.service.queue import acceptAll
from txfcgi.transport.atonce import IAnswersAtOnce

from ..accepting import Accepting, Peer
from ..lines import Hands
from ..loop import LoopTests, turns
from .observed import Watcher
from .sent import BIG, FASTCGI, PLAIN, SCGI, App, get, post, scgi


def serving(app: Any, clock: Hands) -> FastCGIServerFactory:
    """
    Serve an app over FastCGI.
    """
    return FastCGIServerFactory(app, clock=clock)


class AtOnceTests(SynchronousTestCase):
    """
    Tests with a port, over a Unix socket unless said otherwise.
    """

    def serve(
        self, kind: type[Any] = FastCGIServerFactory, tcp: bool = False, **options: Any
    ) -> Accepting:
        """
        Serve an app.
        """
        self.app = App()
        self.watcher = Watcher()

        def make(clock: Hands) -> Any:
            return kind(self.app, clock=clock, observers=[self.watcher], **options)

        return Accepting(self, make, tcp)

    def finish(self, server: Accepting) -> None:
        """
        Let everything come to its end.
        """
        server.settle()
        while self.app.waiting:
            self.app.waiting.pop().callback(Response(200, PLAIN, b"waited"))
            server.settle()

    def outcome(self, server: Accepting, peer: Peer) -> tuple[Any, ...]:
        """
        What became of a connection, as far as anybody can tell.
        """
        self.finish(server)
        if peer.ended:
            peer.close()
            server.settle()
        factory = server.factory
        logged = [type(failure.value).__name__ for failure in self.flushLoggedErrors()]
        counts = factory.connections, factory.requests, factory.total
        watcher = self.watcher
        told = watcher.told, watcher.refused, watcher.limits, factory.traffic[1]
        accounts = [
            (each.code, each.bodyBytes, each.appStatus, each.brokenOff) for each in watcher.ended
        ]
        calls = len(self.app.requests)
        return peer.got, peer.ended, peer.reset, counts, calls, logged, told, accounts

    def apart(self, kind: type[Any], data: bytes, size: int, **options: Any) -> tuple[Any, ...]:
        """
        What becomes of a connection when the rest of what is sent comes when it has a transport.

        @param size: How many bytes come with it.
        """
        server = self.serve(kind, **options)
        peer = server.connect(data[:size])
        server.accept()
        self.assertEqual(len(server.transports), 1)
        peer.send(data[size:])
        return self.outcome(server, peer)

    def together(self, kind: type[Any], data: bytes, **options: Any) -> tuple[Any, ...]:
        """
        What becomes of it when all comes with it.
        """
        server = self.serve(kind, **options)
        peer = server.connect(data)
        server.accept()
        return self.outcome(server, peer)


class SameTests(AtOnceTests):
    """
    Both ways are the same.
    """

    def check(
        self, kind: type[Any], cases: dict[str, bytes], split: bool = True, **options: Any
    ) -> None:
        """
        Compare them.

        @param split: Whether to see, too, what becomes of requests that come in two parts.
        """
        for name, data in cases.items():
            expected = self.apart(kind, data, 0, **options)
            self.assertEqual(self.together(kind, data, **options), expected, name)
            for size in (5, min(len(data) - 1, 1000)) if split else ():
                found = self.apart(kind, data, size, **options)
                self.assertEqual(found, expected, f"{name}, after {size} bytes")

    def test_fastCGI(self) -> None:
        """
        Over FastCGI.
        """
        self.check(FastCGIServerFactory, FASTCGI)

    def test_scgi(self) -> None:
        """
        Over SCGI.
        """
        self.check(SCGIServerFactory, SCGI)

    def test_tcp(self) -> None:
        """
        Over TCP.
        """
        self.check(FastCGIServerFactory, FASTCGI, tcp=True)
        self.check(SCGIServerFactory, SCGI, tcp=True)

    def test_noLingering(self) -> None:
        """
        Where a close waits for nobody.
        """
        limits = Limits(lingerBytes=0)
        self.check(FastCGIServerFactory, FASTCGI, split=False, limits=limits)
        self.check(SCGIServerFactory, SCGI, split=False, limits=limits)

    def test_oneRequestEach(self) -> None:
        """
        Where a connection takes one request alone.
        """
        limits = Limits(requestsPerConnectionTotal=1)
        self.check(FastCGIServerFactory, FASTCGI, limits=limits)

    def test_halfClosed(self) -> None:
        """
        Over SCGI, where a web server may close its direction behind its request. One that is not
        whole fails.
        """
        short = [data for data in SCGI.values() if len(data) < 10_000]
        for data in (*short, scgi("/echo", b"some body", b"POST")[:-2], b"70:CONTENT_L"):
            outcomes = []
            for before in (True, False):
                server = self.serve(SCGIServerFactory)
                peer = server.connect(data if before else b"")
                if before:
                    peer.socket.shutdown(SHUT_WR)
                server.accept()
                if not before:
                    peer.send(data)
                    peer.socket.shutdown(SHUT_WR)
                outcomes.append(self.outcome(server, peer))
            self.assertEqual(outcomes[0], outcomes[1], data[:80])

    def test_smallLimits(self) -> None:
        """
        Where params, output and streams reach their limits.
        """
        limits = Limits(paramsBytes=40, streamBytes=64, outputBytes=1024, bodyBytes=100)
        self.check(FastCGIServerFactory, FASTCGI, limits=limits)
        self.check(SCGIServerFactory, SCGI, limits=limits)


class WaysTests(AtOnceTests):
    """
    Which way a request takes.
    """

    def test_interface(self) -> None:
        """
        Both protocols can answer at once.
        """
        for kind in (FastCGIServerFactory, SCGIServerFactory):
            server = self.serve(kind)
            verifyObject(IAnswersAtOnce, server.factory.buildProtocol(UNIXAddress(None)))

    def test_atOnce(self) -> None:
        """
        What is whole and answered at once never meets the reactor: neither as a transport, nor
        with a delayed call. The peer has its answer and the end when the port has accepted.
        """
        for kind, data in (
            *((FastCGIServerFactory, get(path)) for path in ("/plain", "/coroutine", "/written")),
            (FastCGIServerFactory, get("/fired")),
            (FastCGIServerFactory, get("/fails")),
            (SCGIServerFactory, scgi("/plain")),
            (SCGIServerFactory, scgi("/pieces")),
        ):
            server = self.serve(kind)
            peer = server.connect(data)
            server.accept()
            self.assertEqual((server.transports, server.reactor.getDelayedCalls()), (set(), []))
            self.assertEqual((server.factory.connections, server.factory.requests), (0, 0))
            peer.move()
            self.assertTrue(peer.got and peer.ended)
            self.assertFalse(peer.reset)
        self.flushLoggedErrors(ValueError)

    def test_notAtOnce(self) -> None:
        """
        A server that ends accepts all who wait, and answers none of them meanwhile: those who come
        again as soon as they have an answer would keep it from ending.
        """
        server = self.serve()
        again: list[Peer] = []

        def plain(request: Request) -> Response:
            if server.port.connected:
                again.append(server.connect(get("/plain")))
            return Response(200, PLAIN, b"plain")

        self.app.plain = plain  # type: ignore[method-assign]
        peers = [server.connect(get("/plain")) for _ in range(3)]
        acceptAll(server.port)
        self.assertEqual((again, len(server.transports)), ([], 3))
        server.port.stopListening()
        server.reactor.advance(0)
        for transport in server.transports:
            transport.doRead()
        server.reactor.advance(0)
        for peer in peers:
            peer.move()
            self.assertTrue(peer.got and peer.ended)

    def test_goesOn(self) -> None:
        """
        All else gets a transport, and the app is called once.
        """
        for path in ("/waits", "/awaits", "/large", "/turns"):
            server = self.serve()
            peer = server.connect(get(path))
            server.accept()
            self.assertEqual(len(server.transports), 1, path)
            self.assertTrue(server.reactor.getDelayedCalls())
            self.finish(server)
            self.assertEqual((len(self.app.requests), server.factory.total), (1, 1))
            self.assertTrue(peer.ended)

    def test_kept(self) -> None:
        """
        A kept connection is answered at once, and then serves on.
        """
        server = self.serve()
        peer = server.connect(get("/plain", keep=True))
        server.accept()
        peer.move()
        self.assertTrue(peer.got)
        first, peer.got = peer.got, b""
        peer.send(get("/plain", keep=True))
        server.settle()
        self.assertEqual(peer.got, first)
        self.assertFalse(peer.ended)
        self.assertEqual((server.factory.connections, server.factory.total), (1, 2))

    def test_ends(self) -> None:
        """
        A request knows both ends of its connection, also when the app asks at once.
        """
        for tcp in (False, True):
            found: list[IAddress] = []

            def app(request: Request, found: list[IAddress] = found) -> Response:
                found += [request.peer, request.host]
                return Response(200, PLAIN, b"")

            server = Accepting(self, partial(serving, app), tcp)
            peer = server.connect(get("/"))
            server.accept()
            ends: list[IAddress]
            if tcp:
                far, near = peer.socket.getsockname(), server.address
                ends = [IPv4Address("TCP", *far), IPv4Address("TCP", *near)]
            else:
                ends = [UNIXAddress(None), UNIXAddress(server.address)]
            self.assertEqual(found, ends)


class LimitsTests(AtOnceTests):
    """
    Limits hold on either way.
    """

    def test_notAllowed(self) -> None:
        """
        A peer that may not connect is closed, and nothing of what it sent is read.
        """
        asked: list[IAddress] = []
        server = self.serve(allowFrom=asked.append)
        peer = server.connect(get("/plain"))
        server.accept()
        peer.move()
        self.assertEqual((peer.got, peer.ended, self.app.requests), (b"", True, []))
        self.assertEqual(len(asked), 1)

    def test_userNotAllowed(self) -> None:
        """
        A user who may not connect is cut off, and nothing of what he sent is read. One who may is
        answered at once.
        """
        for user, answered in ((os.geteuid() + 1, False), (os.geteuid(), True)):
            server = self.serve(allowUsers=[str(user)])
            peer = server.connect(get("/plain"))
            server.accept()
            server.settle()
            self.assertEqual((bool(peer.got), peer.ended), (answered, True))
            self.assertEqual(len(self.app.requests), int(answered))
            self.assertEqual(server.factory.connections, 0)
            self.assertEqual(server.reactor.getDelayedCalls(), [])

    def test_overload(self) -> None:
        """
        A request for which there is no room is refused.
        """
        for keep in (False, True):
            server = self.serve(limits=Limits(requests=1))
            server.connect(get("/waits"))
            peers = [server.connect(get("/plain", keep)), server.connect()]
            server.accept()
            peers[1].send(get("/plain", keep))
            server.settle()
            self.assertIn(b"Status: 503 ", peers[0].got)
            self.assertEqual(peers[0].got, peers[1].got)
            self.assertEqual(peers[0].ended, peers[1].ended)
            self.assertEqual(len(self.app.requests), 1)
            self.finish(server)

    def test_connections(self) -> None:
        """
        One connection too many is refused, and twice as many are closed unread.
        """
        server = self.serve(limits=Limits(connections=1))
        server.connect()
        server.accept()
        second = server.connect(get("/plain"))
        server.accept()
        self.assertEqual(server.factory.connections, 2)
        third = server.connect(get("/plain"))
        server.accept()
        server.settle()
        self.assertIn(b"Status: 503 ", second.got)
        self.assertEqual((third.got, self.app.requests), (b"", []))

    def test_draining(self) -> None:
        """
        A server that drains answers what it accepts, and closes even what could be kept.
        """
        server = self.serve()
        idle = server.connect()
        server.accept()
        done = server.factory.drain(30.0, 2.0)
        peer = server.connect(get("/plain", keep=True))
        server.accept()
        server.settle()
        self.assertTrue(peer.got and peer.ended)
        idle.close()
        peer.close()
        server.settle()
        self.successResultOf(done)

    def test_drainedByTheApp(self) -> None:
        """
        An app that drains its server is answered first.
        """
        drained: list[Any] = []

        def app(request: Request) -> Response:
            drained.append(server.factory.drain(30.0))
            self.assertNoResult(drained[0])
            return Response(200, PLAIN, b"last")

        server = Accepting(self, partial(serving, app))
        peer = server.connect(get("/"))
        server.accept()
        server.settle()
        self.assertTrue(peer.got.endswith(bytes(8)) and peer.ended)
        peer.close()
        server.settle()
        self.successResultOf(drained[0])

    def test_timers(self) -> None:
        """
        What goes on has its timeouts: params that never become complete are cut.
        """
        server = self.serve(limits=Limits(paramsTimeout=10))
        peer = server.connect(get("/plain")[:-20])
        server.accept()
        for _ in range(15):
            server.reactor.advance(1)
        server.settle()
        self.assertTrue(peer.ended)
        self.assertEqual((server.factory.connections, self.app.requests), (0, []))
        self.assertEqual(server.reactor.getDelayedCalls(), [])

    def test_slowFirstRead(self) -> None:
        """
        Peers that send nothing or little hold nobody up: those behind them are answered in the
        same turn, and each of them costs a connection, as ever.
        """
        server = self.serve()
        for size in (0, 1, 8, 24, 60):
            server.connect(get("/plain")[:size])
        peer = server.connect(get("/plain"))
        server.accept()
        peer.move()
        self.assertTrue(peer.got and peer.ended)
        self.assertEqual((server.factory.connections, len(self.app.requests)), (5, 1))

    def test_longFirstRead(self) -> None:
        """
        Of a long body no more is taken at once than in any read; what an app does not read is
        left in the socket.
        """
        server = self.serve()
        peer = server.connect(post("/waits", BIG[: 1 << 18]))
        server.accept()
        [request] = self.app.requests
        self.assertLessEqual(request.stdin.received, 65_536)
        self.finish(server)
        self.assertIn(b"waited", peer.got)

    def test_gone(self) -> None:
        """
        A peer that went away before it was accepted costs a connection that is lost at once.
        """
        server = self.serve()
        for data in (b"", get("/plain"), get("/waits"), get("/large")):
            server.connect(data).close()
        server.accept()
        server.settle()
        self.assertEqual((server.factory.connections, server.factory.requests), (0, 0))
        self.assertEqual(server.reactor.getDelayedCalls(), [])


class TaskTests(AtOnceTests, LoopTests):
    """
    In asyncio's loop, where a coroutine becomes a task.
    """

    def test_task(self) -> None:
        """
        A coroutine goes on over a transport, as its first step may come in a later turn; a plain
        function is answered at once.
        """

        async def main() -> list[Peer]:
            server = self.serve()
            peers = [server.connect(get(path)) for path in ("/coroutine", "/awaits", "/plain")]
            server.accept()
            peers[2].move()
            self.assertTrue(peers[2].ended)
            for _ in range(3):
                await turns()
                self.finish(server)
            self.assertEqual(len(self.app.requests), 3)
            return peers

        for peer in self.inLoop(main):
            self.assertIn(b"Status: 200 OK", peer.got)
            self.assertTrue(peer.ended)
