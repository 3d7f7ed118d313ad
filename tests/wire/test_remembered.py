"""
Tables that their owners remember things in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from txfcgi.wire.cgi import HeaderLines, ReadHeads, ReadLines, formatHead, parseHead
from txfcgi.wire.encoding import Shapes
from txfcgi.wire.remembered import Remembered


def heldBytes(table: object) -> int:
    """
    How much memory a table takes: it and all that hangs on it, each object once.
    """
    seen: dict[int, object] = {}
    left = [table]
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, dict):
            left += [*value.keys(), *value.values()]
        if isinstance(value, ReadHeads):
            left.append(value.lines)
        if isinstance(value, (tuple, list)):
            left += value
    return sum(sys.getsizeof(value) for value in seen.values())


def writeHead(table: HeaderLines, text: str) -> None:
    """
    Make a head with a header of any value.
    """
    formatHead(200, [("Vary", text)], 0, lines=table)


def readHead(table: ReadLines, text: str) -> None:
    """
    Read a head with a header of any value.
    """
    parseHead(b"Vary: %s\n" % text.encode(), table)


def readWhole(table: ReadHeads, text: str) -> None:
    """
    Read a whole output with a header of any value.
    """
    table.read(b"Vary: %s\r\n\r\nbody" % text.encode(), 65_535)


def sendName(table: Shapes, text: str) -> None:
    """
    Encode params of any name.
    """
    table.block({text: "x", "A": "y"})


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        (HeaderLines, writeHead),
        (ReadLines, readHead),
        (ReadHeads, readWhole),
        (Shapes, sendName),
    ],
    ids=["headers-written", "headers-read", "heads-read", "param-names"],
)
@pytest.mark.parametrize("length", [5, 200, 5_000])
def test_limit(
    kind: type[Remembered[object, object]],
    use: Callable[[Remembered[object, object], str], None],
    length: int,
) -> None:
    """
    Whatever is different each time, short or long, takes no more memory than the limit.
    """
    table = kind({b"vary", b"A"}, limit=40_000)
    for number in range(1_000):
        use(table, f"{number:0>{length}}")
        assert heldBytes(table) < 40_000


def test_forgetsAll() -> None:
    """
    Where there is no room, what was there goes.
    """
    table: Remembered[int, int] = Remembered(limit=20_000)
    for number in range(60):
        table.keep(number, number, 0)
    assert 0 < len(table) < 50
    assert 59 in table


def test_whatIsTooLong() -> None:
    """
    What would take much of the room is not kept, and nothing goes for it.
    """
    table: Remembered[str, str] = Remembered(limit=20_000)
    table.keep("a", "a", 1)
    table.keep("b", "b", 2_000)
    assert table == {"a": "a"}
