"""
A read that is one request without a body and nothing else: the shortest way in.
"""

from __future__ import annotations

import pytest

from txfcgi.errors import RemoteProtocolError
from txfcgi.wire.events import RequestReceived, StreamEnded
from txfcgi.wire.fastcgiserver import ServerConnection
from txfcgi.wire.params import NameValueParams
from txfcgi.wire.records import BeginRequest, Params, Role, Stdin, Stream

BLOCK = b"\x01\x01A1\x01\x02B23"


def request(requestID: int = 1, role: int = Role.RESPONDER, keep: bool = True) -> bytes:
    """
    A whole request without a body.
    """
    return b"".join(
        record.encode()
        for record in (
            BeginRequest(requestID, role, keep),
            Params(requestID, BLOCK),
            Params(requestID),
            Stdin(requestID),
        )
    )


@pytest.mark.parametrize("requestID", [1, 255, 256, 65535])
@pytest.mark.parametrize("role", [Role.RESPONDER, Role.AUTHORIZER])
@pytest.mark.parametrize("keep", [True, False])
def test_taken(requestID: int, role: Role, keep: bool) -> None:
    """
    The request is the one that the general way reports, and its input is complete.
    """
    data = request(requestID, role, keep)
    connection = ServerConnection()
    received = connection.receiveRequest(data)
    assert received == RequestReceived(requestID, role, keep, NameValueParams(BLOCK))
    assert not connection.receivesInput(requestID)
    assert ServerConnection().receive(data) == [received, StreamEnded(requestID, Stream.STDIN)]
    connection.end(requestID)
    assert connection.closing is not keep


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        request()[:-1],
        request() + b"\x01",
        request() + request(2),
        request(role=Role.FILTER),
        request(role=9),
        request(0),
        BeginRequest(1, 1).encode() + Params(1, BLOCK).encode() + Params(1).encode() + bytes(8),
        BeginRequest(1, 1).encode() + Params(1).encode() + Stdin(1).encode() + Stdin(1).encode(),
    ],
)
def test_left(data: bytes) -> None:
    """
    Nothing is taken of any other read: it is as if nobody had asked.
    """
    asked, other = ServerConnection(), ServerConnection()
    assert asked.receiveRequest(data) is None
    assert asked.active == 0
    assert not asked.partial
    assert asked.receive(data) == other.receive(data)


def test_notAlone() -> None:
    """
    While another request is active, or a record has come in part, the general way is taken.
    """
    connection = ServerConnection()
    connection.receive(request())
    assert connection.receiveRequest(request(2)) is None
    connection.end(1)
    connection.receive(request(2)[:3])
    assert connection.receiveRequest(request(2)) is None


def test_failed() -> None:
    """
    A connection that has failed takes nothing any more.
    """
    connection = ServerConnection()
    connection.receive(bytes(8))
    assert connection.receiveRequest(request()) is None
    with pytest.raises(RemoteProtocolError):
        connection.receive(request())
