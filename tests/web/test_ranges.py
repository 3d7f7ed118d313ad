"""
Tests of L{txfcgi.web.ranges}: which bytes a Range header asks for.
"""

from __future__ import annotations

import pytest

from txfcgi.web.ranges import RANGES, Part, partsOf


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        pytest.param(b"bytes=0-2", [(0, 3)], id="the first bytes"),
        pytest.param(b"bytes=3-", [(3, 3)], id="from there on"),
        pytest.param(b"bytes=-2", [(4, 2)], id="the last bytes"),
        pytest.param(b"bytes=-6", [(0, 6)], id="all by their end"),
        pytest.param(b"bytes=-7", [(0, 6)], id="more than all by their end"),
        pytest.param(b"bytes=0-99", [(0, 6)], id="beyond the end"),
        pytest.param(b"bytes=0-99999999999999999999999", [(0, 6)], id="far beyond the end"),
        pytest.param(b"bytes=5-5", [(5, 1)], id="one byte"),
        pytest.param(b"bytes=0-0, 2-3 ,\t-1", [(0, 1), (2, 2), (5, 1)], id="several"),
        pytest.param(b"bytes=,0-0,,1-1,", [(0, 1), (1, 1)], id="with empty elements"),
        pytest.param(b"Bytes=1-1", [(1, 1)], id="with a capital"),
        pytest.param(b"bytes=0-0,6-", [(0, 1)], id="one of two is there"),
        pytest.param(b"bytes=6-", [], id="behind the end"),
        pytest.param(b"bytes=-0", [], id="none of the last"),
        pytest.param(b"bytes=99-100,-0", [], id="several that are not there"),
        pytest.param(None, None, id="no header"),
        pytest.param(b"", None, id="an empty header"),
        pytest.param(b"bytes", None, id="no ranges at all"),
        pytest.param(b"bytes=", None, id="no range"),
        pytest.param(b"bytes=,", None, id="empty elements alone"),
        pytest.param(b"bytes=-", None, id="neither end"),
        pytest.param(b"bytes=2-1", None, id="the wrong way round"),
        pytest.param(b"bytes=0-0,2-1", None, id="one the wrong way round"),
        pytest.param(b"bytes=a-b", None, id="letters"),
        pytest.param(b"bytes=+1-2", None, id="a sign"),
        pytest.param(b"bytes=1 - 2", None, id="spaces within"),
        pytest.param(b"bytes=1", None, id="no hyphen"),
        pytest.param(b"lines=0-1", None, id="another unit"),
        pytest.param(b"bytes=0-5,0-5", None, id="more than all"),
    ],
)
def test_read(header: bytes | None, parts: list[tuple[int, int]] | None) -> None:
    """
    Six bytes, and what is asked for of them.
    """
    found = partsOf(header, 6)
    assert found == (None if parts is None else [Part(*part) for part in parts])


def test_many() -> None:
    """
    A header with more ranges than a limit is ignored.
    """
    for number, ignored in ((RANGES, False), (RANGES + 1, True)):
        found = partsOf(b"bytes=" + b",".join([b"0-0"] * number), 1_000)
        assert (found is None) is ignored


def test_emptyFile() -> None:
    """
    Of nothing there is no part.
    """
    assert partsOf(b"bytes=0-", 0) == []
    assert partsOf(b"bytes=-5", 0) == []
