"""
L{InputStream}: bytes that arrive, and are read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from typing import Final, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import (
    AlreadyReading,
    BodyTooLarge,
    BodyTooLong,
    BodyTooShort,
    ReadTooLarge,
    RequestAborted,
)

COLLECT_BYTES: Final = 16 * 1024 * 1024
STREAM_BYTES: Final = 65_536

_ONE_READER: Final = "the stream is being read, and it has one reader at a time"


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


@implementer(IPushProducer)
class InputStream:
    """
    Bytes that arrive, read in one of several ways: L{read}, L{readline}, C{async for} or
    L{deliverTo}. One reader at a time.

    A reader gets an error in place of the end when the stream is cut off: the request was
    aborted, the body is shorter or longer than declared, or a limit was reached.

    @ivar length: The declared length in bytes, or L{None} if none was declared.
    @ivar received: How many bytes came so far.
    @ivar buffered: How many bytes wait to be read.
    @ivar error: What the stream ends with, if not with its end.
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
    ) -> None:
        """
        @param length: The declared length in bytes.
        @param streamBytes: How many bytes may wait to be read before the source is asked to pause.
        @param collectBytes: How many bytes a read that collects takes at the most.
        @param limit: How many bytes the whole stream may have.
        """
        self._source = source
        self.length = length
        self._mark = streamBytes
        self._collectBytes = collectBytes
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._offset = 0  # how much of the first chunk was read
        self._waiter: Deferred[None] | None = None
        self._delivery: _Delivery | None = None
        self._ended = length == 0
        self._full = False
        self._discarding = False
        self.error: Exception | None = None
        self.buffered = 0
        self.received = 0
        if length is not None and limit is not None and length > limit:
            self.fail(BodyTooLarge(f"the body has {length} bytes, and at most {limit} are taken"))

    # The side that fills it; only C{flush} runs the reader's code

    @property
    def complete(self) -> bool:
        """
        Whether nothing more is to come: the end, or an error.
        """
        return self._ended or self.error is not None

    def receive(self, data: bytes) -> None:
        """
        Take the next bytes. What is beyond the declared length is dropped.
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
        Nothing is to be read any more. A reader that has not come to the end gets the error.
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
            self._source.inputFull(self)

    def _drop(self) -> None:
        self._chunks.clear()
        self._offset = 0
        self._take(self.buffered)

    def _take(self, size: int) -> None:
        self.buffered -= size
        if self._full and self.buffered <= self._mark // 2:
            self._full = False
            self._source.inputDrained(self)

    # The side that reads

    def read(self, size: int = -1) -> Deferred[bytes]:
        """
        Read.

        @param size: How many bytes at the most; fewer are returned when fewer are there, but
            never none before the end. A negative size collects all to the end.
        @return: The bytes; none at the end of the stream. It fails with
            L{ReadTooLarge<txfcgi.errors.ReadTooLarge>} if what is collected passes the limit, and
            with what cut the stream off.
        """
        return Deferred.fromCoroutine(self._readAll() if size < 0 else self._readSome(size))

    def readline(self, limit: int | None = None) -> Deferred[bytes]:
        """
        Read up to and with the next line feed.

        @param limit: How many bytes a line may have; without it, what a collecting read may take.
        @return: The line; without a line feed only at the end of the stream, and nothing after it.
            It fails with L{ReadTooLarge<txfcgi.errors.ReadTooLarge>} if the line is longer.
        """
        return Deferred.fromCoroutine(
            self._readLine(self._collectBytes if limit is None else limit)
        )

    def deliverTo(self, consumer: IConsumer) -> Deferred[int]:
        """
        Write everything that comes to a consumer, which may pause and resume the stream.

        @return: Fires with the number of bytes when the end is reached, and fails with what cut
            the stream off. The consumer is unregistered from then on.
        """
        if self._waiter is not None or self._delivery is not None:
            return fail(AlreadyReading(_ONE_READER))
        delivery = self._delivery = _Delivery(self, consumer)
        delivery.start()
        return delivery.done

    def discard(self) -> None:
        """
        Drop what is there and all that still comes.
        """
        self._discarding = True
        self._drop()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        chunks = self._chunks
        while True:
            while chunks:
                yield self._next()
            if self.error is not None:
                raise self.error
            if self._ended:
                return
            await self._more()

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

    def _more(self) -> Deferred[None]:
        if self._waiter is not None or self._delivery is not None:
            raise AlreadyReading(_ONE_READER)
        self._waiter = Deferred(self._forget)
        return self._waiter

    def _forget(self, waiter: Deferred[None]) -> None:
        self._waiter = None

    async def _readSome(self, size: int) -> bytes:
        if not size:
            return b""
        chunk = await self._first()
        return self._cut(chunk, self._offset + size) if chunk else b""

    async def _readAll(self) -> bytes:
        collected: list[bytes] = []
        size = 0
        async for chunk in self:
            size += len(chunk)
            if size > self._collectBytes:
                raise self._tooLarge(
                    f"a read that collects takes {self._collectBytes} bytes at most"
                )
            collected.append(chunk)
        return b"".join(collected)

    async def _readLine(self, limit: int) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            chunk = await self._first()
            if not chunk:
                break
            end = chunk.find(b"\n", self._offset) + 1 or len(chunk)
            if len(line) + end - self._offset > limit:
                raise self._tooLarge(f"a line of more than {limit} bytes")
            line += self._cut(chunk, end)
        return bytes(line)

    async def _first(self) -> bytes:
        """
        The next chunk, which stays where it is; nothing at the end.
        """
        while not self._chunks:
            if self.error is not None:
                raise self.error
            if self._ended:
                return b""
            await self._more()
        return self._chunks[0]

    def _cut(self, chunk: bytes, end: int) -> bytes:
        """
        Take the next chunk, up to there.
        """
        piece = chunk[self._offset : end]
        if end < len(chunk):
            self._offset = end
        else:
            self._chunks.popleft()
            self._offset = 0
        self._take(len(piece))
        return piece

    def _tooLarge(self, message: str) -> ReadTooLarge:
        """
        Give the stream up: what follows must not pass for all of it.
        """
        self.discard()
        self.error = ReadTooLarge(message)
        return self.error

    # IPushProducer, for the consumer of deliverTo

    def pauseProducing(self) -> None:
        """
        The consumer takes no more for now.
        """
        if self._delivery is not None:
            self._delivery.paused = True

    def resumeProducing(self) -> None:
        """
        The consumer takes more again.
        """
        if self._delivery is not None:
            self._delivery.paused = False
            self._delivery.push()

    def stopProducing(self) -> None:
        """
        The consumer takes nothing any more.
        """
        self.fail(RequestAborted("the consumer of the stream stopped it"))
        self.resumeProducing()
        self.flush()


class _Delivery:
    """
    A stream on its way to a consumer.

    @ivar done: Fires at the end.
    @ivar paused: Whether the consumer takes nothing for now.
    """

    __slots__ = ("_consumer", "_pushing", "_size", "_stream", "done", "paused")

    def __init__(self, stream: InputStream, consumer: IConsumer) -> None:
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
        self._consumer.registerProducer(self._stream, True)
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
