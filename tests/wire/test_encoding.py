"""
The params of a caller, encoded.
"""

from __future__ import annotations

import pytest

from txfcgi.wire.encoding import EncodedPairs, encodeParams

from .conversations import (
    A1,
    B2,
    pair,
)


class TestParams:
    """
    How params are written.
    """

    def test_kinds(self) -> None:
        """
        Mappings and pairs, text and bytes; the same the second time.
        """
        expected = [pair(b"A", b"1"), pair(b"B", b"\xc3\xbc\xff")]
        for _ in range(2):
            assert encodeParams({"A": "1", "B": "\xfc\udcff"}) == expected
            assert encodeParams({b"A": b"1", b"B": b"\xc3\xbc\xff"}) == expected
            mixed: list[tuple[str | bytes, str | bytes]] = [("A", b"1"), (b"B", "\xfc\udcff")]
            assert encodeParams(iter(mixed)) == expected

    def test_duplicates(self) -> None:
        """
        Order and duplicates are kept.
        """
        assert encodeParams([A1, B2, A1]) == [pair(*A1), pair(*B2), pair(*A1)]

    @pytest.mark.parametrize("size", [0, 1, 127, 128, 200, 255, 256, 65000])
    def test_lengths(self, size: int) -> None:
        """
        Lengths of names and values of every size.
        """
        expected = [pair(b"N" * size, b"v"), pair(b"n", b"V" * size)]
        assert encodeParams([(b"N" * size, b"v"), (b"n", b"V" * size)]) == expected

    def test_remembered(self) -> None:
        """
        Only values of the names that were given are remembered, and of no class but text and bytes.
        """
        pairs = EncodedPairs({b"A", b"B"})
        text = type("Text", (str,), {})("x")
        for _ in range(2):
            encoded = encodeParams([("A", "x"), (b"B", b"y"), ("C", "z"), ("A", text)], pairs)
        assert list(pairs) == [("A", "x"), (b"B", b"y")]
        assert encoded == [pair(b"A", b"x"), pair(b"B", b"y"), pair(b"C", b"z"), pair(b"A", b"x")]
        pairs = EncodedPairs({b"x"})
        assert encodeParams([(text, "1")], pairs) == [pair(b"x", b"1")]
        assert not pairs

    def test_empty(self) -> None:
        """
        That a param has no value is remembered of every name that is text or bytes.
        """
        pairs = EncodedPairs({b"A"})
        text = type("Text", (str,), {})("D")
        given: list[tuple[str | bytes, str | bytes]] = [("B", ""), (b"C", b""), (text, "")]
        for _ in range(2):
            assert encodeParams(given, pairs) == [pair(b"B", b""), pair(b"C", b""), pair(b"D", b"")]
        assert list(pairs) == given[:2]
