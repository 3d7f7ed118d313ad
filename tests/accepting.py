"""
A port on a real socket that a test moves by hand, and those who connect to it.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.transport.accept import Listener

from .folders import folderFor
from .lines import Hands


class Peer:
    """
    One who connects.

    @ivar got: What was received so far.
    @ivar ended: Whether the other end sends no more.
    @ivar reset: Whether the connection was cut.
    """

    def __init__(self, address: Any) -> None:
        self.socket = socket.socket(
            socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_STREAM
        )
        self.socket.connect(address)
        self.socket.setblocking(False)
        self.got = b""
        self.ended = self.reset = False
        self._waiting = memoryview(b"")

    def send(self, data: bytes) -> None:
        """
        Send as much as the other end takes; the rest follows with L{move}.
        """
        self._waiting = memoryview(bytes(self._waiting) + data)
        self._push()

    def _push(self) -> bool:
        try:
            sent = self.socket.send(self._waiting) if self._waiting else 0
        except BlockingIOError:
            return False
        except OSError:
            self._waiting = memoryview(b"")
            return False
        self._waiting = self._waiting[sent:]
        return sent > 0

    def close(self) -> None:
        """
        Go away.
        """
        self.socket.close()
        self.ended = True

    def move(self) -> bool:
        """
        Send what waits, and take what has come.

        @return: Whether anything moved.
        """
        moved = bool(self._waiting) and self._push()
        while not self.ended:
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""
                self.reset = True
            self.got += data
            self.ended = not data
            moved = True
        return moved


class Accepting:
    """
    A port, and those who connect to it.

    @ivar reactor: The hands that move all connections.
    @ivar peers: Those who connected.
    """

    def __init__(
        self, test: SynchronousTestCase, makeFactory: Callable[[Hands], Any], tcp: bool = False
    ) -> None:
        """
        @param makeFactory: Makes the factory; the clock is given.
        """
        self.reactor = Hands()
        self.peers: list[Peer] = []
        self.factory: Any = makeFactory(self.reactor)
        listening = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        listening.bind(("127.0.0.1", 0) if tcp else str(Path(folderFor(test), "socket")))
        listening.listen(200)
        listening.setblocking(False)
        self.address = listening.getsockname()
        factory: IProtocolFactory = self.factory
        self.port = Listener(self.reactor, listening, factory)
        self.port.startListening()
        test.addCleanup(self.close)

    def connect(self, data: bytes = b"") -> Peer:
        """
        Connect, and send.
        """
        peer = Peer(self.address)
        self.peers.append(peer)
        if data:
            peer.send(data)
        return peer

    @property
    def transports(self) -> set[Any]:
        """
        The connections that are with the reactor.
        """
        return (self.reactor.readers | self.reactor.writers) - {self.port}

    def accept(self) -> None:
        """
        Let the port accept what waits.
        """
        self.port.doRead()

    def settle(self) -> None:
        """
        Move everything until nothing moves any more.
        """
        while self._move():
            pass

    def _move(self) -> bool:
        moved = False
        for reader in list(self.reactor.readers):
            if reader in self.reactor.readers and _has(reader, select.POLLIN | select.POLLHUP):
                self._after(reader, reader.doRead(), True)
                moved = True
        for writer in list(self.reactor.writers):
            if writer in self.reactor.writers and _has(writer, select.POLLOUT | select.POLLHUP):
                self._after(writer, writer.doWrite(), False)
                moved = True
        calls = len(self.reactor.getDelayedCalls())
        self.reactor.advance(0)
        moved |= len(self.reactor.getDelayedCalls()) != calls
        for peer in self.peers:
            moved |= peer.move()
        return moved

    def _after(self, descriptor: Any, reason: Any, isRead: bool) -> None:
        """
        Lose a connection as a reactor does.
        """
        if reason is None:
            return
        self.reactor.removeReader(descriptor)
        if isRead and isinstance(reason, ConnectionDone):
            descriptor.readConnectionLost(Failure(reason))
        else:
            self.reactor.removeWriter(descriptor)
            descriptor.connectionLost(Failure(reason))

    def close(self) -> None:
        """
        Let everybody go.
        """
        for peer in self.peers:
            peer.socket.close()
        for transport in self.transports:
            if not transport.disconnected:
                transport.connectionLost(Failure(ConnectionError("the test is over")))
        self.port.stopListening()
        self.reactor.advance(0)


def _has(descriptor: Any, events: int) -> bool:
    poll = select.poll()
    poll.register(descriptor.fileno(), events)
    return bool(poll.poll(0))
