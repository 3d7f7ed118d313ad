"""
SCGI at an application's end of the wire (protocol.txt of 2008-06-23).
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from txfcgi.errors import (
    ContentLengthNotFirst,
    DuplicateName,
    EmptyName,
    MalformedContentLength,
    MalformedLength,
    MalformedParams,
    MissingComma,
    MissingVersion,
    NotSCGI,
    OddStrings,
    ParamsTooLarge,
    UnterminatedString,
)
from txfcgi.wire.events import (
    ConnectionFailed,
    RequestReceived,
    RequestRefused,
)
from txfcgi.wire.params import SCGIParams
from txfcgi.wire.records import Role, Stream
from txfcgi.wire.scgiserver import ServerConnection

from .conversations import receiveAll
from .scgi import (
    ENDED,
    EXAMPLE,
    EXAMPLE_ANSWER,
    EXAMPLE_PAIRS,
    HEAD,
    asked,
    block,
    body,
    everyWay,
    kinds,
    names,
    netstring,
    received,
    values,
)


class TestExample:
    """
    The example of the specification.
    """

    def test_everyWay(self) -> None:
        """
        However it is cut, it means the same (rTorrent once lost requests whose first colon came
        late).
        """
        expected = [
            received(EXAMPLE[3:73]),
            body(b"What is the answer to life?"),
            ENDED,
        ]
        for events in everyWay(EXAMPLE):
            assert events == expected

    def test_twoCuts(self) -> None:
        """
        In three pieces, at any two places.
        """
        for first in range(1, len(EXAMPLE)):
            for second in range(first + 1, len(EXAMPLE)):
                pieces = [EXAMPLE[:first], EXAMPLE[first:second], EXAMPLE[second:]]
                events = receiveAll(ServerConnection(), pieces)
                assert kinds(events) == ["RequestReceived", "DataReceived", "StreamEnded"]
                assert events[1:] == [body(b"What is the answer to life?"), ENDED]

    def test_params(self) -> None:
        """
        The headers, in their order, and by name.
        """
        params = SCGIParams(EXAMPLE[3:73])
        assert params.raw == EXAMPLE_PAIRS
        assert dict(params) == {name.decode(): value.decode() for name, value in EXAMPLE_PAIRS}
        assert params["REQUEST_URI"] == "/deepthought"
        assert params.getBytes("SCGI") == b"1"
        assert params.find(b"REQUEST_METHOD") == b"POST"
        assert params.find(b"HTTP_HOST") is None
        assert params.mayHold(b"REQUEST_METHODPOST")
        assert params.contentLength == 27

    def test_answer(self) -> None:
        """
        The answer is what it is, and the connection ends with it.
        """
        connection = ServerConnection()
        connection.receive(EXAMPLE)
        assert not connection.closing
        assert connection.respond(1, HEAD, b"42") == EXAMPLE_ANSWER
        assert connection.closing
        assert not connection.inputOpen

    def test_answerInPieces(self) -> None:
        """
        The same in pieces, none of which is copied.
        """
        connection = ServerConnection()
        connection.receive(EXAMPLE)
        parts = [
            *connection.send(1, Stream.STDOUT, HEAD),
            *connection.send(1, Stream.STDOUT, b"42"),
        ]
        assert parts[0] is HEAD
        assert connection.send(1, Stream.STDOUT, b"") == []
        assert b"".join(parts) + connection.end(1, 7, 2) == EXAMPLE_ANSWER
        assert connection.closing


class TestNetstring:
    """
    What is around the headers.
    """

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (b":,", MalformedLength),
            (b"00:,", MalformedLength),
            (b"070:" + EXAMPLE[3:], MalformedLength),
            (b"7_0:" + EXAMPLE[3:], MalformedLength),
            (b"70 :" + EXAMPLE[3:], MalformedLength),
            (b"7\xb2:" + EXAMPLE[3:], MalformedLength),
            (b"7x", MalformedLength),
            (b"+70:" + EXAMPLE[3:], NotSCGI),
            (b" 70:" + EXAMPLE[3:], NotSCGI),
            (b"-1:,", NotSCGI),
            (b"GET / HTTP/1.1\r\n\r\n", NotSCGI),
            (b"\x01\x01\x00\x01\x00\x08\x00\x00", NotSCGI),
            (b"\xd9\xa7:", NotSCGI),
            (EXAMPLE[:73] + b";" + EXAMPLE[74:], MissingComma),
            (b"69:" + EXAMPLE[3:], MissingComma),
            (b"71:" + EXAMPLE[3:], MissingComma),
        ],
    )
    def test_malformed(self, data: bytes, error: type[Exception]) -> None:
        """
        What is no netstring ends the connection, wherever it is cut; digits are ASCII digits, with
        no zero in front, no sign and no space.
        """
        for events in everyWay(data):
            assert kinds(events) == [error.__name__]

    @pytest.mark.parametrize("data", [b"0:,", b"0:,more"])
    def test_empty(self, data: bytes) -> None:
        """
        An empty one is a netstring, but no request.
        """
        for events in everyWay(data):
            assert kinds(events) == ["ContentLengthNotFirst"]

    def test_digitsAreCapped(self) -> None:
        """
        A length that no colon ends is given up after eleven digits.
        """
        connection = ServerConnection()
        for _ in range(10):
            assert connection.receive(b"9") == []
        assert kinds(connection.receive(b"9")) == ["ParamsTooLarge"]
        for events in everyWay(b"1" * 30):
            assert kinds(events) == ["ParamsTooLarge"]

    def test_limit(self) -> None:
        """
        Headers of as many bytes as are allowed are taken, and refused if there is one more,
        before they come.
        """
        size = len(EXAMPLE[3:73])
        for events in everyWay(EXAMPLE, paramsBytes=size):
            assert kinds(events)[0] == "RequestReceived"
        for events in everyWay(EXAMPLE, paramsBytes=size - 1):
            assert kinds(events) == ["ParamsTooLarge"]
        connection = ServerConnection(paramsBytes=69)
        assert kinds(connection.receive(b"70:")) == ["ParamsTooLarge"]

    def test_nothingIsAllocated(self) -> None:
        """
        What is held is what came.
        """
        connection = ServerConnection()
        connection.receive(b"262144:CONTENT_LENGTH")
        assert connection._held is not None
        assert len(connection._held) == 21

    def test_messages(self) -> None:
        """
        The error says what it was.
        """
        [event] = ServerConnection().receive(b"GET / HTTP/1.1\r\n")
        assert isinstance(event, ConnectionFailed)
        assert str(event.error) == (
            "the connection starts with b'GET / HTTP/', which is HTTP, and this port speaks SCGI: "
            "does an HTTP client speak to this port? In nginx, write scgi_pass and not "
            "proxy_pass; for a browser, serve with --http"
        )
        [event] = ServerConnection().receive(b"2:34;")
        assert isinstance(event, ConnectionFailed)
        assert str(event.error) == (
            "b';' is in place of the comma behind 2 bytes of headers (SCGI, section 3)"
        )


VALID = block((b"CONTENT_LENGTH", b"0"), (b"SCGI", b"1"))


class TestHeaders:
    """
    What is in the netstring. Such a request can be answered.
    """

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (VALID[:-1], UnterminatedString),
            (VALID + b"A\0b", UnterminatedString),
            (b"x", UnterminatedString),
            (VALID + b"A\0", OddStrings),
            (VALID + b"\0", OddStrings),
            (VALID + b"\0value\0", EmptyName),
            (VALID + b"\0\0", EmptyName),
            (block((b"SCGI", b"1"), (b"CONTENT_LENGTH", b"0")), ContentLengthNotFirst),
            (block((b"content_length", b"0"), (b"SCGI", b"1")), ContentLengthNotFirst),
            (block((b"SCGI", b"1")), ContentLengthNotFirst),
            (b"", ContentLengthNotFirst),
            (block((b"CONTENT_LENGTH", b"abc"), (b"SCGI", b"1")), MalformedContentLength),
            (block((b"CONTENT_LENGTH", b"-2"), (b"SCGI", b"1")), MalformedContentLength),
            (block((b"CONTENT_LENGTH", b"+5"), (b"SCGI", b"1")), MalformedContentLength),
            (block((b"CONTENT_LENGTH", b" 5"), (b"SCGI", b"1")), MalformedContentLength),
            (block((b"CONTENT_LENGTH", b"1_0"), (b"SCGI", b"1")), MalformedContentLength),
            (block((b"CONTENT_LENGTH", b"0x1"), (b"SCGI", b"1")), MalformedContentLength),
            (block((b"CONTENT_LENGTH", b"9" * 20), (b"SCGI", b"1")), MalformedContentLength),
            (block((b"CONTENT_LENGTH", b"0")), MissingVersion),
            (block((b"CONTENT_LENGTH", b"0"), (b"scgi", b"1")), MissingVersion),
            (block((b"CONTENT_LENGTH", b"0"), (b"A", b"SCGI"), (b"1", b"")), MissingVersion),
            (block((b"CONTENT_LENGTH", b"0"), (b"SCGI", b"2")), MissingVersion),
            (block((b"CONTENT_LENGTH", b"0"), (b"SCGI", b"")), MissingVersion),
            (VALID + block((b"SCGI", b"1")), DuplicateName),
            (VALID + block((b"CONTENT_LENGTH", b"0")), DuplicateName),
            (VALID + block((b"HTTP_A", b"1"), (b"HTTP_A", b"2")), DuplicateName),
        ],
    )
    def test_refused(self, content: bytes, error: type[Exception]) -> None:
        """
        Each rule has an error of its own, and that is reported once, with nothing of the request.
        """
        with pytest.raises(error):
            SCGIParams(content)
        for events in everyWay(netstring(content) + b"body"):
            assert kinds(events) == [error.__name__]

    @pytest.mark.parametrize("length", [b"", b"-1"])
    def test_noLength(self, length: bytes) -> None:
        """
        An empty length, and -1, say that there is no body.
        """
        connection = ServerConnection()
        request, end = connection.receive(asked((b"REQUEST_METHOD", b"GET"), length=length))
        assert isinstance(request, RequestReceived)
        assert isinstance(request.params, SCGIParams)
        assert (request.params.contentLength, request.params["CONTENT_LENGTH"]) == (
            0,
            length.decode(),
        )
        assert (end, connection.bodiless, connection.inputOpen) == (ENDED, True, False)

    def test_refusedIsAnswered(self) -> None:
        """
        The receiver of the refusal answers. What still comes is dropped.
        """
        connection = ServerConnection()
        [event] = connection.receive(netstring(VALID[:-1]))
        assert isinstance(event, RequestRefused)
        assert (event.requestID, event.role) == (1, Role.RESPONDER)
        assert isinstance(event.reason, MalformedParams)
        assert connection.active == 1
        assert connection.isActive(1)
        assert connection.awaited is None
        assert connection.receive(b"more") == []
        assert connection.respond(1, HEAD, b"") == HEAD
        assert (connection.closing, connection.inputOpen, connection.active) == (True, True, 0)

    def test_count(self) -> None:
        """
        As many headers as are allowed, and one more.
        """
        data = asked(*((b"N%d" % number, b"") for number in range(8)))
        for events in everyWay(data, paramsCount=10):
            assert kinds(events) == ["RequestReceived", "StreamEnded"]
        for events in everyWay(data, paramsCount=9):
            assert kinds(events) == ["ParamsTooLarge"]
        with pytest.raises(ParamsTooLarge):
            SCGIParams(b"\0" * 1000, limit=10)

    def test_emptyValue(self) -> None:
        """
        A value may be empty; a name may be any bytes, also one that looks like another's value.
        """
        pairs = [(b"QUERY_STRING", b""), (b"=\xff", b"\x80\xfe"), (b"A", b"SCGI")]
        [event, ended] = ServerConnection().receive(asked(*pairs))
        assert isinstance(event, RequestReceived)
        assert event.params.raw[2:] == pairs
        assert event.params["QUERY_STRING"] == ""
        assert event.params["=\udcff"] == "\udc80\udcfe"
        assert ended == ENDED

    def test_lenientVersion(self) -> None:
        """
        One option lets SCGI be left out, as by an nginx without its scgi_params; not be wrong.
        """
        content = block((b"CONTENT_LENGTH", b"0"), (b"A", b"b"))
        for events in everyWay(netstring(content), lenient=True):
            assert events == [received(content, True), ENDED]
        for events in everyWay(asked(version=b"2"), lenient=True):
            assert kinds(events) == ["MissingVersion"]
        [event] = ServerConnection().receive(netstring(content))
        assert isinstance(event, RequestRefused)
        assert "scgi_params" in str(event.reason)

    def test_lenientDuplicates(self) -> None:
        """
        And it lets an HTTP header be there several times, as by an old nginx; nothing else.
        """
        pairs = ((b"HTTP_A", b"1"), (b"HTTP_A", b"2"))
        [event, _] = ServerConnection(lenient=True).receive(asked(*pairs))
        assert isinstance(event, RequestReceived)
        assert event.params.raw[2:] == list(pairs)
        assert event.params["HTTP_A"] == "2"
        for pair in ((b"CONTENT_LENGTH", b"0"), (b"SCGI", b"1"), (b"QUERY_STRING", b"")):
            data = asked((b"QUERY_STRING", b""), pair)
            assert kinds(ServerConnection(lenient=True).receive(data)) == ["DuplicateName"]


@given(
    st.dictionaries(names, values, max_size=20),
    st.binary(max_size=200),
    st.lists(st.integers(1, 400)),
)
@example({b"A": b"\xff"}, b"x", [1])
def test_anyRequest(params: dict[bytes, bytes], content: bytes, cuts: list[int]) -> None:
    """
    Any request arrives as it was sent, in any pieces.
    """
    data = asked(*params.items(), length=b"%d" % len(content)) + content
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    events = receiveAll(ServerConnection(), [data[a:b] for a, b in pairwise(places)])
    assert isinstance(events[0], RequestReceived)
    assert events[0].params.raw[2:] == list(params.items())
    assert events[1:] == [*([body(content)] if content else []), ENDED]


@given(st.lists(st.binary(max_size=60)), st.booleans())
def test_anyBytes(pieces: list[bytes], lenient: bool) -> None:
    """
    Whatever comes, it is taken or refused, and however it is cut, to the same end.
    """
    data = b"".join(pieces)
    apart = receiveAll(ServerConnection(lenient=lenient), pieces)
    assert kinds(apart) == kinds(receiveAll(ServerConnection(lenient=lenient), [data]))


@given(st.binary(max_size=120))
def test_anyHeaders(content: bytes) -> None:
    """
    Whatever is in the netstring, it is a request or refused.
    """
    [event, *_] = ServerConnection().receive(netstring(content))
    assert isinstance(event, RequestRefused | RequestReceived)


@given(st.integers(0, len(EXAMPLE) - 1), st.binary(min_size=1, max_size=1))
def test_anyMistake(at: int, byte: bytes) -> None:
    """
    One wrong byte anywhere does no harm.
    """
    data = EXAMPLE[:at] + byte + EXAMPLE[at + 1 :]
    assert len({tuple(kinds(events)) for events in everyWay(data)}) == 1


def test_awaited() -> None:
    """
    Headers are awaited from the first byte to the last.
    """
    connection = ServerConnection()
    assert connection.awaited is None
    connection.receive(b"24:CONTENT_LENGTH\x000\x00")
    assert connection.awaited is True
    connection.receive(b"SCGI\x001\x00,")
    assert connection.awaited is None
    assert connection.mayOutput(1)


def test_inputOver() -> None:
    """
    The peer has nothing more to send behind a request of a method without a body.
    """
    connection = ServerConnection()
    connection.receive(asked((b"REQUEST_METHOD", b"GET")))
    connection.end(1)
    assert connection.inputOver
    for method, length in ((b"POST", b"0"), (b"GET", b"4")):
        other = ServerConnection()
        other.receive(asked((b"REQUEST_METHOD", method), length=length))
        other.end(1)
        assert not other.inputOver
