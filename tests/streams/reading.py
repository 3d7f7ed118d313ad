"""
Streams of input, their sources, and who reads them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txfcgi.streams import InputStream


class Tap:
    """
    Where an input stream comes from; it notes whether it was asked to pause.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def inputFull(self, stream: InputStream) -> None:
        """
        Is noted.
        """
        self.asked.append("full")

    def inputDrained(self, stream: InputStream) -> None:
        """
        Is noted.
        """
        self.asked.append("drained")


@implementer(IConsumer)
class Sink:
    """
    A consumer that keeps what it gets, and pauses when it is told to.
    """

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.producer: Any = None
        self.pause = False

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        Take a producer.
        """
        assert self.producer is None and streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        """
        Let go of it.
        """
        self.producer = None

    def write(self, data: bytes) -> None:
        """
        Keep it.
        """
        self.got.append(data)
        if self.pause:
            self.producer.pauseProducing()


class InputTests(SynchronousTestCase):
    """
    Tests that feed an input stream.
    """

    def stream(self, length: int | None = None, **options: Any) -> InputStream:
        """
        Make a stream.
        """
        self.tap = Tap()
        return InputStream(self.tap, length, **options)

    def feed(self, stream: InputStream, *pieces: bytes, end: bool = False) -> None:
        """
        Bring pieces, each in a read of its own.
        """
        for piece in pieces:
            stream.receive(piece)
            stream.flush()
        if end:
            stream.finish()
            stream.flush()

    def fed(self, *pieces: bytes) -> InputStream:
        """
        A stream that has all its bytes.
        """
        stream = self.stream()
        self.feed(stream, *pieces, end=True)
        return stream

    def pieces(self, stream: InputStream) -> tuple[list[bytes], Deferred[None]]:
        """
        Go through a stream with C{async for}.
        """
        got: list[bytes] = []

        async def go() -> None:
            async for piece in stream:
                got.append(piece)

        return got, Deferred.fromCoroutine(go())
