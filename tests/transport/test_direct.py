"""
Connections to Unix sockets that are made at once.
"""

from __future__ import annotations

import gc
import socket
import weakref
from errno import EAGAIN
from importlib.metadata import version
from itertools import product
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from tests.folders import folderFor
from txfcgi import ClientOptions, FastCGIClient, FastCGIServerFactory, Response, SCGIClient
from txfcgi.client.endpoints import DirectEndpoint, clientEndpoint
from txfcgi.client.target import Target
from txfcgi.errors import RequestNotSent
from txfcgi.server.scgi import SCGIServerFactory
from txfcgi.transport.direct import DirectConnection, connectAtOnce
from txfcgi.transport.inlet import readInto

clock: Any = reactor
GET = {"REQUEST_METHOD": "GET"}


class Closing(Protocol):
    """
    Closes its connection when it is given something.
    """

    def __init__(self) -> None:
        self.told: list[object] = []
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """
        Close.
        """
        assert self.transport is not None
        self.told.append(data)
        self.transport.loseConnection()
        self.told.append("closed")

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """
        Take note.
        """
        self.told.append(reason.type)
        self.lost.callback(None)


class DirectTests(TestCase):
    """
    Tests of L{connectAtOnce}.
    """

    def setUp(self) -> None:
        self.path = str(folderFor(self) / "app.sock")
        self.listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listening.close)
        self.listening.bind(self.path)
        self.listening.listen(5)

    def reach(self, path: str, factory: IProtocolFactory) -> IProtocol | None:
        """
        Connect, if that can be done at once.
        """
        return connectAtOnce(reactor, socket.AF_UNIX, path, UNIXAddress(path), factory)

    def connect(self) -> tuple[Closing, socket.socket]:
        """
        Connect, and accept that.
        """
        protocol = self.reach(self.path, Factory.forProtocol(Closing))
        assert isinstance(protocol, Closing)
        accepted, _ = self.listening.accept()
        self.addCleanup(accepted.close)
        return protocol, accepted

    async def test_addresses(self) -> None:
        """
        The connection is there when the function returns, and knows where it leads.
        """
        protocol, accepted = self.connect()
        transport: Any = protocol.transport
        assert isinstance(transport, DirectConnection)
        self.assertEqual(transport.getPeer(), UNIXAddress(self.path))
        self.assertEqual(transport.getHost(), UNIXAddress(None))
        self.assertFalse(transport.getHandle().getblocking())
        accepted.close()
        await protocol.lost
        self.assertEqual(protocol.told, [ConnectionDone])

    async def test_loopback(self) -> None:
        """
        So is one to a port of the loopback interface, which sends what is small at once, and is not
        inherited by other programs. With a full queue nothing is left of the attempt.
        """
        for family, address, kind in (
            (socket.AF_INET, "127.0.0.1", IPv4Address),
            (socket.AF_INET6, "::1", IPv6Address),
        ):
            listening = socket.socket(family)
            self.addCleanup(listening.close)
            listening.bind((address, 0))
            listening.listen(0)
            name = listening.getsockname()
            peer = kind("TCP", *name)

            def reach(family: int = family, name: Any = name, peer: Any = peer) -> Any:
                factory = Factory.forProtocol(Closing)
                return connectAtOnce(reactor, family, name, peer, factory)

            protocol = reach()
            transport = protocol.transport
            waiting = [protocol]
            while (another := reach()) is not None:
                waiting.append(another)
            accepted, host = listening.accept()
            self.addCleanup(accepted.close)
            self.assertEqual(transport.getPeer(), peer)
            self.assertEqual(transport.getHost(), kind("TCP", *host))
            self.assertTrue(transport.getTcpNoDelay())
            handle = transport.getHandle()
            self.assertEqual((handle.getblocking(), handle.get_inheritable()), (False, False))
            for each in waiting:
                each.transport.abortConnection()
                await each.lost

    async def test_closedInARead(self) -> None:
        """
        What is closed while a read is delivered ends behind it, once, and cleanly.
        """
        protocol, accepted = self.connect()
        transport: Any = protocol.transport
        readInto(transport, lambda view: None)
        accepted.send(b"answer")
        await protocol.lost
        self.assertEqual(protocol.told, [b"answer", "closed", ConnectionDone])
        self.assertEqual(accepted.recv(1), b"")

    async def test_hungUpInARead(self) -> None:
        """
        What is closed while a read is delivered can be ended on the spot, and is not lost twice,
        although the socket was to be written to in the same moment.
        """
        protocol, accepted = self.connect()
        transport: Any = protocol.transport
        told = protocol.told
        connection = transport.getHandle()

        class HangingUp(Closing):
            def dataReceived(self, data: bytes) -> None:
                transport.hangUp()
                told.append("open")
                transport.loseConnection()
                transport.hangUp()
                told.append("gone")

        hanging = HangingUp()
        hanging.told = told
        transport.protocol = hanging
        transport.hangUp()
        self.assertTrue(transport.connected)
        transport.startWriting()
        accepted.send(b"answer")
        await hanging.lost
        await deferLater(clock, 0, lambda: None)
        self.assertEqual(told, ["open", ConnectionDone, "gone"])
        self.assertEqual(connection.fileno(), -1)
        self.assertEqual(accepted.recv(1), b"")
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_closedByTheWay(self) -> None:
        """
        It can be closed at any time.
        """
        protocol, accepted = self.connect()
        assert protocol.transport is not None
        protocol.transport.loseConnection()
        self.assertEqual(protocol.told, [])
        await protocol.lost
        self.assertEqual(protocol.told, [ConnectionDone])
        self.assertEqual(accepted.recv(1), b"")

    def test_notAtOnce(self) -> None:
        """
        Where it can't be done, nothing is left: nobody listens, the queue is full, the path is too
        long or none, there are no descriptors, or the factory has no protocol.
        """
        factory = Factory.forProtocol(Closing)
        for path in (f"{self.path}.none", "x" * 200, "nul\0byte"):
            self.assertIsNone(self.reach(path, factory))
        self.listening.listen(0)
        full = False
        while not full:
            waiting = socket.socket(socket.AF_UNIX)
            self.addCleanup(waiting.close)
            waiting.setblocking(False)
            full = waiting.connect_ex(self.path) == EAGAIN
        self.assertIsNone(self.reach(self.path, factory))
        self.listening.listen(100)
        nothing = Factory()
        nothing.buildProtocol = lambda addr: None  # type: ignore[method-assign]
        self.assertIsNone(self.reach(self.path, nothing))

        def none(*args: object) -> socket.socket:
            raise OSError(24, "Too many open files")

        self.patch(socket, "socket", none)
        self.assertIsNone(self.reach(self.path, factory))


class ClientTests(TestCase):
    """
    A client whose endpoint is the path of a socket.
    """

    async def test_requests(self) -> None:
        """
        Many requests at once, on kept connections and on new ones, by both protocols.
        """
        for kind, serving in (
            (FastCGIClient, FastCGIServerFactory),
            (SCGIClient, SCGIServerFactory),
        ):
            path = str(folderFor(self) / "app.sock")
            factory: Any = serving(lambda request: Response(200, {}, b"x"))
            served = [clock.listenUNIX(path, factory)]
            served.append(clock.listenTCP(0, factory, interface="127.0.0.1"))
            port = served[1].getHost().port
            for keep, endpoint in product((True, False), (path, f"127.0.0.1:{port}")):
                options = ClientOptions(keepConnections=keep, maxConnections=3)
                client = kind(reactor, endpoint, options)
                for _ in range(3):
                    asked = [client.request(GET) for _ in range(20)]
                    self.assertLessEqual(client.figures().open, 3)
                    self.assertEqual(client.figures().connecting, 0)
                    for response in await gatherResults(asked):
                        self.assertEqual(await response.content(), b"x")
                await client.close()
                self.assertEqual((client.figures().open, client.figures().failures), (0, 0))
            for each in served:
                await each.stopListening()

    async def checkPlaceForTheNext(self, kind: Any, serving: Any) -> None:
        """
        Make requests, one of them within the callback of another, over one connection at a time.
        """
        path = str(folderFor(self) / "app.sock")
        factory = serving(lambda request: Response(200, {}, b"x"))
        served = clock.listenUNIX(path, factory)
        client = kind(reactor, path, ClientOptions(keepConnections=False, maxConnections=1))
        order: list[object] = []
        connections: list[Any] = []
        build = Target.buildProtocol

        def built(target: Target, address: Any) -> Any:
            protocol = build(target, address)
            connections.append(weakref.ref(protocol))
            return protocol

        def ask(name: str, then: str = "") -> Any:
            return client.request(GET).addCallback(answered, name, then)

        def answered(response: Any, name: str, then: str) -> Any:
            figures = client.figures()
            order.append((name, figures.open, figures.waiting))
            return ask(then) if then else None

        patched = self.patch(Target, "buildProtocol", built)
        gc.disable()
        try:
            await ask("first", "second")
            await gatherResults([ask("third", "fifth"), ask("fourth")])
            await deferLater(clock, 0, lambda: None)  # the last of them has read this
            self.assertEqual([each() for each in connections], [None] * 5)
        finally:
            gc.enable()
            patched.restore()
        expected = [("first", 0, 0), ("second", 0, 0), ("third", 1, 0)]
        self.assertEqual(order, [*expected, ("fourth", 1, 0), ("fifth", 0, 0)])
        await client.close()
        await served.stopListening()
        await factory.drain(5)

    async def test_placeForTheNext(self) -> None:
        """
        When an answer is delivered its connection is gone, so that the next request of the same
        caller does not wait for its place; those that waited before come first. Nothing of such a
        connection waits for the garbage collector.
        """
        await self.checkPlaceForTheNext(FastCGIClient, FastCGIServerFactory)
        await self.checkPlaceForTheNext(SCGIClient, SCGIServerFactory)

    async def test_nobodyListens(self) -> None:
        """
        The error is the usual one.
        """
        client = FastCGIClient(reactor, str(folderFor(self) / "none.sock"))
        with self.assertRaises(RequestNotSent) as caught:
            await client.request(GET)
        self.assertIn("No such file or directory", str(caught.exception))
        await client.close()

    async def test_errors(self) -> None:
        """
        So it is wherever a connection is refused: where nobody listens, or nobody does any more.
        """
        folder = folderFor(self)
        unix = socket.socket(socket.AF_UNIX)
        self.addCleanup(unix.close)
        unix.bind(str(folder / "app.sock"))
        tcp = socket.socket()
        self.addCleanup(tcp.close)
        tcp.bind(("127.0.0.1", 0))
        for text in (
            f"unix:{folder}/none.sock",
            f"unix:{folder}",
            f"unix:{folder}/app.sock",
            f"tcp:127.0.0.1:{tcp.getsockname()[1]}",
            "tcp:127.0.0.1:0",
            # The oldest Twisted fails on this one in its reactor, and tells nobody.
            *(() if version("twisted").startswith("24.7.") else ("tcp:127.0.0.1:70000",)),
        ):
            said = []
            for endpoint in (text, clientFromString(reactor, text)):
                client = FastCGIClient(reactor, endpoint)
                with self.assertRaises(RequestNotSent) as caught:
                    await client.request(GET)
                reason = caught.exception.reason
                name = text if endpoint is text else type(endpoint).__name__
                message = str(caught.exception)
                self.assertEqual(message[: len(name) + 2], f"{name}: ")
                said.append((type(reason), str(reason), message[len(name) :]))
                await client.close()
            self.assertEqual(said[0], said[1], text)

    def test_manyThatWait(self) -> None:
        """
        When a back end goes for good that many wait for, all are told, however many they are.
        """
        folder = folderFor(self)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(folder / "app.sock"))
        listening.listen(5)
        client = FastCGIClient(reactor, str(folder / "app.sock"), ClientOptions(maxConnections=1))
        asked = [client.request(GET) for _ in range(1_000)]
        accepted, _ = listening.accept()
        listening.close()
        (folder / "app.sock").unlink()
        accepted.close()
        for each in asked:
            each.addErrback(lambda failure: failure.type)
        done = gatherResults(asked)
        done.addCallback(lambda kinds: self.assertEqual(len(kinds), 1_000))
        return done.addCallback(lambda _: client.close())  # type: ignore[return-value]

    def test_endpoints(self) -> None:
        """
        Only what is on this machine, and has no options, is connected to so; and only by a reactor
        that really reads.
        """
        for text, isDirect in (
            ("/run/app.sock", True),
            (r"unix:/run/a\:b.sock", True),
            ("unix:path=/run/app.sock", True),
            ("unix:/run/app.sock:timeout=5", False),
            ("127.0.0.1:9000", True),
            ("tcp:host=127.1.2.3:port=9000", True),
            ("[::1]:9000", True),
            ("tcp:127.0.0.1:9000:timeout=5", False),
            ("tcp:127.0.0.1:9000:bindAddress=127.0.0.2", False),
            ("tcp:127.0.0.999:9000", False),
            ("tcp:127.1:9000", False),
            ("192.0.2.1:9000", False),
            ("localhost:9000", False),
        ):
            endpoint = clientEndpoint(reactor, text)
            verifyObject(IStreamClientEndpoint, endpoint)
            self.assertEqual(isinstance(endpoint, DirectEndpoint), isDirect, text)
            endpoint = clientEndpoint(MemoryReactorClock(), text)
            self.assertNotIsInstance(endpoint, DirectEndpoint)
