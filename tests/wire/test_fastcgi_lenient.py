"""
The rules that a web server may be allowed to break, one by one.
"""

from __future__ import annotations

from typing import Any

import pytest

from txfcgi.errors import (
    InvalidRequestID,
    MalformedRecord,
    UnexpectedRecord,
)
from txfcgi.wire.events import ConnectionFailed
from txfcgi.wire.fastcgiserver import RULES, ServerConnection

from .conversations import get, pair, record

BROKEN: dict[str, tuple[bytes, type[Exception]]] = {
    "lengths": (record(1, 1, b"\0\1\1\0\0\0\0\0more"), MalformedRecord),
    "streams": (get(1) + record(5, 1, b"late"), UnexpectedRecord),
    "ids": (record(5, 0, b"stray"), InvalidRequestID),
}
ANSWER = b"\1\n\0\0\0\x13\5\0\x0f\2FCGI_MPXS_CONNS11" + bytes(5)


def failure(connection: ServerConnection, data: bytes) -> type[Exception] | None:
    """
    What a connection fails with.
    """
    last = connection.receive(data)[-1:]
    return type(last[0].error) if last and isinstance(last[0], ConnectionFailed) else None


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("lenient", [(), *((rule,) for rule in RULES), RULES])
def test_oneByOne(rule: str, lenient: tuple[str, ...]) -> None:
    """
    A rule that may be broken has nothing to do with the others.
    """
    data, error = BROKEN[rule]
    expected = None if rule in lenient else error
    assert failure(ServerConnection(lenient=lenient), data) is expected


def test_anyIDs() -> None:
    """
    Records of a request with id 0 are dropped, and counted; GET_VALUES is answered, with id 0,
    whatever its own; but no request can have id 0.
    """
    connection = ServerConnection(lenient=["ids"], values={b"FCGI_MPXS_CONNS": b"1"})
    for kind in (2, 4, 5, 8):
        assert connection.receive(record(kind, 0, b"")) == []
    assert connection.ignored == 4
    connection.receive(record(9, 7, pair(b"FCGI_MPXS_CONNS", b"")))
    answer = connection.takeReplies()
    assert answer[:4] == b"\1\n\0\0"
    assert b"FCGI_MPXS_CONNS1" in answer
    assert failure(connection, record(1, 0, b"\0\1\1" + bytes(5))) is InvalidRequestID


@pytest.mark.parametrize("lenient", [["length"], [1], {"ids", "all"}, [None], [["ids"]]])
def test_noSuchRule(lenient: Any) -> None:
    """
    A rule that there is not is told, with those that there are.
    """
    with pytest.raises(ValueError, match="the rules are lengths, streams, ids, and none of them"):
        ServerConnection(lenient=lenient)


@pytest.mark.parametrize("duplicates", ["both", "", None, 1, ["last"]])
def test_noSuchDuplicates(duplicates: Any) -> None:
    """
    So is a way with duplicates that there is not.
    """
    with pytest.raises(ValueError, match="last, first or reject, not"):
        ServerConnection(duplicates=duplicates)


@pytest.mark.parametrize("lenient", ["ids", "lengths,ids", None, 1, {"ids": True}])
def test_noRules(lenient: Any) -> None:
    """
    So is what is no list of them, as a word alone is.
    """
    with pytest.raises(ValueError, match="lenient is a list of rules, not"):
        ServerConnection(lenient=lenient)
