"""
L{Incoming}: how an input stream is filled, and how it is delivered to a consumer. How it is read is
in L{txfcgi.streams.input}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure

from ..errors import BodyTooLarge, BodyTooLong, BodyTooShort

if TYPE_CHECKING:
    from .input import InputStream

COLLECT_BYTES: Final = 16 * 1024 * 1024
STREAM_BYTES: Final = 65_536


class Source(Protocol):
    """
    What an L{InputStream} gets its bytes from.
    """

    def inputFull(self, stream: InputStream) -> None:
        """
        More than the high-water mark waits to be read.
        """

    def inputDrained(self, stream: InputStream) -> None:
        """
        What waited was read, or is not wanted any more.
        """


class Incoming:
    """
    Bytes that arrive, and wait to be read.

    @ivar length: The declared length in bytes, or L{None} if none was declared.
    @ivar received: How many bytes have arrived so far.
    @ivar buffered: How many bytes wait to be read.
    @ivar error: Why the stream was cut off, or L{None}.
    """

    __slots__ = (
        "_chunks",
        "_collectBytes",
        "_delivery",
        "_discarding",
        "_ended",
        "_full",
        "_limit",
        "_mark",
        "_offset",
        "_source",
        "_unwanted",
        "_waiter",
        "buffered",
        "error",
        "length",
        "received",
    )

    def __init__(
        self,
        source: Source,
        length: int | None = None,
        *,
        streamBytes: int = STREAM_BYTES,
        collectBytes: int = COLLECT_BYTES,
        limit: int | None = None,
        unwanted: Callable[[], None] | None = None,
    ) -> None:
        """
        @param length: The declared length in bytes.
        @param streamBytes: How many bytes may wait to be read before the source is asked to pause.
        @param collectBytes: The most bytes that a read collects.
        @param limit: How many bytes the whole stream may have.
        @param unwanted: Called when whoever reads it stops, maybe before the end.
        """
        self._source = source
        self._unwanted = unwanted
        self.length = length
        self._mark = streamBytes
        self._collectBytes = collectBytes
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._offset = 0  # how much of the first chunk was read
        self._waiter: Deferred[None] | None = None
        self._delivery: Delivery | None = None
        self._ended = length == 0
        self._full = False
        self._discarding = False
        self.error: Exception | None = None
        self.buffered = 0
        self.received = 0
        if limit is not None:
            self._checkLimit(limit)

    # The side that fills it; only C{flush} runs the reader's code

    @property
    def complete(self) -> bool:
        """
        Whether nothing more is to come: the end, or an error.
        """
        return self._ended or self.error is not None

    def receive(self, data: bytes) -> None:
        """
        Take the next bytes. Bytes beyond the declared length are dropped.
        """
        received = self.received + len(data)
        self.received = received
        if self.length is not None and received >= self.length:
            data = self._last(data)
        elif self._limit is not None and received > self._limit:
            self.fail(BodyTooLarge(f"the body has more than {self._limit} bytes"))
        if data and not self._discarding and self.error is None:
            self._chunks.append(data)
            self.buffered += len(data)

    def _last(self, data: bytes) -> bytes:
        """
        The declared length is reached.

        @return: What belongs to the body.
        """
        assert self.length is not None
        if self.error is not None:
            return b""
        excess = self.received - self.length
        self._ended = True
        if not excess:
            return data
        data = data[: max(0, len(data) - excess)]
        self._chunks.append(data)
        self.buffered += len(data)
        self.error = BodyTooLong(
            f"the body has {self.received} bytes or more, and {self.length} were declared"
        )
        return b""

    @property
    def limit(self) -> int | None:
        """
        How many bytes the whole stream may have, or L{None} without a limit.
        """
        return self._limit

    def limitTo(self, limit: int) -> None:
        """
        Take fewer bytes than before. A limit can't be raised.

        @param limit: How many bytes the whole stream may have.
        @raise ValueError: If it is not a number of bytes.
        @raise BodyTooLarge: If the stream is known to have more, by its declared length or by what
            came.
        """
        if type(limit) is not int or limit < 0:
            raise ValueError(f"a limit is a whole number of bytes, not {limit!r:.80}")
        if self._limit is None or limit < self._limit:
            self._limit = limit
            self._checkLimit(limit)
        if isinstance(self.error, BodyTooLarge):
            raise self.error

    def _checkLimit(self, limit: int) -> None:
        if self.length is not None and self.length > limit:
            error = BodyTooLarge(f"the body has {self.length} bytes, and at most {limit} are taken")
        elif self.received > limit:
            error = BodyTooLarge(f"the body has more than {limit} bytes")
        else:
            return
        if self.error is None and (self._chunks or not self._ended):
            self.error = error
            self._drop()

    def finish(self) -> None:
        """
        The stream is complete.
        """
        if self.length is not None and self.received < self.length:
            self.fail(
                BodyTooShort(
                    f"the body ended after {self.received} bytes, and {self.length} were declared"
                )
            )
        self._ended = True

    def fail(self, error: Exception) -> None:
        """
        The stream is cut off. What was not read yet is dropped; the reader gets the error. A
        stream that was complete, or failed, stays as it is.
        """
        if not self.complete:
            self.error = error
            self._drop()

    def close(self, error: Exception) -> None:
        """
        Drop the stream. A reader that has not reached its end gets the error.
        """
        if self._chunks or not self.complete:
            self.error = error
        self.discard()
        self.flush()

    def flush(self) -> None:
        """
        Let the reader go on if it waits; ask the source to pause if too much still waits then.
        """
        if self._waiter is not None and (self._chunks or self.complete):
            waiter, self._waiter = self._waiter, None
            waiter.callback(None)
        elif self._delivery is not None:
            self._delivery.push()
        if self.buffered > self._mark and not self._full:
            self._full = True
            self._source.inputFull(cast("InputStream", self))

    def discard(self) -> None:
        """
        Drop the bytes that have arrived, and all that follow.
        """
        self._discarding = True
        self._drop()

    def giveUp(self) -> None:
        """
        Stop reading, maybe before the end: a read was cancelled, or the stream was a body that is
        dropped. That aborts the response of a back end. The body of a request can still be read.
        """
        if self._unwanted is not None:
            self._unwanted()

    def _drop(self) -> None:
        self._chunks.clear()
        self._offset = 0
        self._take(self.buffered)

    def _take(self, size: int) -> None:
        self.buffered -= size
        if self._full and self.buffered <= self._mark // 2:
            self._full = False
            self._source.inputDrained(cast("InputStream", self))

    # What its readers take

    def _next(self) -> bytes:
        """
        Take the next chunk.
        """
        chunk = self._chunks.popleft()
        if self._offset:
            chunk = chunk[self._offset :]
            self._offset = 0
        self.buffered -= len(chunk)
        if self._full:
            self._take(0)
        return chunk


class Delivery:
    """
    A stream on its way to a consumer.

    @ivar done: Fires at the end.
    @ivar paused: Whether the consumer takes nothing for now.
    """

    __slots__ = ("_consumer", "_pushing", "_size", "_stream", "done", "paused")

    def __init__(self, stream: Incoming, consumer: IConsumer) -> None:
        self._stream = stream
        self._consumer = consumer
        self._size = 0
        self._pushing = False
        self.paused = False
        self.done: Deferred[int] = Deferred(self._cancelled)

    def start(self) -> None:
        """
        Begin.
        """
        self._consumer.registerProducer(cast(IPushProducer, self._stream), True)
        self.push()

    def push(self) -> None:
        """
        Write what is there.
        """
        if self._pushing:
            return
        self._pushing = True
        stream = self._stream
        try:
            while not self.paused and stream._delivery is self:
                if stream._chunks:
                    chunk = stream._next()
                    self._size += len(chunk)
                    self._consumer.write(chunk)
                elif stream.error is not None:
                    raise stream.error
                elif stream._ended:
                    self._end(self._size)
                else:
                    break
        except Exception:
            self._end(Failure())
            stream.giveUp()
        self._pushing = False

    def _end(self, result: int | Failure) -> None:
        self._stream._delivery = None
        try:
            self._consumer.unregisterProducer()
        except Exception:
            result = Failure()
        self.done.callback(result)

    def _cancelled(self, _: Deferred[int]) -> None:
        """
        Nobody waits for the end any more.
        """
        self._stream._delivery = None
        self._consumer.unregisterProducer()
        self._stream.giveUp()
