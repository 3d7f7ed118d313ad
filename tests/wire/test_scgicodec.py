"""
SCGI's headers, whatever they are, and the rules of the protocol where they are asked for.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import (
    ContentLengthNotFirst,
    DuplicateName,
    EmptyName,
    IncompleteHeaders,
    InvalidParam,
    MalformedLength,
    MissingComma,
    MissingVersion,
    OddStrings,
    ParamsTooLarge,
    UnterminatedString,
)
from txfcgi.wire.scgicodec import HeadersDecoder, encodeHeaderList

from .scgi import EXAMPLE, EXAMPLE_PAIRS, netstring
from .test_fastcgi_properties import cut, sizes

strings = st.binary(max_size=20).map(lambda data: data.replace(b"\0", b"!"))
headers = st.lists(st.tuples(strings, strings), max_size=6)


@given(headers, st.binary(max_size=20), sizes)
def test_anyList(pairs: list[tuple[bytes, bytes]], body: bytes, parts: list[int]) -> None:
    """
    Any list of headers is read back as it was written, and what is behind it, whatever the pieces.
    """
    decoder = HeadersDecoder()
    data = encodeHeaderList(pairs) + body
    rest = b"".join(decoder.receive(piece) for piece in cut(data, parts))
    decoder.receiveEnd()
    assert (decoder.headers, rest) == (pairs, body)


def test_none() -> None:
    """
    No headers are C{0:,}.
    """
    assert encodeHeaderList([]) == encodeHeaderList({}) == b"0:,"
    decoder = HeadersDecoder()
    assert decoder.receive(b"0:") == b""
    assert decoder.headers is None
    assert decoder.receive(b",body") == b"body"
    assert decoder.headers == []
    assert decoder.receive(memoryview(b"more")) == b"more"


def test_example() -> None:
    """
    The example of the specification, with its rules and without.
    """
    for lenient in (True, False):
        assert EXAMPLE.startswith(encodeHeaderList(EXAMPLE_PAIRS, lenient))
        decoder = HeadersDecoder(lenient=lenient)
        assert decoder.receive(EXAMPLE) == b"What is the answer to life?"
        assert decoder.headers == EXAMPLE_PAIRS


def test_text() -> None:
    """
    Text is encoded as the environment is.
    """
    assert encodeHeaderList({"A": "\xe4\udcff"}) == b"6:A\0\xc3\xa4\xff\0,"


@pytest.mark.parametrize(
    ("block", "error"),
    [
        (b"", ContentLengthNotFirst),
        (b"SCGI\x001\0CONTENT_LENGTH\x000\0", ContentLengthNotFirst),
        (b"CONTENT_LENGTH\x000\0", MissingVersion),
        (b"CONTENT_LENGTH\x000\0SCGI\x001\0A\0\0A\0\0", DuplicateName),
        (b"CONTENT_LENGTH\x000\0SCGI\x001\0\0x\0", EmptyName),
    ],
    ids=["none", "length not first", "no version", "twice", "no name"],
)
def test_rules(block: bytes, error: type[Exception]) -> None:
    """
    The rules of the protocol hold where they are asked for, both ways, and not otherwise.
    """
    decoder = HeadersDecoder()
    decoder.receive(netstring(block))
    assert decoder.headers is not None
    with pytest.raises(error):
        HeadersDecoder(lenient=False).receive(netstring(block))
    assert encodeHeaderList(decoder.headers) == netstring(block)
    with pytest.raises(InvalidParam, match="SCGI, section 3"):
        encodeHeaderList(decoder.headers, lenient=False)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"GET / HTTP/1.1", MalformedLength),
        (b":,", MalformedLength),
        (b"-1:,", MalformedLength),
        (b"00:,", MalformedLength),
        (b"+5:A\0bc\0,", MalformedLength),
        (b"1 :A,", MalformedLength),
        (b"0:;", MissingComma),
        (b"4:A\0b\0;", MissingComma),
        (b"3:A\0b,", UnterminatedString),
        (b"2:A\0,", OddStrings),
        (b"1:A,", UnterminatedString),
        (b"12345678901", ParamsTooLarge),
        (b"101:", ParamsTooLarge),
        (b"14:A\0" + b"b" * 11 + b"\0,", ParamsTooLarge),
        (b"14:" + b"A" * 11 + b"\0b\0,", ParamsTooLarge),
    ],
    ids=lambda value: None if isinstance(value, type) else repr(value)[:24],
)
def test_mistakes(data: bytes, error: type[Exception]) -> None:
    """
    What is no netstring of strings, and what is too long, is told by what it is: whole, and byte by
    byte.
    """
    with pytest.raises(error):
        HeadersDecoder(stringBytes=10, headersBytes=100).receive(data)
    decoder = HeadersDecoder(stringBytes=10, headersBytes=100)
    with pytest.raises(error):
        for byte in data:
            decoder.receive(bytes((byte,)))


def test_longString() -> None:
    """
    A string that is too long is told by its place, not by what it holds.
    """
    data = encodeHeaderList([("A", "b"), ("C", "secret")])
    with pytest.raises(ParamsTooLarge, match=r"^the value of header 2 has 6 bytes, and at most 5 "):
        HeadersDecoder(stringBytes=5).receive(data)
    data = encodeHeaderList([("Secret", "b")])
    with pytest.raises(ParamsTooLarge, match=r"^the name of header 1 has 6 bytes"):
        HeadersDecoder(stringBytes=5).receive(data)


def test_incomplete() -> None:
    """
    The end within the headers is told.
    """
    decoder = HeadersDecoder()
    decoder.receive(b"5:A\0")
    with pytest.raises(IncompleteHeaders, match="after 4 bytes"):
        decoder.receiveEnd()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([("A\0", "b")], "has NUL in it"),
        ([("A", b"b\0")], "has NUL in it"),
        ([("A", 1)], "is str or bytes, not int"),
        ({1: "b"}, "is str or bytes, not int"),
        ([("A",)], "are a mapping, or pairs"),
        (["ABC"], "are a mapping, or pairs"),
        (None, "are a mapping, or pairs"),
        (5, "are a mapping, or pairs"),
        ({"A": "\ud800"}, "no bytes stand for"),
    ],
    ids=[
        *("NUL in a name", "NUL in a value", "a number", "a number as name", "no value"),
        *("text", "nothing", "not iterable", "no text"),
    ],
)
def test_wrong(given: Any, message: str) -> None:
    """
    What can't be sent is told.
    """
    with pytest.raises(InvalidParam, match=message):
        encodeHeaderList(given)
