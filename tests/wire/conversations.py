"""
What a web server sends, as bytes, and the ways it can arrive.

Nothing of C{txfcgi.wire} builds these bytes, so that a mistake there can't hide on both sides.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest

from txfcgi.errors import RemoteProtocolError
from txfcgi.wire import scgiserver
from txfcgi.wire.answering import ActiveRequest
from txfcgi.wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
)
from txfcgi.wire.fastcgiclient import ClientConnection
from txfcgi.wire.framing import RecordLayer
from txfcgi.wire.params import NameValueParams
from txfcgi.wire.records import Role, Stream

BEGIN_REQUEST = 1
ABORT_REQUEST = 2
END_REQUEST = 3
PARAMS = 4
STDIN = 5
STDOUT = 6
STDERR = 7
DATA = 8
GET_VALUES = 9
GET_VALUES_RESULT = 10
UNKNOWN_TYPE = 11

RESPONDER = 1
AUTHORIZER = 2
FILTER = 3

KEEP_CONN = 1

# A request id that is never active here.
NOBODY = 60000

A1 = (b"A", b"1")
B2 = (b"B", b"2")
STDIN_ENDED = StreamEnded(1, Stream.STDIN)
DATA_ENDED = StreamEnded(1, Stream.DATA)


def record(
    type: int,
    requestID: int,
    content: bytes = b"",
    padding: bytes = b"",
    *,
    version: int = 1,
    reserved: int = 0,
) -> bytes:
    """
    One record (section 3.3); the padding is any bytes.
    """
    header = struct.pack(">BBHHBB", version, type, requestID, len(content), len(padding), reserved)
    return header + content + padding


def begin(requestID: int, role: int = RESPONDER, flags: int = KEEP_CONN) -> bytes:
    """
    BEGIN_REQUEST (section 5.1).
    """
    return record(BEGIN_REQUEST, requestID, struct.pack(">HB5x", role, flags))


def pair(name: bytes, value: bytes) -> bytes:
    """
    A name-value pair with the shortest lengths (section 3.4).
    """
    lengths = [
        bytes([size]) if size < 128 else struct.pack(">I", 1 << 31 | size)
        for size in (len(name), len(value))
    ]
    return b"".join(lengths) + name + value


def params(requestID: int, *pairs: tuple[bytes, bytes]) -> bytes:
    """
    The PARAMS of a request, in one record, and their end.
    """
    content = b"".join(pair(*each) for each in pairs)
    return (record(PARAMS, requestID, content) if content else b"") + record(PARAMS, requestID)


def stream(type: int, requestID: int, *pieces: bytes) -> bytes:
    """
    A stream in these pieces, and its end.
    """
    return b"".join(record(type, requestID, piece) for piece in (*pieces, b""))


def get(
    requestID: int, *pairs: tuple[bytes, bytes], role: int = RESPONDER, flags: int = 1
) -> bytes:
    """
    A request without a body, whole.
    """
    return begin(requestID, role, flags) + params(requestID, *pairs) + record(STDIN, requestID)


def endRequest(requestID: int, appStatus: int = 0, protocolStatus: int = 0) -> bytes:
    """
    END_REQUEST (section 5.5).
    """
    return record(END_REQUEST, requestID, struct.pack(">IB3x", appStatus, protocolStatus))


# Events


def received(
    requestID: int, *pairs: tuple[bytes, bytes], role: int = RESPONDER, keep: bool = True
) -> RequestReceived:
    """
    What the params of a request are reported as.
    """
    block = b"".join(pair(*each) for each in pairs)
    return RequestReceived(requestID, Role(role), keep, NameValueParams(block))


def body(data: bytes, requestID: int = 1) -> DataReceived:
    """
    Bytes of a STDIN stream.
    """
    return DataReceived(requestID, Stream.STDIN, data)


def split(events: list[Event]) -> tuple[list[Event], type[RemoteProtocolError] | None]:
    """
    The events before the connection failed, and the class of the error, if it did.
    """
    assert all(not isinstance(event, ConnectionFailed) for event in events[:-1])
    if events and isinstance(events[-1], ConnectionFailed):
        return events[:-1], type(events[-1].error)
    return events, None


# Arrivals

Deliver = Callable[[RecordLayer, bytes], list[Event]]


def merged(events: Iterable[Event]) -> list[Event]:
    """
    The events with adjacent data of one stream put together: how it was cut means nothing.
    """
    result: list[Event] = []
    for event in events:
        last = result[-1] if result else None
        if (
            isinstance(event, DataReceived)
            and isinstance(last, DataReceived)
            and (event.requestID, event.stream) == (last.requestID, last.stream)
        ):
            result[-1] = DataReceived(event.requestID, event.stream, last.data + event.data)
        else:
            result.append(event)
    return result


def receiveAll(
    connection: RecordLayer | scgiserver.ServerConnection, pieces: Iterable[bytes]
) -> list[Event]:
    """
    Deliver pieces until the connection fails or all are delivered.
    """
    events: list[Event] = []
    for piece in pieces:
        if connection.failed is None:
            events += connection.receive(piece)
    return merged(events)


def whole(connection: RecordLayer, data: bytes) -> list[Event]:
    """
    All in one read.
    """
    return receiveAll(connection, [data])


def byteByByte(connection: RecordLayer, data: bytes) -> list[Event]:
    """
    A read for each byte.
    """
    return receiveAll(connection, [data[at : at + 1] for at in range(len(data))])


def viewed(
    connection: RecordLayer | scgiserver.ServerConnection, pieces: Iterable[bytes]
) -> list[Event]:
    """
    Deliver pieces as views of a buffer that is used again for the next one.
    """
    events: list[Event] = []
    for piece in pieces:
        if connection.failed is None:
            buffer = bytearray(piece)
            events += connection.receive(memoryview(buffer))
            buffer[:] = bytes(len(buffer))
    return merged(events)


def inABuffer(connection: RecordLayer, data: bytes) -> list[Event]:
    """
    In one read, as it lies in a buffer.
    """
    return viewed(connection, [data])


def inABufferAgain(connection: RecordLayer, data: bytes) -> list[Event]:
    """
    In several reads into the same buffer, which begin and end anywhere.
    """
    return viewed(connection, [data[at : at + 21] for at in range(0, len(data), 21)])


def withMoreBehind(connection: RecordLayer, data: bytes) -> list[Event]:
    """
    In one read, with the start of a record that nobody waits for behind it; the rest comes later.
    """
    more = record(STDIN, NOBODY, b"for nobody", bytes(6))
    return receiveAll(connection, [data + more[:11], more[11:]])


def cutInHeaders(connection: RecordLayer, data: bytes) -> list[Event]:
    """
    Cut after three bytes and then after every sixteen, as Apache does now and then.
    """
    cuts = [0, *range(3, len(data), 16), len(data)]
    return receiveAll(connection, [data[a:b] for a, b in pairwise(cuts)])


def generally(connection: RecordLayer, data: bytes) -> list[Event]:
    """
    Cut behind each BEGIN_REQUEST, so that no request lies whole in a read and can be taken at once.
    """
    pieces = []
    start = position = 0
    while position + 8 <= len(data):
        _, kind, _, length, padding = struct.unpack_from(">BBHHBx", data, position)
        position += 8 + length + padding
        if kind == BEGIN_REQUEST:
            pieces.append(data[start:position])
            start = position
    pieces.append(data[start:])
    events: list[Event] = []
    for piece in pieces:
        if connection.failed is None:
            events += connection.receive(piece)
    return events


WAYS: list[Deliver] = [
    whole,
    byteByByte,
    withMoreBehind,
    cutInHeaders,
    inABuffer,
    inABufferAgain,
]
everyWay = pytest.mark.parametrize("deliver", WAYS, ids=lambda way: way.__name__)


# Connections


def asking(*roles: int, keep: bool = True) -> ClientConnection:
    """
    A connection with a request of each role, ids 1, 2 and so on.
    """
    connection = ClientConnection()
    for role in roles or (RESPONDER,):
        connection.request([A1], role, keep)
    return connection


def out(data: bytes, requestID: int = 1) -> DataReceived:
    """
    Bytes of STDOUT.
    """
    return DataReceived(requestID, Stream.STDOUT, data)


def heldBytes(holder: object) -> int:
    """
    How much memory a connection holds: itself, and all that is its own.
    """
    size = sys.getsizeof(holder)
    if isinstance(holder, RecordLayer | ActiveRequest):
        # Of a compiled class they have another name.
        names = {
            name
            for kind in type(holder).__mro__
            for attribute in ("__slots__", "__mypyc_attrs__")
            for name in getattr(kind, attribute, ())
        }
        return size + sum(heldBytes(getattr(holder, name)) for name in names)
    if isinstance(holder, dict):
        return size + sum(heldBytes(key) + heldBytes(value) for key, value in holder.items())
    if isinstance(holder, list | tuple):
        return size + sum(heldBytes(item) for item in holder)
    if isinstance(holder, BaseException):
        assert holder.__traceback__ is None
        assert holder.__context__ is None
        return size + heldBytes(holder.args)
    return size
