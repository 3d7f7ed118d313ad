"""
Tests of L{txfcgi.streams.InputStream}: reading exactly, and limits set while it is read.
"""

from __future__ import annotations

from typing import Any

from txfcgi.errors import BodyTooLarge, IncompleteRead, ReadTooLarge, RequestAborted

from .reading import InputTests


class ReadExactlyTests(InputTests):
    """
    Tests of C{readExactly}.
    """

    def test_pieces(self) -> None:
        """
        It waits for all bytes, over reads and within them, and takes no more.
        """
        stream = self.stream()
        read = stream.readExactly(5)
        self.feed(stream, b"ab", b"c")
        self.assertNoResult(read)
        self.feed(stream, b"defg")
        self.assertEqual(self.successResultOf(read), b"abcde")
        self.assertEqual(self.successResultOf(stream.readExactly(0)), b"")
        self.assertEqual(self.successResultOf(stream.readExactly(1)), b"f")
        self.assertEqual(self.successResultOf(stream.read(9)), b"g")

    def test_incomplete(self) -> None:
        """
        An end before that is told with what came.
        """
        stream = self.stream()
        read = stream.readExactly(5)
        self.feed(stream, b"ab", b"c", end=True)
        error: Any = self.failureResultOf(read, IncompleteRead).value
        self.assertEqual((error.partial, error.expected), (b"abc", 5))
        self.assertIn("after 3 of the 5 bytes", str(error))
        self.assertIsInstance(error, EOFError)
        none: Any = self.failureResultOf(stream.readExactly(1), IncompleteRead).value
        self.assertEqual(none.partial, b"")

    def test_cutOff(self) -> None:
        """
        What cuts the stream off is what the reader gets.
        """
        stream = self.stream()
        read = stream.readExactly(5)
        self.feed(stream, b"ab")
        stream.fail(RequestAborted("gone"))
        stream.flush()
        self.failureResultOf(read, RequestAborted)

    def test_tooMuch(self) -> None:
        """
        More than may be collected is refused, and nothing was read.
        """
        stream = self.stream(collectBytes=4)
        self.feed(stream, b"abcdef")
        self.failureResultOf(stream.readExactly(5), ReadTooLarge)
        self.assertEqual(self.successResultOf(stream.readExactly(4)), b"abcd")

    def test_wrong(self) -> None:
        """
        What is no number of bytes is refused at once.
        """
        stream: Any = self.fed(b"abc")
        for size in (-1, 1.0, "1", None, True):
            with self.assertRaisesRegex(ValueError, "a whole number of bytes"):
                stream.readExactly(size)


class LimitToTests(InputTests):
    """
    Tests of C{limitTo}.
    """

    def test_declared(self) -> None:
        """
        A length that is more than the limit is told at once, to the reader as well.
        """
        stream = self.stream(10)
        with self.assertRaisesRegex(BodyTooLarge, "has 10 bytes, and at most 9"):
            stream.limitTo(9)
        self.failureResultOf(stream.read(), BodyTooLarge)

    def test_undeclared(self) -> None:
        """
        A length that nobody declared is found out.
        """
        stream = self.stream()
        stream.limitTo(3)
        self.assertEqual(stream.limit, 3)
        read = stream.read()
        self.feed(stream, b"abc")
        self.assertNoResult(read)
        self.feed(stream, b"d")
        self.failureResultOf(read, BodyTooLarge)

    def test_late(self) -> None:
        """
        What came before counts, also where the stream has ended, as long as it was not read.
        """
        for end in (False, True):
            stream = self.stream()
            self.feed(stream, b"abcd", end=end)
            with self.assertRaisesRegex(BodyTooLarge, "more than 3 bytes"):
                stream.limitTo(3)
            self.failureResultOf(stream.read(), BodyTooLarge)
            self.assertEqual(stream.buffered, 0)

    def test_read(self) -> None:
        """
        A stream that was read to its end is not failed any more.
        """
        stream = self.fed(b"abcd")
        self.successResultOf(stream.read())
        stream.limitTo(3)
        self.assertEqual(self.successResultOf(stream.read()), b"")

    def test_lower(self) -> None:
        """
        A limit is lowered, never raised.
        """
        stream = self.stream(limit=5)
        stream.limitTo(9)
        self.assertEqual(stream.limit, 5)
        stream.limitTo(4)
        self.assertEqual(stream.limit, 4)
        self.assertIsNone(self.stream().limit)

    def test_wrong(self) -> None:
        """
        What is no number of bytes is refused.
        """
        stream: Any = self.stream()
        for limit in (-1, 1.5, "1", None, True):
            with self.assertRaisesRegex(ValueError, "a whole number of bytes"):
                stream.limitTo(limit)
        self.assertIsNone(stream.limit)
