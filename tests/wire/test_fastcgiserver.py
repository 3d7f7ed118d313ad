"""
What a FastCGI application's end of a connection makes of what a web server sends.

The numbers are those of the conformance statements that this project keeps to. What follows from
the events (an app is run or not, a request of the wrong length fails, a connection is closed) is
tested with the server.
"""

from __future__ import annotations

import pytest

from txfcgi.errors import (
    InvalidRequestID,
    MalformedParams,
    RequestAlreadyActive,
    UnexpectedRecord,
)
from txfcgi.wire.events import (
    DataReceived,
    StreamEnded,
)
from txfcgi.wire.fastcgiserver import RULES, ServerConnection
from txfcgi.wire.records import Stream

from .conversations import (
    A1,
    AUTHORIZER,
    B2,
    DATA,
    DATA_ENDED,
    FILTER,
    PARAMS,
    RESPONDER,
    STDIN,
    STDIN_ENDED,
    Deliver,
    begin,
    body,
    byteByByte,
    everyWay,
    get,
    pair,
    params,
    received,
    record,
    split,
    stream,
    whole,
)


@everyWay
class TestRequests:
    """
    Requests of the three roles.
    """

    def test_withoutBody(self, deliver: Deliver) -> None:
        """
        What every web server sends for a GET.
        """
        assert deliver(ServerConnection(), get(1, A1, B2)) == [received(1, A1, B2), STDIN_ENDED]

    def test_withBody(self, deliver: Deliver) -> None:
        """
        A body is reported as it comes, then its end.
        """
        data = begin(1) + params(1, A1) + stream(STDIN, 1, b"first ", b"second")
        assert deliver(ServerConnection(), data) == [
            received(1, A1),
            body(b"first second"),
            STDIN_ENDED,
        ]

    @pytest.mark.parametrize("role", [RESPONDER, AUTHORIZER])
    @pytest.mark.parametrize(
        ("flags", "keep"), [(0, False), (1, True), (0xFE, False), (0xFF, True), (3, True)]
    )
    def test_flags(self, deliver: Deliver, role: int, flags: int, keep: bool) -> None:
        """
        KEEP_CONN is a bit, the others mean nothing.
        """
        data = get(1, A1, role=role, flags=flags)
        assert deliver(ServerConnection(), data) == [
            received(1, A1, role=role, keep=keep),
            STDIN_ENDED,
        ]

    def test_reserved(self, deliver: Deliver) -> None:
        """
        Nor do the reserved bytes of BEGIN_REQUEST and of the headers.
        """
        data = (
            record(1, 1, b"\x00\x01\x01\xff\xfe\xfd\xfc\xfb", reserved=0xFF)
            + record(PARAMS, 1, pair(*A1), reserved=1)
            + record(PARAMS, 1, reserved=2)
            + record(STDIN, 1, reserved=3)
        )
        assert deliver(ServerConnection(), data) == [received(1, A1), STDIN_ENDED]

    @pytest.mark.parametrize("where", range(4))
    @pytest.mark.parametrize("size", [1, 7, 255])
    def test_padding(self, deliver: Deliver, where: int, size: int) -> None:
        """
        Each of the records may be padded, with any bytes, the empty ones too.
        """
        padding = [b""] * 4
        padding[where] = b"\x01" * size
        data = (
            record(1, 1, b"\0\1\1\0\0\0\0\0", padding[0])
            + record(PARAMS, 1, pair(*A1), padding[1])
            + record(PARAMS, 1, b"", padding[2])
            + record(STDIN, 1, b"", padding[3])
        )
        assert deliver(ServerConnection(), data * 1 + get(2, B2)) == [
            received(1, A1),
            STDIN_ENDED,
            received(2, B2),
            StreamEnded(2, Stream.STDIN),
        ]

    def test_noParams(self, deliver: Deliver) -> None:
        """
        A stream of params may be empty.
        """
        assert deliver(ServerConnection(), get(1)) == [received(1), STDIN_ENDED]

    def test_startsAtTheEndOfParams(self, deliver: Deliver) -> None:
        """
        Not before it, and without waiting for a STDIN record.
        """
        connection = ServerConnection()
        assert deliver(connection, begin(1) + record(PARAMS, 1, pair(*A1))) == []
        assert connection.awaited is not None
        assert deliver(connection, record(PARAMS, 1)) == [received(1, A1)]
        assert connection.receivesInput(1)

    def test_authorizer(self, deliver: Deliver) -> None:
        """
        An Authorizer gets no STDIN record from Apache, an empty one from lighttpd.
        """
        expected = received(1, A1, role=AUTHORIZER)
        withNone = begin(1, AUTHORIZER) + params(1, A1)
        assert deliver(ServerConnection(), withNone) == [expected]
        assert deliver(ServerConnection(), get(1, A1, role=AUTHORIZER)) == [expected, STDIN_ENDED]

    def test_filter(self, deliver: Deliver) -> None:
        """
        A Filter gets STDIN, then DATA.
        """
        connection = ServerConnection()
        data = begin(1, FILTER) + params(1, A1) + stream(STDIN, 1, b"form")
        assert deliver(connection, data) == [
            received(1, A1, role=FILTER),
            body(b"form"),
            STDIN_ENDED,
        ]
        assert connection.receivesInput(1)
        assert deliver(connection, stream(DATA, 1, b"file ", b"data")) == [
            DataReceived(1, Stream.DATA, b"file data"),
            DATA_ENDED,
        ]
        assert not connection.receivesInput(1)

    def test_filterOfNothing(self, deliver: Deliver) -> None:
        """
        Both streams may be empty; the end of STDIN is not the end of the input.
        """
        data = get(1, A1, role=FILTER) + record(DATA, 1)
        assert deliver(ServerConnection(), data) == [
            received(1, A1, role=FILTER),
            STDIN_ENDED,
            DATA_ENDED,
        ]

    def test_longestRecords(self, deliver: Deliver) -> None:
        """
        Records of 65535 bytes with 255 of padding.
        """
        value = b"v" * (65535 - 6)
        data = (
            begin(1)
            + record(PARAMS, 1, pair(b"A", value), b"\1" * 255)
            + record(PARAMS, 1, b"", b"\1" * 255)
            + record(STDIN, 1, b"x" * 65535, b"\1" * 255)
            + record(STDIN, 1, b"", b"\1" * 255)
        )
        assert deliver(ServerConnection(), data) == [
            received(1, (b"A", value)),
            body(b"x" * 65535),
            STDIN_ENDED,
        ]

    def test_malformedParams(self, deliver: Deliver) -> None:
        """
        Params that do not add up are found out when they are looked at, and show nothing of
        themselves. The connection is in step all the same.
        """
        data = begin(1) + record(PARAMS, 1, pair(*A1) + b"\x01") + record(PARAMS, 1)
        [event] = deliver(ServerConnection(), data)
        with pytest.raises(MalformedParams):
            event.params.find(b"A")  # type: ignore[attr-defined]


class TestPartitions:
    """
    The value of a stream does not depend on how it is cut into records.
    """

    pairs = ((b"SERVER_PORT", b"80"), (b"N" * 128, b""), (b"", b"v" * 130))

    def test_paramsInTwo(self) -> None:
        """
        PARAMS may be cut anywhere, inside a length too.
        """
        block = b"".join(pair(*each) for each in self.pairs)
        for cut in range(1, len(block)):
            data = (
                begin(1)
                + stream(PARAMS, 1, block[:cut], block[cut:])
                + record(STDIN, 1)
            )  # fmt: skip
            assert whole(ServerConnection(), data) == [received(1, *self.pairs), STDIN_ENDED]

    @everyWay
    def test_paramsInBytes(self, deliver: Deliver) -> None:
        """
        PARAMS may come in records of one byte.
        """
        block = b"".join(pair(*each) for each in self.pairs)
        pieces = [block[at : at + 1] for at in range(len(block))]
        data = begin(1) + stream(PARAMS, 1, *pieces) + stream(STDIN, 1, *pieces)
        assert deliver(ServerConnection(), data) == [
            received(1, *self.pairs),
            body(block),
            STDIN_ENDED,
        ]


@everyWay
class TestIDs:
    """
    Which request a record belongs to.
    """

    @pytest.mark.parametrize("requestID", [1, 255, 256, 4660, 65535])
    def test_any(self, deliver: Deliver, requestID: int) -> None:
        """
        An id is any number from 1 to 65535, big-endian.
        """
        data = get(requestID, A1)
        events = deliver(ServerConnection(), data)
        assert events == [received(requestID, A1), StreamEnded(requestID, Stream.STDIN)]

    def test_anyOrder(self, deliver: Deliver) -> None:
        """
        Requests come in any order of ids, and mixed.
        """
        data = (
            begin(9)
            + begin(3)
            + record(PARAMS, 9, pair(*A1))
            + record(PARAMS, 3, pair(*B2))
            + record(PARAMS, 3)
            + record(STDIN, 3, b"three")
            + record(PARAMS, 9)
            + record(STDIN, 9, b"nine")
            + record(STDIN, 3)
            + record(STDIN, 9)
        )
        assert deliver(ServerConnection(), data) == [
            received(3, B2),
            body(b"three", 3),
            received(9, A1),
            body(b"nine", 9),
            StreamEnded(3, Stream.STDIN),
            StreamEnded(9, Stream.STDIN),
        ]

    def test_reused(self, deliver: Deliver) -> None:
        """
        An id is free again as soon as END_REQUEST was made for it.
        """
        connection = ServerConnection()
        for _ in range(3):
            assert deliver(connection, get(1, A1)) == [received(1, A1), STDIN_ENDED]
            connection.respond(1, b"\r\n", b"")
        assert connection.active == 0

    def test_active(self, deliver: Deliver) -> None:
        """
        Until then, it can't begin another request.
        """
        for first in (get(1, A1), begin(1), begin(1) + params(1)):
            connection = ServerConnection()
            deliver(connection, first)
            events, error = split(deliver(connection, get(1, B2)))
            assert (events, error) == ([], RequestAlreadyActive)

    @pytest.mark.parametrize(
        "late",
        [
            record(STDIN, 1, b"late"),
            record(STDIN, 1),
            record(DATA, 1, b"late"),
            record(PARAMS, 1, b"\xff" * 9),
            record(2, 1),
            record(2, 1, b"?"),
            record(77, 1, b"?"),
        ],
        ids=lambda late: str(late[1]),
    )
    def test_inactive(self, deliver: Deliver, late: bytes) -> None:
        """
        Records for an id that is not active are ignored, one that never was and one that was.
        """
        connection = ServerConnection()
        assert deliver(connection, late + get(1, A1)) == [received(1, A1), STDIN_ENDED]
        assert connection.ignored > 0
        connection.end(1)
        assert deliver(connection, late + get(2, B2)) == [
            received(2, B2),
            StreamEnded(2, Stream.STDIN),
        ]
        assert connection.takeReplies() == b""

    @pytest.mark.parametrize("kind", [1, 2, PARAMS, STDIN, DATA])
    @pytest.mark.parametrize("content", [b"", bytes(8)])
    def test_nullID(self, deliver: Deliver, kind: int, content: bytes) -> None:
        """
        Application records never have id 0.
        """
        data = get(1, A1) + record(kind, 0, content) + get(2)
        events, error = split(deliver(ServerConnection(), data))
        assert (events, error) == ([received(1, A1), STDIN_ENDED], InvalidRequestID)


@everyWay
class TestStreams:
    """
    Which stream may come when.
    """

    @pytest.mark.parametrize("late", [PARAMS, STDIN, DATA])
    def test_contentAfterTheEnd(self, deliver: Deliver, late: int) -> None:
        """
        Content behind the end of a stream is never appended to it.
        """
        data = get(1, A1) + record(late, 1, b"more")
        events, error = split(deliver(ServerConnection(), data))
        assert (events, error) == ([received(1, A1), STDIN_ENDED], UnexpectedRecord)

    @pytest.mark.parametrize("late", [PARAMS, STDIN, DATA])
    def test_lenient(self, deliver: Deliver, late: int) -> None:
        """
        If one is not strict about it, it is dropped.
        """
        connection = ServerConnection(lenient=RULES)
        data = get(1, A1) + record(late, 1, b"more") + record(late, 1)
        assert deliver(connection, data) == [received(1, A1), STDIN_ENDED]

    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize("late", [PARAMS, STDIN, DATA])
    def test_endedTwice(self, deliver: Deliver, late: int, strict: bool) -> None:
        """
        A second empty record does no harm.
        """
        connection = ServerConnection(lenient=() if strict else RULES)
        data = get(1, A1) + record(late, 1) + get(2)
        assert deliver(connection, data) == [
            received(1, A1),
            STDIN_ENDED,
            received(2),
            StreamEnded(2, Stream.STDIN),
        ]
        assert connection.ignored >= 1

    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize("content", [b"", b"early"])
    @pytest.mark.parametrize("kind", [STDIN, DATA])
    def test_beforeParams(self, deliver: Deliver, kind: int, content: bytes, strict: bool) -> None:
        """
        A body does not come before the end of PARAMS.
        """
        data = begin(1) + record(PARAMS, 1, pair(*A1)) + record(kind, 1, content)
        events, error = split(deliver(ServerConnection(lenient=() if strict else RULES), data))
        assert (events, error) == ([], UnexpectedRecord)

    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize("content", [b"", b"early"])
    def test_dataBeforeStdin(self, deliver: Deliver, content: bytes, strict: bool) -> None:
        """
        The DATA of a Filter does not come before the end of its STDIN; were it passed over, the
        app would wait for it.
        """
        data = begin(1, FILTER) + params(1) + record(STDIN, 1, b"x") + record(DATA, 1, content)
        events, error = split(deliver(ServerConnection(lenient=() if strict else RULES), data))
        assert events == [received(1, role=FILTER), body(b"x")]
        assert error is UnexpectedRecord

    def test_dataForAResponder(self, deliver: Deliver) -> None:
        """
        Other roles have no DATA.
        """
        data = begin(1) + params(1) + record(DATA, 1, b"x")
        assert split(deliver(ServerConnection(), data)) == ([received(1)], UnexpectedRecord)


def test_message() -> None:
    """
    An error says what came, for which request, and what it had been waiting for.
    """
    connection = ServerConnection()
    connection.receive(begin(7) + record(STDIN, 7, b"x"))
    assert str(connection.failed) == "STDIN for request 7 in state PARAMS (sections 3.3 and 6)"


@pytest.mark.parametrize("deliver", [whole, byteByByte])
def test_endedInTheMiddle(deliver: Deliver) -> None:
    """
    A request that was answered early does not want the rest of its body.
    """
    connection = ServerConnection()
    data = begin(1) + params(1, A1) + record(STDIN, 1, b"0123456789", b"\1\1")
    assert deliver(connection, data[:-7]) == [received(1, A1), body(b"01234")]
    connection.end(1)
    rest = data[-7:] + record(STDIN, 1)
    assert deliver(connection, rest + get(1, B2)) == [received(1, B2), STDIN_ENDED]


def test_inputOver() -> None:
    """
    The peer has nothing more to send as long as no request had a body, none is here in part, and it
    broke no rule.
    """
    connection = ServerConnection()
    connection.receive(get(1, A1))
    connection.end(1)
    assert connection.inputOver
    connection.receive(begin(2)[:5])
    assert not connection.inputOver
    withBody = ServerConnection()
    withBody.receive(begin(1) + params(1, A1))
    withBody.end(1)
    assert not withBody.inputOver
    broken = ServerConnection()
    broken.receive(b"GET / HTTP/1.1\r\n")
    assert not broken.inputOver
