"""
A connected pair of sockets whose near end is a transport of Twisted's that a test moves by hand:
each thing that the reactor would do is done when the test says so.
"""

from __future__ import annotations

import select
import socket
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.unix import Server as UNIXServer
from twisted.python.failure import Failure


class Hands(Clock):
    """
    What a transport needs of a reactor: it notes who wants to read and write.
    """

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        """
        Note who wants to read.
        """
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        """
        Note who does not.
        """
        self.readers.discard(reader)

    def addWriter(self, writer: Any) -> None:
        """
        Note who wants to write.
        """
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        """
        Note who does not.
        """
        self.writers.discard(writer)


class _Plain(Connection):
    """
    A transport that knows its ends.
    """

    def getPeer(self) -> UNIXAddress:
        """
        The far end.
        """
        return UNIXAddress(b"far")

    def getHost(self) -> UNIXAddress:
        """
        The near end.
        """
        return UNIXAddress(b"near")


class Line:
    """
    A connection to a protocol.

    @ivar near: The protocol's transport.
    @ivar far: The other end, which blocks never.
    @ivar reactor: The hands that move it.
    """

    def __init__(
        self,
        protocol: Protocol,
        reactor: Hands | None = None,
        *,
        tcp: bool = False,
        accepted: bool = False,
        size: int = 4096,
    ) -> None:
        """
        @param reactor: The hands that move it, if several are moved by the same.
        @param tcp: Whether it is TCP on loopback rather than a pair of Unix sockets.
        @param accepted: Whether the transport is one that a Unix port accepted.
        @param size: How many bytes the near end's socket holds, roughly.
        """
        self.reactor = Hands() if reactor is None else reactor
        near, self.far = _overTCP() if tcp else socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        near.setblocking(False)
        self.far.setblocking(False)
        hands: Any = self.reactor
        self.near: Connection = (
            UNIXServer(near, protocol, None, None, 0, hands)
            if accepted
            else _Plain(near, protocol, hands)
        )
        self.near.connected = 1
        self.near.startReading()
        protocol.makeConnection(self.near)

    def write(self) -> bool:
        """
        Let the transport write, if it wants to.

        @return: Whether it wanted to.
        """
        if self.near not in self.reactor.writers:
            return False
        self._after(self.near.doWrite())
        return True

    def settle(self) -> None:
        """
        Let the transport write as long as it wants to, and all else come that is due.
        """
        while self.write():
            pass
        self.reactor.advance(0)

    def read(self) -> bool:
        """
        Let the transport read what has arrived, if it wants to.

        @return: Whether it did.
        """
        if self.near not in self.reactor.readers or not _readable(self.near):
            return False
        self._after(self.near.doRead())
        return True

    def _after(self, reason: Any) -> None:
        if reason is not None:
            self.near.connectionLost(Failure(reason))

    def take(self, size: int = 1 << 20) -> bytes:
        """
        Take what has arrived at the far end.
        """
        taken = b""
        while len(taken) < size:
            try:
                piece = self.far.recv(size - len(taken))
            except BlockingIOError:
                break
            if not piece:
                break
            taken += piece
        return taken

    def takeAll(self) -> bytes:
        """
        Take all that the near end has to write.
        """
        taken: list[bytes] = []
        while True:
            piece = self.take()
            taken.append(piece)
            if not self.write() and not piece:
                return b"".join(taken)

    @property
    def ended(self) -> bool:
        """
        Whether the near end writes no more, and all was taken.
        """
        try:
            return self.far.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        """
        Let go of both ends.
        """
        self.far.close()
        if not self.near.disconnected:
            self.near.connectionLost(Failure(ConnectionError("the test is over")))
        self.reactor.advance(0)


def _readable(near: Connection) -> bool:
    poll = select.poll()
    poll.register(near.getHandle(), select.POLLIN)
    return bool(poll.poll(0))


def _overTCP() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        far = socket.create_connection(listening.getsockname())
        near, _ = listening.accept()
    return near, far
