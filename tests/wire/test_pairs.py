"""
Name-value pairs (FastCGI 1.0, section 3.4), and looking for one of them.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import MalformedParams, ParamTooLarge
from txfcgi.wire.pairs import (
    MAX_CONTENT,
    MAX_LENGTH,
    decodeLength,
    decodePairs,
    decodeTexts,
    dividePairs,
    encodedLength,
    encodeLength,
    encodePair,
    findValue,
    packPairs,
)
from txfcgi.wire.variables import ParamNames

from .conversations import pair

Pairs = list[tuple[bytes, bytes]]

somePairs = st.lists(
    st.tuples(
        st.binary(max_size=8) | st.sampled_from([b"N" * 127, b"N" * 128, b"\x80\x00", b"HTTP_A"]),
        st.binary(max_size=8) | st.sampled_from([b"v" * 127, b"v" * 128, b"v" * 300]),
    ),
    max_size=8,
)


def pack(pairs: Pairs) -> list[bytes]:
    """
    The contents of the records that carry pairs.
    """
    return list(packPairs(encodePair(*each) for each in pairs))


# Bytes that are more often a block of pairs, nearly, than any bytes would be.
nearlyBlocks = st.one_of(
    st.binary(max_size=64),
    st.lists(
        st.sampled_from(
            [b"\x00", b"\x01", b"\x02", b"\x7f", b"\x80", b"\xff", b"\x80\x00\x00\x01", b"a", b"b"]
        ),
        max_size=24,
    ).map(b"".join),
)

readings: list[Callable[[bytes], object]] = [
    decodePairs,
    decodeTexts,
    lambda block: findValue(block, b"a"),
    lambda block: dividePairs(block, ParamNames()),
]
everyReading = pytest.mark.parametrize("read", readings, ids=["decode", "texts", "find", "divide"])


class TestLengths:
    """
    A length is one byte up to 127 and four bytes from 128 on.
    """

    @pytest.mark.parametrize(
        ("nameLength", "valueLength", "lengths"),
        [
            (0, 0, b"\x00\x00"),
            (127, 127, b"\x7f\x7f"),
            (127, 128, b"\x7f\x80\x00\x00\x80"),
            (128, 127, b"\x80\x00\x00\x80\x7f"),
            (128, 128, b"\x80\x00\x00\x80\x80\x00\x00\x80"),
            (1, 65536, b"\x01\x80\x01\x00\x00"),
            (16_777_215, 2, b"\x80\xff\xff\xff\x02"),
        ],
    )
    def test_forms(self, nameLength: int, valueLength: int, lengths: bytes) -> None:
        """
        The four forms of the specification are written and read.
        """
        name, value = b"n" * nameLength, b"v" * valueLength
        block = lengths + name + value
        assert encodePair(name, value) == block
        assert decodePairs(block) == [(name, value)]
        assert findValue(block, name) == value
        assert decodeTexts(block) == {name.decode(): value.decode()}

    @pytest.mark.parametrize(
        "lengths",
        [b"\x05\x80\x00\x00\x05", b"\x80\x00\x00\x05\x05", b"\x80\x00\x00\x05\x80\x00\x00\x05"],
    )
    def test_longFormOfAShortLength(self, lengths: bytes) -> None:
        """
        Nothing says that a short length may not have four bytes.
        """
        block = lengths + b"APPLEGREEN"
        assert decodePairs(block) == [(b"APPLE", b"GREEN")]
        assert findValue(block, b"APPLE") == b"GREEN"
        assert decodeTexts(block) == {"APPLE": "GREEN"}

    def test_longerThanALengthCanSay(self) -> None:
        """
        A name or a value of 2 GiB can't be sent.
        """
        assert encodeLength(0x7FFFFFFF) == b"\xff\xff\xff\xff"
        with pytest.raises(ParamTooLarge, match="2147483648 bytes"):
            encodeLength(0x80000000)


class TestAnyBytes:
    """
    Names and values are any bytes, in any order, as often as they come.
    """

    @pytest.mark.parametrize(
        "pairs",
        [
            [],
            [(b"", b"")],
            [(b"", b"value")],
            [(b"NAME", b"")],
            [(b"A\0B", b"\0\r\n\xff\x80")],
            [(b"\xff\x80", b"=")],
            [(b"B", b"1"), (b"A", b"2"), (b"B", b"1"), (b"b", b"3"), (b"B", b"")],
        ],
        ids=["none", "empty", "no name", "no value", "controls", "odd name", "repeated"],
    )
    def test_kept(self, pairs: Pairs) -> None:
        """
        What was sent is what is read.
        """
        assert decodePairs(b"".join(pair(*each) for each in pairs)) == pairs

    @given(somePairs)
    def test_decodeUndoesEncode(self, pairs: Pairs) -> None:
        """
        Reading is the inverse of writing.
        """
        block = b"".join(encodePair(*each) for each in pairs)
        assert block == b"".join(pair(*each) for each in pairs)
        assert decodePairs(block) == pairs

    @given(nearlyBlocks, st.sampled_from([b"", b"a", b"b", b"\x00", b"ab"]))
    def test_readingsAgree(self, block: bytes, name: bytes) -> None:
        """
        Whatever the bytes, all ways to read them find the same, or all find them malformed.
        """
        try:
            pairs = decodePairs(block)
        except MalformedParams:
            for read in readings:
                with pytest.raises(MalformedParams):
                    read(block)
            return
        assert findValue(block, name) == dict(pairs).get(name)
        assert decodeTexts(block) == {
            each.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
            for each, value in pairs
        }


class TestMalformed:
    """
    Lengths that do not add up spoil the whole stream: a part of the set could pass
    for all of it.
    """

    @everyReading
    def test_truncatedAnywhere(self, read: Callable[[bytes], object]) -> None:
        """
        A block that ends inside a pair is malformed wherever that is, in any form of the lengths.
        """
        block = (
            pair(b"a", b"1") + pair(b"a", b"v" * 130) + pair(b"n" * 130, b"")
            + pair(b"n" * 128, b"v" * 128)
        )  # fmt: skip
        for size in range(len(block) + 1):
            if size in {0, 4, 140, 275, len(block)}:
                read(block[:size])
            else:
                with pytest.raises(MalformedParams, match=f"{size} bytes .*section 3.4"):
                    read(block[:size])

    @everyReading
    @pytest.mark.parametrize(
        "lengths",
        [
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x80\x00\x00\x00\xff\xff\xff\xff",
            b"\xff\xff\xff\xff\x00",
            b"\x01\xff\xff\xff\xff",
        ],
        ids=bytes.hex,
    )
    def test_lengthsThatWouldOverflow(
        self, read: Callable[[bytes], object], lengths: bytes
    ) -> None:
        """
        Lengths of gigabytes are compared, never added up in so many bits and never allocated
        (CVE-2025-23016, CVE-2025-40907).
        """
        tracemalloc.start()
        try:
            with pytest.raises(MalformedParams):
                read(lengths + b"a" * 20)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()

    def test_behindWhatIsLookedFor(self) -> None:
        """
        A look checks the whole block, behind the pair that it finds too.
        """
        with pytest.raises(MalformedParams):
            findValue(pair(b"a", b"1") + b"\x01", b"a")


class TestFind:
    """
    Looking for one name.
    """

    def test_lastWins(self) -> None:
        """
        Of several pairs of one name, the last one is found.
        """
        block = pair(b"A", b"1") + pair(b"B", b"2") + pair(b"A", b"3")
        assert findValue(block, b"A") == b"3"
        assert findValue(block, b"B") == b"2"
        assert decodeTexts(block) == {"A": "3", "B": "2"}

    def test_absent(self) -> None:
        """
        What is not there is L{None}; what is there and empty is not.
        """
        block = pair(b"AB", b"1") + pair(b"C", b"")
        assert findValue(block, b"A") is None
        assert findValue(block, b"B") is None
        assert findValue(block, b"") is None
        assert findValue(block, b"C") == b""

    def test_forgedInAValue(self) -> None:
        """
        A pair that a browser hides in a header's value is part of that value.
        """
        forged = pair(b"REMOTE_USER", b"root")
        block = pair(b"HTTP_X", forged)
        assert findValue(block, b"REMOTE_USER") is None
        assert findValue(block + pair(b"REMOTE_USER", b""), b"REMOTE_USER") == b""
        assert findValue(pair(b"REMOTE_USER", b"") + block, b"REMOTE_USER") == b""

    def test_text(self) -> None:
        """
        Text is decoded as C{os.environ} is: what is not UTF-8 can be had back.
        """
        block = pair("Ä".encode(), "€".encode()) + pair(b"L", b"caf\xe9")
        assert decodeTexts(block) == {"Ä": "€", "L": "caf\udce9"}


class TestPacking:
    """
    A pair that fits into one record is never split over two.
    """

    def test_greedy(self) -> None:
        """
        A record takes all the pairs that fit, to the last byte.
        """
        half = (b"A", b"v" * (32767 - 6))
        rest = (b"B", b"v" * (32768 - 6))
        assert pack([half, rest]) == [pair(*half) + pair(*rest)]
        assert pack([half, rest, (b"", b"")]) == [pair(*half) + pair(*rest), b"\0\0"]
        assert pack([rest, rest]) == [pair(*rest), pair(*rest)]
        assert pack([]) == []

    def test_split(self) -> None:
        """
        A pair that fits into no record is split where that is allowed (section 3.3), in records of
        its own.
        """
        small, large = encodePair(b"A", b"1"), encodePair(b"B", b"2" * 2 * MAX_CONTENT)
        records = list(packPairs([small, large, small], allowSplit=True))
        assert [len(content) for content in records[1:-1]] == [MAX_CONTENT, MAX_CONTENT, 6]
        assert b"".join(records) == small + large + small
        assert (records[0], records[-1]) == (small, small)

    def test_tooLarge(self) -> None:
        """
        A pair that fits into no record is refused; what is before it was packed already.
        """
        largest = (b"A", b"v" * (65535 - 6))
        assert pack([largest]) == [pair(*largest)]
        packed = packPairs([pair(b"B", b""), pair(b"A", b"v" * (65536 - 6))])
        assert next(packed) == pair(b"B", b"")
        with pytest.raises(ParamTooLarge, match="b'A' takes 65536 bytes"):
            next(packed)

    @given(
        st.lists(
            st.tuples(
                st.binary(max_size=3),
                st.sampled_from([0, 1, 30_000, 32_760, 32_764, 65_000, 65_526]).map(bytes),
            ),
            max_size=6,
        )
    )
    def test_eachRecordStandsAlone(self, pairs: Pairs) -> None:
        """
        The records hold all pairs, in order, and each can be read by itself.
        """
        contents = pack(pairs)
        assert all(0 < len(content) <= MAX_CONTENT for content in contents)
        assert [each for content in contents for each in decodePairs(content)] == pairs


@pytest.mark.parametrize("length", [0, 1, 127, 128, 65_535, MAX_LENGTH])
def test_lengths(length: int) -> None:
    """
    A length is read back as it was written, wherever it stands.
    """
    encoded = encodeLength(length)
    assert decodeLength(encoded) == (length, len(encoded))
    assert decodeLength(b"xyz" + encoded + b"more", 3) == (length, 3 + len(encoded))


def test_longShortLength() -> None:
    """
    The long form of a short length is read, too.
    """
    assert decodeLength(b"\x80\0\0\5") == (5, 4)


@pytest.mark.parametrize(
    ("block", "position"), [(b"", 0), (b"\5", 1), (b"\x80\0\0", 0), (b"abc", -1)]
)
def test_noLength(block: bytes, position: int) -> None:
    """
    A length that is cut off is told with its place.
    """
    with pytest.raises(MalformedParams, match=f"at byte {position} of {len(block)}"):
        decodeLength(block, position)


@pytest.mark.parametrize(("name", "value"), [(0, 0), (3, 127), (3, 128), (128, 70_000)])
def test_encodedLength(name: int, value: int) -> None:
    """
    The bytes of a pair are known before it is written.
    """
    assert encodedLength(bytes(name), bytes(value)) == len(encodePair(bytes(name), bytes(value)))
