"""
Outputs that are here as a whole, whose heads are remembered.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import HeadTooLarge, MalformedHead
from txfcgi.wire.cgi import HeadReader, ReadHeads, ResponseHead

NAMES = {b"content-type", b"content-length", b"vary", b"status"}
PLAIN = b"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n"


def bySteps(output: bytes) -> tuple[ResponseHead, bytes] | None:
    """
    What a reader makes of it that remembers nothing.
    """
    reader = HeadReader(interim=True)
    head = reader.receive(output)
    return None if head is None else (head, reader.rest)


class TestReadHeads:
    """
    Whole outputs.
    """

    @given(
        st.lists(
            st.sampled_from(
                [
                    b"Content-Type: a/b",
                    b"Content-Length: 3",
                    b"Content-Length: 4",
                    b"Status: 404 No",
                    b"Status: 103",
                    b"Set-Cookie: a",
                    b"Vary:",
                    b"no header",
                    b"HTTP/1.1 200 OK",
                    b"",
                ]
            ),
            max_size=5,
        ),
        st.sampled_from([b"\n", b"\r\n"]),
        st.sampled_from([b"", b"\n", b"\r\n", b"\n\r\n\r\n"]),
    )
    def test_same(self, lines: list[bytes], end: bytes, rest: bytes) -> None:
        """
        A head is what it is when it is read step by step, the first time and each time after that.
        """
        output = end.join([*lines, b"", b""]) + rest
        heads = ReadHeads(NAMES)
        try:
            expected = bySteps(output)
        except MalformedHead:
            for _ in range(2):
                with pytest.raises(MalformedHead):
                    heads.read(output, 65_535)
            return
        assert [heads.read(output, 65_535) for _ in range(3)] == [expected] * 3

    def test_remembered(self) -> None:
        """
        A head is remembered if each of its lines may be, and has its usual line ends.
        """
        heads = ReadHeads(NAMES)
        first, second = (heads.read(PLAIN + body, 65_535) for body in (b"hello", b"again"))
        assert first is not None
        assert second is not None
        assert first[0] is second[0]
        assert (first[1], second[1]) == (b"hello", b"again")
        assert list(heads) == [PLAIN]
        for other in (
            b"Content-Type: text/plain\r\nSet-Cookie: a\r\n\r\n",
            b"Content-Type: text/plain\n\n",
            b"Status: 103 Early\r\n\r\nContent-Type: text/plain\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
        ):
            assert heads.read(other, 65_535) == bySteps(other)
        assert list(heads) == [PLAIN]

    def test_onlyAtTheBeginning(self) -> None:
        """
        A body that begins as a head that is remembered is a body.
        """
        heads = ReadHeads(NAMES)
        heads.read(PLAIN, 65_535)
        output = b"Vary: a\n\n" + PLAIN
        assert heads.read(output, 65_535) == bySteps(output)
        found = heads.read(output, 65_535)
        assert found is not None
        assert found[1] == PLAIN

    def test_limit(self) -> None:
        """
        The limit holds for a head that is remembered, too.
        """
        heads = ReadHeads(NAMES)
        for _ in range(2):
            heads.read(PLAIN, len(PLAIN))
            with pytest.raises(HeadTooLarge):
                heads.read(PLAIN, len(PLAIN) - 1)

    @pytest.mark.parametrize("output", [b"", b"Vary: a", PLAIN[:-2]])
    def test_incomplete(self, output: bytes) -> None:
        """
        What is no whole head is none.
        """
        assert ReadHeads(NAMES).read(output, 65_535) is None
