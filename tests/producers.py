"""
Bodies of which a test decides when they come, and sees what becomes of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer


@implementer(IBodyProducer)
class Producer:
    """
    A producer that writes when a test does.

    @ivar calls: What it was told, in this order.
    @ivar finished: What it fires to say that all is written.
    """

    def __init__(self, length: Any = UNKNOWN_LENGTH) -> None:
        self.length = length
        self.calls: list[str] = []
        self.finished: Deferred[None] = Deferred()

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Is noted, and the consumer kept.
        """
        self.calls.append("start")
        self.consumer = consumer
        return self.finished

    def pauseProducing(self) -> None:
        """
        Is noted.
        """
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        """
        Is noted.
        """
        self.calls.append("resume")

    def stopProducing(self) -> None:
        """
        Is noted.
        """
        self.calls.append("stop")


class Pieces:
    """
    An iterable that knows whether it was closed.
    """

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = iter(pieces)
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """
        Is noted.
        """
        self.closed = True


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """
    An asynchronous iterable.
    """
    for piece in data:
        yield await succeed(piece)


class Silent:
    """
    A body that begins, and then has nothing more to say.

    @ivar cancelled: Whether it was told that nobody waits for it.
    """

    cancelled = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """
        Its pieces.
        """
        yield b"a"
        try:
            await Deferred()
        except CancelledError:
            self.cancelled = True
            raise
