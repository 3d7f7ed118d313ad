"""
Tests of L{txfcgi.web.channel}: backpressure, and the time that a browser has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.static import Data

from txfcgi import Request, Response
from txfcgi.web import HTTPLimits, StreamingSite
from txfcgi.web.channel import StreamingChannel

from .site import Gate, SiteCase, answersIn, isAnswer


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


class BackpressureTests(SiteCase):
    """
    Those who do not read hold the others back.
    """

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
        size = 16 * 1024 * 1024
        wire = await self.connect()
        wire.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size
        )
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
        size = 12 * 1024 * 1024
        wire = await self.connect()
        transport: Any = wire.transport
        transport.pauseProducing()
        wire.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size
        )
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
        size = 12 * 1024 * 1024
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
            wire.send(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % query)
            out: Any = (await filled).transport
            self.assertLess(len(out.dataBuffer) + out._tempDataLen, 1024 * 1024)
            self.assertLess(sent[-1], size)
            transport.resumeProducing()
            await wire.when(lambda received: len(received) > size and isAnswer(received, "GET"))
            [answer] = answersIn(wire.received, "GET")
            self.assertEqual(len(answer.body), size)


class RefusalTests(SiteCase):
    """
    What a browser that says too much hears.
    """

    async def test_heard(self) -> None:
        """
        It has its answer whole, though it goes on sending, and the log has the reason.
        """
        await self.gateway(echo)
        received = await self.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 900_000)
        [answer] = answersIn(received, "GET")
        self.assertEqual((answer.code, answer.get("Connection")), (431, ["close"]))
        self.assertIn(b"<h1>431 ", answer.body)
        self.assertTrue(self.logged("431: a head of more than 65536 bytes"))


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
        for data in (
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nA:b\r\n\r\n",
        ):
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


class SlowTransport(FileDescriptor):
    """
    A transport whose socket takes what a test lets it take.

    @ivar room: How many bytes it takes now.
    """

    room = 0
    connected = 1
    aborted = False

    def writeSomeData(self, data: bytes) -> int:
        """
        Take what there is room for.
        """
        taken = min(self.room, len(data))
        self.room -= taken
        return taken

    def getPeer(self) -> IPv4Address:
        """
        Somebody.
        """
        return IPv4Address("TCP", "192.0.2.1", 1)

    getHost = getPeer

    def abortConnection(self) -> None:
        """
        The connection is cut.
        """
        self.aborted = True
        self.connectionLost(Failure(ConnectionAborted()))
        self.channel.connectionLost(Failure(ConnectionAborted()))

    channel: Any


class SlowBrowserTests(SynchronousTestCase):
    """
    A browser that takes nothing of its answer.
    """

    def ask(self, size: int, close: bool = False, **limits: Any) -> SlowTransport:
        """
        Ask for an answer of this many bytes.
        """
        self.reactor = MemoryReactorClock()
        data = Data(b"x" * size, "text/plain")
        data.isLeaf = True
        site = StreamingSite(data, reactor=self.reactor, limits=HTTPLimits(**limits))
        transport = SlowTransport(self.reactor)
        channel: Any = site.buildProtocol(transport.getPeer())
        transport.channel = channel
        channel.makeConnection(transport)
        head = b"GET / HTTP/1.1\r\nHost: x\r\n%s\r\n"
        channel.dataReceived(head % (b"Connection: close\r\n" if close else b""))
        self.reactor.advance(0)
        transport.doWrite()
        return transport

    def test_nothing(self) -> None:
        """
        It is cut off after 60 seconds, whether the connection is to be kept or not, and the log
        says so; nothing is left.
        """
        for close in (False, True):
            with capturedLogs() as events:
                transport = self.ask(1_000_000, close)
                self.reactor.pump([1] * 59)
                self.assertFalse(transport.aborted)
                self.reactor.pump([1] * 2)
                self.assertTrue(transport.aborted)
            said = "read none of its response for 60.0 s"
            self.assertTrue([event for event in events if said in (formatEvent(event) or "")])
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_slow(self) -> None:
        """
        A byte a minute is enough to go on.
        """
        transport = self.ask(1_000_000)
        for _ in range(20):
            self.reactor.pump([1] * 59)
            transport.room = 1
            transport.doWrite()
        self.assertFalse(transport.aborted)
        self.reactor.pump([1] * 61)
        self.assertTrue(transport.aborted)

    def test_drain(self) -> None:
        """
        Nor does a site that comes to an end wait for it longer than for others, whether or not its
        request was answered.
        """
        for close in (False, True):
            transport = self.ask(1_000_000, close)
            drained = transport.channel.site.drain(5.0)
            self.reactor.pump([1] * 4)
            self.assertFalse(transport.aborted)
            self.reactor.advance(1)
            self.assertTrue(transport.aborted)
            self.successResultOf(drained)
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_taken(self) -> None:
        """
        One that takes all has its time for the next request.
        """
        transport = self.ask(1_000_000, writeTimeout=5.0)
        transport.room = 2_000_000
        transport.doWrite()
        self.reactor.pump([1] * 50)
        self.assertFalse(transport.aborted)

    def test_noLimit(self) -> None:
        """
        It may have all the time there is.
        """
        transport = self.ask(1_000_000, writeTimeout=None)
        self.reactor.pump([60] * 5)
        self.assertFalse(transport.aborted)
