"""
Tests of L{txfcgi.transport.inlet}: reads into one buffer, from real sockets.
"""

from __future__ import annotations

import socket
import struct

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.transport.inlet import readAsEver, readInto

from ..lines import Line


class Reader(Protocol):
    """
    Notes what it is given.

    @ivar short: What came as bytes.
    @ivar long: What came in the buffer, and was copied from there.
    """

    lost: BaseException | None = None

    def __init__(self) -> None:
        self.short: list[bytes] = []
        self.long: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        """
        Keep it, for it is kept by itself.
        """
        self.short.append(data)

    def take(self, view: memoryview) -> None:
        """
        Copy it.
        """
        self.long.append(view.tobytes())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Note why.
        """
        self.lost = reason.value


class InletTests(SynchronousTestCase):
    """
    What arrives on a socket.
    """

    def line(self, tcp: bool = False) -> tuple[Line, Reader]:
        """
        A connection that is read in this way.
        """
        reader = Reader()
        line = Line(reader, tcp=tcp)
        self.addCleanup(line.close)
        readInto(line.near, reader.take)
        return line, reader

    def test_short(self) -> None:
        """
        What is short comes as bytes, which stay what they are.
        """
        line, reader = self.line()
        for data in (b"one", b"another"):
            line.far.send(data)
            self.assertTrue(line.read())
        self.assertEqual(reader.short, [b"one", b"another"])
        self.assertEqual(reader.long, [])

    def test_long(self) -> None:
        """
        Behind a read that had a lot, all that there is comes in the buffer; until
        there is little again.
        """
        line, reader = self.line()
        for byte in (b"a", b"b"):
            line.far.send(byte * 65_536)
            self.assertTrue(line.read())
            self.assertEqual(reader.short.pop(), byte * 65_536)
            for _ in range(2):
                sent = line.far.send(byte * 150_000)
                self.assertGreater(sent, 65_536)
                self.assertTrue(line.read())
                self.assertEqual(reader.long.pop(), byte * sent)
            line.far.send(b"the end")
            self.assertTrue(line.read())
            self.assertEqual(reader.short.pop(), b"the end")
        self.assertEqual((reader.short, reader.long), ([], []))

    def test_nothing(self) -> None:
        """
        To be woken for nothing does no harm.
        """
        line, reader = self.line()
        self.assertIsNone(line.near.doRead())
        line.far.send(bytes(65_536))
        self.assertTrue(line.read())
        self.assertIsNone(line.near.doRead())
        self.assertEqual((reader.long, reader.lost), ([], None))

    def test_end(self) -> None:
        """
        The end of the input ends the connection.
        """
        line, reader = self.line()
        line.far.close()
        self.assertTrue(line.read())
        self.assertIsInstance(reader.lost, ConnectionDone)

    def test_reset(self) -> None:
        """
        So does a connection that is cut.
        """
        line, reader = self.line(tcp=True)
        line.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.far.close()
        self.assertTrue(line.read())
        self.assertIsInstance(reader.lost, ConnectionLost)

    def test_asEver(self) -> None:
        """
        A transport can be let go.
        """
        line, reader = self.line()
        readAsEver(line.near)
        readAsEver(line.near)
        sent = line.far.send(b"x" * 100_000)
        while sum(map(len, reader.short)) < sent:
            self.assertTrue(line.read())
        self.assertEqual(reader.long, [])
