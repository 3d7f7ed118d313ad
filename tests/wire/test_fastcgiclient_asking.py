"""
A web server's end of a FastCGI connection: the bytes that it asks with, and which ids it uses.
"""

from __future__ import annotations

import re
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txfcgi.errors import (
    InvalidParam,
    LocalProtocolError,
    MalformedParams,
    MalformedRecord,
    ParamTooLarge,
    RemoteProtocolError,
    UnexpectedRecord,
)
from txfcgi.wire.encoding import Shapes, encodeParams
from txfcgi.wire.events import (
    DataReceived,
    Event,
    RequestEnded,
    RequestReceived,
    StreamEnded,
    UnknownTypeReceived,
    ValuesReceived,
)
from txfcgi.wire.fastcgiclient import ClientConnection
from txfcgi.wire.fastcgiserver import ServerConnection
from txfcgi.wire.framing import FULL
from txfcgi.wire.pairs import MAX_CONTENT, decodePairs
from txfcgi.wire.records import BeginRequest, Record, RecordReader, Role, Stream, interpret
from txfcgi.wire.scgiclient import ClientConnection as SCGI

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
    STDIN,
    STDOUT,
    UNKNOWN_TYPE,
    asking,
    begin,
    byteByByte,
    endRequest,
    get,
    merged,
    out,
    pair,
    receiveAll,
    record,
    split,
    stream,
    whole,
)


class TestReuse:
    """
    What becomes of ids and of the connection.
    """

    def test_lowestFreeID(self) -> None:
        """
        The lowest free id is used again first.
        """
        connection = asking(RESPONDER, RESPONDER, RESPONDER)
        assert connection.active == 3
        whole(connection, endRequest(3) + endRequest(1))
        assert [connection.request([])[0] for _ in range(3)] == [1, 3, 4]
        assert connection.active == 4

    def test_chosenID(self) -> None:
        """
        An id of one's own choice, and what is then the lowest that is free; its answer comes as any
        other, and then it is free again.
        """
        connection = ClientConnection()
        assert connection.begin([A1], requestID=3)[0] == 3
        assert [connection.begin([A1])[0] for _ in range(3)] == [1, 2, 4]
        requestID, data = connection.begin([A1], requestID=65535)
        assert (requestID, data[:16]) == (65535, begin(65535))
        assert connection.active == 5
        connection.endStream(3, Stream.STDIN)
        assert RequestEnded(3, 0, 0) in whole(connection, endRequest(3))
        assert connection.begin([A1])[0] == 3

    def test_chosenIDOfAWholeRequest(self) -> None:
        """
        A request without a body can have one, too, whether its params fit into one record or not.
        """
        connection = ClientConnection()
        for params in ([A1], []):
            requestID, data = connection.request(params, requestID=7)
            assert (requestID, data[:16]) == (7, begin(7))
            whole(connection, endRequest(7))
        assert connection.request([A1])[0] == 1

    @pytest.mark.parametrize("role", [RESPONDER, FILTER], ids=["responder", "filter"])
    @pytest.mark.parametrize("size", [0, 1, 7, 127, 128, 2_000], ids=lambda size: f"{size}-bytes")
    def test_textAtOnce(self, size: int, role: int) -> None:
        """
        Params in text, which are encoded at once, make the same bytes as pairs that are encoded one
        by one; whether the names were seen before or not.
        """
        value = "v" * size
        pairs = [(b"A", b"1"), (b"LONG", value.encode()), (b"", b"x")]
        text = {name.decode(): value.decode() for name, value in pairs}
        shapes = Shapes()
        for _ in range(2):
            texts, bytesOnly = ClientConnection(shapes), ClientConnection()
            assert texts.request(text, role) == bytesOnly.request(pairs, role)
            assert texts.begin(text, role) == bytesOnly.begin(pairs, role)

    @pytest.mark.parametrize(
        "chosen",
        [0, -1, 65536, 1, "7", [7]],
        ids=["null", "less", "more", "active", "text", "list"],
    )
    def test_noID(self, chosen: Any) -> None:
        """
        What is no id, or is active, can't be chosen; and nothing begins.
        """
        connection = asking()
        for ask in (connection.begin, connection.request):
            with pytest.raises(
                LocalProtocolError,
                match=rf"request {re.escape(repr(chosen))} can't begin: its id is",
            ):
                ask([A1], requestID=chosen)
        assert connection.active == 1

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
        Without KEEP_CONN the application closes.
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
        ABORT_REQUEST; the request is active until the application says otherwise.
        """
        connection = asking()
        assert connection.abort(1) == record(ABORT_REQUEST, 1)
        assert connection.active == 1
        assert whole(connection, endRequest(1)) == [RequestEnded(1, 0, 0)]
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

    def test_long(self) -> None:
        """
        A param may be as long as a record.
        """
        (encoded,) = encodeParams({"HTTP_COOKIE": "x" * 60_000})
        assert encoded == pair(b"HTTP_COOKIE", b"x" * 60_000)
        for ask in (ClientConnection().request, ClientConnection().begin):
            with pytest.raises(ParamTooLarge, match="'HTTP_COOKIE' takes 65551 bytes"):
                ask({"HTTP_COOKIE": "x" * MAX_CONTENT})

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

    @pytest.mark.parametrize("connection", [ClientConnection, SCGI], ids=["FastCGI", "SCGI"])
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"A": 123456}, "the param 'A' is str or bytes, not int"),
            ({"A": ["123456"]}, "the param 'A' is str or bytes, not list"),
            ({"A": "123456\ud800"}, "the param 'A' has a character that no bytes stand for, at 6"),
            ({7: "123456"}, "the name of the param 7 is str or bytes, not int"),
            ({"\ud800": "123456"}, "the name of the param '.*' has a character that no bytes"),
        ],
        ids=["number", "list", "surrogate", "numbered name", "name with a surrogate"],
    )
    def test_wrongText(self, connection: type, params: Any, message: str) -> None:
        """
        The message names the param and what is wrong with it, and does not show its value.
        """
        for ask in (connection().request, connection().begin):
            with pytest.raises(InvalidParam, match=message) as raised:
                ask(params)
            assert "123456" not in str(raised.value)


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
