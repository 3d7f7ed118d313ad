"""
Tests of L{txfcgi.transport.outlet}: its end, and transports that are no plain sockets.
"""

from __future__ import annotations

import socket
import struct

from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.transport.outlet import HIGH_WATER, Outlet

from ..lines import Hands, Line
from .sockets import Simple, SocketTests


class ClosingTests(SocketTests):
    """
    Closing.
    """

    def test_atOnce(self) -> None:
        """
        Where nothing waits the connection is closed at once.
        """
        self.outlet.write(b"last words")
        self.outlet.close()
        self.assertTrue(self.outlet.closed)
        self.line.write()
        self.assertTrue(self.protocol.lost)
        self.assertEqual(self.line.take(), b"last words")
        self.assertTrue(self.line.ended)

    def test_afterAll(self) -> None:
        """
        Else when all is out.
        """
        data = self.fill()
        self.outlet.close()
        self.assertFalse(self.outlet.closed)
        self.assertFalse(self.protocol.lost)
        self.assertEqual(self.line.takeAll(), data)
        self.assertTrue(self.protocol.lost)

    def test_half(self) -> None:
        """
        One direction may be closed, and the other later.
        """
        data = self.fill()
        received: list[bytes] = []
        self.protocol.dataReceived = received.append  # type: ignore[method-assign,assignment]
        self.outlet.close(half=True)
        self.assertEqual(self.line.takeAll(), data)
        self.assertTrue(self.line.ended)
        self.assertFalse(self.protocol.lost)
        self.line.far.send(b"and you?")
        self.line.read()
        self.assertEqual(received, [b"and you?"])
        self.outlet.close()
        self.line.write()
        self.assertTrue(self.protocol.lost)

    def test_halfOfTheBroken(self) -> None:
        """
        A connection that was reset can't be closed by halves.
        """
        self.connect(tcp=True)
        self.line.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.line.far.close()
        self.outlet.close(half=True)
        self.line.write()
        self.assertTrue(self.protocol.lost)

    def test_lost(self) -> None:
        """
        When the connection is gone, there is nothing to close.
        """
        self.fill()
        self.outlet.close()
        self.outlet.lost()
        self.assertEqual((self.outlet.queued, self.outlet.full), (0, False))
        self.assertFalse(self.outlet.direct)

    def test_stopped(self) -> None:
        """
        The transport may be the one that says so.
        """
        self.fill()
        self.outlet.stopProducing()
        self.assertEqual(self.outlet.queued, 0)


class OtherTransportTests(SynchronousTestCase):
    """
    Tests over a transport that is no plain socket: it is written to, and asks for pauses.
    """

    def setUp(self) -> None:
        self.transport = StringTransport()
        self.clock = Hands()
        self.outlet = Outlet(self.transport, self.clock)

    def test_registered(self) -> None:
        """
        It is a streaming producer of its transport.
        """
        self.assertIs(self.transport.producer, self.outlet)
        self.assertTrue(self.transport.streaming)
        self.assertFalse(self.outlet.direct)

    def test_writes(self) -> None:
        """
        All is handed over as it is written.
        """
        self.outlet.write(b"a")
        self.outlet.writeSequence([b"b", b"c"])
        self.outlet.writeSequence([b"d" * 20_000, b"e"])
        self.assertEqual(self.transport.value(), b"abc" + b"d" * 20_000 + b"e")
        self.assertEqual(self.outlet.queued, 0)

    def test_pauses(self) -> None:
        """
        While it asks for a pause there is no room, and what is written is counted.
        """
        calls: list[int] = []
        self.outlet.pauseProducing()
        self.assertTrue(self.outlet.full)
        self.assertEqual(self.outlet.queued, HIGH_WATER)
        self.outlet.write(b"abc")
        self.assertEqual(self.outlet.queued, HIGH_WATER + 3)
        self.outlet.whenDrained(lambda: calls.append(1))
        self.outlet.cork()
        progress = self.outlet.progress
        self.outlet.resumeProducing()
        self.assertEqual((calls, self.outlet.full, self.outlet.queued), ([1], False, 0))
        self.assertEqual(self.outlet.progress, progress + 1)

    def test_closes(self) -> None:
        """
        It is closed whole, when it has taken all; its producer is unregistered first, or it never
        would.
        """
        self.outlet.pauseProducing()
        self.outlet.close(half=True)
        self.assertFalse(self.transport.disconnecting)
        self.outlet.resumeProducing()
        self.assertTrue(self.transport.disconnecting)
        self.assertIsNone(self.transport.producer)

    def test_lost(self) -> None:
        """
        When it is gone, nothing is handed over.
        """
        self.outlet.lost()
        self.outlet.write(b"abc")
        self.outlet.writeSequence([b"x" * 20_000])
        self.outlet.resumeProducing()
        self.assertEqual(self.transport.value(), b"")

    def test_startTLS(self) -> None:
        """
        A socket on which TLS was started is no plain socket.
        """
        line = Line(Simple())
        self.addCleanup(line.close)
        self.patch(line.near, "TLS", True)
        self.patch(line.near, "registerProducer", lambda producer, streaming: None)
        self.assertFalse(Outlet(line.near, line.reactor).direct)
        self.assertIsInstance(line.near, Connection)
