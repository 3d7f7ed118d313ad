"""
Tests of L{txfcgi.streams.text}: a stream as text.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from twisted.internet.defer import Deferred

from txfcgi.errors import AlreadyReading, BodyTooShort, MalformedBody, ReadTooLarge

from .reading import InputTests


class TextTests(InputTests):
    """
    Tests of C{text} and C{lines}.
    """

    def all(self, generator: AsyncGenerator[str, None]) -> tuple[list[str], Deferred[None]]:
        """
        Go through it.
        """
        got: list[str] = []

        async def go() -> None:
            async for piece in generator:
                got.append(piece)

        return got, Deferred.fromCoroutine(go())

    def test_pieces(self) -> None:
        """
        Pieces come as they arrive, and a character whose bytes come apart is put together.
        """
        stream = self.stream()
        got, done = self.all(stream.text())
        self.feed(stream, b"a\xc3", b"\xa4", b"b\xf0\x9f", b"\x98", b"\x80c")
        self.assertEqual(got, ["a", "\xe4", "b", "\U0001f600c"])
        self.assertNoResult(done)
        self.feed(stream, end=True)
        self.successResultOf(done)

    def test_wrongByte(self) -> None:
        """
        The byte that is no text is told by its place in the stream, whatever the pieces.
        """
        for pieces in (
            (b"ab\xc3\xa4\xff",),
            (b"ab\xc3", b"\xa4", b"\xff"),
            (b"ab\xc3", b"\xa4\xff"),
        ):
            _, done = self.all(self.fed(*pieces).text())
            error = self.failureResultOf(done, MalformedBody).value
            self.assertIn("not utf-8: byte 4 is 0xff", str(error))

    def test_wrongPair(self) -> None:
        """
        The beginning of a character that goes on in another read is told by where it began.
        """
        _, done = self.all(self.fed(b"ab\xc3", b"x").text())
        self.assertIn("byte 2 is 0xc3", str(self.failureResultOf(done, MalformedBody).value))

    def test_endsWithin(self) -> None:
        """
        A character that is cut off at the end is wrong, too.
        """
        got, done = self.all(self.fed(b"abc", b"d\xc3").text())
        self.assertIn("byte 4 is 0xc3", str(self.failureResultOf(done, MalformedBody).value))
        self.assertEqual(got, ["abc", "d"])

    def test_errors(self) -> None:
        """
        What becomes of wrong bytes can be chosen, as can the encoding.
        """
        for errors, text in (
            ("replace", "a\ufffd"),
            ("surrogateescape", "a\udcc3"),
            ("ignore", "a"),
        ):
            got, done = self.all(self.fed(b"a\xc3").text(errors=errors))
            self.successResultOf(done)
            self.assertEqual("".join(got), text)
        got, done = self.all(self.fed(b"a\xe4").text("latin-1"))
        self.assertEqual(got, ["a\xe4"])

    def test_lines(self) -> None:
        """
        Lines have their line feed; the last one may have none.
        """
        got, done = self.all(self.fed(b"a\xc3", b"\xa4\n", b"\nb\r\nc").lines())
        self.successResultOf(done)
        self.assertEqual(got, ["a\xe4\n", "\n", "b\r\n", "c"])

    def test_wrongLine(self) -> None:
        """
        The place of a wrong byte counts from the beginning of the stream.
        """
        got, done = self.all(self.fed(b"abc\nd\xffe\n").lines())
        self.assertIn("byte 5 is 0xff", str(self.failureResultOf(done, MalformedBody).value))
        self.assertEqual(got, ["abc\n"])
        got, done = self.all(self.fed(b"d\xff\n").lines(errors="replace"))
        self.assertEqual(got, ["d\ufffd\n"])

    def test_longLine(self) -> None:
        """
        A line has a limit.
        """
        got, done = self.all(self.fed(b"ab\nabcd\n").lines(limit=4))
        self.failureResultOf(done, ReadTooLarge)
        self.assertEqual(got, ["ab\n"])

    def test_cutOff(self) -> None:
        """
        A stream that is cut off is no end of the text.
        """
        for method in ("text", "lines"):
            stream = self.stream(5)
            _, done = self.all(getattr(stream, method)())
            self.feed(stream, b"ab", end=True)
            self.failureResultOf(done, BodyTooShort)

    def test_oneReader(self) -> None:
        """
        It is a reader as any other.
        """
        stream = self.stream()
        self.all(stream.text())
        self.failureResultOf(stream.read(1), AlreadyReading)

    def test_unknown(self) -> None:
        """
        An encoding or a way with errors that there is not is told at once.
        """
        stream: Any = self.stream()
        for method in (stream.text, stream.lines):
            for arguments in (("utf-9",), ("utf-8", "stricter")):
                with self.assertRaises(LookupError):
                    method(*arguments)
