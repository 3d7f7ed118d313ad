"""
L{MemoryTransport}: a transport without a socket.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol, cast

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress, IPushProducer, ITransport
from zope.interface import implementer

#: The most that one read brings, as with Twisted's own transports.
READ: Final = 65_536
# A writer is asked to wait when more than this waits, as with Twisted's own transports.
_HIGH_WATER: Final = 65_536


class End(Protocol):
    """
    The other end of a connection.
    """

    def outputReceived(self, data: bytes) -> None:
        """
        The protocol sent something.
        """

    def closed(self, reason: Exception) -> None:
        """
        The protocol closed the connection. That comes about a little later.
        """

    def inputWanted(self) -> None:
        """
        The protocol reads again.
        """


@implementer(ITransport)
class MemoryTransport:
    """
    What a protocol has for a transport.

    @ivar window: How many bytes the other end takes now; L{None}: all that comes.
    @ivar paused: Whether the protocol does not read.
    """

    disconnecting = False
    connected = True

    def __init__(self, end: End, host: IAddress, peer: IAddress) -> None:
        self._end = end
        self._host = host
        self._peer = peer
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._producer: IPushProducer | None = None
        self._producerPaused = False
        self.window: int | None = None
        self.paused = False

    def getHost(self) -> IAddress:
        """
        This end.
        """
        return self._host

    def getPeer(self) -> IAddress:
        """
        The other end.
        """
        return self._peer

    def write(self, data: bytes) -> None:
        """
        The protocol sends.
        """
        if not self.connected:
            return
        if self.window is None and not self._waiting:
            self._end.outputReceived(bytes(data))
            return
        self._waiting.append(bytes(data))
        self._size += len(data)
        self._drain()
        if self._size > _HIGH_WATER and self._producer is not None and not self._producerPaused:
            self._producerPaused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        """
        The protocol sends several pieces.
        """
        self.write(b"".join(data))

    def allow(self, size: int | None) -> None:
        """
        The other end takes so many bytes more, or from now on all.
        """
        if size is None or self.window is None:
            self.window = size
        else:
            self.window += size
        if not self.connected:
            return
        self._drain()
        if self._producerPaused and not self._size:
            self._producerPaused = False
            assert self._producer is not None
            self._producer.resumeProducing()
        if self.disconnecting and not self._size:
            self._end.closed(ConnectionDone())

    def disconnect(self) -> None:
        """
        The connection is gone, with all that was not taken.
        """
        self.connected = False
        self._waiting.clear()
        self._size = 0

    def _drain(self) -> None:
        while self._waiting and self.window != 0:
            data = self._waiting.popleft()
            if self.window is not None:
                if len(data) > self.window:
                    self._waiting.appendleft(data[self.window :])
                    data = data[: self.window]
                self.window -= len(data)
            self._size -= len(data)
            self._end.outputReceived(data)

    def loseConnection(self) -> None:
        """
        The protocol closes when all it wrote was taken.
        """
        self.disconnecting = True
        if not self._size:
            self._end.closed(ConnectionDone())

    def abortConnection(self) -> None:
        """
        The protocol cuts the connection.
        """
        self.disconnecting = True
        self._waiting.clear()
        self._size = 0
        self._end.closed(ConnectionAborted())

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        The protocol wants to know when to pause.
        """
        self._producer = cast(IPushProducer, producer)
        self._producerPaused = False

    def unregisterProducer(self) -> None:
        """
        The protocol does not need to know any more.
        """
        self._producer = None
        self._producerPaused = False

    def pauseProducing(self) -> None:
        """
        The protocol does not read for now.
        """
        self.paused = True

    def resumeProducing(self) -> None:
        """
        The protocol reads again.
        """
        self.paused = False
        self._end.inputWanted()

    def stopProducing(self) -> None:
        """
        The protocol does not read any more.
        """
        self.loseConnection()
