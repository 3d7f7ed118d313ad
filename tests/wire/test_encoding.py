"""
The params of a caller, encoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import characters, dictionaries, integers, text

from txfcgi.wire.encoding import Shapes, encodeParams

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


class TestShapes:
    """
    Params of which the names are remembered, and all are encoded at once.
    """

    @given(
        dictionaries(
            text(characters(codec="ascii", exclude_characters="=\0"), max_size=200),
            text(characters(codec="ascii"), max_size=300)
            | integers(1, 70_000).map(lambda size: "x" * size),
            max_size=8,
        )
    )
    def test_same(self, params: dict[str, str]) -> None:
        """
        The block is what encoding pair by pair gives, the first time and the second, as a mapping
        and as pairs.
        """
        shapes = Shapes()
        expected = b"".join(encodeParams(params))
        for _ in range(2):
            assert shapes.block(params) == expected
            assert shapes.block(list(params.items())) == (expected or None)

    @pytest.mark.parametrize(
        "params",
        [
            {"A": "\xfc"},
            {"A": "\udcff"},
            {"\xfc": "1"},
            {b"A": b"1"},
            {"A": 1},
            {"A=B": "1"},
            {"A\0": "1"},
            [("A", b"1")],
            [("A",)],
            [("A", "1"), ("B", "2", "3")],
            iter([("A", "1")]),
            ("A", "1"),
            7,
        ],
        ids=[
            "value-not-ascii",
            "value-of-any-bytes",
            "name-not-ascii",
            "bytes",
            "number",
            "equals-sign",
            "nul",
            "mixed",
            "name-alone",
            "triple",
            "iterator",
            "tuple",
            "no-params",
        ],
    )
    def test_pairByPair(self, params: Any) -> None:
        """
        What is not plain text, or not valid, is left to encoding pair by pair. Nothing is taken of
        an iterator.
        """
        shapes = Shapes()
        for _ in range(2):
            assert shapes.block(params) is None
        if isinstance(params, Iterator):
            assert list(params) == [("A", "1")]

    def test_remembered(self) -> None:
        """
        Names are remembered, values are not; and no names of a class of somebody else's.
        """
        shapes = Shapes()
        shapes.block({"A": "secret", "B": "x" * 2_000})
        shapes.block({type("Text", (str,), {})("C"): "1"})
        assert shapes == {("A", "B"): ["\1", "", "A", "", "\1", "", "B", ""]}

    def test_duplicates(self) -> None:
        """
        Order and duplicates are kept.
        """
        assert Shapes().block([("A", "1"), ("B", "2"), ("A", "3")]) == b"".join(
            (pair(b"A", b"1"), pair(b"B", b"2"), pair(b"A", b"3"))
        )
