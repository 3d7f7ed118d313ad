"""
CGI response heads, read, and written again (RFC 3875, section 6).

What becomes of a redirect, of a response without a head and of the body is tested with the client
and the server.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import (
    HeadTooLarge,
    MalformedHead,
)
from txfcgi.wire.cgi import HeaderLines, HeadReader, ReadLines, ResponseHead, formatHead, parseHead

Headers = list[tuple[bytes, bytes]]

TYPE = ("Content-Type", "text/html")

tokens = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=12).map(str.encode)
values = (
    st.binary(max_size=20)
    .map(lambda value: bytes(byte for byte in value if byte == 9 or (byte >= 32 and byte != 127)))
    .map(lambda value: value.strip(b" \t"))
)


class TestRemembered:
    """
    Header lines are remembered by whoever makes or reads heads, as far as the names allow.
    """

    def test_names(self) -> None:
        """
        Only values of the names that were given are kept, whatever their case.
        """
        written, read = HeaderLines({b"vary"}), ReadLines({b"vary"})
        for _ in range(2):
            formatHead(200, [("Vary", "a"), ("VARY", b"b"), ("X", "c")], 0, lines=written)
            parseHead(b"Vary: a\nvary:b\nX: c\nStatus: 200\n", read)
        assert list(written) == [("Vary", "a"), ("VARY", b"b")]
        assert list(read) == [b"Vary: a", b"vary:b"]

    def test_kinds(self) -> None:
        """
        A line means the same each time, and text and bytes are told apart.
        """
        written, read = HeaderLines({b"content-length"}), ReadLines({b"content-length", b"status"})
        for _ in range(3):
            assert formatHead(200, [("Content-Length", "5"), TYPE], None, lines=written)[1] == 5
            assert formatHead(200, [("Content-Length", b"5"), TYPE], None, lines=written)[1] == 5
            head = parseHead(b"Status: 404 No\nContent-Length: 5\nX: 1\n", read)
            assert (head.code, head.reason, head.contentLength) == (404, b"No", 5)
            assert head.headers == ((b"Content-Length", b"5"), (b"X", b"1"))

    def test_nothingIsShared(self) -> None:
        """
        A head that was read can't be changed: other responses may have the same.
        """
        head: Any = parseHead(b"Vary: a\nVary: b\n", ReadLines({b"vary"}))
        for name in ("code", "headers", "reason", "other"):
            with pytest.raises(AttributeError):
                setattr(head, name, ())
        assert (head.code, head.headers) == (200, ((b"Vary", b"a"), (b"Vary", b"b")))

    def test_notMadeOfOthers(self) -> None:
        """
        Text of a class of the app's own is not kept, for nobody knows what else it holds.
        """
        written = HeaderLines({b"vary"})
        text = type("Text", (str,), {})("Vary")
        formatHead(200, [(text, "a"), ("Vary", text), (text, text)], 0, lines=written)
        assert not written


def read(data: bytes) -> tuple[int, bytes, Headers, int | None]:
    """
    A head as its fields.
    """
    head = parseHead(data)
    return head.code, head.reason, list(head.headers), head.contentLength


class TestParse:
    """
    Heads that come in.
    """

    @pytest.mark.parametrize(
        ("status", "code", "reason"),
        [
            (b"404 Not Found", 404, b"Not Found"),
            (b"404", 404, b""),
            (b"404 ", 404, b""),
            (b"  404\tNot  Found ", 404, b"Not  Found"),
            (b"599 \xff", 599, b"\xff"),
            (b"999", 999, b""),
            (b"103 Early Hints", 103, b"Early Hints"),
        ],
    )
    def test_status(self, status: bytes, code: int, reason: bytes) -> None:
        """
        A status has a reason, or none and a blank.
        """
        assert read(b"Status:" + status + b"\r\nX: 1\r\n\r\n") == (
            code,
            reason,
            [(b"X", b"1")],
            None,
        )
        assert read(b"X: 1\nSTATUS:" + status + b"\n") == (code, reason, [(b"X", b"1")], None)
        assert parseHead(b"Status:" + status + b"\n").explicit

    @pytest.mark.parametrize(
        "status", [b"", b"OK", b"20", b"2000", b"099", b"404Not", b"+404", b"4 04", b"HTTP/1.1 200"]
    )
    def test_noStatus(self, status: bytes) -> None:
        """
        What is no status is none.
        """
        with pytest.raises(MalformedHead, match="is not a status"):
            parseHead(b"Status: " + status + b"\n")

    def test_statusLine(self) -> None:
        """
        Some programs start with a status line, as nginx allows for SCGI; a Status header is then
        the better one.
        """
        assert read(b"HTTP/1.1 404 Not Found\r\nX: 1\r\n\r\n")[:2] == (404, b"Not Found")
        assert read(b"HTTP/2 200\nX: 1\n")[:2] == (200, b"")
        assert read(b"HTTP/1.0 200 OK\nStatus: 404 No\n")[:2] == (404, b"No")
        with pytest.raises(MalformedHead, match="is not a status"):
            parseHead(b"HTTP/1.1 OK\r\n")
        with pytest.raises(MalformedHead, match="is not a status"):
            parseHead(b"HTTP/1.1 200 O\rK\r\n")
        with pytest.raises(MalformedHead, match="is not a header"):
            parseHead(b"X: 1\nHTTP/1.1 200 OK\n")

    @pytest.mark.parametrize(
        "head",
        [
            b"Status: 200\nStatus: 200\n",
            b"Status: 200\nStatus: 500\n",
            b"HTTP/1.1 200 OK\nStatus: 200\nStatus: 200\n",
        ],
    )
    def test_statusTwice(self, head: bytes) -> None:
        """
        A response has one status.
        """
        with pytest.raises(MalformedHead, match="Status is there twice"):
            parseHead(head)

    def test_noStatusAtAll(self) -> None:
        """
        Without one, a Location is a redirect and anything else is well.
        """
        assert read(b"Content-Type: a/b\n") == (200, b"", [(b"Content-Type", b"a/b")], None)
        assert read(b"LOCATION: http://a/\n")[0] == 302
        assert read(b"Location: /a\n")[0] == 302
        assert read(b"Status: 201\nLocation: /a\n")[0] == 201
        assert not parseHead(b"Location: /a\n").explicit

    @pytest.mark.parametrize("ends", [(b"\n",), (b"\r\n",), (b"\n", b"\r\n"), (b"\r\n", b"\n")])
    @pytest.mark.parametrize("blank", [b"", b"\n", b"\r\n"])
    def test_lineEnds(self, ends: tuple[bytes, ...], blank: bytes) -> None:
        """
        Lines end in LF or CRLF, mixed too.
        """
        lines = [b"Status: 404", b"A: 1", b"B:2"]
        data = b"".join(line + ends[at % len(ends)] for at, line in enumerate(lines)) + blank
        assert read(data) == (404, b"", [(b"A", b"1"), (b"B", b"2")], None)

    def test_headers(self) -> None:
        """
        Names and values are kept as they came, in their order, repeated ones too.
        """
        data = b"set-COOKIE: a=1: b\nX:\nSet-Cookie:\t a=2 \nY: \xff\x80\t.\n"
        assert read(data)[2] == [
            (b"set-COOKIE", b"a=1: b"),
            (b"X", b""),
            (b"Set-Cookie", b"a=2"),
            (b"Y", b"\xff\x80\t."),
        ]
        head = parseHead(data)
        assert head.get(b"set-cookie") == b"a=1: b"
        assert head.get(b"z") is None

    @pytest.mark.parametrize(
        "line",
        [
            b"no colon",
            b": no name",
            b"a b: 1",
            b"a : 1",
            b" a: 1",
            b"\ta: 1",
            b"a\0: 1",
            b"a: \0",
            b"a: 1\r2",
            b"a: 1\r\r",
            b"a: \x7f",
            b"a: \x1b[31m",
            b"\xff: 1",
            b"<html>",
        ],
    )
    def test_malformed(self, line: bytes) -> None:
        """
        What is no header is none, wherever it is (CVE-2023-27522).
        """
        for data in (line, b"A: 1\n" + line, line + b"\nA: 1", b"A: 1\r\n" + line + b"\r\n\r\n"):
            with pytest.raises(MalformedHead, match=r"is not a header \(RFC 3875, section 6.3\)"):
                parseHead(data + b"\n\n")

    @pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\r\n"])
    def test_empty(self, data: bytes) -> None:
        """
        A head says something.
        """
        with pytest.raises(MalformedHead, match="empty"):
            parseHead(data)

    def test_contentLength(self) -> None:
        """
        A length that is there twice is one, two lengths are none.
        """
        assert read(b"Content-Length: 5\nA: 1\ncontent-length: 05\n") == (
            200,
            b"",
            [(b"Content-Length", b"5"), (b"A", b"1")],
            5,
        )
        with pytest.raises(MalformedHead, match="two different Content-Lengths"):
            parseHead(b"Content-Length: 5\nContent-Length: 6\n")

    @pytest.mark.parametrize("value", [b"", b"-1", b"+5", b"5, 5", b"0x5", b"\xd9\xa5", b"9" * 20])
    def test_noContentLength(self, value: bytes) -> None:
        """
        A length is digits (CVE-2024-24795).
        """
        with pytest.raises(MalformedHead, match="Content-Length is not a number"):
            parseHead(b"Content-Length: " + value + b"\n")


class TestEncode:
    """
    Heads that were read and go out again.
    """

    def test_cleaned(self) -> None:
        """
        Line ends are put right, and what speaks of one connection is left out.
        """
        head = parseHead(b"status:404\nA:1\nCONNECTION: close\nTransfer-Encoding: chunked\nA:2\n")
        assert head.encode() == b"Status: 404 Not Found\r\nA: 1\r\nA: 2\r\n\r\n"

    @pytest.mark.parametrize(
        ("data", "line"),
        [
            (b"Status: 200 Fine\n", b"Status: 200 Fine\r\n"),
            (b"Status: 599\n", b"Status: 599 Unknown\r\n"),
            (b"HTTP/1.1 404\n", b"Status: 404 Not Found\r\n"),
            (b"Location: /a\n", b"Location: /a\r\n"),
        ],
    )
    def test_status(self, data: bytes, line: bytes) -> None:
        """
        A status that was said has a reason, one that was not stays unsaid.
        """
        assert parseHead(data).encode() == line + b"\r\n"

    @given(
        st.none() | st.integers(200, 999),
        st.lists(st.tuples(tokens.map(b"X-".__add__), values), min_size=1, max_size=4),
        st.sampled_from([b"\n", b"\r\n"]),
    )
    def test_readAgain(self, code: int | None, headers: Headers, end: bytes) -> None:
        """
        A head that was read, written and read again is the same.
        """
        status = b"" if code is None else b"Status: %d" % code + end
        data = status + b"".join(name + b":" + value + end for name, value in headers)
        first = parseHead(data)
        assert (first.code, list(first.headers)) == (code or 200, headers)
        again = parseHead(first.encode())
        assert (again.code, again.headers, again.explicit) == (
            first.code,
            first.headers,
            first.explicit,
        )

    @given(
        st.sampled_from([200, 206, 302, 404, 500, 799]),
        st.lists(st.tuples(tokens.map(b"X-".__add__), values), max_size=4),
        st.integers(0, 1 << 40) | st.none(),
    )
    def test_ourOwn(self, code: int, headers: Headers, length: int | None) -> None:
        """
        What we write, we read.
        """
        data, declared = formatHead(code, [*headers, TYPE], length)
        head = parseHead(data)
        assert (head.code, head.contentLength, declared) == (code, length, length)
        assert list(head.headers[: len(headers)]) == headers


HEADS = [
    b"Status: 404 Not Found\r\nContent-Type: text/html\r\n\r\n",
    b"Status: 404\nContent-Length: 5\n\n",
    b"HTTP/1.1 200 OK\r\nX: 1\n\r\n",
    b"X: 1\r\nY: 2\r\n\n",
    b"Location: /a\n\r\n",
]


class TestReader:
    """
    Output to a head, in pieces.
    """

    @pytest.mark.parametrize("data", HEADS)
    @pytest.mark.parametrize("body", [b"", b"body", b"\n\nA: 1\n\n", b"\r\n\r\n"])
    def test_everySplit(self, data: bytes, body: bytes) -> None:
        """
        The head is the same wherever it is cut, in the blank line too (CVE-2026-42946), and nothing
        of what is behind it is lost.
        """
        expected = parseHead(data)
        for first in range(len(data) + 1):
            for second in range(first, len(data) + 1):
                reader = HeadReader()
                parts = (data[:first], data[first:second], data[second:] + body)
                left = iter(parts)
                head = next(filter(None, map(reader.receive, left)))
                assert (head.code, head.headers) == (expected.code, expected.headers)
                assert reader.rest + b"".join(left) == body
                assert reader.held == 0

    @pytest.mark.parametrize("data", HEADS)
    def test_byteByByte(self, data: bytes) -> None:
        """
        Byte by byte, it is complete with the last one; until then, it is held.
        """
        reader = HeadReader()
        for at in range(len(data) - 1):
            assert reader.receive(data[at : at + 1]) is None
            assert reader.held == at + 1
        head = reader.receive(data[-1:])
        assert isinstance(head, ResponseHead)
        assert (head.headers, reader.held, reader.rest) == (parseHead(data).headers, 0, b"")

    def test_twice(self) -> None:
        """
        The reader can read another head, the one behind an interim response.
        """
        reader = HeadReader()
        first = reader.receive(b"Status: 103\nLink: a\n\nStatus: 200\n\nbody")
        assert first is not None
        second = reader.receive(reader.rest)
        assert second is not None
        assert (first.code, second.code, reader.rest) == (103, 200, b"body")

    @pytest.mark.parametrize("data", [b"\n", b"\r\n", b"\n\nbody", b"\r\nA: 1\r\n\r\n"])
    def test_blank(self, data: bytes) -> None:
        """
        A response that starts with a blank line has no head.
        """
        for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
            reader = HeadReader()
            with pytest.raises(MalformedHead, match="starts with a blank line"):
                for piece in pieces:
                    reader.receive(piece)

    @pytest.mark.parametrize("size", [1, 7, 1000])
    def test_limit(self, size: int) -> None:
        """
        A head may be as long as the limit, and not longer, whatever the pieces.
        """
        data = b"A: " + b"x" * 93 + b"\r\n\r\n"
        behind = data + b"body" * 100

        def receive(limit: int, data: bytes) -> list[ResponseHead]:
            reader = HeadReader(limit)
            for start in range(0, len(data), size):
                head = reader.receive(data[start : start + size])
                if head is not None:
                    return [head]
            return []

        assert len(receive(100, behind)) == 1
        for tooLong in (behind, data[:-1] + b"x" * 300):
            with pytest.raises(HeadTooLarge, match="more than 99 bytes"):
                receive(99, tooLong)

    @given(
        st.lists(st.binary(max_size=10) | st.sampled_from([b"A: 1", b"\n", b"\r\n"]), max_size=9)
    )
    def test_anyBytes(self, pieces: list[bytes]) -> None:
        """
        Any bytes are a head, or the start of one, or malformed; in one piece as in many.
        """

        def receive(pieces: list[bytes]) -> tuple[object, ...]:
            reader = HeadReader(40)
            for at, piece in enumerate(pieces):
                try:
                    head = reader.receive(piece)
                except (MalformedHead, HeadTooLarge) as error:
                    return (type(error),)
                if head is not None:
                    return head.code, head.headers, reader.rest + b"".join(pieces[at + 1 :])
            return ()

        assert receive(pieces) == receive([b"".join(pieces)])

    @pytest.mark.parametrize("size", [1, 7, 1000])
    def test_interim(self, size: int) -> None:
        """
        Heads of interim responses are passed over where there may be some, however they come.
        """
        early = b"Status: 103 Early Hints\r\nLink: </a>\r\n\r\n"
        data = 3 * early + b"Status: 404\n\nbody"
        pieces = deque(data[start : start + size] for start in range(0, len(data), size))
        reader, plain = HeadReader(interim=True), HeadReader()
        found = None
        while found is None:
            found = reader.receive(pieces.popleft())
        assert (found.code, reader.held) == (404, 0)
        assert reader.rest + b"".join(pieces) == b"body"
        first = plain.receive(data)
        assert first is not None
        assert (first.code, plain.rest) == (103, data[len(early) :])

    def test_interimAlone(self) -> None:
        """
        Behind an interim head a final one is waited for, within the same limit for each.
        """
        early = b"Status: 100\n\n"
        reader = HeadReader(len(early), interim=True)
        for _ in range(1000):
            assert reader.receive(early) is None
            assert reader.held == 0
        assert reader.receive(2000 * early + early[:5]) is None
        assert reader.held == 5
        with pytest.raises(HeadTooLarge):
            reader.receive(early)
