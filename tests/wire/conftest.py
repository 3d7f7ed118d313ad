"""
The wire computes: it has no reactor, no log and no Deferred to leave anything in. The names of its
tests say in words which bytes they are about.
"""

from __future__ import annotations

import re
from itertools import groupby

import pytest

from txfcgi.wire.records import HEADER, HEADER_LENGTH, nameOfType

_LONG = 60
_parts = re.compile(rb"[0-9A-Za-z_]+|[^0-9A-Za-z_]").findall
_NAMES = {b"\0": "nul", b"\t": "tab", b"\n": "lf", b"\r": "cr", b" ": "blank", b":": "colon"}


@pytest.fixture(autouse=True)
def nothingIsLeft() -> None:
    """
    In place of what C{tests/conftest.py} does around each test: the two thousand of the wire would
    wait three times as long for the garbage collector as for themselves.
    """


def recordsIn(data: bytes) -> list[str]:
    """
    What kinds of records lie in the data, the last of them perhaps in part; none, if it begins with
    something else.
    """
    found: list[str] = []
    while len(data) >= HEADER_LENGTH and data[0] == 1:
        _, kind, requestID, length, padding = HEADER.unpack_from(data)
        cut = " cut" if len(data) < HEADER_LENGTH + length + padding else ""
        found.append(f"{nameOfType(kind)} {requestID} of {length}{cut}")
        data = data[HEADER_LENGTH + length + padding :]
    return [*found, f"and {len(data)} bytes"] if found and data else found


def inWords(data: bytes) -> str:
    """
    Any bytes, in words.
    """
    words = recordsIn(data)
    if not words:
        for part, same in groupby(_parts(data)):
            number = len(list(same))
            word = part.decode() if part.isalnum() else _NAMES.get(part, part.hex())
            words.append(f"{number} {word}" if number > 1 else word)
    text = " ".join(words) or "nothing"
    return text if len(text) <= _LONG else f"{text[:_LONG]} to {len(data)} bytes"


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """
    Name bytes by what they are, and text where it is not plain.
    """
    if isinstance(val, str) and not (val.isascii() and val.isprintable() and val):
        val = val.encode("utf-8", "surrogatepass")
    return inWords(val) if isinstance(val, bytes) else None
