"""
Tests of L{txfcgi.transport.atonce}: what a connection does before it has a transport, and how it
gets one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from operator import methodcaller
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IConsumer, ISystemHandle, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txfcgi.transport.atonce import Accepted, IAnswersAtOnce, addressOf

from ..accepting import Accepting, Peer


@implementer(IAnswersAtOnce)
class Begun(Protocol):
    """
    Does as a test says, and notes what happens.

    @ivar real: The transport that took over.
    """

    def __init__(
        self, connected: Callable[[Any], object], received: Callable[[Any], object]
    ) -> None:
        self._connected = connected
        self._received = received
        self.data: list[bytes] = []
        self.real: Connection | None = None
        self.reason: BaseException | None = None

    def connectionMade(self) -> None:
        """
        The connection is there.
        """
        self._connected(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """
        Something came.
        """
        self.data.append(data)
        self._received(self.transport)

    def goOn(self, transport: Connection) -> None:
        """
        A transport took over.
        """
        assert self.transport is transport
        self.real = transport

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The connection is gone.
        """
        self.reason = reason.value


def nothing(transport: Any) -> None:
    """
    Do nothing.
    """


class AcceptedTests(SynchronousTestCase):
    """
    A connection, and a protocol that can begin on it.
    """

    def accept(
        self,
        received: Callable[[Any], object] = nothing,
        connected: Callable[[Any], object] = nothing,
        data: bytes = b"data",
        **options: Any,
    ) -> Peer:
        """
        Connect a peer that sends something with its connection, and accept it.
        """
        factory = Factory()
        self.protocol = Begun(connected, received)
        factory.buildProtocol = lambda addr: self.protocol  # type: ignore[method-assign]
        self.server = Accepting(self, lambda clock: factory, **options)
        peer = self.server.connect(data)
        self.server.accept()
        return peer

    def test_interfaces(self) -> None:
        """
        It is a transport.
        """
        seen: list[Any] = []
        self.accept(connected=seen.append)
        for interface in (ITransport, IConsumer, ISystemHandle):
            verifyObject(interface, seen[0])
        self.assertIs(type(seen[0]), Accepted)

    def test_hangUp(self) -> None:
        """
        A protocol that hangs up has had its connection, and no transport was made.
        """
        peer = self.accept(lambda transport: transport.hangUp())
        peer.move()
        self.assertEqual((self.protocol.data, peer.ended, peer.reset), ([b"data"], True, False))
        self.assertIsInstance(self.protocol.reason, ConnectionDone)
        self.assertIsNone(self.protocol.real)
        self.assertEqual(self.server.transports, set())

    def test_goesOn(self) -> None:
        """
        One that does not gets a transport, and what comes later.
        """
        peer = self.accept()
        self.assertIs(self.protocol.transport, self.protocol.real)
        peer.send(b"more")
        self.server.settle()
        self.assertEqual(self.protocol.data, [b"data", b"more"])
        peer.close()
        self.server.settle()
        self.assertIsInstance(self.protocol.reason, ConnectionDone)

    def test_nothingYet(self) -> None:
        """
        Where nothing has come yet, or the end alone, a transport waits for it.
        """
        peer = self.accept(data=b"")
        self.assertEqual((self.protocol.data, len(self.server.transports)), ([], 1))
        peer.close()
        self.server.settle()
        self.assertIsInstance(self.protocol.reason, ConnectionDone)

    def test_becomes(self) -> None:
        """
        What takes a transport makes it become one, once.
        """
        peer = self.accept(
            lambda transport: [transport.write(b"a"), transport.writeSequence([b"b"])]
        )
        self.server.settle()
        self.assertEqual(peer.got, b"ab")
        self.assertIsNotNone(self.protocol.real)

    def test_pauses(self) -> None:
        """
        A protocol that pauses in the middle of what came is paused, until it resumes.
        """
        accepted: list[Any] = []

        def pause(transport: Any) -> None:
            if not accepted:
                accepted.append(transport)
                transport.pauseProducing()

        peer = self.accept(pause)
        peer.send(b"more")
        self.server.settle()
        self.assertEqual(self.protocol.data, [b"data"])
        accepted[0].resumeProducing()
        self.server.settle()
        self.assertEqual(self.protocol.data, [b"data", b"more"])

    def test_producer(self) -> None:
        """
        A producer that is registered in the middle of it is registered with the transport.
        """
        produced: list[str] = []

        class Producer:
            def resumeProducing(self) -> None:
                produced.append("resume")

            def stopProducing(self) -> None:
                produced.append("stop")

        def register(transport: Any) -> None:
            transport.registerProducer(Producer(), False)
            transport.startWriting()
            transport.unregisterProducer()

        self.accept(register)
        self.assertEqual(produced, ["resume"])

    def test_loses(self) -> None:
        """
        A protocol that closes its connection, or cuts it, when it begins is not given what came.
        """
        for name, error in (
            ("loseConnection", ConnectionDone),
            ("abortConnection", ConnectionAborted),
            ("hangUp", ConnectionDone),
        ):
            peer = self.accept(connected=methodcaller(name))
            self.server.settle()
            self.assertEqual(self.protocol.data, [])
            self.assertIsInstance(self.protocol.reason, error)
            self.assertTrue(peer.ended)

    def test_aborts(self) -> None:
        """
        One that cuts it in the middle of what came is cut off.
        """
        peer = self.accept(lambda transport: transport.abortConnection(), tcp=True)
        self.server.settle()
        self.assertEqual((peer.ended, peer.reset), (True, True))
        self.assertIsInstance(self.protocol.reason, ConnectionAborted)

    def test_fails(self) -> None:
        """
        A protocol that fails costs its connection, before it has a transport and afterwards.
        """

        def fail(transport: Any) -> None:
            raise RuntimeError("not today")

        def failLater(transport: Any) -> None:
            transport.resumeProducing()
            raise RuntimeError("not today")

        for received, connected in ((nothing, fail), (fail, nothing), (failLater, nothing)):
            peer = self.accept(received, connected)
            self.server.settle()
            self.assertTrue(peer.ended)
            self.assertIsNotNone(self.protocol.reason)
            self.assertEqual(self.server.transports, set())
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_noTransport(self) -> None:
        """
        When the reactor does not take a transport, the connection is lost, and the protocol told.
        """

        def full(transport: Any) -> None:
            def addReader(reader: Any) -> None:
                raise OSError("no room")

            self.server.reactor.addReader = addReader  # type: ignore[method-assign]

        peer = self.accept(full)
        peer.move()
        self.assertTrue(peer.ended)
        self.assertIsInstance(self.protocol.reason, OSError)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_others(self) -> None:
        """
        A protocol that knows nothing of all this has a transport from the start, and is cut if it
        fails.
        """
        protocols: list[Protocol] = []

        class Plain(Protocol):
            def connectionMade(self) -> None:
                protocols.append(self)
                if len(protocols) == 2:
                    raise RuntimeError("not today")

        server = Accepting(self, lambda clock: Factory.forProtocol(Plain))
        peers = [server.connect(b"data"), server.connect(b"data")]
        server.accept()
        self.assertIsInstance(protocols[0].transport, Connection)
        server.settle()
        self.assertEqual([peer.ended for peer in peers], [False, True])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_addresses(self) -> None:
        """
        It knows both ends.
        """
        ends: list[Any] = []
        self.accept(lambda transport: ends.append((transport.getPeer(), transport.getHost())))
        self.assertEqual(ends, [(UNIXAddress(None), UNIXAddress(self.server.address))])
        ends.clear()
        peer = self.accept(
            lambda transport: ends.append((transport.getPeer(), transport.getHost())), tcp=True
        )
        host = IPv4Address("TCP", *self.server.address)
        self.assertEqual(ends, [(IPv4Address("TCP", *peer.socket.getsockname()), host)])


class AddressTests(SynchronousTestCase):
    """
    Tests of L{addressOf}.
    """

    def test_families(self) -> None:
        """
        Each family has its own.
        """
        self.assertEqual(
            addressOf(socket.AF_INET6, ("::1", 9000, 0, 0)), IPv6Address("TCP", "::1", 9000)
        )
        self.assertEqual(addressOf(socket.AF_UNIX, "/run/a"), UNIXAddress("/run/a"))
        self.assertEqual(addressOf(socket.AF_UNIX, b""), UNIXAddress(None))
