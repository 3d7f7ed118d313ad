"""
The params of a request in which a name comes several times.
"""

from __future__ import annotations

from typing import cast

import pytest

from txfcgi.errors import DuplicateName, MalformedParams, ParamsTooLarge
from txfcgi.wire.duplicates import DUPLICATES, FirstParams, UniqueParams
from txfcgi.wire.events import RequestReceived
from txfcgi.wire.fastcgiserver import ServerConnection
from txfcgi.wire.params import NameValueParams
from txfcgi.wire.variables import ParamNames

from .conversations import begin, pair, params, record
from .test_params import LOOKS

TWICE = pair(b"A", b"1") + pair(b"B", b"\xff") + pair(b"A", b"2")
ONCE = pair(b"A", b"1") + pair(b"B", b"2")


def test_first() -> None:
    """
    The first one counts, however it is looked for, and nothing is lost.
    """
    for looks in (1, 3):
        first = FirstParams(TWICE)
        assert [first.get("A") for _ in range(looks)] == ["1"] * looks
    assert first.find(b"A") == b"1"
    assert first.find(b"C") is None
    assert dict(first) == {"A": "1", "B": "\udcff"}
    assert first.raw == [(b"A", b"1"), (b"B", b"\xff"), (b"A", b"2")]
    assert first.checked
    headers = [(b"HTTP_A", b"1"), (b"HTTP_A", b"2")]
    divided = FirstParams(TWICE + b"".join(pair(*each) for each in headers)).divide(ParamNames())
    assert divided == ([(b"a", b"1"), (b"a", b"2")], {"A": "1", "B": "\udcff"})


@pytest.mark.parametrize("look", LOOKS)
def test_reject(look: str) -> None:
    """
    Each look finds that a name is there twice, the second time as well.
    """
    twice = UniqueParams(TWICE)
    for _ in range(2):
        with pytest.raises(DuplicateName, match="the param b'A' is there twice"):
            LOOKS[look](twice)
        assert not twice.checked


def test_unique() -> None:
    """
    Where no name is, they are as any others.
    """
    once = UniqueParams(ONCE)
    once.check()
    assert once.checked
    assert once.find(b"A") == b"1"
    assert dict(once) == {"A": "1", "B": "2"}
    assert once.raw == NameValueParams(ONCE).raw
    assert once.divide(ParamNames()) == ([], {"A": "1", "B": "2"})


@pytest.mark.parametrize("kind", [FirstParams, UniqueParams])
def test_limits(kind: type[NameValueParams]) -> None:
    """
    What can't be read, and what is too much, is told as ever.
    """
    with pytest.raises(ParamsTooLarge):
        kind(ONCE, 1).get("A")
    with pytest.raises(MalformedParams, match="do not add up"):
        kind(ONCE[:-1]).get("A")


@pytest.mark.parametrize("duplicates", DUPLICATES)
@pytest.mark.parametrize("way", ["whole", "in parts"])
def test_received(duplicates: str, way: str) -> None:
    """
    The params of a request are of the kind that was asked for, on either way in.
    """
    connection = ServerConnection(duplicates=duplicates)
    data = begin(1) + params(1, (b"A", b"1"), (b"A", b"2")) + record(5, 1)
    pieces = [data] if way == "whole" else [data[:20], data[20:]]
    [received, _] = [event for piece in pieces for event in connection.receive(piece)]
    found = cast(RequestReceived, received).params
    assert type(found) is DUPLICATES[duplicates]
    if duplicates != "reject":
        assert found.get("A") == ("1" if duplicates == "first" else "2")
