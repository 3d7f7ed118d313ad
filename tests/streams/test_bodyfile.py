"""
Tests of L{txfcgi.streams.bodyfile}: a body on its way into a file.
"""

from __future__ import annotations

import os
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.errors import BodyTooLarge, Overloaded
from txfcgi.streams import InputStream
from txfcgi.streams.bodyfile import BodyFile
from txfcgi.streams.spool import SpoolBudget


class Source:
    """
    Where a stream comes from: nothing holds it up.
    """

    def inputFull(self, stream: InputStream) -> None:
        """
        It goes on.
        """

    def inputDrained(self, stream: InputStream) -> None:
        """
        It went on.
        """


def descriptors() -> int:
    """
    How many files are open.
    """
    return len(os.listdir("/proc/self/fd"))


class BodyFileTests(SynchronousTestCase):
    """
    A body in a file, or in memory.
    """

    def setUp(self) -> None:
        self.budget = SpoolBudget(1_000_000)
        self.before = descriptors()

    def fill(
        self, pieces: list[bytes], memory: int = 1_000, most: int = 1 << 30, declared: Any = None
    ) -> Any:
        """
        Let pieces come.

        @return: The body, and what became of it.
        """
        source: Any = Source()
        stream = InputStream(source, declared)
        body = BodyFile(self.budget, memoryBytes=memory, maxBytes=most)
        filled = Deferred.fromCoroutine(body.fill(stream))
        for piece in pieces:
            stream.receive(piece)
            stream.flush()
        stream.finish()
        stream.flush()
        return body, filled

    def whole(self, pieces: list[bytes], memory: int = 1_000) -> None:
        """
        Pieces are read as they came, in whatever way, and nothing is left of them.
        """
        data = b"".join(pieces)
        body, filled = self.fill(pieces, memory)
        self.successResultOf(filled)
        self.assertEqual(body.length, len(data))
        self.assertEqual(self.budget.spooled, len(data))
        self.assertEqual(body.file.read(7), data[:7])
        self.assertEqual(
            body.file.readline(), data[7:].split(b"\n")[0] + b"\n" * (b"\n" in data[7:])
        )
        body.file.seek(0)
        self.assertEqual(body.file.read(), data)
        body.release()
        self.assertEqual(self.budget.spooled, 0)
        self.assertTrue(body.file.closed)
        self.assertEqual(descriptors(), self.before)

    def test_short(self) -> None:
        """
        A short one has no file of the system's.
        """
        body, filled = self.fill([b"abc", b"d"])
        self.successResultOf(filled)
        self.assertEqual(descriptors(), self.before)
        self.assertEqual(body.file.read(), b"abcd")
        body.release()

    def test_long(self) -> None:
        """
        A long one has, with pieces long and short.
        """
        for memory in (0, 1_000, 10_000):
            self.whole([b"line\n"], memory)
            self.whole([b"x" * 400, b"\n" * 700, b"y" * 5_000, b"z"], memory)
            self.whole([b"a" * 9_000, b"b" * 9_000, b"\nc"] * 40, memory)
            self.whole([b"ab\n"] * 3_000, memory)

    @settings(max_examples=30)
    @given(st.lists(st.integers(1, 9_000), min_size=1, max_size=30), st.integers(0, 20_000))
    def test_any(self, sizes: list[int], memory: int) -> None:
        """
        Any pieces, and any room in memory.
        """
        self.whole([bytes([65 + at]) * size for at, size in enumerate(sizes)], memory)

    def test_partlyWritten(self) -> None:
        """
        What the system does not write at once is written then.
        """
        write = os.writev

        def little(descriptor: int, pieces: Any) -> int:
            return write(descriptor, [memoryview(b"".join(pieces))[:1_500]])

        with patch("os.writev", little):
            self.whole([b"a" * 4_000, b"b" * 5_000, b"c", b"d" * 4_500])

    def test_littlePieces(self) -> None:
        """
        Many little pieces are kept as one.
        """
        body, filled = self.fill([b"x"] * 3_000, memory=10_000)
        self.successResultOf(filled)
        body.release()
        body = BodyFile(self.budget, memoryBytes=10_000, maxBytes=10_000)
        for _ in range(3_000):
            body.write(b"x")
        self.assertEqual(len(body._pieces), 1)
        body.release()

    def test_tooLong(self) -> None:
        """
        One that is too long, or for which there is no room, leaves nothing behind.
        """
        for most, budget, error in ((5_000, 1_000_000, BodyTooLarge), (1 << 30, 5_000, Overloaded)):
            self.budget = SpoolBudget(budget)
            _, filled = self.fill([b"x" * 4_500, b"y" * 4_500], most=most)
            self.failureResultOf(filled, error)
            self.assertEqual(self.budget.spooled, 0)
            self.assertEqual(descriptors(), self.before)
        _, filled = self.fill([], most=10, declared=11)
        self.failureResultOf(filled, BodyTooLarge)

    def test_diskFull(self) -> None:
        """
        Nor does one that can't be written.
        """
        with patch("os.writev", side_effect=OSError(28, "No space left on device")):
            _, filled = self.fill([b"x" * 4_500])
            self.failureResultOf(filled, OSError)
        self.assertEqual(self.budget.spooled, 0)
        self.assertEqual(descriptors(), self.before)
