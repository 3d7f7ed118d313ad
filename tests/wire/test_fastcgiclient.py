"""
A web server's end of a FastCGI connection: what it makes of an application's answers, and the bytes
that it asks with.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import (
    EndedTwice,
    InactiveRequestID,
    InvalidParam,
    InvalidRequestID,
    LocalProtocolError,
    MalformedParams,
    MalformedRecord,
    NotFastCGI,
    ParamTooLarge,
    RemoteProtocolError,
    UnexpectedRecord,
    UnsupportedVersion,
)
from txfcgi.wire import encoding
from txfcgi.wire.encoding import encodeParams
from txfcgi.wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestEnded,
    RequestReceived,
    StreamEnded,
    UnknownTypeReceived,
    ValuesReceived,
)
from txfcgi.wire.fastcgiclient import MAX_REQUEST_ID, ClientConnection
from txfcgi.wire.fastcgiserver import ServerConnection
from txfcgi.wire.framing import FULL
from txfcgi.wire.pairs import MAX_CONTENT, decodePairs
from txfcgi.wire.records import BeginRequest, Record, RecordReader, Role, Stream, interpret

from .conversations import (
    A1,
    ABORT_REQUEST,
    AUTHORIZER,
    B2,
    DATA,
    END_REQUEST,
    FILTER,
    GET_VALUES,
    GET_VALUES_RESULT,
    PARAMS,
    RESPONDER,
    STDERR,
    STDIN,
    STDOUT,
    UNKNOWN_TYPE,
    begin,
    byteByByte,
    endRequest,
    get,
    merged,
    pair,
    receiveAll,
    record,
    split,
    stream,
    viewed,
    whole,
)

ENDED = RequestEnded(1, 0, 0)


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
        STDOUT and STDERR may take turns (statement 28).
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
        Any record may be padded, with any bytes (statements 4 and 5).
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
        Both statuses are reported as they came, 32 and 8 bits (statement 24).
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
        assert "speak HTTP" in str(failed.error)


class TestReuse:
    """
    What becomes of ids and of the connection.
    """

    def test_lowestFreeID(self) -> None:
        """
        The lowest free id is used again first (row F7).
        """
        connection = asking(RESPONDER, RESPONDER, RESPONDER)
        assert connection.active == 3
        whole(connection, endRequest(3) + endRequest(1))
        assert [connection.request([])[0] for _ in range(3)] == [1, 3, 4]
        assert connection.active == 4

    def test_reusable(self) -> None:
        """
        A connection can be used again when the answer is whole, padding or not.
        """
        connection = asking()
        assert connection.reusable
        whole(connection, stream(STDOUT, 1, b"a"))
        assert connection.reusable
        connection.receive(record(END_REQUEST, 1, bytes(8), bytes(8))[:-4])
        assert connection.reusable
        connection.receive(bytes(4))
        assert connection.reusable

    def test_notKept(self) -> None:
        """
        Without KEEP_CONN the application closes (statement 15).
        """
        for data in (endRequest(1), stream(STDOUT, 1, b"a") + endRequest(1)):
            connection = asking(keep=False)
            assert connection.reusable
            whole(connection, data)
            assert not connection.reusable

    @pytest.mark.parametrize("more", [b"\x01", record(STDOUT, 2, b"abc")[:-1]])
    def test_somethingBehind(self, more: bytes) -> None:
        """
        What comes behind the answer, and nobody asked for.
        """
        connection = asking()
        connection.receive(endRequest(1) + more)
        assert not connection.reusable

    def test_failed(self) -> None:
        """
        A connection that failed.
        """
        connection = asking()
        connection.receive(endRequest(1) + endRequest(1))
        assert not connection.reusable


class TestAsking:
    """
    The bytes of requests.
    """

    @pytest.mark.parametrize("role", [RESPONDER, AUTHORIZER, 9])
    @pytest.mark.parametrize("keep", [True, False])
    def test_request(self, role: int, keep: bool) -> None:
        """
        A request without a body, whole; padded to eight bytes.
        """
        content = pair(*A1) + pair(*B2)
        expected = (
            begin(1, role, keep)
            + record(PARAMS, 1, content, bytes(-len(content) % 8))
            + record(PARAMS, 1)
            + record(STDIN, 1)
        )
        for _ in range(2):
            assert ClientConnection().request([A1, B2], role, keep) == (1, expected)

    def test_filterWithoutBody(self) -> None:
        """
        A Filter has two streams, both of which end.
        """
        _, data = ClientConnection().request([], FILTER)
        assert data == begin(1, FILTER) + record(PARAMS, 1) + record(STDIN, 1) + record(DATA, 1)

    def test_begin(self) -> None:
        """
        The beginning of a request with a body, and the body.
        """
        connection = ClientConnection()
        requestID, data = connection.begin([A1])
        assert (requestID, data) == (
            1,
            begin(1) + record(PARAMS, 1, pair(*A1), bytes(4)) + record(PARAMS, 1),
        )
        sent = b"".join(connection.send(1, Stream.STDIN, b"body"))
        assert sent == record(STDIN, 1, b"body", bytes(4))
        assert connection.send(1, Stream.STDIN, b"") == []
        assert connection.endStream(1, Stream.STDIN) == record(STDIN, 1)

    def test_order(self) -> None:
        """
        STDIN, for a Filter then DATA, then nothing.
        """
        connection = ClientConnection()
        connection.begin([], RESPONDER)
        connection.begin([], FILTER)
        for wrong in (Stream.DATA, Stream.STDOUT, Stream.PARAMS):
            with pytest.raises(LocalProtocolError):
                connection.send(1, wrong, b"x")
        connection.endStream(1, Stream.STDIN)
        connection.endStream(2, Stream.STDIN)
        assert b"".join(connection.send(2, Stream.DATA, bytes(8))) == record(DATA, 2, bytes(8))
        assert connection.endStream(2, Stream.DATA) == record(DATA, 2)
        for requestID in (1, 2, 3):
            for name in (Stream.STDIN, Stream.DATA, 0):
                with pytest.raises(LocalProtocolError):
                    connection.endStream(requestID, name)

    def test_sendAfterTheEnd(self) -> None:
        """
        Nothing is sent for a request that has ended.
        """
        connection = ClientConnection()
        connection.begin([])
        whole(connection, endRequest(1))
        with pytest.raises(LocalProtocolError):
            connection.send(1, Stream.STDIN, b"x")

    def test_abort(self) -> None:
        """
        ABORT_REQUEST; the request is active until the application says otherwise (statement 21).
        """
        connection = asking()
        assert connection.abort(1) == record(ABORT_REQUEST, 1)
        assert connection.active == 1
        assert whole(connection, endRequest(1)) == [ENDED]
        with pytest.raises(LocalProtocolError):
            connection.abort(1)

    def test_getValues(self) -> None:
        """
        GET_VALUES and its answers.
        """
        connection = ClientConnection()
        content = pair(b"A", b"") + pair(b"BC", b"")
        asked = record(GET_VALUES, 0, content, bytes(-len(content) % 8))
        assert connection.getValues([b"A", b"BC"]) == asked
        connection.getValues([])
        connection.getValues([b"A"])
        data = (
            record(GET_VALUES_RESULT, 0, pair(*A1))
            + record(GET_VALUES_RESULT, 0)
            + record(UNKNOWN_TYPE, 0, b"\x09" + bytes(7))
        )
        assert byteByByte(connection, data) == [
            ValuesReceived((A1,)),
            ValuesReceived(()),
            UnknownTypeReceived(9),
        ]

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (record(GET_VALUES_RESULT, 0, b"\x05"), MalformedParams),
            (record(UNKNOWN_TYPE, 0, b"\x09"), MalformedRecord),
            (record(GET_VALUES_RESULT, 0) * 2, UnexpectedRecord),
        ],
    )
    def test_badValues(self, data: bytes, error: type[RemoteProtocolError]) -> None:
        """
        Answers that are none.
        """
        connection = ClientConnection()
        connection.getValues([b"A"])
        assert split(whole(connection, data))[1] is error

    def test_tooManyNames(self) -> None:
        """
        GET_VALUES has one record.
        """
        with pytest.raises(ParamTooLarge):
            ClientConnection().getValues([b"N" * 60000, b"M" * 6000])


class TestParams:
    """
    How params are written.
    """

    def test_kinds(self) -> None:
        """
        Mappings and pairs, text and bytes; the same the second time.
        """
        expected = [pair(b"A", b"1"), pair(b"B", b"\xc3\xbc\xff")]
        for _ in range(2):
            assert encodeParams({"A": "1", "B": "\xfc\udcff"}) == expected
            assert encodeParams({b"A": b"1", b"B": b"\xc3\xbc\xff"}) == expected
            mixed: list[tuple[str | bytes, str | bytes]] = [("A", b"1"), (b"B", "\xfc\udcff")]
            assert encodeParams(iter(mixed)) == expected

    def test_duplicates(self) -> None:
        """
        Order and duplicates are kept.
        """
        assert encodeParams([A1, B2, A1]) == [pair(*A1), pair(*B2), pair(*A1)]

    @pytest.mark.parametrize("size", [0, 1, 127, 128, 200, 255, 256, 65000])
    def test_lengths(self, size: int) -> None:
        """
        Lengths of names and values of every size.
        """
        expected = [pair(b"N" * size, b"v"), pair(b"n", b"V" * size)]
        assert encodeParams([(b"N" * size, b"v"), (b"n", b"V" * size)]) == expected

    @pytest.mark.parametrize(
        "wrong",
        [
            {"A": 1},
            {1: "A"},
            {"A": None},
            {"A=": "1"},
            {b"A\0": b"1"},
            [("A",)],
            [("A", "1", "2")],
            [1],
            [["A", "1"]],
            7,
        ],
    )
    def test_wrong(self, wrong: Any) -> None:
        """
        What is no params is refused, and the connection has not seen it.
        """
        connection = ClientConnection()
        for ask in (connection.request, connection.begin):
            with pytest.raises(InvalidParam):
                ask(wrong)
        assert connection.active == 0

    def test_tooLarge(self) -> None:
        """
        A pair that fits into no record.
        """
        fits = MAX_CONTENT - 6
        (encoded,) = encodeParams({"A": "x" * fits})
        assert len(encoded) == MAX_CONTENT - 0
        with pytest.raises(ParamTooLarge):
            encodeParams({"A": "x" * (fits + 1)})

    @pytest.mark.parametrize("ask", ["request", "begin"])
    def test_severalRecords(self, ask: str) -> None:
        """
        Many params take several records; none is split over two, and none is longer than a record
        may be with its padding.
        """
        pairs = [(b"NAME%d" % number, b"v" * 5000) for number in range(40)]
        pairs.append((b"LARGEST", b"x" * (MAX_CONTENT - 12)))
        _, data = getattr(ClientConnection(), ask)(pairs)
        contents = []
        position = 0
        while position < len(data):
            _, kind, _, length, padding = struct.unpack_from(">BBHHB", data, position)
            assert length + padding <= MAX_CONTENT
            if kind == PARAMS:
                contents.append(data[position + 8 : position + 8 + length])
            position += 8 + length + padding
        assert contents.pop() == b""
        assert [each for content in contents for each in decodePairs(content)] == pairs

    def test_secretsAreNotKept(self) -> None:
        """
        What may be a secret stays in no table.
        """
        encodeParams({"HTTP_COOKIE": "a=1", "HTTP_AUTHORIZATION": "Basic x", "PUBLIC": "x"})
        kept = {name for name, _ in encoding._known}
        assert "PUBLIC" in kept
        assert not kept & {"HTTP_COOKIE", "HTTP_AUTHORIZATION"}

    @pytest.mark.parametrize(
        ("name", "value", "kept"),
        [
            ("REQUEST_URI", "/where/it/is", True),
            ("REQUEST_URI", "/where?password=x", False),
            ("REQUEST_URI", "http://name:password@host/", False),
            ("QUERY_STRING", "", True),
            ("QUERY_STRING", "password=x", False),
        ],
    )
    def test_queriesAreNotKept(self, name: str, value: str, kept: bool) -> None:
        """
        There may be secrets in a query, and in no path.
        """
        encoding._known.clear()
        encodeParams({name: value})
        assert bool(encoding._known) is kept

    def test_longSecrets(self) -> None:
        """
        Secrets may be long, but not too long.
        """
        (encoded,) = encodeParams({"HTTP_COOKIE": "x" * 60_000})
        assert encoded == pair(b"HTTP_COOKIE", b"x" * 60_000)
        with pytest.raises(ParamTooLarge):
            encodeParams({"HTTP_COOKIE": "x" * MAX_CONTENT})

    def test_tablesAreBounded(self) -> None:
        """
        Params that are all different don't fill the memory.
        """
        for number in range(3000):
            assert encodeParams({f"N{number}": "x"}) == [pair(b"N%d" % number, b"x")]
        assert len(encoding._known) <= 1024
        assert len(encoding._names) <= 1024


names = st.binary(max_size=200).filter(lambda name: b"=" not in name and b"\0" not in name)


class TestTogether:
    """
    A client's and an application's end, one against the other.
    """

    @given(
        st.lists(st.tuples(names, st.binary(max_size=300))),
        st.sampled_from([Role.RESPONDER, Role.FILTER]),
        st.lists(st.binary(min_size=1, max_size=100)),
        st.integers(1, 50),
    )
    def test_requests(
        self, pairs: list[tuple[bytes, bytes]], role: Role, body: list[bytes], size: int
    ) -> None:
        """
        What is sent is what is received, however it is cut.
        """
        connection = ClientConnection()
        requestID, data = connection.begin(pairs, role)
        streams = [Stream.STDIN, Stream.DATA][: 2 if role is Role.FILTER else 1]
        for name in streams:
            for piece in body:
                data += b"".join(connection.send(requestID, name, piece))
            data += connection.endStream(requestID, name)
        server = ServerConnection()
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        first, *events = receiveAll(server, pieces)
        assert isinstance(first, RequestReceived)
        assert first.params.raw == pairs
        expected: list[Event] = []
        for name in streams:
            expected += [DataReceived(1, name, piece) for piece in body]
            expected.append(StreamEnded(1, name))
        assert events == merged(expected)

    @given(st.binary(max_size=200_000))
    def test_answers(self, output: bytes) -> None:
        """
        What an application answers is what is reported, of any size.
        """
        connection = asking()
        server = ServerConnection()
        whole(server, get(1))
        data = b"".join(server.send(1, Stream.STDOUT, output)) + server.end(1, 7)
        events = whole(connection, data)
        assert events == [*([out(output)] if output else []), RequestEnded(1, 7, 0)]

    @pytest.mark.parametrize("size", [FULL - 1, FULL, FULL + 1, MAX_CONTENT, 3 * FULL + 5])
    def test_largeBodies(self, size: int) -> None:
        """
        Bodies about the size of a record.
        """
        connection = ClientConnection()
        _, data = connection.begin([])
        data += b"".join(connection.send(1, Stream.STDIN, bytes(size)))
        _, *events = whole(ServerConnection(), data)
        assert events == [DataReceived(1, Stream.STDIN, bytes(size))]
        records = [interpret(each) for each in RecordReader().receive(data)]
        assert isinstance(records[0], BeginRequest)
        assert not any(isinstance(each, Record) for each in records)
