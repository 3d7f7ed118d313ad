"""
SCGI at the end that calls (protocol.txt of 2008-06-23).
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from txfcgi.errors import (
    InactiveRequestID,
    InvalidParam,
    InvalidRequest,
    LengthRequired,
    LocalProtocolError,
    RequestBodyMismatch,
)
from txfcgi.wire.events import (
    ConnectionFailed,
    DataReceived,
    RequestEnded,
    RequestReceived,
    StreamEnded,
)
from txfcgi.wire.records import Role, Stream
from txfcgi.wire.scgiclient import ClientConnection, encodeHeaders
from txfcgi.wire.scgiserver import ServerConnection

from .conversations import merged
from .scgi import EXAMPLE, EXAMPLE_ANSWER, body, names, values

STDIN = Stream.STDIN
OVER = [StreamEnded(1, Stream.STDOUT), RequestEnded(1, 0, 0)]


def output(data: bytes) -> DataReceived:
    """
    What a piece of an answer is reported as.
    """
    return DataReceived(1, Stream.STDOUT, data)


class TestAsking:
    """
    What is sent.
    """

    def test_example(self) -> None:
        """
        The request of the specification's example (section 4), to the letter.
        """
        connection = ClientConnection()
        requestID, sent = connection.begin(
            {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "27", "REQUEST_URI": "/deepthought"}
        )
        assert requestID == 1
        assert connection.active == 1
        text = b"What is the answer to life?"
        [part] = connection.send(1, STDIN, text)
        assert part is text
        assert connection.send(1, STDIN, b"") == []
        assert connection.endStream(1, STDIN) == b""
        assert sent + text == EXAMPLE

    def test_withoutBody(self) -> None:
        """
        A request without a body says so, whatever its params said of it.
        """
        for params in (
            [("A", b"b")],
            {"A": "b", "CONTENT_LENGTH": ""},
            {b"SCGI": b"7", b"A": b"b", b"CONTENT_LENGTH": b"0"},
        ):
            _, sent = ClientConnection().request(params)
            assert sent == b"28:CONTENT_LENGTH\x000\x00SCGI\x001\x00A\x00b\x00,"

    @pytest.mark.parametrize(
        "params",
        [
            {"": "x"},
            {"A=": "x"},
            {"A\0": "x"},
            {"A": "x\0"},
            [("A", "1"), (b"A", "2")],
            {"A": 1},
            {1: "A"},
            5,
            [("A", "b", "c")],
            ["A"],
        ],
    )
    def test_invalidParams(self, params: dict[str, str]) -> None:
        """
        What SCGI can't send, or another program could mistake; the connection can be used still.
        """
        connection = ClientConnection()
        with pytest.raises(InvalidParam):
            connection.request(params)
        assert connection.reusable
        connection.request({})

    @pytest.mark.parametrize("end", ["\r", "\n", "\0"], ids=["cr", "lf", "nul"])
    @pytest.mark.parametrize(
        "name", ["REQUEST_METHOD", "REQUEST_URI", "QUERY_STRING", "CONTENT_TYPE", "HTTP_X"]
    )
    def test_lineEnds(self, name: str, end: str) -> None:
        """
        What no HTTP request can have is refused by its name, and not shown.
        """
        connection = ClientConnection()
        for ask in (connection.request, connection.begin):
            with pytest.raises(InvalidParam, match=f"'{name}' has .* at byte 3") as raised:
                ask({name: f"abc{end}hidden", "CONTENT_LENGTH": "0"})
            assert "hidden" not in str(raised.value)
        assert connection.reusable

    def test_linesOfOthers(self) -> None:
        """
        Other params may have lines: a certificate, or settings of PHP.
        """
        _, sent = ClientConnection().request({"PHP_VALUE": "a=1\nb=2", "SSL_CERT": "a\r\nb"})
        assert b"a=1\nb=2" in sent
        assert b"a\r\nb" in sent

    def test_unknownLength(self) -> None:
        """
        A body whose length is not known can't be sent.
        """
        connection = ClientConnection()
        for params in ({}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "x"}):
            with pytest.raises(LengthRequired):
                connection.begin(params)

    def test_wrongLength(self) -> None:
        """
        Nor can one of another length.
        """
        connection = ClientConnection()
        connection.begin({"CONTENT_LENGTH": "3"})
        connection.send(1, STDIN, b"ab")
        with pytest.raises(RequestBodyMismatch, match="shorter"):
            connection.endStream(1, STDIN)
        with pytest.raises(RequestBodyMismatch, match="longer"):
            connection.send(1, STDIN, b"cd")
        connection.send(1, STDIN, b"c")
        connection.endStream(1, STDIN)
        with pytest.raises(LocalProtocolError):
            connection.send(1, STDIN, b"")

    def test_otherStreams(self) -> None:
        """
        There is one stream, of one request.
        """
        connection = ClientConnection()
        connection.begin({"CONTENT_LENGTH": "3"})
        for requestID, stream in ((2, STDIN), (1, Stream.DATA)):
            with pytest.raises(LocalProtocolError):
                connection.send(requestID, stream, b"x")
            with pytest.raises(LocalProtocolError):
                connection.endStream(requestID, stream)

    @pytest.mark.parametrize("role", [Role.AUTHORIZER, Role.FILTER, 9])
    def test_role(self, role: int) -> None:
        """
        There is one role.
        """
        with pytest.raises(InvalidRequest):
            ClientConnection().request({}, role)

    def test_noID(self) -> None:
        """
        There are no ids to choose from.
        """
        with pytest.raises(InvalidRequest, match="an SCGI request has no id"):
            ClientConnection().request({}, requestID=1)

    def test_noValues(self) -> None:
        """
        There are no variables to ask for.
        """
        with pytest.raises(InvalidRequest):
            ClientConnection().getValues([b"FCGI_MAX_REQS"])

    def test_once(self) -> None:
        """
        A connection carries one request.
        """
        connection = ClientConnection()
        assert connection.reusable
        connection.request({})
        assert not connection.reusable
        assert not connection.multiplexes
        with pytest.raises(LocalProtocolError):
            connection.request({})

    def test_abort(self) -> None:
        """
        Closing is all that can be done.
        """
        connection = ClientConnection()
        with pytest.raises(LocalProtocolError):
            connection.abort(1)
        connection.request({})
        assert connection.abort(1) == b""
        assert connection.active == 1


class TestAnswers:
    """
    What comes back.
    """

    def connection(self) -> ClientConnection:
        """
        One that has asked.
        """
        connection = ClientConnection()
        connection.request({})
        return connection

    def test_example(self) -> None:
        """
        The answer ends with the connection, wherever it is cut.
        """
        for at in range(len(EXAMPLE_ANSWER)):
            connection = self.connection()
            events = connection.receive(EXAMPLE_ANSWER[:at])
            events += connection.receive(EXAMPLE_ANSWER[at:])
            assert merged(events) == [output(EXAMPLE_ANSWER)]
            assert connection.active == 1
            assert connection.receiveEnd() == OVER
            assert connection.active == 0
            assert connection.receiveEnd() == []

    def test_views(self) -> None:
        """
        Nothing is kept of a buffer that is used again.
        """
        connection = self.connection()
        buffer = bytearray(b"42")
        events = connection.receive(memoryview(buffer))
        buffer[:] = b"43"
        assert events == [output(b"42")]

    def test_notAtOnce(self) -> None:
        """
        No read is a whole answer, for that ends with the connection.
        """
        connection = ClientConnection()
        connection.request({})
        assert connection.receiveResponse(b"Status: 200 OK\r\n\r\n42") is None
        assert connection.active == 1

    def test_none(self) -> None:
        """
        No answer at all is not an empty one.
        """
        connection = self.connection()
        assert connection.receiveEnd() == []
        assert connection.active == 1

    def test_earlyAnswer(self) -> None:
        """
        An answer may come before the body was sent; what is left of it can't be sent then.
        """
        connection = ClientConnection()
        connection.begin({"CONTENT_LENGTH": "3"})
        assert connection.receive(b"x") == [output(b"x")]
        assert connection.receiveEnd() == OVER
        with pytest.raises(LocalProtocolError):
            connection.send(1, STDIN, b"abc")

    def test_unasked(self) -> None:
        """
        An answer to nothing ends the connection.
        """
        connection = ClientConnection()
        [event] = connection.receive(b"x")
        assert isinstance(event, ConnectionFailed)
        assert isinstance(event.error, InactiveRequestID)
        assert connection.failed is event.error
        assert not connection.reusable
        with pytest.raises(InactiveRequestID):
            connection.receive(b"x")


# Those of HTTP, whose values are no bytes at all, each have an underscore.
plainNames = names.filter(lambda name: b"=" not in name and b"_" not in name)


@given(st.dictionaries(plainNames, values), st.binary())
def test_bothEnds(params: dict[bytes, bytes], content: bytes) -> None:
    """
    What one end sends is what the other gets.
    """
    client = ClientConnection()
    _, sent = client.begin([*params.items(), (b"CONTENT_LENGTH", b"%d" % len(content))])
    data = sent + b"".join(bytes(part) for part in client.send(1, STDIN, content))
    first, *rest = ServerConnection().receive(data + client.endStream(1, STDIN))
    assert isinstance(first, RequestReceived)
    assert first.params.raw[2:] == list(params.items())
    assert rest == [*([body(content)] if content else []), StreamEnded(1, STDIN)]


# Params that stand for a part of an HTTP request, which ends where its line does.
OF_HTTP = (
    *("CONTENT_TYPE", "HTTP_HOST", "QUERY_STRING"),
    *("REQUEST_METHOD", "REQUEST_URI", "SERVER_PROTOCOL"),
)


def isOfHTTP(name: str) -> bool:
    """
    Whether a param is such a one.
    """
    return name.startswith("HTTP_") or name in OF_HTTP


@given(
    st.dictionaries(st.text(min_size=1) | st.sampled_from(OF_HTTP), st.text()),
    st.integers(0, 10**9),
)
@example({"REQUEST_METHOD": "\n"}, 0)
def test_anyText(params: dict[str, str], length: int) -> None:
    """
    Headers are sent so that they are read as what they were, or not at all.
    """
    unfit = any(
        "=" in name or "\0" in name + value or (isOfHTTP(name) and set("\r\n") & set(value))
        for name, value in params.items()
    )
    try:
        sent = encodeHeaders(params, length)
    except InvalidParam:
        assert unfit
        return
    assert not unfit or {"SCGI", "CONTENT_LENGTH"} & set(params)
    [event, *_] = ServerConnection().receive(sent)
    assert isinstance(event, RequestReceived)
    own = {"CONTENT_LENGTH": str(length), "SCGI": "1"}
    assert dict(event.params) == {**params, **own}


@given(st.binary(min_size=1), st.lists(st.integers(1, 100)))
def test_anyAnswer(data: bytes, cuts: list[int]) -> None:
    """
    Whatever comes back is passed on.
    """
    connection = ClientConnection()
    connection.request({})
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    events = [event for a, b in pairwise(places) for event in connection.receive(data[a:b])]
    assert merged(events) == [output(data)]
    assert connection.receiveEnd() == OVER
