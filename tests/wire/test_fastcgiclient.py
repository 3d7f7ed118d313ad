"""
A web server's end of a FastCGI connection: what it makes of an application's answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import (
    BrokenOff,
    EndedTwice,
    InactiveRequestID,
    InvalidRequestID,
    LocalProtocolError,
    MalformedRecord,
    NotFastCGI,
    RemoteProtocolError,
    UnexpectedRecord,
    UnsupportedVersion,
)
from txfcgi.wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestEnded,
)
from txfcgi.wire.fastcgiclient import MAX_REQUEST_ID, ClientConnection
from txfcgi.wire.records import Stream

from .conversations import (
    A1,
    ABORT_REQUEST,
    DATA,
    END_REQUEST,
    GET_VALUES,
    GET_VALUES_RESULT,
    PARAMS,
    RESPONDER,
    STDERR,
    STDIN,
    STDOUT,
    UNKNOWN_TYPE,
    asking,
    begin,
    endRequest,
    out,
    receiveAll,
    record,
    split,
    stream,
    viewed,
    whole,
)

ENDED = RequestEnded(1, 0, 0)


def err(data: bytes, requestID: int = 1) -> DataReceived:
    """
    Bytes of STDERR.
    """
    return DataReceived(requestID, Stream.STDERR, data)


def everyCut(data: bytes) -> Iterable[list[bytes]]:
    """
    The data in one piece, byte by byte, and in two pieces at every place.
    """
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


def answers(data: bytes, *roles: int) -> tuple[list[Event], type[RemoteProtocolError] | None]:
    """
    What is reported of an answer, which has to be the same however it is cut.
    """
    results = [receiveAll(asking(*roles), pieces) for pieces in everyCut(data)]
    assert all(result == results[0] for result in results)
    assert all(viewed(asking(*roles), pieces) == results[0] for pieces in everyCut(data))
    assert atOnce(asking(*roles), data) == results[0]
    return split(results[0])


def atOnce(connection: ClientConnection, data: bytes) -> list[Event]:
    """
    What is reported of a read, in the shorter way if it can go it.
    """
    answer = connection.receiveResponse(data)
    if answer is None:
        return receiveAll(connection, [data])
    requestID, output = answer
    return [out(output, requestID), RequestEnded(requestID, 0, 0)]


PLAIN = stream(STDOUT, 1, b"hello") + endRequest(1)


class TestAtOnce:
    """
    The shorter way for a whole answer in one read.
    """

    @pytest.mark.parametrize("keep", [True, False])
    def test_taken(self, keep: bool) -> None:
        """
        One record of STDOUT, its end, and END_REQUEST with zeros in it: the request is over, and
        its id free.
        """
        connection = asking(keep=keep)
        assert connection.receiveResponse(PLAIN) == (1, b"hello")
        assert (connection.active, connection.reusable) == (0, keep)
        assert connection.request([A1])[0] == 1

    def test_padding(self) -> None:
        """
        The padding of the record is no part of the output, whatever is in it.
        """
        data = record(STDOUT, 1, b"hello", b"\0x\0") + PLAIN[-24:]
        assert asking().receiveResponse(data) == (1, b"hello")

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            PLAIN[:1],
            PLAIN[:-1],
            PLAIN + b"\1",
            PLAIN + PLAIN,
            b"\0" + PLAIN[1:],
            stream(STDOUT, 1) + endRequest(1),
            stream(STDERR, 1, b"hello") + endRequest(1),
            stream(STDOUT, 1, b"he", b"llo") + endRequest(1),
            stream(STDOUT, 1, b"hello") + endRequest(1, 1),
            stream(STDOUT, 2, b"hello") + endRequest(2),
            stream(STDOUT, 1, b"hello") + endRequest(2),
        ],
    )
    def test_notTaken(self, data: bytes) -> None:
        """
        Of anything else nothing is taken.
        """
        connection = asking()
        assert connection.receiveResponse(data) is None
        assert connection.active == 1
        assert connection.receiveResponse(PLAIN) == (1, b"hello")

    @pytest.mark.parametrize("before", [PLAIN[:3], PLAIN[:9], record(STDERR, 1, b"")])
    def test_notInTheMiddle(self, before: bytes) -> None:
        """
        What looks like an answer may be part of something that has begun.
        """
        connection = asking()
        connection.receive(before)
        assert connection.receiveResponse(PLAIN) is None

    def test_notAfterAnError(self) -> None:
        """
        Nothing is taken from a connection that has failed.
        """
        connection = asking()
        connection.receive(record(STDOUT, 9, b"x"))
        assert connection.receiveResponse(PLAIN) is None
        with pytest.raises(RemoteProtocolError):
            connection.receive(PLAIN)


class TestAnswers:
    """
    What applications answer.
    """

    def test_plain(self) -> None:
        """
        The most common answer: one record, the end of STDOUT, END_REQUEST.
        """
        data = stream(STDOUT, 1, b"hello") + endRequest(1)
        assert answers(data) == ([out(b"hello"), ENDED], None)

    def test_severalRecords(self) -> None:
        """
        A stream is all its records together.
        """
        data = stream(STDOUT, 1, b"he", b"llo") + endRequest(1)
        assert answers(data) == ([out(b"hello"), ENDED], None)

    def test_withoutEnds(self) -> None:
        """
        php-fpm never ends STDOUT and STDERR.
        """
        data = record(STDERR, 1, b"oh") + record(STDOUT, 1, b"hello") + endRequest(1)
        assert answers(data) == ([err(b"oh"), out(b"hello"), ENDED], None)

    def test_interleaved(self) -> None:
        """
        STDOUT and STDERR may take turns.
        """
        data = (
            record(STDOUT, 1, b"a")
            + record(STDERR, 1, b"b")
            + stream(STDOUT, 1, b"c")
            + stream(STDERR, 1)
            + endRequest(1)
        )
        assert answers(data) == ([out(b"a"), err(b"b"), out(b"c"), ENDED], None)

    def test_emptyRecordsTwice(self) -> None:
        """
        A second end of a stream does no harm.
        """
        data = stream(STDOUT, 1, b"a") + record(STDOUT, 1) + endRequest(1)
        assert answers(data) == ([out(b"a"), ENDED], None)

    def test_nothing(self) -> None:
        """
        END_REQUEST alone.
        """
        assert answers(endRequest(1)) == ([ENDED], None)

    @pytest.mark.parametrize("size", [1, 7, 255])
    def test_padding(self, size: int) -> None:
        """
        Any record may be padded, with any bytes.
        """
        padding = b"\x01" * size
        data = (
            record(STDOUT, 1, b"hello", padding)
            + record(STDOUT, 1, b"", padding)
            + record(END_REQUEST, 1, bytes(8), padding)
        )
        assert answers(data) == ([out(b"hello"), ENDED], None)

    def test_statuses(self) -> None:
        """
        Both statuses are reported as they came, 32 and 8 bits.
        """
        data = record(END_REQUEST, 1, b"\xff\xff\xff\xfe\x07\x01\x02\x03")
        assert answers(data) == ([RequestEnded(1, 0xFFFFFFFE, 7)], None)

    def test_multiplexed(self) -> None:
        """
        Three answers at once, in any order.
        """
        data = (
            record(STDOUT, 2, b"two")
            + record(STDOUT, 3, b"three")
            + endRequest(3)
            + stream(STDOUT, 1, b"one")
            + endRequest(1, 938)
            + endRequest(2)
        )
        assert answers(data, RESPONDER, RESPONDER, RESPONDER) == (
            [
                out(b"two", 2),
                out(b"three", 3),
                RequestEnded(3, 0, 0),
                out(b"one"),
                RequestEnded(1, 938, 0),
                RequestEnded(2, 0, 0),
            ],
            None,
        )

    def test_wholeAnswersOneBehindTheOther(self) -> None:
        """
        Several whole answers in one read.
        """
        data = b"".join(stream(STDOUT, number, b"x") + endRequest(number) for number in (2, 1))
        assert answers(data, RESPONDER, RESPONDER) == (
            [out(b"x", 2), RequestEnded(2, 0, 0), out(b"x", 1), RequestEnded(1, 0, 0)],
            None,
        )

    def test_largeID(self) -> None:
        """
        The last id there is works like the first.
        """
        connection = ClientConnection()
        for _ in range(MAX_REQUEST_ID):
            requestID, _ = connection.request([])
        assert requestID == MAX_REQUEST_ID
        data = stream(STDOUT, requestID, b"x") + endRequest(requestID)
        assert whole(connection, data) == [out(b"x", requestID), RequestEnded(requestID, 0, 0)]
        with pytest.raises(LocalProtocolError, match="in use"):
            for _ in range(2):
                connection.begin([])

    def test_end(self) -> None:
        """
        The peer's closing the connection ends no request.
        """
        assert asking().receiveEnd() == []

    @given(st.binary(max_size=300), st.lists(st.integers(0, 400)), st.booleans())
    def test_anyPieces(self, content: bytes, cuts: list[int], ends: bool) -> None:
        """
        However the bytes are cut, the same is reported.
        """
        data = record(STDERR, 1, b"e") + (record(STDOUT, 1, content) if content else b"")
        data += (record(STDOUT, 1) if ends else b"") + endRequest(1)
        places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        pieces = [data[a:b] for a, b in pairwise(places)]
        assert receiveAll(asking(), pieces) == [
            err(b"e"),
            *([out(content)] if content else []),
            ENDED,
        ]


class TestBadAnswers:
    """
    What ends the connection. What came before it counts.
    """

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", NotFastCGI),
            (b"\x00\x01\x02\x03\x04\x05\x06\x07", UnsupportedVersion),
            (record(STDOUT, 2, b"x"), InactiveRequestID),
            (record(STDERR, 77, b"x"), InactiveRequestID),
            (endRequest(300), InactiveRequestID),
            (record(STDOUT, 0, b"x"), InvalidRequestID),
            (record(STDERR, 0, b"x"), InvalidRequestID),
            (endRequest(0), InvalidRequestID),
            (record(END_REQUEST, 1, bytes(7)), MalformedRecord),
            (record(END_REQUEST, 1, bytes(9)), MalformedRecord),
            (begin(1), UnexpectedRecord),
            (begin(2), UnexpectedRecord),
            (record(ABORT_REQUEST, 1), UnexpectedRecord),
            (record(PARAMS, 1, b"xx"), UnexpectedRecord),
            (record(STDIN, 1, b"x"), UnexpectedRecord),
            (record(DATA, 2), UnexpectedRecord),
            (record(GET_VALUES, 0), UnexpectedRecord),
            (record(GET_VALUES_RESULT, 0), UnexpectedRecord),
            (record(GET_VALUES_RESULT, 1), InvalidRequestID),
            (record(GET_VALUES_RESULT, 2), InvalidRequestID),
            (record(UNKNOWN_TYPE, 0, bytes(8)), UnexpectedRecord),
            (record(UNKNOWN_TYPE, 1, bytes(8)), InvalidRequestID),
            (record(12, 1, b"x"), UnexpectedRecord),
            (record(200, 0), UnexpectedRecord),
        ],
    )
    def test_records(self, data: bytes, error: type[RemoteProtocolError]) -> None:
        """
        One class of error for each kind of mistake.
        """
        assert answers(data) == ([], error)

    def test_laterVersion(self) -> None:
        """
        HTTP behind a record is no HTTP any more.
        """
        data = record(STDOUT, 1, b"a") + b"HTTP/1.1"
        assert answers(data) == ([out(b"a")], UnsupportedVersion)

    def test_otherVersion(self) -> None:
        """
        An answer that would be whole, but for its version.
        """
        data = record(STDOUT, 1, b"a", version=2) + record(STDOUT, 1) + endRequest(1)
        assert answers(data) == ([], UnsupportedVersion)

    def test_afterTheEndOfAStream(self) -> None:
        """
        Content behind a stream's end.
        """
        for kind in (STDOUT, STDERR):
            data = stream(kind, 1, b"a") + record(kind, 1, b"b") + record(STDOUT, 1) + endRequest(1)
            events, error = answers(data)
            assert (events, error) == ([DataReceived(1, Stream(kind), b"a")], UnexpectedRecord)

    @pytest.mark.parametrize("again", [endRequest(1), record(STDOUT, 1, b"x"), record(STDERR, 1)])
    def test_endedTwice(self, again: bytes) -> None:
        """
        A record for a request that has ended, END_REQUEST among them.
        """
        data = stream(STDOUT, 1, b"a") + endRequest(1) + again
        assert answers(data) == ([out(b"a"), ENDED], EndedTwice)

    def test_nothingMore(self) -> None:
        """
        What comes after the mistake is not read.
        """
        data = record(12, 1) + record(STDOUT, 1, b"x") + endRequest(1)
        assert answers(data) == ([], UnexpectedRecord)
        connection = asking()
        (failed,) = connection.receive(data)
        assert isinstance(failed, ConnectionFailed)
        with pytest.raises(UnexpectedRecord):
            connection.receive(b"")

    def test_messageOfHTTP(self) -> None:
        """
        Who speaks HTTP to a FastCGI client is told apart.
        """
        (failed,) = asking().receive(b"HTTP/1.1 400 Bad Request")
        assert isinstance(failed, ConnectionFailed)
        assert "which is HTTP, and the client speaks FastCGI" in str(failed.error)


def test_brokenOff() -> None:
    """
    A header of zeros, behind which nothing is understood, breaks a response off. As the first
    thing that comes, it is a mistake.
    """
    connection = asking()
    connection.receive(record(STDOUT, 1, b"begun"))
    *_, failed = connection.receive(bytes(8))
    assert isinstance(failed, ConnectionFailed)
    assert isinstance(failed.error, BrokenOff)
    *_, failed = asking().receive(bytes(8))
    assert isinstance(failed, ConnectionFailed)
    assert not isinstance(failed.error, BrokenOff)
