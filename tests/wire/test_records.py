"""
FastCGI records as values (FastCGI 1.0, sections 3.3, 4, 5 and 8).
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from txfcgi.errors import InvalidRequestID, MalformedParams, MalformedRecord, UnsupportedVersion
from txfcgi.wire.records import (
    AbortRequest,
    AnyRecord,
    BeginRequest,
    Data,
    EndRequest,
    GetValues,
    GetValuesResult,
    Params,
    ProtocolStatus,
    Record,
    RecordReader,
    RecordType,
    Role,
    Stderr,
    Stdin,
    Stdout,
    Stream,
    UnknownType,
    encodeRecord,
    interpret,
    nameOfType,
)

from .conversations import record

# Each of the eleven types, byte for byte.
LITERALS: list[tuple[AnyRecord, bytes]] = [
    (
        BeginRequest(1, Role.RESPONDER),
        b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00",
    ),
    (
        BeginRequest(0x1234, Role.FILTER, keepConnection=True),
        b"\x01\x01\x12\x34\x00\x08\x00\x00\x00\x03\x01\x00\x00\x00\x00\x00",
    ),
    (
        BeginRequest(65535, 0xABCD),
        b"\x01\x01\xff\xff\x00\x08\x00\x00\xab\xcd\x00\x00\x00\x00\x00\x00",
    ),
    (AbortRequest(1), b"\x01\x02\x00\x01\x00\x00\x00\x00"),
    (
        EndRequest(1, 938),
        b"\x01\x03\x00\x01\x00\x08\x00\x00\x00\x00\x03\xaa\x00\x00\x00\x00",
    ),
    (
        EndRequest(2, 0xFFFFFFFF, ProtocolStatus.OVERLOADED),
        b"\x01\x03\x00\x02\x00\x08\x00\x00\xff\xff\xff\xff\x02\x00\x00\x00",
    ),
    (Params(1, b"\x01\x01ab"), b"\x01\x04\x00\x01\x00\x04\x04\x00\x01\x01ab\0\0\0\0"),
    (Params(1), b"\x01\x04\x00\x01\x00\x00\x00\x00"),
    (Stdin(1, b"12345678"), b"\x01\x05\x00\x01\x00\x08\x00\x0012345678"),
    (Stdout(1, b"1"), b"\x01\x06\x00\x01\x00\x01\x07\x001\0\0\0\0\0\0\0"),
    (Stderr(1, b"1234567"), b"\x01\x07\x00\x01\x00\x07\x01\x001234567\0"),
    (Data(1), b"\x01\x08\x00\x01\x00\x00\x00\x00"),
    (
        GetValues((b"FCGI_MAX_CONNS",)),
        b"\x01\x09\x00\x00\x00\x10\x00\x00\x0e\x00FCGI_MAX_CONNS",
    ),
    (
        GetValuesResult(((b"FCGI_MPXS_CONNS", b"1"),)),
        b"\x01\x0a\x00\x00\x00\x12\x06\x00\x0f\x01FCGI_MPXS_CONNS1\0\0\0\0\0\0",
    ),
    (UnknownType(77), b"\x01\x0b\x00\x00\x00\x08\x00\x00\x4d\x00\x00\x00\x00\x00\x00\x00"),
    (Record(77, 0, b"?"), b"\x01\x4d\x00\x00\x00\x01\x07\x00?\0\0\0\0\0\0\0"),
    (Record(77, 5), b"\x01\x4d\x00\x05\x00\x00\x00\x00"),
]


class TestConstants:
    """
    The numbers of section 8.
    """

    def test_values(self) -> None:
        """
        All of them.
        """
        assert {kind.name: kind.value for kind in RecordType} == {
            "BEGIN_REQUEST": 1,
            "ABORT_REQUEST": 2,
            "END_REQUEST": 3,
            "PARAMS": 4,
            "STDIN": 5,
            "STDOUT": 6,
            "STDERR": 7,
            "DATA": 8,
            "GET_VALUES": 9,
            "GET_VALUES_RESULT": 10,
            "UNKNOWN_TYPE": 11,
        }
        assert {role.name: role.value for role in Role} == {
            "RESPONDER": 1,
            "AUTHORIZER": 2,
            "FILTER": 3,
        }
        assert {status.name: status.value for status in ProtocolStatus} == {
            "REQUEST_COMPLETE": 0,
            "CANT_MPX_CONN": 1,
            "OVERLOADED": 2,
            "UNKNOWN_ROLE": 3,
        }

    def test_streams(self) -> None:
        """
        The streams are the types that appendix A marks as such.
        """
        assert {stream.name for stream in Stream} == {
            "PARAMS",
            "STDIN",
            "STDOUT",
            "STDERR",
            "DATA",
        }
        assert all(RecordType[stream.name].value == stream.value for stream in Stream)

    def test_names(self) -> None:
        """
        A type is named in messages, a type that nobody knows by its number.
        """
        assert nameOfType(5) == "STDIN"
        assert nameOfType(0) == "type 0"


class TestValues:
    """
    Each type is a frozen class.
    """

    @pytest.mark.parametrize(("value", "data"), LITERALS, ids=lambda x: type(x).__name__)
    def test_literal(self, value: AnyRecord, data: bytes) -> None:
        """
        It is written as the specification draws it, and read back as it was.
        """
        assert value.encode() == data
        [read] = RecordReader().receive(data)
        assert interpret(read) == value
        assert (read.type, read.requestID) == (value.type, value.requestID)

    def test_held(self) -> None:
        """
        A reader tells how much of a record is missing its end.
        """
        reader = RecordReader()
        data = Stdin(1, b"12345678").encode()
        assert [record.content for record in reader.receive(data + data[:11])] == [b"12345678"]
        assert reader.held == 11

    def test_frozen(self) -> None:
        """
        A record does not change; two types are never equal.
        """
        with pytest.raises(FrozenInstanceError):
            Stdin(1, b"").content = b"x"  # type: ignore[misc]
        different: list[AnyRecord] = [Stdin(1, b"x"), Stdout(1, b"x"), Stdin(2, b"x"), Stdin(1)]
        assert len(set(different)) == 4

    def test_exitStatus(self) -> None:
        """
        A negative exit status wraps to 32 bits.
        """
        [read] = RecordReader().receive(EndRequest(1, -1).encode())
        assert interpret(read) == EndRequest(1, 0xFFFFFFFF)

    def test_reservedFlags(self) -> None:
        """
        Of the flags, KEEP_CONN alone means something.
        """
        assert interpret(Record(1, 1, b"\0\1\xfe\1\2\3\4\5")) == BeginRequest(1, 1, False)
        assert interpret(Record(1, 1, b"\0\1\xff\1\2\3\4\5")) == BeginRequest(1, 1, True)

    @pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 7, 8])
    def test_applicationRecordWithNoID(self, kind: int) -> None:
        """
        Application records never have the null id.
        """
        with pytest.raises(InvalidRequestID, match=r"with request id 0 \(section 3.3\)"):
            interpret(Record(kind, 0, bytes(8)))

    @pytest.mark.parametrize("kind", [9, 10, 11])
    def test_managementRecordWithID(self, kind: int) -> None:
        """
        Management records always have it.
        """
        with pytest.raises(InvalidRequestID, match="with request id 7"):
            interpret(Record(kind, 7))

    @pytest.mark.parametrize(
        ("kind", "length", "right"),
        [(1, 7, 8), (1, 9, 8), (1, 0, 8), (2, 1, 0), (3, 7, 8), (3, 9, 8), (11, 7, 8), (11, 0, 8)],
    )
    def test_wrongLength(self, kind: int, length: int, right: int) -> None:
        """
        A discrete record's content has the length of its type.
        """
        with pytest.raises(MalformedRecord, match=f"with {length} bytes .* instead of {right}"):
            interpret(Record(kind, 0 if kind == 11 else 1, bytes(length)))

    @pytest.mark.parametrize("kind", [9, 10])
    def test_malformedPairs(self, kind: int) -> None:
        """
        So do the pairs of a management record.
        """
        with pytest.raises(MalformedParams):
            interpret(Record(kind, 0, b"\x05\x00abc"))


class TestEncoding:
    """
    Any record that the format allows.
    """

    @given(
        st.integers(0, 65535),
        st.integers(0, 255),
        st.integers(1, 65535),
        st.sampled_from([4, 5, 6, 7, 8, 77]),
    )
    @example(65535, 255, 65535, 5)
    @example(65535, 0, 1, 5)
    @example(65528, 7, 1, 5)
    @example(0, 255, 1, 5)
    @example(0, 0, 1, 5)
    def test_decodeUndoesEncode(self, size: int, padding: int, requestID: int, kind: int) -> None:
        """
        Content of 0 to 65535 bytes with padding of 0 to 255 comes back as it was
        (CVE-2026-55203: in a careless writer, the two together overflow).
        """
        content = bytes(range(251)) * (size // 251 + 1)
        content = content[:size]
        data = encodeRecord(kind, requestID, content, padding)
        assert data == record(kind, requestID, content, bytes(padding))
        assert RecordReader().receive(data) == [Record(kind, requestID, content)]

    @given(st.integers(0, 65535))
    @example(65535)
    @example(65534)
    @example(65529)
    @example(65528)
    def test_ownPadding(self, size: int) -> None:
        """
        Our padding is zeros up to a multiple of eight, as far as content and padding together
        stay within 65535.
        """
        data = encodeRecord(5, 1, bytes([255]) * size)
        assert data[8 + size :].strip(b"\0") == b""
        assert len(data) - 8 <= 65535
        assert len(data) % 8 == 0 or len(data) == 8 + 65535

    def test_tooLong(self) -> None:
        """
        What fits into no record is not cut.
        """
        with pytest.raises(ValueError, match="65536 bytes"):
            encodeRecord(5, 1, bytes(65536))


class TestReader:
    """
    L{RecordReader}, for tools that look at a conversation.
    """

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 255),
                st.integers(0, 65535),
                st.binary(max_size=20),
                st.binary(max_size=255),
                st.integers(0, 255),
            ),
            max_size=5,
        ),
        st.integers(1, 40),
    )
    def test_anyPieces(self, fields: list[tuple[int, int, bytes, bytes, int]], size: int) -> None:
        """
        The records are the same however they are cut, whatever is in padding and reserved byte.
        """
        data = b"".join(
            record(kind, requestID, content, padding, reserved=reserved)
            for kind, requestID, content, padding, reserved in fields
        )
        reader = RecordReader()
        read = [
            each
            for start in range(0, len(data), size)
            for each in reader.receive(data[start : start + size])
        ]
        assert read == [Record(kind, requestID, content) for kind, requestID, content, *_ in fields]
        assert RecordReader().receive(data + b"\1") == read

    def test_otherVersion(self) -> None:
        """
        Another version is an error, but what came before it is seen.
        """
        reader = RecordReader()
        assert reader.receive(record(5, 1, b"x") + record(5, 1, version=2)) == [Record(5, 1, b"x")]
        with pytest.raises(UnsupportedVersion, match=r"version 2 \(section 3.3\)"):
            reader.receive(b"")
