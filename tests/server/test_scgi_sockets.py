"""
Tests of L{txfcgi.server.scgi} over real sockets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from tests.folders import folderFor
from txfcgi import (
    InputStream,
    Request,
    RequestAborted,
    Response,
    SCGIServerFactory,
)

from ..wire.scgi import asked
from .asking import GET, OK
from .conversation import Held, ok

reactor: Any = _reactor


class Peer(Protocol):
    """
    A web server on a real socket.

    @ivar lost: Fires with the error when the connection is gone.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.lost: Deferred[BaseException] = Deferred()

    @property
    def data(self) -> bytes:
        """
        What came.
        """
        return b"".join(self._pieces)

    def dataReceived(self, data: bytes) -> None:
        """
        Keep it.
        """
        self._pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Tell.
        """
        assert reason.value is not None
        self.lost.callback(reason.value)


@implementer(IHalfCloseableProtocol)
class SlowPeer(Peer):
    """
    A web server that still has something to send when the answer has ended.

    @ivar ended: Fires when the answer has ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ended: Deferred[None] = Deferred()

    def readConnectionLost(self) -> None:
        """
        Tell.
        """
        self.ended.callback(None)

    def writeConnectionLost(self) -> None:
        """
        As was asked for.
        """


class SocketTests(TestCase):
    """
    Real sockets, where a connection can be closed by halves.
    """

    async def connect(
        self, app: Any, kind: str = "tcp", of: type[Peer] = Peer, **options: Any
    ) -> tuple[Any, Any]:
        """
        Serve an app, and connect to it.

        @return: The connection's other end, and its transport.
        """
        path = str(folderFor(self) / "socket")
        text = "tcp:0:interface=127.0.0.1" if kind == "tcp" else f"unix:{path}"
        factory = SCGIServerFactory(app, **options)
        port = await serverFromString(reactor, text).listen(factory)

        async def stop() -> None:
            await port.stopListening()
            await factory.drain(0)

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        number = getattr(port.getHost(), "port", 0)
        there = f"tcp:127.0.0.1:{number}" if kind == "tcp" else f"unix:{path}"
        peer: Any = await clientFromString(reactor, there).connect(Factory.forProtocol(of))
        return peer, peer.transport

    async def turns(self, number: int) -> None:
        """
        Let the reactor look at its sockets so many times.
        """
        for _ in range(number):
            await deferLater(reactor, 0)

    async def test_answer(self) -> None:
        """
        A request, its answer, and the end.
        """
        for kind in ("tcp", "unix"):
            peer, transport = await self.connect(ok, kind)
            transport.write(GET)
            self.assertIsInstance(await peer.lost, ConnectionDone)
            self.assertEqual(peer.data, OK)

    async def test_halfClose(self) -> None:
        """
        Who closes a direction after the request still gets the answer, also when that is
        not there yet.
        """
        for kind in ("tcp", "unix"):
            app = Held()
            peer, transport = await self.connect(app, kind)
            transport.write(GET)
            transport.loseWriteConnection()
            while not app.requests or not app.requests[0].channel.halfClosed:
                await self.turns(1)
            app.answer()
            self.assertIsInstance(await peer.lost, ConnectionDone)
            self.assertEqual(peer.data, OK)

    async def test_halfCloseWithBody(self) -> None:
        """
        The same behind a body that is read later than it came, and an answer of any size.
        """
        size = 3_000_000

        async def app(request: Any) -> Response:
            await self.turns(20)
            body = b"".join([chunk async for chunk in request.stdin])
            return Response(200, {}, body)

        for kind in ("tcp", "unix"):
            peer, transport = await self.connect(app, kind)
            transport.write(asked(length=b"%d" % size) + b"x" * size)
            transport.loseWriteConnection()
            self.assertIsInstance(await peer.lost, ConnectionDone)
            self.assertTrue(peer.data.endswith(b"\r\n\r\n" + b"x" * size))

    async def test_moreThanTold(self) -> None:
        """
        A web server that sends more than the length that it told can do so to its end, and is not
        cut off from the answer: nginx, where it passes uploads on as they come.
        """
        for kind in ("tcp", "unix"):
            for data in (asked(length=b"5") + b"12345", asked()):
                peer, transport = await self.connect(ok, kind, SlowPeer)
                transport.write(data)
                await peer.ended
                transport.write(b"x" * 1_000_000)
                transport.loseConnection()
                self.assertIsInstance(await peer.lost, ConnectionDone)
                self.assertEqual(peer.data, OK)

    async def test_abortOnEOF(self) -> None:
        """
        The end of the input can be taken for the end of interest.
        """
        for kind in ("tcp", "unix"):
            app = Held()
            peer, transport = await self.connect(app, kind, abortOnEOF=True)
            transport.write(GET)
            transport.loseWriteConnection()
            self.assertIsInstance(await peer.lost, ConnectionDone)
            self.assertEqual(peer.data, b"")
            self.assertEqual(app.cancelled, app.requests)

    async def test_gone(self) -> None:
        """
        On a Unix socket, who closes both directions is known to be gone, and the app is cancelled
        at once.
        """
        app = Held()
        peer, transport = await self.connect(app, "unix")
        transport.write(GET)
        while not app.requests:
            await self.turns(1)
        finished = app.requests[0].notifyFinish()
        transport.loseConnection()
        await self.assertFailure(finished, RequestAborted)
        self.assertEqual(app.cancelled, app.requests)
        await peer.lost

    async def test_goneLater(self) -> None:
        """
        And so is who closes the other half later, at the next tick.
        """
        app = Held()
        peer, transport = await self.connect(app, "unix")
        transport.write(GET)
        transport.loseWriteConnection()
        while not app.requests or not app.requests[0].channel.halfClosed:
            await self.turns(1)
        finished = app.requests[0].notifyFinish()
        transport.loseConnection()
        await peer.lost
        await self.assertFailure(finished, RequestAborted)

    async def test_goneWhileWriting(self) -> None:
        """
        Over TCP, an app hears of it when it writes.
        """

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 10_000

        ended: Deferred[None] = Deferred()

        def app(request: Request) -> Response:
            request.notifyFinish().addBoth(ended.callback)
            return Response(200, {}, endless())

        peer, transport = await self.connect(app)
        transport.write(GET)
        transport.loseConnection()
        await peer.lost
        await self.assertFailure(ended, RequestAborted)

    async def test_brokenOff(self) -> None:
        """
        An answer that fails in the middle does not look complete, as far as TCP can tell.
        """

        async def half(request: Request) -> Response:
            async def body() -> AsyncIterator[bytes]:
                yield b"so far so good"
                raise RuntimeError("a secret")

            return Response(200, {}, body())

        peer, transport = await self.connect(half)
        transport.write(GET)
        self.assertIsInstance(await peer.lost, ConnectionLost)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_unreadBody(self) -> None:
        """
        An answer arrives although the body was not read, and although there is more than that.
        """
        size = 3_000_000
        for data in (
            asked(length=b"%d" % size) + b"x" * size,
            GET + b"x" * size,
        ):
            peer, transport = await self.connect(ok)
            transport.write(data)
            self.assertIsInstance(await peer.lost, ConnectionDone)
            self.assertEqual(peer.data, OK)

    async def test_slowReader(self) -> None:
        """
        A body that nobody reads is left with the web server, and comes when it is read.
        """
        size = 20_000_000
        held: list[int] = []

        async def app(request: Any) -> Response:
            stream: InputStream = request.stdin
            while not stream.buffered:
                await self.turns(1)
            await self.turns(50)
            held.append(stream.buffered)
            received = 0
            async for chunk in stream:
                received += len(chunk)
            return Response(200, {}, b"%d" % received)

        peer, transport = await self.connect(app)
        transport.write(asked(length=b"%d" % size) + b"x" * size)
        self.assertIsInstance(await peer.lost, ConnectionDone)
        self.assertTrue(peer.data.endswith(b"\r\n\r\n%d" % size))
        self.assertLess(held[0], 500_000)

    async def test_slowPeer(self) -> None:
        """
        An answer that nobody takes is not made.
        """
        made: list[int] = []

        async def app(request: Request) -> Response:
            async def body() -> AsyncIterator[bytes]:
                for _ in range(200):
                    made.append(100_000)
                    yield b"x" * 100_000

            return Response(200, {}, body())

        peer, transport = await self.connect(app, "unix")
        producer: IPushProducer = transport
        producer.pauseProducing()
        transport.write(GET)
        await self.turns(100)
        self.assertLess(sum(made), 5_000_000)
        producer.resumeProducing()
        self.assertIsInstance(await peer.lost, ConnectionDone)
        self.assertEqual(sum(made), 20_000_000)
        self.assertEqual(len(peer.data.partition(b"\r\n\r\n")[2]), 20_000_000)
