"""
Tests of L{txfcgi.streams.InputStream}: reading, and its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from txfcgi.errors import (
    AlreadyReading,
    BodyTooLarge,
    BodyTooLong,
    BodyTooShort,
    ReadTooLarge,
    RequestAborted,
    StreamClosed,
)
from txfcgi.streams import InputStream

from .reading import InputTests, Sink


class ReadTests(InputTests):
    """
    Tests of C{read}.
    """

    def test_all(self) -> None:
        """
        Without a size all is collected.
        """
        stream = self.stream()
        read = stream.read()
        self.feed(stream, b"a", b"", b"bc")
        self.assertNoResult(read)
        self.feed(stream, end=True)
        self.assertEqual(self.successResultOf(read), b"abc")
        self.assertEqual(self.successResultOf(stream.read()), b"")

    def test_some(self) -> None:
        """
        With a size it is what is there, at most that, and at least a byte before the end.
        """
        stream = self.stream()
        read = stream.read(3)
        self.assertNoResult(read)
        self.feed(stream, b"ab", b"cdefg")
        self.assertEqual(self.successResultOf(read), b"ab")
        sizes = [self.successResultOf(stream.read(size)) for size in (2, 0, 2, 5)]
        self.assertEqual(sizes, [b"cd", b"", b"ef", b"g"])
        read = stream.read(3)
        self.assertNoResult(read)
        self.feed(stream, end=True)
        self.assertEqual(self.successResultOf(read), b"")

    def test_byteByByte(self) -> None:
        """
        It may be read byte by byte, and what is left is read by the other ways.
        """
        stream = self.fed(b"abcdef", b"ghi")
        read = [self.successResultOf(stream.read(1)) for _ in range(4)]
        self.assertEqual(read, [b"a", b"b", b"c", b"d"])
        self.assertEqual(stream.buffered, 5)
        self.assertEqual(self.pieces(stream)[0], [b"ef", b"ghi"])
        self.assertEqual(stream.buffered, 0)

    def test_collected(self) -> None:
        """
        More than may be collected is an error, and stays one.
        """
        stream = self.stream(collectBytes=3)
        self.feed(stream, b"abcd", end=True)
        self.failureResultOf(stream.read(), ReadTooLarge)
        self.failureResultOf(stream.read(), ReadTooLarge)
        self.assertEqual(stream.buffered, 0)

    def test_cancelled(self) -> None:
        """
        A read that is cancelled takes nothing.
        """
        stream = self.stream()
        read = stream.read(5)
        read.cancel()
        self.failureResultOf(read, CancelledError)
        self.feed(stream, b"abc", end=True)
        self.assertEqual(self.successResultOf(stream.read()), b"abc")

    def test_oneReader(self) -> None:
        """
        A second read while the first waits is a mistake.
        """
        stream = self.stream()
        read = stream.read(5)
        self.failureResultOf(stream.read(), AlreadyReading)
        self.failureResultOf(stream.readline(), AlreadyReading)
        self.feed(stream, b"abc")
        self.assertEqual(self.successResultOf(read), b"abc")

    def test_readerGoesOn(self) -> None:
        """
        A reader that reads again when it gets something sees each byte once.
        """
        stream = self.stream()
        got: list[bytes] = []

        def again(data: bytes) -> None:
            if data:
                got.append(data)
                stream.read(2).addCallback(again)

        stream.read(2).addCallback(again)
        self.feed(stream, b"abc", b"d", b"efgh", end=True)
        self.assertEqual(b"".join(got), b"abcdefgh")


class ReadlineTests(InputTests):
    """
    Tests of C{readline}.
    """

    def lines(self, stream: InputStream, **options: Any) -> list[bytes]:
        """
        Read all lines.
        """
        lines: list[bytes] = []
        while True:
            line = self.successResultOf(stream.readline(**options))
            if not line:
                return lines
            lines.append(line)

    def test_lines(self) -> None:
        """
        Each line comes with its line feed, wherever the reads were cut; the last may have none.
        """
        text = b"first\nsecond\r\n\n\nlast"
        expected = [b"first\n", b"second\r\n", b"\n", b"\n", b"last"]
        for size in (1, 2, 5, 7, 100):
            stream = self.fed(*(text[at : at + size] for at in range(0, len(text), size)))
            self.assertEqual(self.lines(stream), expected)

    def test_waits(self) -> None:
        """
        A line that is not complete is waited for.
        """
        stream = self.stream()
        line = stream.readline()
        self.feed(stream, b"ab", b"c")
        self.assertNoResult(line)
        self.feed(stream, b"d\nrest")
        self.assertEqual(self.successResultOf(line), b"abcd\n")
        self.assertEqual(self.successResultOf(stream.read(100)), b"rest")

    def test_manyShortLines(self) -> None:
        """
        What it costs does not grow with what is behind the line: so many would never end.
        """
        stream = self.fed(b"\n" * 300_000)
        (chunk,) = stream._chunks
        for _ in range(1000):
            self.assertEqual(self.successResultOf(stream.readline()), b"\n")
        self.assertIs(stream._chunks[0], chunk)
        self.assertEqual(stream.buffered, 299_000)

    def test_limit(self) -> None:
        """
        A line of more bytes is an error; what a read may collect is the limit if none is given.
        """
        self.assertEqual(self.lines(self.fed(b"abc\nabc\n"), limit=4), [b"abc\n", b"abc\n"])
        for pieces in ((b"abcde\n",), (b"abc", b"de\n")):
            self.failureResultOf(self.fed(*pieces).readline(4), ReadTooLarge)
        stream = self.stream(collectBytes=3)
        self.feed(stream, b"abcd")
        self.failureResultOf(stream.readline(), ReadTooLarge)


class IterationTests(InputTests):
    """
    Tests of C{async for}.
    """

    def test_pieces(self) -> None:
        """
        The pieces come as they came.
        """
        stream = self.stream()
        got, done = self.pieces(stream)
        self.feed(stream, b"a", b"bc")
        self.assertEqual(got, [b"a", b"bc"])
        self.assertNoResult(done)
        self.feed(stream, end=True)
        self.successResultOf(done)

    def test_brokenOff(self) -> None:
        """
        It may be left, and taken up again.
        """
        stream = self.fed(b"a", b"b", b"c")

        async def first() -> bytes:
            async for piece in stream:
                return piece
            return b""

        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(first())), b"a")
        self.assertEqual(self.pieces(stream)[0], [b"b", b"c"])


class EndTests(InputTests):
    """
    How a stream ends.
    """

    def readers(self) -> list[Callable[[InputStream], Deferred[Any]]]:
        """
        Every way to read.
        """
        return [
            InputStream.read,
            lambda stream: stream.read(1 << 30),
            InputStream.readline,
            lambda stream: self.pieces(stream)[1],
            lambda stream: stream.deliverTo(Sink()),
        ]

    def test_length(self) -> None:
        """
        The declared length is the end, whether or not more is said.
        """
        stream = self.stream(3)
        read = stream.read()
        self.feed(stream, b"ab")
        self.assertFalse(stream.complete)
        self.feed(stream, b"c")
        self.assertTrue(stream.complete)
        self.assertEqual(self.successResultOf(read), b"abc")
        self.feed(stream, end=True)
        self.assertIsNone(stream.error)

    def test_nothing(self) -> None:
        """
        A stream of no bytes is complete from the start.
        """
        stream = self.stream(0)
        self.assertTrue(stream.complete)
        self.assertEqual(self.successResultOf(stream.read()), b"")

    def test_tooShort(self) -> None:
        """
        An end before the declared length is an error for every reader; what came before may have
        been read.
        """
        for read in self.readers():
            stream = self.stream(5)
            result = read(stream)
            self.feed(stream, end=True)
            error = self.failureResultOf(result, BodyTooShort).value
            self.assertIn("after 0 bytes, and 5 were declared", str(error))
        stream = self.stream(5)
        got, done = self.pieces(stream)
        self.feed(stream, b"abc", end=True)
        self.assertEqual(got, [b"abc"])
        self.failureResultOf(done, BodyTooShort)

    def test_tooLong(self) -> None:
        """
        More than that is dropped, and an error in place of the end.
        """
        for pieces in ([b"abcde"], [b"ab", b"cde"], [b"abc", b"de"]):
            stream = self.stream(3)
            self.feed(stream, *pieces)
            got, done = self.pieces(stream)
            self.assertEqual(b"".join(got), b"abc")
            self.failureResultOf(done, BodyTooLong)
            self.feed(stream, b"still more", end=True)
            self.failureResultOf(stream.read(), BodyTooLong)

    def test_limit(self) -> None:
        """
        A stream may not be longer than its limit, whether that is declared or turns out.
        """
        stream = self.stream(6, limit=5)
        self.failureResultOf(stream.read(), BodyTooLarge)
        stream = self.stream(limit=5)
        got, done = self.pieces(stream)
        self.feed(stream, b"abc", b"def", b"ghi")
        self.assertEqual(got, [b"abc"])
        self.failureResultOf(done, BodyTooLarge)
        self.assertEqual((stream.buffered, stream.received), (0, 9))
        self.assertIsNone(self.stream(5, limit=5).error)

    def test_fail(self) -> None:
        """
        A stream that is cut off drops what was not read.
        """
        for read in self.readers():
            stream = self.stream()
            self.feed(stream, b"")
            result = read(stream)
            stream.fail(RequestAborted("gone"))
            stream.flush()
            self.failureResultOf(result, RequestAborted)
        stream = self.stream()
        self.feed(stream, b"abc")
        stream.fail(RequestAborted("gone"))
        self.assertEqual(stream.buffered, 0)
        self.failureResultOf(stream.read(), RequestAborted)

    def test_failLate(self) -> None:
        """
        A stream that is complete stays as it is.
        """
        stream = self.fed(b"abc")
        stream.fail(RequestAborted("gone"))
        self.assertEqual(self.successResultOf(stream.read()), b"abc")
        stream = self.stream()
        stream.fail(RequestAborted("gone"))
        stream.fail(BodyTooLarge("much"))
        self.failureResultOf(stream.read(), RequestAborted)

    def test_close(self) -> None:
        """
        Closing takes away what is unread of a complete stream, too, but not its end.
        """
        stream = self.fed(b"abc")
        stream.close(StreamClosed("over"))
        self.failureResultOf(stream.read(), StreamClosed)
        stream = self.fed()
        stream.close(StreamClosed("over"))
        self.assertEqual(self.successResultOf(stream.read()), b"")
        stream = self.stream()
        read = stream.read()
        stream.close(StreamClosed("over"))
        self.failureResultOf(read, StreamClosed)

    def test_discard(self) -> None:
        """
        What is discarded is counted, and not kept.
        """
        stream = self.stream()
        self.feed(stream, b"abc")
        stream.discard()
        self.feed(stream, b"def", end=True)
        self.assertEqual((stream.buffered, stream.received), (0, 6))
        self.assertEqual(self.successResultOf(stream.read()), b"")
