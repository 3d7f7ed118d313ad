"""
Tests of L{txfcgi.web.streaming}: bodies while they arrive.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from txfcgi import Request, Response
from txfcgi.client.options import ClientOptions
from txfcgi.web import GatewayOptions, GatewayResource, StreamingSite
from txfcgi.web.request import LINGER_BYTES
from txfcgi.web.streaming import StreamingChannel

from .site import CHUNKED, Gate, SiteCase, Waiting, answersIn, isAnswer


async def echo(request: Request) -> Response:
    """
    An app that gives back what it gets.
    """
    return Response(200, {"X-Length": request.params.get("CONTENT_LENGTH", "none")}, request.stdin)


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


class BodyTests(SiteCase):
    """
    Bodies on their way to an app.
    """

    async def test_whileItArrives(self) -> None:
        """
        The app has the beginning of a body before the end is sent.
        """
        begun = Gate()

        async def app(request: Request) -> Response:
            first = await request.stdin.read(5)
            begun.open()
            return Response(200, {}, first + b"|" + await request.stdin.read())

        await self.gateway(app)
        wire = await self.connect()
        wire.send(b"POST / HTTP/1.1\r\nContent-Length: 10\r\nConnection: close\r\n\r\nfirst")
        await begun
        wire.send(b"final")
        answer = await wire.answer("POST")
        self.assertEqual(answer.body, b"first|final")

    async def test_chunkedIsSpooled(self) -> None:
        """
        A body of unknown length is kept until its length is known.
        """
        await self.gateway(echo)
        wire = await self.connect()
        wire.send(CHUNKED)
        wire.send(b"3\r\nabc\r\n")
        wire.send(b"2\r\nde\r\n0\r\n\r\n")
        answer = await wire.answer("POST")
        self.assertEqual((answer.body, answer.get("X-Length")), (b"abcde", ["5"]))

    async def test_chunkedStreams(self) -> None:
        """
        It goes on as it comes if that is asked for.
        """
        begun = Gate()

        async def app(request: Request) -> Response:
            first = await request.stdin.read(3)
            begun.open()
            return Response(200, {}, first + await request.stdin.read())

        await self.gateway(app, None, ClientOptions(unknownLength="stream"))
        wire = await self.connect()
        wire.send(CHUNKED)
        wire.send(b"3\r\nabc\r\n")
        await begun
        wire.send(b"2\r\nde\r\n0\r\n\r\n")
        answer = await wire.answer("POST")
        self.assertEqual(answer.body, b"abcde")

    async def test_chunkedIsRefused(self) -> None:
        """
        Or it is refused: 411.
        """
        await self.gateway(echo, None, ClientOptions(unknownLength="refuse"))
        wire = await self.connect()
        wire.send(CHUNKED)
        await wire.until(b" 411 Length Required")
        wire.send(b"0\r\n\r\n")
        await wire.closed

    async def test_limit(self) -> None:
        """
        A body that is too long is refused: 413, by its declared length, or when it passes the
        limit.
        """
        await self.gateway(echo, GatewayOptions(bodyBytes=5))
        self.assertEqual((await self.fetch(method="POST", body=b"12345")).code, 200)
        self.assertEqual((await self.fetch(method="POST", body=b"123456")).code, 413)
        wire = await self.connect()
        wire.send(CHUNKED)
        wire.send(b"3\r\nabc\r\n")
        wire.send(b"3\r\ndef\r\n0\r\n\r\n")
        answer = await wire.answer("POST")
        self.assertEqual(answer.code, 413)
        wire = await self.connect()
        wire.send(CHUNKED)
        wire.send(b"3\r\nabc\r\n")
        wire.send(b"2\r\nde\r\n0\r\n\r\n")
        answer = await wire.answer("POST")
        self.assertEqual(answer.body, b"abcde")

    async def test_backpressure(self) -> None:
        """
        An app that does not read holds the browser back; what is buffered on the way is little.
        """
        held, gate = Gate(), Gate()
        hold = StreamingChannel.hold
        reading: list[Any] = []

        def holding(channel: StreamingChannel) -> None:
            hold(channel)
            reading.append(channel)
            held.open()

        self.patch(StreamingChannel, "hold", holding)

        async def app(request: Request) -> Response:
            await gate
            size = 0
            async for piece in request.stdin:
                size += len(piece)
            return Response(200, {}, b"%d" % size)

        await self.gateway(app)
        size = 64 * 1024 * 1024
        wire = await self.connect()
        wire.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)
        wire.send(bytes(size))
        await held
        body = reading[0].requests[0].body
        self.assertLess(body.buffered, 1024 * 1024)
        self.assertLess(body.received, size // 2)
        # Its time does not run while it is not to blame.
        self.assertIsNone(reading[0].timeOut)
        gate.open()
        answer = await wire.answer("POST")
        self.assertEqual(answer.body, b"%d" % size)

    async def test_slowBrowser(self) -> None:
        """
        A browser that does not read holds the app back, even if it goes on sending.
        """
        await self.gateway(echo)
        size = 32 * 1024 * 1024
        wire = await self.connect()
        transport: Any = wire.transport
        transport.pauseProducing()
        wire.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)
        filled: Deferred[None] = Deferred()
        pause = StreamingChannel.pauseProducing

        def pausing(channel: StreamingChannel) -> None:
            pause(channel)
            if not filled.called:
                filled.callback(None)

        self.patch(StreamingChannel, "pauseProducing", pausing)
        wire.send(b"x" * size)
        await filled
        transport.resumeProducing()
        answer = await wire.answer("POST")
        self.assertEqual(len(answer.body), size)

    async def test_slowBrowserOfALargeAnswer(self) -> None:
        """
        Little waits on the way to a browser that does not read, whether or not the length of the
        answer is told.
        """
        size = 32 * 1024 * 1024
        sent: list[int] = []

        async def app(request: Request) -> Response:
            async def pieces() -> AsyncIterator[bytes]:
                sent.append(0)
                while sent[-1] < size:
                    yield b"x" * 65_536
                    sent[-1] += 65_536

            length = {"Content-Length": str(size)} if request.queryString else {}
            return Response(200, length, pieces())

        await self.gateway(app)
        full: list[Deferred[StreamingChannel]] = []
        pause = StreamingChannel.pauseProducing

        def pausing(channel: StreamingChannel) -> None:
            pause(channel)
            if full:
                full.pop().callback(channel)

        self.patch(StreamingChannel, "pauseProducing", pausing)
        for query in (b"", b"?length"):
            wire = await self.connect()
            transport: Any = wire.transport
            transport.pauseProducing()
            filled: Deferred[StreamingChannel] = Deferred()
            full.append(filled)
            wire.send(b"GET /%s HTTP/1.1\r\n\r\n" % query)
            out: Any = (await filled).transport
            self.assertLess(len(out.dataBuffer) + out._tempDataLen, 1024 * 1024)
            self.assertLess(sent[-1], size)
            transport.resumeProducing()
            await wire.when(lambda received: len(received) > size and isAnswer(received, "GET"))
            [answer] = answersIn(wire.received, "GET")
            self.assertEqual(len(answer.body), size)

    async def test_answeredEarly(self) -> None:
        """
        An app that answers before the body is there: the answer arrives at once, the rest of the
        body is passed over, and the connection goes on.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, request.params["PATH_INFO"].encode())

        await self.gateway(app)
        wire = await self.connect()
        wire.send(b"POST /early HTTP/1.1\r\nContent-Length: 200000\r\n\r\nbegin")
        await wire.until(b"/early")
        wire.send(b"x" * (200_000 - 5) + b"GET /next HTTP/1.1\r\nConnection: close\r\n\r\n")
        await wire.closed
        answers = answersIn(wire.received, "POST", "GET")
        self.assertEqual([answer.body for answer in answers], [b"/early", b"/next"])

    async def test_answeredEarlyAndOn(self) -> None:
        """
        There is an end to what is passed over.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, b"early")

        await self.gateway(app)
        wire = await self.connect()
        size = 100 * LINGER_BYTES
        wire.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\nbegin" % size)
        await wire.until(b"early")
        wire.send(bytes(2 * LINGER_BYTES))
        await wire.closed

    async def test_continue(self) -> None:
        """
        A browser that asks before it sends is told to go on, and that is all it is told at first.
        """
        await self.gateway(echo)
        wire = await self.connect()
        wire.send(b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n")
        wire.send(b"Connection: close\r\n\r\n")
        await wire.until(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.send(b"abc")
        await wire.closed
        self.assertTrue(wire.received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"))
        self.assertIn(b"abc", wire.received)

    async def test_brokenChunks(self) -> None:
        """
        A body that is no body ends the connection, and the app hears of it.
        """
        ended = Gate()

        async def app(request: Request) -> Response:
            try:
                await request.stdin.read()
            finally:
                ended.open()
            raise AssertionError

        await self.gateway(app, None, ClientOptions(unknownLength="stream"))
        wire = await self.connect()
        wire.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wire.send(b"nonsense\r\n")
        await wire.closed
        self.assertIn(b"400 Bad Request", wire.received)
        self.assertNotIn(b"200 OK", wire.received)


class TimeTests(SynchronousTestCase):
    """
    The time that a browser has.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        site = StreamingSite(Form(), reactor=self.clock, timeout=60)
        self.channel: Any = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.transport = StringTransportWithDisconnection()
        self.transport.protocol = self.channel
        self.channel.makeConnection(self.transport)
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def leave(self) -> None:
        """
        Hang up.
        """
        self.channel.connectionLost(Failure(ConnectionDone()))

    def test_idle(self) -> None:
        """
        A connection on which nothing comes is closed.
        """
        self.clock.advance(59)
        self.assertTrue(self.transport.connected)
        self.clock.advance(1)
        self.assertFalse(self.transport.connected)

    def test_onTheWay(self) -> None:
        """
        Each piece that comes gives it more time.
        """
        for piece in (b"GET / ", b"HTTP/1.1\r\n", b"A: b\r\n"):
            self.clock.advance(40)
            self.channel.dataReceived(piece)
        self.clock.advance(59)
        self.assertTrue(self.transport.connected)
        self.clock.advance(1)
        self.assertFalse(self.transport.connected)

    def test_answered(self) -> None:
        """
        Its time does not run while it is being answered, and begins anew then.
        """
        waiting: list[Any] = []

        def render(request: Any) -> int:
            waiting.append(request)
            return NOT_DONE_YET

        self.channel.site.resource.render_GET = render
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nA:b\r\n\r\n"):
            self.channel.dataReceived(data)
            self.clock.pump([50] * 10)
            self.assertTrue(self.transport.connected)
            waiting.pop().finish()
            self.clock.advance(59)
            self.assertTrue(self.transport.connected)
        self.clock.advance(1)
        self.assertFalse(self.transport.connected)

    def test_held(self) -> None:
        """
        Nor while it is held back.
        """
        self.channel.hold()
        self.clock.pump([50] * 3)
        self.assertTrue(self.transport.connected)
        self.assertEqual(self.transport.producerState, "paused")
        self.channel.go()
        self.assertEqual(self.transport.producerState, "producing")
        self.clock.advance(59)
        self.assertTrue(self.transport.connected)
        self.clock.advance(1)
        self.assertFalse(self.transport.connected)

    def test_less(self) -> None:
        """
        It may be given less time.
        """
        self.assertEqual(self.channel.setTimeout(5), 60)
        self.clock.advance(5)
        self.assertFalse(self.transport.connected)

    def test_none(self) -> None:
        """
        Or all there is.
        """
        self.channel.setTimeout(None)
        self.channel.dataReceived(b"GET ")
        self.clock.pump([50] * 3)
        self.assertTrue(self.transport.connected)
        self.leave()

    def test_gone(self) -> None:
        """
        Nothing is left when it goes by itself.
        """
        self.clock.advance(1)
        self.leave()


class OtherResourceTests(SiteCase):
    """
    What else is on such a site.
    """

    async def test_form(self) -> None:
        """
        A resource that knows nothing of streams has its body and its form, in whatever pieces they
        come.
        """
        await self.site(Form())
        head = (
            b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 8\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        self.assertTrue((await self.raw(head + b"name=abc")).endswith(b"abc,name=abc"))
        wire = await self.connect()
        wire.send(head)
        wire.send(b"name")
        wire.send(b"=abc")
        await wire.closed
        self.assertTrue(wire.received.endswith(b"abc,name=abc"))

    async def test_resourceFails(self) -> None:
        """
        A resource that fails is a 500, as ever.
        """

        class Failing(Resource):
            def getChild(self, path: bytes, request: object) -> Resource:
                raise ZeroDivisionError

        await self.site(Failing())
        answer = await self.fetch(method="POST", body=b"abc")
        self.assertEqual(answer.code, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_star(self) -> None:
        """
        C{OPTIONS *} is for the server, not for an app.
        """
        await self.gateway(echo)
        answer = await self.fetch("*", method="OPTIONS", body=b"abc")
        self.assertEqual((answer.code, answer.get("X-Length")), (200, []))

    async def test_gatewayFails(self) -> None:
        """
        A resource that streams and fails is a 500, too.
        """
        client = await self.backEnd(echo)
        resource = GatewayResource(client)
        resource.render = None  # type: ignore[assignment,method-assign]
        await self.site(resource)
        answer = await self.fetch(method="POST", body=b"abc")
        self.assertEqual(answer.code, 500)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)


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
        busy.send(b"GET / HTTP/1.1\r\n\r\n")
        await asked
        drained = site.drain(60.0)
        await idle.closed
        self.assertFalse(drained.called)
        gate.open()
        await drained
        await busy.closed
        self.assertTrue(busy.received.endswith(b"done"))

    async def test_drainIsOver(self) -> None:
        """
        What still runs when the time is over is cut.
        """
        app = Waiting()
        site = await self.gateway(app)
        busy = await self.connect()
        busy.send(b"GET / HTTP/1.1\r\n\r\n")
        await app.asked
        await site.drain(0.05)
        await busy.closed
        self.assertEqual(busy.received, b"")

    def test_protocols(self) -> None:
        """
        Over TLS it offers what it speaks.
        """
        self.assertEqual(StreamingSite(Form()).acceptableProtocols(), [b"http/1.1"])
