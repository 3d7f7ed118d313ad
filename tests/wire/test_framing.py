"""
Records on a connection, whatever the pieces they come in (FastCGI 1.0, section 3.3), and streams
put into records.
"""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from txfcgi.errors import NotFastCGI, RemoteProtocolError, UnexpectedRecord, UnsupportedVersion
from txfcgi.wire.events import ConnectionFailed
from txfcgi.wire.framing import (
    FULL,
    Buffer,
    RecordLayer,
    beginRequest,
    endRequest,
    recordHeader,
    streamRecords,
)
from txfcgi.wire.records import Record, RecordReader

from .conversations import NOBODY, Deliver, everyWay, heldBytes, record


@dataclass
class Noted:
    """
    A record, or a piece of one.
    """

    kind: int
    requestID: int
    content: bytes


class Notes(RecordLayer):
    """
    A connection that reports each record as it is; one of type 99 breaks a rule.
    """

    __slots__ = ()

    def receive(self, data: Buffer) -> list[Any]:
        """
        Report notes where others report events.
        """
        return super().receive(data)

    def _record(self, kind: int, requestID: int, content: bytes) -> None:
        if kind == 99:
            raise UnexpectedRecord("type 99")
        events: list[Any] = self._events
        events.append(Noted(kind, requestID, content))


def read(deliver: Deliver, data: bytes) -> list[Record | str]:
    """
    The records that are reported, the pieces of a stream put together, and the class of the error
    that ended it.
    """
    result: list[Record | str] = []
    fresh = True
    for event in deliver(Notes(), data):
        if isinstance(event, ConnectionFailed):
            result.append(type(event.error).__name__)
            continue
        note: Any = event
        assert isinstance(note, Noted)
        last = result[-1] if result else None
        if (
            not fresh
            and isinstance(last, Record)
            and note.content
            and (last.type, last.requestID) == (note.kind, note.requestID)
        ):
            result[-1] = Record(last.type, last.requestID, last.content + note.content)
        elif note.requestID != NOBODY:
            result.append(Record(note.kind, note.requestID, note.content))
        fresh = not note.content
    return result


@everyWay
class TestReading:
    """
    Bytes to records.
    """

    def test_header(self, deliver: Deliver) -> None:
        """
        Ids and lengths are big-endian, the reserved byte means nothing.
        """
        data = b"\x01\x05\x12\x34\x01\x02\x00\xff" + b"x" * 258
        assert read(deliver, data) == [Record(5, 0x1234, b"x" * 258)]

    @pytest.mark.parametrize("kind", [1, 2, 4, 5, 8, 9, 77])
    def test_padding(self, deliver: Deliver, kind: int) -> None:
        """
        Padding is skipped, 0 to 255 of any bytes, behind empty content too.
        """
        for content in (b"", b"content", b"8 bytes."):
            for padding in (b"", b"\x01", b"\x01\x05\0\1\0\0\0\0", b"\xff" * 255):
                data = record(kind, 7, content, padding) + record(5, 8, b"next")
                assert read(deliver, data) == [Record(kind, 7, content), Record(5, 8, b"next")]

    @pytest.mark.parametrize("kind", [5, 9])
    def test_longest(self, deliver: Deliver, kind: int) -> None:
        """
        A record may have 65535 bytes of content and 255 of padding.
        """
        data = record(kind, 7, b"x" * 65535, b"\1" * 255) + record(5, 7)
        assert read(deliver, data) == [Record(kind, 7, b"x" * 65535), Record(5, 7)]

    @pytest.mark.parametrize("version", [0, 2, 22, 71, 255])
    def test_version(self, deliver: Deliver, version: int) -> None:
        """
        Another version ends the connection; what came before was reported.
        """
        data = record(5, 7, b"x") + record(5, 7, version=version) + record(5, 7, b"never seen")
        assert read(deliver, data) == [Record(5, 7, b"x"), "UnsupportedVersion"]

    @pytest.mark.parametrize(
        "data",
        [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"HEAD / HTTP",
            b"get / HT",
            b"PRI * HTTP/2.0",
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"70:CONTENT_LENGTH",
            b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
            b"\r\n\r\n\x00\r\nQUIT\n!",
        ],
    )
    def test_notFastCGI(self, deliver: Deliver, data: bytes) -> None:
        """
        A client that speaks another protocol is told from one that breaks this one.
        """
        assert read(deliver, data) == ["NotFastCGI"]

    @pytest.mark.parametrize(
        "data",
        [
            b"A\xff\xff\xff\xff\xff\xff\xff",
            b"\x16\x04\x01\x02\x00\x01\x00\x01",
            b"70;CONTE",
            bytes(8),
        ],
    )
    def test_otherGarbage(self, deliver: Deliver, data: bytes) -> None:
        """
        Bytes of no protocol that is known.
        """
        assert read(deliver, data) == ["UnsupportedVersion"]

    def test_nothingAfterTheError(self, deliver: Deliver) -> None:
        """
        The error is the last event, and comes once.
        """
        assert read(deliver, record(99, 7) + record(99, 7) + record(5, 7)) == ["UnexpectedRecord"]


class TestPieces:
    """
    What is reported when.
    """

    def test_streamIsPassedOn(self) -> None:
        """
        The content of a stream is reported as it arrives, not when its record is complete.
        """
        connection = Notes()
        data = record(5, 7, b"0123456789", b"\1\2")
        assert connection.receive(data[:8]) == []
        assert connection.receive(data[8:12]) == [Noted(5, 7, b"0123")]
        assert connection.receive(b"") == []
        assert connection.receive(data[12:19]) == [Noted(5, 7, b"456789")]
        assert connection.receive(data[19:]) == []

    def test_otherContentIsHeld(self) -> None:
        """
        The content of a discrete record means nothing until it is whole.
        """
        connection = Notes()
        data = record(9, 0, b"0123456789")
        assert connection.receive(data[:8]) == []
        assert connection.receive(data[8:17]) == []
        assert connection.receive(data[17:]) == [Noted(9, 0, b"0123456789")]

    def test_emptyIsReportedAtOnce(self) -> None:
        """
        The end of a stream does not wait for its padding.
        """
        connection = Notes()
        assert connection.receive(record(5, 7, b"", b"\1\2\3")[:9]) == [Noted(5, 7, b"")]
        assert connection.receive(b"\2\3" + record(5, 7, b"x")) == [Noted(5, 7, b"x")]

    def test_partial(self) -> None:
        """
        It is known whether a record has come in part: of its header, content or padding.
        """
        data = record(9, 0, b"ab", b"\1\2")
        connection = Notes()
        states = []
        for at in range(len(data)):
            connection.receive(data[at : at + 1])
            states.append(connection.partial)
        assert states == [True] * 11 + [False]

    def test_message(self) -> None:
        """
        The error says what it was.
        """
        connection = Notes()
        [event] = connection.receive(b"GET / HTTP/1.1\r\n")
        assert isinstance(event, ConnectionFailed)
        assert isinstance(event.error, NotFastCGI)
        assert str(event.error) == (
            "the connection starts with b'GET / HT', which is HTTP, and this port speaks FastCGI: "
            "does an HTTP client speak to this port? In nginx, write fastcgi_pass and not "
            "proxy_pass; for a browser, serve with --http"
        )
        [event] = Notes().receive(b"\2" * 8)
        assert isinstance(event, ConnectionFailed)
        assert isinstance(event.error, UnsupportedVersion)
        assert str(event.error) == "a record of version 2: only version 1 exists (section 3.3)"

    def test_failedAlready(self) -> None:
        """
        A connection that failed takes nothing more, and says again why.
        """
        connection = Notes()
        assert connection.failed is None
        connection.receive(record(99, 1))
        assert isinstance(connection.failed, UnexpectedRecord)
        for _ in range(3):
            with pytest.raises(UnexpectedRecord, match="type 99"):
                connection.receive(record(5, 1, b"x"))

    def test_abstract(self) -> None:
        """
        What a record means is not known here.
        """
        with pytest.raises(NotImplementedError):
            RecordLayer().receive(record(5, 1))


class TestMemory:
    """
    Nothing is allocated from a declared length.
    """

    def test_declared(self) -> None:
        """
        A header that promises 64 KiB costs no more than another.
        """
        for kind in (4, 5, 9, 77):
            connection = Notes()
            idle = heldBytes(connection)
            connection.receive(record(kind, 0, bytes(65535))[:10])
            assert heldBytes(connection) < idle + 200

    def test_held(self) -> None:
        """
        One record that is no stream is held at the most, and given back with its end.
        """
        connection = Notes()
        idle = heldBytes(connection)
        data = record(9, 0, bytes(65535)) * 3
        most = 0
        for start in range(0, len(data), 1000):
            connection.receive(data[start : start + 1000])
            most = max(most, heldBytes(connection))
        assert most < idle + 65535 * 9 / 8 + 200
        assert heldBytes(connection) < idle + 32

    def test_streamIsNotHeld(self) -> None:
        """
        No content of a stream stays, reported or not; nor do the events.
        """
        connection = Notes()
        idle = heldBytes(connection)
        data = record(5, 1, bytes(65535)) * 4
        for start in range(0, len(data), 4096):
            connection.receive(data[start : start + 4096])
            assert heldBytes(connection) < idle + 200

    def test_failed(self) -> None:
        """
        A connection that failed keeps nothing of what is sent to it: not what it held, and not by
        way of its error.
        """
        connection = Notes()
        connection.receive(record(9, 0, bytes(60000))[:-1])
        connection.receive(bytes(1) + record(5, 1)[:3] + b"\0" * 5 + record(99, 1) + bytes(60000))
        assert connection.failed is not None
        assert heldBytes(connection) < 2000
        tracemalloc.start()
        try:
            for _ in range(50):
                with pytest.raises(UnexpectedRecord):
                    connection.receive(bytes(100_000))
            assert tracemalloc.get_traced_memory()[0] < 500_000
        finally:
            tracemalloc.stop()

    @given(st.lists(st.binary(max_size=60), max_size=10))
    def test_anyBytes(self, pieces: list[bytes]) -> None:
        """
        Any bytes are records or one error, whatever the pieces.
        """
        connection = Notes()
        for piece in pieces:
            try:
                events = connection.receive(piece)
            except RemoteProtocolError:
                assert connection.failed is not None
                return
            failures = [event for event in events if isinstance(event, ConnectionFailed)]
            assert failures == events[len(events) - len(failures) :]
            assert len(failures) == (connection.failed is not None)


class TestWriting:
    """
    Headers, and streams put into records.
    """

    def test_discrete(self) -> None:
        """
        Discrete records are as the specification draws them, reserved bytes zero.
        """
        assert recordHeader(5, 0x1234, 0x0102, 6) == b"\x01\x05\x12\x34\x01\x02\x06\x00"
        assert beginRequest(1, 3, True) == b"\x01\x01\0\1\0\x08\0\0\0\x03\x01\0\0\0\0\0"
        assert beginRequest(1, 1, False) == b"\x01\x01\0\1\0\x08\0\0\0\x01\0\0\0\0\0\0"
        assert endRequest(258, 938, 2) == b"\x01\x03\1\2\0\x08\0\0\0\0\x03\xaa\x02\0\0\0"

    @pytest.mark.parametrize(
        ("status", "wire"),
        [(0, bytes(4)), (-1, b"\xff" * 4), (1 << 32, bytes(4)), ((1 << 32) - 1, b"\xff" * 4)],
    )
    def test_exitStatus(self, status: int, wire: bytes) -> None:
        """
        An exit status has 32 bits and wraps.
        """
        assert endRequest(1, status, 0)[8:12] == wire

    @given(st.integers(0, 3 * FULL), st.sampled_from([bytes, memoryview]))
    @example(0, bytes)
    @example(7, bytes)
    @example(8, bytes)
    @example(FULL - 1, bytes)
    @example(FULL, bytes)
    @example(FULL + 1, bytes)
    @example(65535, bytes)
    @example(65536, bytes)
    @example(2 * FULL, memoryview)
    @example(2 * FULL + 8, memoryview)
    def test_stream(self, size: int, kind: type[Buffer]) -> None:
        """
        A stream of any length comes back as it was; each record is a multiple of eight bytes long,
        and content and padding together never exceed 65535.
        """
        data = (bytes(range(1, 252)) * (size // 251 + 1))[:size]
        written = b"".join(streamRecords(6, 7, kind(data)))
        records = RecordReader().receive(written)
        assert b"".join(each.content for each in records) == data
        assert all((each.type, each.requestID) == (6, 7) for each in records)
        assert len(records) == max(1, -(-size // FULL))
        assert len(written) % 8 == 0
        position = 0
        for each in records:
            length = len(each.content)
            padding = written[position + 6]
            end = position + 8 + length + padding
            assert length + padding <= 65535
            assert padding < 8
            assert written[position + 8 + length : end] == bytes(padding)
            position = end

    def test_notCopied(self) -> None:
        """
        The bytes go out as they are, in slices where there are many.
        """
        data = b"x" * 1000
        assert any(part is data for part in streamRecords(6, 1, data))
        data = b"x" * 200_000
        views = [part for part in streamRecords(6, 1, data) if isinstance(part, memoryview)]
        assert [view.obj is data for view in views] == [True] * 4
