"""
L{InputStream}: bytes that arrive, and are read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IConsumer, IPushProducer
from zope.interface import implementer

from ..errors import AlreadyReading, IncompleteRead, ReadTooLarge, RequestAborted
from .incoming import Delivery, Incoming
from .text import decoded, decodedLines

_ONE_READER: Final = "the stream is being read, and it has one reader at a time"


@implementer(IPushProducer)
class InputStream(Incoming):
    """
    A stream that a program reads, in one of several ways: L{read}, L{readExactly}, L{readline},
    C{async for}, L{lines}, L{text} or L{deliverTo}. It has one reader at a time.

    A reader gets an error in place of the end if the stream is cut off: the request was
    aborted, the body is shorter or longer than declared, or a limit was reached.

    @ivar length: The declared length in bytes, or L{None} if none was declared.
    @ivar received: How many bytes have arrived so far.
    @ivar buffered: How many bytes wait to be read.
    @ivar error: Why the stream was cut off, or L{None}.
    """

    __slots__ = ()

    def read(self, size: int = -1) -> Deferred[bytes]:
        """
        Read the bytes that have arrived, or the whole stream.

        @param size: The most bytes to read; fewer are returned if fewer have arrived, but at least
            one before the end. A negative size collects everything up to the end.
        @return: Fires with the bytes, which are empty at the end of the stream. It fails with
            L{ReadTooLarge<txfcgi.errors.ReadTooLarge>} if there are more to collect than the limit
            allows, and with the L{error} that cut the stream off.
        """
        return Deferred.fromCoroutine(self._readAll() if size < 0 else self._readSome(size))

    def readline(self, limit: int | None = None) -> Deferred[bytes]:
        """
        Read a line, with the line feed at its end.

        @param limit: The most bytes of a line; if not given, as many as a read may collect.
        @return: Fires with the line. Only the last line of a stream may lack the line feed; after
            it, the line is empty. It fails with L{ReadTooLarge<txfcgi.errors.ReadTooLarge>} if the
            line is longer.
        """
        return Deferred.fromCoroutine(
            self._readLine(self._collectBytes if limit is None else limit)
        )

    def readExactly(self, size: int) -> Deferred[bytes]:
        """
        Read a number of bytes, and wait until all of them have arrived.

        @param size: How many; at most as many as a read may collect.
        @return: Fires with the bytes. It fails with
            L{IncompleteRead<txfcgi.errors.IncompleteRead>}, which has the bytes that arrived, if
            the stream ends before; with L{ReadTooLarge<txfcgi.errors.ReadTooLarge>} if C{size} is
            more than a read may collect, without reading anything; and with the L{error} that cut
            the stream off.
        @raise ValueError: If C{size} is not a number of bytes.
        """
        if type(size) is not int or size < 0:
            raise ValueError(f"a read is of a whole number of bytes, not {size!r:.80}")
        return Deferred.fromCoroutine(self._readExactly(size))

    def text(self, encoding: str = "utf-8", errors: str = "strict") -> AsyncGenerator[str, None]:
        """
        Iterate over the stream as text: C{async for piece in stream.text()}. No character is split
        over two pieces.

        @param errors: What happens to bytes that are not text, as for C{bytes.decode}:
            C{"strict"}, C{"replace"}, C{"surrogateescape"} ...
        @return: The pieces, as they arrive. With C{"strict"}, the iterator raises
            L{MalformedBody<txfcgi.errors.MalformedBody>}, which becomes a 400 and says where the
            wrong byte is.
        @raise LookupError: If Python does not know C{encoding} or C{errors}.
        """
        return decoded(self, encoding, errors)

    def lines(
        self, encoding: str = "utf-8", errors: str = "strict", limit: int | None = None
    ) -> AsyncGenerator[str, None]:
        """
        Iterate over the lines of the stream as text: C{async for line in stream.lines()}. Each
        line has the line feed at its end; only the last line of a stream may lack it.

        @param encoding: An encoding whose line feed is the byte 10, as it is in UTF-8.
        @param errors: What happens to bytes that are not text, as for L{text}.
        @param limit: The most bytes of a line; if not given, as many as a read may collect.
        @return: The lines. The iterator raises what L{text} and L{readline} do.
        @raise LookupError: If Python does not know C{encoding} or C{errors}.
        """
        return decodedLines(self, encoding, errors, limit)

    def deliverTo(self, consumer: IConsumer) -> Deferred[int]:
        """
        Write the whole stream to a consumer, which may pause and resume it.

        @return: Fires with the number of bytes at the end of the stream; fails with the L{error}
            that cut it off. In either case, the stream has been unregistered from the consumer.
        """
        if self._waiter is not None or self._delivery is not None:
            return fail(AlreadyReading(_ONE_READER))
        delivery = self._delivery = Delivery(self, consumer)
        delivery.start()
        return delivery.done

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

    def _more(self) -> Deferred[None]:
        if self._waiter is not None or self._delivery is not None:
            raise AlreadyReading(_ONE_READER)
        self._waiter = Deferred(self._forget)
        return self._waiter

    def _forget(self, waiter: Deferred[None]) -> None:
        self._waiter = None
        self.giveUp()

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

    async def _readExactly(self, size: int) -> bytes:
        if size > self._collectBytes:
            raise ReadTooLarge(f"a read that collects takes {self._collectBytes} bytes at most")
        read = bytearray()
        while len(read) < size:
            chunk = await self._first()
            if not chunk:
                raise IncompleteRead(bytes(read), size)
            read += self._cut(chunk, self._offset + size - len(read))
        return bytes(read)

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
        self.giveUp()
