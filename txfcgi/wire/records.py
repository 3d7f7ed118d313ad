"""
FastCGI records (FastCGI 1.0, section 3.3): the constants, the header, and each of the eleven
types as a value that can be written and read back.

The connections in L{txfcgi.wire.fastcgiserver} work on the bytes themselves, for speed. The classes
here are for programs that look at a conversation: tests, traces, tools.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Final

from ..errors import InvalidRequestID, MalformedRecord, UnsupportedVersion
from .pairs import MAX_CONTENT, decodePairs, encodePair

VERSION: Final = 1
HEADER_LENGTH: Final = 8
KEEP_CONN: Final = 1

HEADER: Final = Struct(">BBHHBx")
BEGIN_BODY: Final = Struct(">HB5x")
END_BODY: Final = Struct(">IB3x")


class RecordType(IntEnum):
    """
    The types of records (section 8).
    """

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


class Stream(IntEnum):
    """
    The record types that are byte streams, closed by an empty record (section 3.3).
    """

    PARAMS = 4
    STDIN = 5
    STDOUT = 6
    STDERR = 7
    DATA = 8


class Role(IntEnum):
    """
    What a web server asks an application to be (section 6).

    @cvar RESPONDER: To answer a request, as a CGI program does (section 6.2).
    @cvar AUTHORIZER: To decide whether a request is allowed (section 6.3).
    @cvar FILTER: To change a file on its way to the browser (section 6.4).
    """

    RESPONDER = 1
    AUTHORIZER = 2
    FILTER = 3


class ProtocolStatus(IntEnum):
    """
    How a request ended, as far as the protocol goes (section 5.5).
    """

    REQUEST_COMPLETE = 0
    CANT_MPX_CONN = 1
    OVERLOADED = 2
    UNKNOWN_ROLE = 3


def encodeRecord(type: int, requestID: int, content: bytes = b"", padding: int = -1) -> bytes:
    """
    One record.

    @param content: At most 65535 bytes.
    @param padding: How many zero bytes follow the content, 0 to 255; -1 fills up to a multiple
        of eight, as far as content and padding together stay within 65535.
    """
    if len(content) > MAX_CONTENT:
        raise ValueError(f"{len(content)} bytes do not fit into one record")
    if padding < 0:
        padding = min(-len(content) % 8, MAX_CONTENT - len(content))
    return b"".join(
        (HEADER.pack(VERSION, type, requestID, len(content), padding), content, bytes(padding))
    )


@dataclass(frozen=True)
class Record:
    """
    A record of any type, known or not, by its plain content.
    """

    type: int
    requestID: int
    content: bytes = b""

    def encode(self) -> bytes:
        """
        The record as bytes, padded with zeros to a multiple of eight.
        """
        return encodeRecord(self.type, self.requestID, self.content)


@dataclass(frozen=True)
class BeginRequest:
    """
    A web server starts a request (section 5.1).
    """

    type: ClassVar[RecordType] = RecordType.BEGIN_REQUEST
    requestID: int
    role: int
    keepConnection: bool = False

    def encode(self) -> bytes:
        """
        The record as bytes.
        """
        body = BEGIN_BODY.pack(self.role, KEEP_CONN if self.keepConnection else 0)
        return encodeRecord(self.type, self.requestID, body)


@dataclass(frozen=True)
class AbortRequest:
    """
    A web server wants a request to end (section 5.4).
    """

    type: ClassVar[RecordType] = RecordType.ABORT_REQUEST
    requestID: int

    def encode(self) -> bytes:
        """
        The record as bytes.
        """
        return encodeRecord(self.type, self.requestID)


@dataclass(frozen=True)
class EndRequest:
    """
    An application ends a request (section 5.5).
    """

    type: ClassVar[RecordType] = RecordType.END_REQUEST
    requestID: int
    appStatus: int = 0
    protocolStatus: int = ProtocolStatus.REQUEST_COMPLETE

    def encode(self) -> bytes:
        """
        The record as bytes.
        """
        body = END_BODY.pack(self.appStatus & 0xFFFFFFFF, self.protocolStatus)
        return encodeRecord(self.type, self.requestID, body)


@dataclass(frozen=True)
class _StreamRecord:
    """
    A piece of a stream; the empty piece ends it.
    """

    type: ClassVar[RecordType]
    requestID: int
    content: bytes = b""

    def encode(self) -> bytes:
        """
        The record as bytes.
        """
        return encodeRecord(self.type, self.requestID, self.content)


class Params(_StreamRecord):
    """
    A piece of the name-value pairs of a request (section 5.2).
    """

    type = RecordType.PARAMS


class Stdin(_StreamRecord):
    """
    A piece of the body of a request (section 5.3).
    """

    type = RecordType.STDIN


class Data(_StreamRecord):
    """
    A piece of the file that a Filter works on (section 5.3).
    """

    type = RecordType.DATA


class Stdout(_StreamRecord):
    """
    A piece of an application's output (section 5.3).
    """

    type = RecordType.STDOUT


class Stderr(_StreamRecord):
    """
    A piece of an application's error messages (section 5.3).
    """

    type = RecordType.STDERR


@dataclass(frozen=True)
class GetValues:
    """
    A web server asks for variables by name (section 4.1).
    """

    type: ClassVar[RecordType] = RecordType.GET_VALUES
    names: tuple[bytes, ...]
    requestID: ClassVar[int] = 0

    def encode(self) -> bytes:
        """
        The record as bytes.
        """
        return encodeRecord(self.type, 0, b"".join(encodePair(name, b"") for name in self.names))


@dataclass(frozen=True)
class GetValuesResult:
    """
    The variables that the application knows (section 4.1).
    """

    type: ClassVar[RecordType] = RecordType.GET_VALUES_RESULT
    values: tuple[tuple[bytes, bytes], ...]
    requestID: ClassVar[int] = 0

    def encode(self) -> bytes:
        """
        The record as bytes.
        """
        return encodeRecord(self.type, 0, b"".join(encodePair(*pair) for pair in self.values))


@dataclass(frozen=True)
class UnknownType:
    """
    The answer to a management record of a type that the application does not know (section 4.2).
    """

    type: ClassVar[RecordType] = RecordType.UNKNOWN_TYPE
    unknown: int
    requestID: ClassVar[int] = 0

    def encode(self) -> bytes:
        """
        The record as bytes.
        """
        return encodeRecord(self.type, 0, bytes((self.unknown, 0, 0, 0, 0, 0, 0, 0)))


_StreamTypes = Params | Stdin | Data | Stdout | Stderr
AnyRecord = (
    BeginRequest | AbortRequest | EndRequest | _StreamTypes
    | GetValues | GetValuesResult | UnknownType | Record
)  # fmt: skip

_STREAMS: Final[dict[int, type[_StreamTypes]]] = {
    kind.type: kind for kind in (Params, Stdin, Data, Stdout, Stderr)
}


def interpret(record: Record) -> AnyRecord:
    """
    A record as a value of its own type. One of an unknown type stays as it is.

    @raise MalformedRecord: If the content does not fit the type.
    @raise InvalidRequestID: If the id is 0 and must not be, or the other way round.
    @raise MalformedParams: If a management record's pairs can't be read.
    """
    kind, requestID, content = record.type, record.requestID, record.content
    if kind in _STREAMS or kind in (1, 2, 3):
        if not requestID:
            raise InvalidRequestID(f"{nameOfType(kind)} with request id 0 (section 3.3)")
    elif requestID and kind in (9, 10, 11):
        raise InvalidRequestID(f"{nameOfType(kind)} with request id {requestID} (section 3.3)")
    if kind in _STREAMS:
        return _STREAMS[kind](requestID, content)
    if kind in _LENGTHS and len(content) != _LENGTHS[kind]:
        raise wrongLength(kind, len(content))
    if kind == RecordType.BEGIN_REQUEST:
        role, flags = BEGIN_BODY.unpack(content)
        return BeginRequest(requestID, role, bool(flags & KEEP_CONN))
    if kind == RecordType.ABORT_REQUEST:
        return AbortRequest(requestID)
    if kind == RecordType.END_REQUEST:
        appStatus, protocolStatus = END_BODY.unpack(content)
        return EndRequest(requestID, appStatus, protocolStatus)
    if kind == RecordType.GET_VALUES:
        return GetValues(tuple(name for name, _ in decodePairs(content)))
    if kind == RecordType.GET_VALUES_RESULT:
        return GetValuesResult(tuple(decodePairs(content)))
    if kind == RecordType.UNKNOWN_TYPE:
        return UnknownType(content[0])
    return record


_LENGTHS: Final[dict[int, int]] = {
    RecordType.BEGIN_REQUEST: 8,
    RecordType.ABORT_REQUEST: 0,
    RecordType.END_REQUEST: 8,
    RecordType.UNKNOWN_TYPE: 8,
}


def nameOfType(type: int) -> str:
    """
    The specification's name of a record type, for messages: C{STDIN}, or C{type 77}.
    """
    try:
        return RecordType(type).name
    except ValueError:
        return f"type {type}"


def wrongLength(type: int, length: int) -> MalformedRecord:
    """
    The error for a record whose type fixes another length of content.
    """
    return MalformedRecord(
        f"{nameOfType(type)} with {length} bytes of content instead of "
        f"{_LENGTHS[type]} (sections 4 and 5)"
    )


class RecordReader:
    """
    Bytes to whole records, in pieces of any size. For looking at a conversation: it knows no
    requests and holds each record until it is complete (65798 bytes at the most).
    """

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def held(self) -> int:
        """
        How many bytes of an incomplete record are here.
        """
        return len(self._held)

    def receive(self, data: bytes) -> list[Record]:
        """
        Take the next bytes.

        @return: The records that they complete.
        @raise UnsupportedVersion: At a header whose version is not 1. The records before it are
            returned first; the error is raised by the next call.
        """
        held = self._held
        held += data
        records: list[Record] = []
        start = 0
        while len(held) - start >= HEADER_LENGTH:
            version, kind, requestID, length, padding = HEADER.unpack_from(held, start)
            if version != VERSION:
                if records:
                    break
                raise UnsupportedVersion(f"a record of version {version} (section 3.3)")
            content = start + HEADER_LENGTH
            end = content + length + padding
            if end > len(held):
                break
            records.append(Record(kind, requestID, bytes(held[content : content + length])))
            start = end
        del held[:start]
        return records
