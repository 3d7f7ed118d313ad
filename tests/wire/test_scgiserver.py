"""
SCGI at an application's end of the wire (protocol.txt of 2008-06-23; INTEROP statements 35 to 40).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from txfcgi.errors import (
    BodyTooShort,
    ContentLengthNotFirst,
    DuplicateName,
    EmptyName,
    IncompleteHeaders,
    LocalProtocolError,
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
    DataReceived,
    Event,
    RequestReceived,
    RequestRefused,
    StreamEnded,
)
from txfcgi.wire.params import SCGIParams
from txfcgi.wire.records import Role, Stream
from txfcgi.wire.scgiserver import ServerConnection

from .conversations import merged, receiveAll, viewed

# Section 4 of the specification, to the letter.
EXAMPLE = (
    b"70:"
    b"CONTENT_LENGTH\x0027\x00"
    b"SCGI\x001\x00"
    b"REQUEST_METHOD\x00POST\x00"
    b"REQUEST_URI\x00/deepthought\x00"
    b","
    b"What is the answer to life?"
)
EXAMPLE_PAIRS = [
    (b"CONTENT_LENGTH", b"27"),
    (b"SCGI", b"1"),
    (b"REQUEST_METHOD", b"POST"),
    (b"REQUEST_URI", b"/deepthought"),
]
EXAMPLE_ANSWER = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n42"
HEAD = EXAMPLE_ANSWER[:-2]

ENDED = StreamEnded(1, Stream.STDIN)


def netstring(content: bytes) -> bytes:
    """
    A netstring, and whatever is in it.
    """
    return str(len(content)).encode("ascii") + b":" + content + b","


def block(*pairs: tuple[bytes, bytes]) -> bytes:
    """
    Headers as they are in the netstring.
    """
    return b"".join(name + b"\0" + value + b"\0" for name, value in pairs)


def asked(*pairs: tuple[bytes, bytes], length: bytes = b"0", version: bytes = b"1") -> bytes:
    """
    The headers of a request as they are sent, with the two that must be there in front.
    """
    return netstring(block((b"CONTENT_LENGTH", length), (b"SCGI", version), *pairs))


def received(content: bytes, lenient: bool = False) -> RequestReceived:
    """
    What a request is reported as.
    """
    return RequestReceived(1, Role.RESPONDER, False, SCGIParams(content, lenient=lenient))


def body(data: bytes) -> DataReceived:
    """
    What some of a body is reported as.
    """
    return DataReceived(1, Stream.STDIN, data)


def kinds(events: Iterable[Event]) -> list[str]:
    """
    Each event by its class, or by the class of its error.
    """
    return [
        type(event.reason).__name__
        if isinstance(event, RequestRefused)
        else type(event.error).__name__
        if isinstance(event, ConnectionFailed)
        else type(event).__name__
        for event in events
    ]


def everyWay(data: bytes, **options: bool | int) -> list[list[Event]]:
    """
    What comes of some bytes: whole, byte by byte, and cut once at every place.
    """
    cuts = [
        [0, len(data)],
        list(range(len(data) + 1)),
        *([0, at, len(data)] for at in range(1, len(data))),
    ]
    return [
        receiveAll(ServerConnection(**options), [data[a:b] for a, b in pairwise(places)])  # type: ignore[arg-type]
        for places in cuts
    ]


class TestExample:
    """
    The example of the specification (statements 38 and 40).
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
    What is around the headers (statement 35).
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
        An empty one is a netstring, but no request (row G7).
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
            "the connection starts with b'GET / HTTP/', which is no SCGI: "
            "does an HTTP client or a FastCGI web server speak to this port?"
        )
        [event] = ServerConnection().receive(b"2:34;")
        assert isinstance(event, ConnectionFailed)
        assert str(event.error) == (
            "b';' is in place of the comma behind 2 bytes of headers (SCGI, section 3)"
        )


VALID = block((b"CONTENT_LENGTH", b"0"), (b"SCGI", b"1"))


class TestHeaders:
    """
    What is in the netstring (statements 36 and 37). Such a request can be answered.
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
            (block((b"CONTENT_LENGTH", b""), (b"SCGI", b"1")), MalformedContentLength),
            (block((b"CONTENT_LENGTH", b"-1"), (b"SCGI", b"1")), MalformedContentLength),
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


class TestBody:
    """
    The body has as many bytes as CONTENT_LENGTH says (statement 39).
    """

    def test_excess(self) -> None:
        """
        What is behind its end is ignored.
        """
        for events in everyWay(EXAMPLE + b" And what is the question?"):
            assert merged(events)[1:] == [body(b"What is the answer to life?"), ENDED]
        for events in everyWay(asked() + b"more"):
            assert kinds(events) == ["RequestReceived", "StreamEnded"]

    @pytest.mark.parametrize("data", [EXAMPLE, asked()])
    def test_excessIsKnown(self, data: bytes) -> None:
        """
        Closing on input that was not read could destroy the answer: so it is known that there is
        some, whenever it came.
        """
        for pieces in ([data], [data[:10], data[10:], b""]):
            connection = ServerConnection()
            receiveAll(connection, pieces)
            assert not connection.inputOpen
        for pieces in ([data + b"x"], [data, b"x"], [data[:80], data[80:] + b"x"]):
            connection = ServerConnection()
            receiveAll(connection, pieces)
            connection.respond(1, HEAD, b"")
            assert connection.inputOpen
            assert connection.receive(b"y") == []

    @pytest.mark.parametrize(
        ("data", "bodiless"),
        [
            (asked((b"REQUEST_METHOD", b"GET")), True),
            (asked((b"REQUEST_METHOD", b"HEAD")), True),
            (asked((b"REQUEST_METHOD", b"GET"), length=b"1") + b"x", False),
            (asked((b"REQUEST_METHOD", b"POST")), False),
            (asked(), False),
            (EXAMPLE, False),
        ],
    )
    def test_bodiless(self, data: bytes, bodiless: bool) -> None:
        """
        Nothing is behind a request that can have no body. Behind others there may be more than
        was told.
        """
        connection = ServerConnection()
        connection.receive(data)
        assert connection.bodiless is bodiless

    def test_views(self) -> None:
        """
        Nothing is kept of a buffer that is used again.
        """
        for at in range(len(EXAMPLE)):
            connection = ServerConnection()
            assert viewed(connection, [EXAMPLE[:at], EXAMPLE[at:]]) == receiveAll(
                ServerConnection(), [EXAMPLE]
            )

    def test_pieces(self) -> None:
        """
        Each piece is reported as it comes, and is not copied.
        """
        connection = ServerConnection()
        assert kinds(connection.receive(asked(length=b"10"))) == ["RequestReceived"]
        assert connection.receivesInput(1)
        piece = b"01234"
        [event] = connection.receive(piece)
        assert isinstance(event, DataReceived)
        assert event.data is piece
        assert connection.receive(b"") == []
        assert connection.receive(b"56789") == [body(b"56789"), ENDED]
        assert not connection.receivesInput(1)

    def test_short(self) -> None:
        """
        A body that ends too early is an error, and nobody is told that it is complete.
        """
        connection = ServerConnection()
        connection.receive(EXAMPLE[:-5])
        assert kinds(connection.receiveEnd()) == ["BodyTooShort"]
        assert isinstance(connection.failed, BodyTooShort)
        assert connection.receiveEnd() == []
        with pytest.raises(BodyTooShort, match="5 bytes before"):
            connection.receive(b"life?")
        connection.forget(1)
        assert connection.closing

    @pytest.mark.parametrize("size", range(1, 74))
    def test_endWithinHeaders(self, size: int) -> None:
        """
        The same within the headers, wherever.
        """
        connection = ServerConnection()
        connection.receive(EXAMPLE[:size])
        assert connection.awaited is True
        [event] = connection.receiveEnd()
        assert isinstance(event, ConnectionFailed)
        assert isinstance(event.error, IncompleteHeaders)
        assert connection.awaited is None

    def test_endElsewhere(self) -> None:
        """
        The end of the input is none of the connection: the answer may still be wanted (row G11).
        """
        connection = ServerConnection()
        assert connection.receiveEnd() == []
        connection.receive(EXAMPLE)
        assert connection.receiveEnd() == []
        assert connection.active == 1
        assert connection.respond(1, HEAD, b"42") == EXAMPLE_ANSWER
        assert connection.receiveEnd() == []

    def test_answeredEarly(self) -> None:
        """
        The rest of a body that nobody waits for is dropped, and it is known that it may come.
        """
        connection = ServerConnection()
        connection.receive(EXAMPLE[:-5])
        connection.respond(1, HEAD, b"42")
        assert (connection.closing, connection.inputOpen) == (True, True)
        assert not connection.receivesInput(1)
        assert connection.receive(b"life?") == []
        assert connection.receiveEnd() == []


class TestOutput:
    """
    What an application sends.
    """

    def connection(self, **options: bool) -> ServerConnection:
        """
        One that has a request.
        """
        connection = ServerConnection(**options)
        connection.receive(asked())
        return connection

    def test_statusLine(self) -> None:
        """
        An answer can start with an HTTP status line (row G9), also where its status was implicit
        or has no name.
        """
        head = b"Status: 404 Not Here\r\nA: b\r\n\r\n"
        for given_, expected in (
            (head, b"HTTP/1.1 404 Not Here\r\nA: b\r\n\r\n"),
            (b"A: b\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"),
            (b"Location: /\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"),
            (b"Status: 299\r\n\r\n", b"HTTP/1.1 299 Unknown\r\n\r\n"),
        ):
            whole = self.connection(statusLine=True).respond(1, given_, b"\r\n\r\nbody")
            assert whole == expected + b"\r\n\r\nbody"
            connection = self.connection(statusLine=True)
            parts = connection.send(1, Stream.STDOUT, memoryview(given_ + b"some"))
            parts += connection.send(1, Stream.STDOUT, head)
            assert b"".join(parts) == expected + b"some" + head

    def test_brokenOff(self) -> None:
        """
        No bytes can say that an answer is not complete.
        """
        connection = self.connection()
        connection.send(1, Stream.STDOUT, HEAD)
        assert connection.breakOff(1) == b""
        assert connection.closing

    @pytest.mark.parametrize("requestID", [1, 2])
    def test_notActive(self, requestID: int) -> None:
        """
        Nothing can be sent for a request that is over, or never was.
        """
        connection = self.connection()
        if requestID == 1:
            connection.end(1)
        assert not connection.isActive(requestID) or requestID == 2
        with pytest.raises(LocalProtocolError):
            connection.respond(requestID, HEAD, b"")
        with pytest.raises(LocalProtocolError):
            connection.send(requestID, Stream.STDOUT, b"x")
        with pytest.raises(LocalProtocolError):
            connection.end(requestID)
        with pytest.raises(LocalProtocolError):
            connection.breakOff(requestID)
        with pytest.raises(LocalProtocolError):
            connection.forget(requestID)

    def test_noStderr(self) -> None:
        """
        There is no stream for messages, and none for statuses.
        """
        connection = self.connection()
        assert not connection.hasStderr
        assert not connection.hasStatus
        with pytest.raises(LocalProtocolError, match="STDERR"):
            connection.send(1, Stream.STDERR, b"x")

    def test_nothingUnasked(self) -> None:
        """
        The protocol itself answers nothing.
        """
        assert self.connection().takeReplies() == b""

    def test_close(self) -> None:
        """
        A connection that is to be closed ends with the request that has begun, in part or whole.
        """
        connection = ServerConnection()
        connection.close()
        assert connection.closing
        connection = ServerConnection()
        connection.receive(EXAMPLE[:20])
        connection.close()
        assert not connection.closing
        connection.receive(EXAMPLE[20:])
        assert not connection.closing
        connection.respond(1, HEAD, b"42")
        assert connection.closing


names = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"\0" not in name and name not in (b"SCGI", b"CONTENT_LENGTH")
)
values = st.binary(max_size=60).filter(lambda value: b"\0" not in value)


@given(
    st.dictionaries(names, values, max_size=20),
    st.binary(max_size=200),
    st.lists(st.integers(1, 400)),
)
@example({b"A": b"\xff"}, b"x", [1])
def test_anyRequest(params: dict[bytes, bytes], content: bytes, cuts: list[int]) -> None:
    """
    Any request arrives as it was sent, in any pieces (row G13).
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
