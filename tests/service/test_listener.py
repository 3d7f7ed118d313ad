"""
Tests of L{txfcgi.service.listener}.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from txfcgi.service.listener import SocketFile, UNIXListener

from .unixsockets import SocketTests


class SocketFileTests(SocketTests):
    """
    Tests of L{SocketFile}.
    """

    def test_remove(self) -> None:
        """
        What is ours is removed, and that it is gone already is no failure.
        """
        _, file = self.listen()
        assert file is not None
        self.assertTrue(file.remove())
        self.assertEqual(os.listdir(self.folder), [])
        self.assertTrue(file.remove())

    def test_another(self) -> None:
        """
        What somebody else put there is not.
        """
        _, file = self.listen()
        assert file is not None
        os.unlink(self.path)
        self.listen()
        self.assertTrue(file.remove())
        self.connect(self.path)

    def test_notAllowed(self) -> None:
        """
        It is said when ours could not be removed.
        """
        _, file = self.listen()
        assert file is not None

        def unlink(path: str) -> None:
            raise PermissionError(1, "Operation not permitted")

        self.patch(os, "unlink", unlink)
        self.assertFalse(file.remove())


class UNIXListenerTests(SocketTests):
    """
    Tests of L{UNIXListener}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.reactor = MemoryReactor()
        self.factory = Factory.forProtocol(Protocol)

    def port(self, keep: bool = False) -> UNIXListener:
        """
        A port that listens.

        @param keep: Whether the file stays when it stops.
        """
        listening, file = self.listen()
        port = UNIXListener(listening, self.factory, self.reactor, None if keep else file)
        port.startListening()
        return port

    def test_host(self) -> None:
        """
        The port, and each connection that it accepts, knows the path of the socket.
        """
        listening, file = self.listen()
        factory = Factory.forProtocol(Protocol)
        port = UNIXListener(listening, factory, MemoryReactor(), file)
        self.assertEqual(port.getHost(), UNIXAddress(self.path))
        port.startListening()
        self.addCleanup(port.connectionLost, Failure(ConnectionError()))
        made: Any = factory.buildProtocol(None)
        self.patch(factory, "buildProtocol", lambda address: made)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            port.doRead()
            self.assertEqual(made.transport.getHost(), UNIXAddress(self.path))
            made.transport.connectionLost(Failure(ConnectionError()))

    def test_accepts(self) -> None:
        """
        It is read from, and a connection gets a protocol of the factory.
        """
        port = self.port()
        self.assertEqual(self.reactor.getReaders(), [port])
        made: list[Any] = []

        class Remembered(Protocol):
            def connectionMade(self) -> None:
                made.append(self)

        self.factory.protocol = Remembered
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            port.doRead()
        [protocol] = made
        self.assertEqual(protocol.transport.getHost(), port.getHost())
        protocol.transport.connectionLost(Failure(ConnectionError()))

    def test_stops(self) -> None:
        """
        When it stops its file is gone, its socket closed and its factory told.
        """
        port = self.port()
        self.assertEqual(self.factory.numPorts, 1)
        port.connectionLost(Failure(ConnectionError()))
        self.assertEqual(os.listdir(self.folder), [])
        self.assertEqual(self.factory.numPorts, 0)
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertFalse(port.connected)

    def test_fileOfOthers(self) -> None:
        """
        Where it was given no file, it removes none, and another descriptor of the same socket goes
        on listening.
        """
        listening, _ = self.listen()
        port = UNIXListener(listening.dup(), self.factory, self.reactor)
        port.startListening()
        port.connectionLost(Failure(ConnectionError()))
        self.connect(self.path)

    def test_fileThatStays(self) -> None:
        """
        A file that can't be removed is logged, and all else goes on.
        """
        port = self.port()
        self.patch(SocketFile, "remove", lambda file: False)
        with capturedLogs() as events:
            port.connectionLost(Failure(ConnectionError()))
        self.assertEqual([event["path"] for event in events if "path" in event], [self.path])
        self.assertEqual(self.factory.numPorts, 0)
