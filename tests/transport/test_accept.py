"""
Tests of L{txfcgi.transport.accept}: what a port does with those who connect, and with what goes
wrong then.
"""

from __future__ import annotations

import os
import socket
from errno import ECONNABORTED, EINVAL, EMFILE
from typing import Any
from unittest import mock

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.folders import folderFor
from txfcgi.transport.accept import Listener


class Acceptor:
    """
    A socket whose C{accept} fails first, as told.
    """

    def __init__(self, real: socket.socket, *errors: int) -> None:
        self._real = real
        self.errors = list(errors)

    def accept(self) -> Any:
        if self.errors:
            error = self.errors.pop(0)
            raise OSError(error, os.strerror(error))
        return self._real.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Greeted(Factory):
    """
    Counts those who come, and refuses or fails some.
    """

    protocol = Protocol

    def __init__(self) -> None:
        self.peers: list[Any] = []
        self.built: list[Protocol] = []
        self.refuses = self.fails = False

    def buildProtocol(self, addr: Any) -> Protocol | None:
        self.peers.append(addr)
        if self.fails:
            raise RuntimeError("no protocol today")
        if self.refuses:
            return None
        protocol = Protocol()
        self.built.append(protocol)
        return protocol


class ListenerTests(SynchronousTestCase):
    """
    A port on a socket of the test's own.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.factory = Greeted()

    def port(self, *errors: int, unix: bool = False, **options: Any) -> Listener:
        """
        A port that listens. Its C{accept} fails first with these errors.
        """
        real = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        real.bind(str(folderFor(self) / "socket") if unix else ("127.0.0.1", 0))
        real.listen(20)
        real.setblocking(False)
        self.address = real.getsockname()
        listening: Any = Acceptor(real, *errors) if errors else real
        port = Listener(self.reactor, listening, self.factory, **options)
        port.startListening()
        self.addCleanup(real.close)
        self.addCleanup(self.letGo)
        return port

    def letGo(self) -> None:
        """
        Close what was accepted.
        """
        for protocol in self.factory.built:
            transport: Any = protocol.transport
            transport.socket.close()

    def connect(self, count: int = 1) -> list[socket.socket]:
        """
        Connect as web servers do.
        """
        made = []
        for _ in range(count):
            one = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
            self.addCleanup(one.close)
            one.connect(self.address)
            made.append(one)
        return made

    def test_interface(self) -> None:
        """
        It is a listening port.
        """
        verifyObject(IListeningPort, self.port())

    def test_tcp(self) -> None:
        """
        A connection by TCP has the addresses of both ends.
        """
        port = self.port()
        [client] = self.connect()
        port.doRead()
        peer = IPv4Address("TCP", *client.getsockname())
        self.assertEqual(self.factory.peers, [peer])
        transport: Any = self.factory.built[0].transport
        self.assertEqual(transport.getPeer(), peer)
        self.assertEqual(transport.getHost(), IPv4Address("TCP", *self.address))
        self.assertEqual(port.getHost(), transport.getHost())

    def test_unix(self) -> None:
        """
        A connection on a Unix socket knows where the port listens, whatever the socket was bound
        to.
        """
        port = self.port(unix=True, host=UNIXAddress("/run/app.sock"))
        self.connect()
        port.doRead()
        transport: Any = self.factory.built[0].transport
        self.assertEqual(transport.getHost(), UNIXAddress("/run/app.sock"))
        self.assertEqual(transport.getPeer(), UNIXAddress(None))

    def test_sockets(self) -> None:
        """
        What is accepted is an ordinary socket, whose family and type are what they should be.
        """
        for unix, family in ((True, socket.AF_UNIX), (False, socket.AF_INET)):
            port = self.port(unix=unix)
            self.connect()
            port.doRead()
            transport: Any = self.factory.built[-1].transport
            accepted = transport.getHandle()
            self.assertIs(type(accepted), socket.socket)
            self.assertIs(accepted.family, family)
            self.assertIs(accepted.type, socket.SOCK_STREAM)

    def test_turns(self) -> None:
        """
        No more are accepted in a turn than is said; the others come with the next.
        """
        port = self.port(perTurn=2)
        self.connect(3)
        port.doRead()
        self.assertEqual(len(self.factory.built), 2)
        port.doRead()
        self.assertEqual(len(self.factory.built), 3)

    def test_nobody(self) -> None:
        """
        Somebody else may have been faster.
        """
        self.port().doRead()
        self.assertEqual(self.factory.peers, [])

    def test_refused(self) -> None:
        """
        A peer for whom there is no protocol is closed.
        """
        self.factory.refuses = True
        port = self.port()
        [client] = self.connect()
        port.doRead()
        self.assertEqual(client.recv(1), b"")

    def test_factoryFails(self) -> None:
        """
        A factory that fails costs that connection, and is logged.
        """
        self.factory.fails = True
        port = self.port()
        clients = self.connect(2)
        port.doRead()
        self.assertEqual([client.recv(1) for client in clients], [b"", b""])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_goneBefore(self) -> None:
        """
        A connection that is gone before it is accepted is passed over.
        """
        port = self.port(ECONNABORTED)
        self.connect()
        port.doRead()
        self.assertEqual(len(self.factory.built), 1)

    def test_noDescriptors(self) -> None:
        """
        When there are no descriptors left, those who wait are closed: the one in reserve is there
        for that, and afterwards again.
        """
        port = self.port(EMFILE)
        clients = self.connect(3)
        port.doRead()
        self.assertEqual([client.recv(1) for client in clients], [b""] * 3)
        self.assertEqual(self.factory.built, [])
        self.connect()
        port.doRead()
        self.assertEqual(len(self.factory.built), 1)

    def test_noReserve(self) -> None:
        """
        Without even a descriptor to refuse with, it rests for a moment, as the system would tell
        it of the same connection for ever.
        """
        port = self.port(EMFILE, EMFILE, EMFILE)
        self.connect()
        with mock.patch("os.open", self.noMore):
            port.doRead()
            port.doRead()
        self.assertNotIn(port, self.reactor.getReaders())
        self.reactor.advance(0.1)
        self.assertIn(port, self.reactor.getReaders())
        port.doRead()
        self.assertEqual(len(self.factory.built), 1)

    def noMore(self, *arguments: Any) -> int:
        """
        What opens a file when there are no descriptors.
        """
        raise OSError(EMFILE, os.strerror(EMFILE))

    def test_broken(self) -> None:
        """
        Anything else is logged.
        """
        self.port(EINVAL).doRead()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_stops(self) -> None:
        """
        When it stops it closes its socket, once, and says so; its factory hears of it.
        """
        stopped: list[str] = []
        port = self.port(stopped=lambda: stopped.append("stopped"))
        self.assertEqual(self.factory.numPorts, 1)
        done = port.stopListening()
        self.assertIsNone(self.successResultOf(port.stopListening()))
        self.assertNotIn(port, self.reactor.getReaders())
        self.reactor.advance(0)
        self.successResultOf(done)
        self.assertEqual((stopped, self.factory.numPorts), (["stopped"], 0))
        self.assertEqual(port.fileno(), -1)

    def test_stopsWhileAccepting(self) -> None:
        """
        A protocol that stops its port is the last one.
        """
        port = self.port()
        self.connect(2)
        build = self.factory.buildProtocol

        def stopping(addr: Any) -> Protocol | None:
            port.stopListening()
            return build(addr)

        self.factory.buildProtocol = stopping  # type: ignore[method-assign]
        port.doRead()
        self.assertEqual(len(self.factory.built), 1)
        self.reactor.advance(0)
