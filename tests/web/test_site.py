"""
Tests of L{txfcgi.web.site}: who may connect, and how it ends.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import deferLater
from twisted.web.resource import Resource

from txfcgi import Request, Response
from txfcgi.transport.polling import hasInput
from txfcgi.web import GatewayResource, HTTPLimits, StreamingSite

from .site import Gate, SiteCase, Waiting, reactor, showParams


class Form(Resource):
    """
    A resource that knows nothing of streams.
    """

    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        """
        Show a field of a form.
        """
        return request.args[b"name"][0] + b"," + request.content.read()


class SiteTests(SiteCase):
    """
    The site itself.
    """

    async def test_allowFrom(self) -> None:
        """
        Others than those who may do not get a word.
        """
        allowed: list[Any] = []
        site = StreamingSite(Form(), allowFrom=lambda peer: peer in allowed)
        await self.serve(site)
        self.assertEqual(await self.raw(b"GET / HTTP/1.0\r\n\r\n"), b"")
        self.assertTrue(self.logged("may not connect"))
        peer = IPv4Address("TCP", "127.0.0.1", 1)
        allowed.append(peer)
        self.assertIsNotNone(site.buildProtocol(peer))

    async def test_flood(self) -> None:
        """
        A flood of the same is counted in the log.
        """
        site = StreamingSite(Form(), allowFrom=lambda peer: False)
        await self.serve(site)
        for _ in range(50):
            self.assertIsNone(site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)))
        self.assertEqual(len(self.logged("may not connect")), 5)
        site.sparing.flush()
        self.assertTrue(self.logged("45 more messages like this"))

    async def test_drain(self) -> None:
        """
        Idle connections are closed; a request that runs is answered first.
        """
        asked, gate = Gate(), Gate()

        async def app(request: Request) -> Response:
            asked.open()
            await gate
            return Response(200, {}, b"done")

        site = await self.gateway(app)
        idle, busy = await self.connect(), await self.connect()
        busy.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asked
        drained = site.drain(60.0, 0.0)
        await idle.closed
        self.assertFalse(drained.called)
        gate.open()
        await drained
        await busy.closed
        self.assertTrue(busy.received.endswith(b"done"))

    async def test_oneMore(self) -> None:
        """
        A connection without a request may bring one more, and is closed with the answer; one that
        was accepted and not read so far, too, with no time to spare.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, b"one more")

        for idle in (2.0, 0.0):
            site = await self.gateway(app)
            browser = await self.connect()
            (channel,) = site.channels
            channel.transport.pauseProducing()
            browser.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while not hasInput(channel.transport):
                await deferLater(reactor, 0)
            drained = site.drain(60.0, idle)
            await deferLater(reactor, 0)
            channel.transport.resumeProducing()
            await browser.closed
            self.assertIn(b"Connection: close", browser.received)
            self.assertIn(b"one more", browser.received)
            await drained

    async def test_drainIsOver(self) -> None:
        """
        What still runs when the time is over is cut.
        """
        app = Waiting()
        site = await self.gateway(app)
        busy = await self.connect()
        busy.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await app.asked
        await site.drain(0.05)
        await busy.closed
        self.assertEqual(busy.received, b"")

    def test_protocols(self) -> None:
        """
        Over TLS it offers what it speaks.
        """
        self.assertEqual(StreamingSite(Form()).acceptableProtocols(), [b"http/1.1"])

    async def test_proxyProtocol(self) -> None:
        """
        Behind a server that speaks the PROXY protocol, the client is the one that it names; limits
        hold as ever.
        """
        client = await self.backEnd(showParams)
        site = StreamingSite(GatewayResource(client), limits=HTTPLimits(headerCount=2))
        text = "haproxy:tcp:0:interface=127.0.0.1"
        self.port = await serverFromString(reactor, text).listen(site)
        self.addCleanup(self.port.stopListening)
        self.addCleanup(site.drain, 0.0)
        line = b"PROXY TCP4 192.0.2.9 198.51.100.1 4711 80\r\n"
        head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        received = await self.raw(line + head + b"\r\n")
        self.assertIn(b"REMOTE_ADDR=192.0.2.9\nREMOTE_PORT=4711\n", received)
        received = await self.raw(line + head + b"A: b\r\n\r\n")
        self.assertIn(b" 431 ", received)
