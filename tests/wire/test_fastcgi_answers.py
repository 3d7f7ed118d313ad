"""
What a FastCGI application's end of a connection sends, and when the connection is over.
"""

from __future__ import annotations

import pytest

from txfcgi.errors import LocalProtocolError
from txfcgi.wire.fastcgiserver import ServerConnection
from txfcgi.wire.framing import FULL
from txfcgi.wire.records import EndRequest, ProtocolStatus, Record, RecordReader, Stream, interpret

from .conversations import (
    A1,
    AUTHORIZER,
    DATA,
    FILTER,
    PARAMS,
    STDERR,
    STDIN,
    STDOUT,
    begin,
    endRequest,
    get,
    pair,
    params,
    record,
    stream,
)

HEAD = b"Status: 200 OK\r\n\r\n"


def serving(data: bytes) -> ServerConnection:
    """
    A connection that received this.
    """
    connection = ServerConnection()
    connection.receive(data)
    assert connection.failed is None
    return connection


def sent(connection: ServerConnection, requestID: int, which: Stream, data: bytes) -> bytes:
    """
    A piece of a stream as it goes out.
    """
    return b"".join(connection.send(requestID, which, data))


class TestRespond:
    """
    A whole response in one piece.
    """

    @pytest.mark.parametrize("requestID", [1, 255, 256, 65535])
    @pytest.mark.parametrize("size", range(9))
    def test_literal(self, requestID: int, size: int) -> None:
        """
        STDOUT, its end and END_REQUEST, padded with zeros.
        """
        body = b"x" * size
        padding = bytes(-len(HEAD + body) % 8)
        expected = (
            record(STDOUT, requestID, HEAD + body, padding)
            + record(STDOUT, requestID)
            + endRequest(requestID)
        )
        for _ in range(2):
            connection = serving(get(requestID, A1))
            assert connection.respond(requestID, HEAD, body) == expected
            assert connection.active == 0

    def test_largest(self) -> None:
        """
        It fills a record at the most.
        """
        connection = serving(get(1))
        data = connection.respond(1, HEAD, bytes(FULL - len(HEAD)))
        assert data == record(STDOUT, 1, HEAD + bytes(FULL - 18)) + record(STDOUT, 1) + endRequest(
            1
        )

    @pytest.mark.parametrize("size", [-len(HEAD), FULL - len(HEAD) + 1])
    def test_wrongSize(self, size: int) -> None:
        """
        What is no response for one record is refused, and the request can still be answered.
        """
        connection = serving(get(1))
        head, body = (b"", b"") if size < 0 else (HEAD, bytes(size))
        with pytest.raises(LocalProtocolError, match="do not fit into one record"):
            connection.respond(1, head, body)
        assert connection.active == 1
        assert connection.end(1) == record(STDOUT, 1) + endRequest(1)

    def test_exitStatus(self) -> None:
        """
        With the application's exit status.
        """
        connection = serving(get(1))
        assert connection.respond(1, b"8 bytes.", b"", 938) == (
            record(STDOUT, 1, b"8 bytes.") + record(STDOUT, 1) + endRequest(1, 938)
        )

    def test_afterStderr(self) -> None:
        """
        An STDERR that was written to is closed.
        """
        connection = serving(get(1))
        sent(connection, 1, Stream.STDERR, b"oops")
        assert connection.respond(1, b"8 bytes.", b"") == (
            record(STDOUT, 1, b"8 bytes.") + record(STDOUT, 1) + record(STDERR, 1) + endRequest(1)
        )

    def test_notActive(self) -> None:
        """
        A request is answered once.
        """
        connection = serving(get(1))
        connection.respond(1, HEAD, b"")
        for answer in (
            lambda: connection.respond(1, HEAD, b""),
            lambda: connection.end(1),
            lambda: connection.forget(1),
            lambda: connection.send(1, Stream.STDOUT, b"x"),
            lambda: connection.end(2),
        ):
            with pytest.raises(LocalProtocolError, match="is not active"):
                answer()


class TestStreams:
    """
    Output in pieces.
    """

    def test_interleaved(self) -> None:
        """
        STDOUT and STDERR go out as they are written, also before the end of STDIN.
        """
        connection = serving(begin(1) + params(1, A1) + record(STDIN, 1, b"x"))
        assert sent(connection, 1, Stream.STDOUT, b"out 1") == record(STDOUT, 1, b"out 1", bytes(3))
        assert sent(connection, 1, Stream.STDERR, b"err 1") == record(STDERR, 1, b"err 1", bytes(3))
        assert sent(connection, 1, Stream.STDOUT, b"8 bytes.") == record(STDOUT, 1, b"8 bytes.")
        assert connection.end(1) == record(STDOUT, 1) + record(STDERR, 1) + endRequest(1)

    def test_stderrUnused(self) -> None:
        """
        There is no STDERR record if nothing was written to it; STDOUT always has its end. Writing
        nothing sends nothing: that would end the stream.
        """
        connection = serving(get(1) + get(2))
        assert connection.send(1, Stream.STDERR, b"") == []
        assert connection.send(1, Stream.STDOUT, b"") == []
        assert connection.end(1) == record(STDOUT, 1) + endRequest(1)
        sent(connection, 2, Stream.STDERR, b"alone")
        assert connection.end(2) == record(STDOUT, 2) + record(STDERR, 2) + endRequest(2)

    @pytest.mark.parametrize("flags", [0, 1])
    def test_ofItsOwn(self, flags: int) -> None:
        """
        What one request wrote does not show in another, on the same connection or the next.
        """
        connection = serving(get(1, A1, flags=flags) + get(2, A1, flags=flags))
        sent(connection, 1, Stream.STDERR, b"first")
        sent(connection, 1, Stream.STDOUT, b"first")
        assert connection.end(2, 0, 3) == endRequest(2, 0, 3)
        connection = serving(get(1, A1, flags=flags))
        assert connection.respond(1, b"8 bytes.", b"") == (
            record(STDOUT, 1, b"8 bytes.") + record(STDOUT, 1) + endRequest(1)
        )
        assert connection.closing is not bool(flags)

    def test_long(self) -> None:
        """
        More than a record holds goes out in several.
        """
        connection = serving(get(1))
        data = bytes(range(251)) * 600
        records = RecordReader().receive(sent(connection, 1, Stream.STDOUT, data))
        assert [len(each.content) for each in records] == [65528, 65528, 150_600 - 2 * 65528]
        assert b"".join(each.content for each in records) == data

    @pytest.mark.parametrize("which", [Stream.PARAMS, Stream.STDIN, Stream.DATA])
    @pytest.mark.parametrize("data", [b"", b"x"])
    def test_input(self, which: Stream, data: bytes) -> None:
        """
        An application sends no input (appendix A).
        """
        connection = serving(get(1))
        with pytest.raises(LocalProtocolError, match=f"does not send {which.name}"):
            connection.send(1, which, data)

    @pytest.mark.parametrize("status", [938, -1, 1 << 31, (1 << 32) - 1])
    def test_exitStatus(self, status: int) -> None:
        """
        The exit status has 32 bits.
        """
        last = RecordReader().receive(serving(get(1)).end(1, status))[-1]
        assert interpret(last) == EndRequest(1, status & 0xFFFFFFFF)

    @pytest.mark.parametrize("status", [*ProtocolStatus])
    def test_protocolStatus(self, status: ProtocolStatus) -> None:
        """
        A request that is rejected has no STDOUT at all, if nothing was written.
        """
        end = endRequest(1, 0, status)
        assert serving(get(1)).end(1, 0, status) == (record(STDOUT, 1) if not status else b"") + end
        connection = serving(get(1))
        sent(connection, 1, Stream.STDOUT, HEAD)
        assert connection.end(1, 0, status) == record(STDOUT, 1) + end

    def test_nothingUnasked(self) -> None:
        """
        Nothing goes out that was not asked for.
        """
        connection = serving(get(1) + begin(2) + params(2) + record(77, 3, b"?") + record(STDIN, 9))
        assert connection.takeReplies() == b""
        records = RecordReader().receive(connection.respond(1, HEAD, b"") + connection.end(2))
        assert records == [
            Record(STDOUT, 1, HEAD),
            Record(STDOUT, 1),
            Record(3, 1, bytes(8)),
            Record(STDOUT, 2),
            Record(3, 2, bytes(8)),
        ]


class TestClosing:
    """
    Who closes the connection.
    """

    def test_keepConnection(self) -> None:
        """
        With KEEP_CONN the web server does.
        """
        connection = serving(get(1))
        assert not connection.closing
        connection.respond(1, HEAD, b"")
        assert not connection.closing

    @pytest.mark.parametrize("how", ["respond", "end", "reject"])
    def test_withoutIt(self, how: str) -> None:
        """
        Without it, the application does, after END_REQUEST.
        """
        connection = serving(get(1, flags=0))
        assert not connection.closing
        if how == "respond":
            connection.respond(1, HEAD, b"")
        else:
            connection.end(1, 0, 0 if how == "end" else 3)
        assert connection.closing

    def test_othersActive(self) -> None:
        """
        The requests that are still active are answered first.
        """
        connection = serving(get(1, flags=0) + get(2) + get(3))
        connection.respond(1, HEAD, b"")
        connection.end(3)
        assert not connection.closing
        connection.respond(2, HEAD, b"")
        assert connection.closing

    def test_close(self) -> None:
        """
        The application may close a kept connection, when its last request is answered.
        """
        connection = ServerConnection()
        connection.close()
        assert connection.closing
        connection = serving(get(1))
        connection.close()
        assert not connection.closing
        connection.respond(1, HEAD, b"")
        assert connection.closing

    def test_forget(self) -> None:
        """
        A request whose answer must not look complete ends with the connection.
        """
        connection = serving(get(1))
        sent(connection, 1, Stream.STDOUT, HEAD)
        connection.forget(1)
        assert (connection.active, connection.closing) == (0, True)

    def test_breakOff(self) -> None:
        """
        If the web server is still there, it is told: nginx takes a mere close for a proper end.
        What it gets is the start of no record.
        """
        connection = serving(get(1))
        sent(connection, 1, Stream.STDOUT, HEAD)
        assert connection.breakOff(1) == bytes(8)
        assert (connection.active, connection.closing) == (0, True)


class TestInput:
    """
    What is known of the input that is still to come.
    """

    def test_receivesInput(self) -> None:
        """
        Input comes until the last stream of the role has ended.
        """
        connection = serving(begin(1) + begin(2, FILTER) + begin(3, AUTHORIZER))
        active = (1, 2, 3)
        assert [connection.receivesInput(each) for each in active] == [True] * 3
        connection.receive(b"".join(params(each) + record(STDIN, each) for each in active))
        assert [connection.receivesInput(each) for each in active] == [False, True, False]
        connection.receive(record(DATA, 2))
        assert [connection.receivesInput(each) for each in active] == [False] * 3
        assert not connection.receivesInput(4)

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (get(1), False),
            (begin(1) + params(1) + stream(STDIN, 1, b"x"), False),
            (begin(1) + params(1) + record(STDIN, 1, b"x"), True),
            (begin(1) + record(PARAMS, 1, pair(*A1)), True),
            (get(1, role=FILTER), True),
            (get(1, role=FILTER) + record(DATA, 1), False),
            (begin(1, AUTHORIZER) + params(1), False),
            (begin(1, 77), True),
        ],
    )
    def test_inputOpen(self, data: bytes, expected: bool) -> None:
        """
        After an answer, more may come of a body that was not all there; an Authorizer has none.
        """
        connection = serving(data)
        assert not connection.inputOpen
        connection.end(1)
        assert connection.inputOpen is expected

    def test_awaited(self) -> None:
        """
        A request that has begun should go on, and so should the start of a record; the rest of a
        body is something else.
        """
        connection = ServerConnection()
        states = []
        for data in (
            b"",
            begin(1)[:5],
            begin(1)[5:],
            record(PARAMS, 1, pair(*A1)),
            record(PARAMS, 1),
            record(STDIN, 1, b"body")[:10],
            b"dy",
            record(STDIN, 1),
        ):
            connection.receive(data)
            states.append(connection.awaited is not None)
        assert states == [False, True, True, True, False, False, False, False]
        connection.end(1)
        states = []
        for data in (record(STDIN, 1, b"body")[:10], b"dy", record(77, 1, b"body")[:10], b"dy"):
            connection.receive(data)
            states.append(connection.awaited is not None)
        assert states == [False, False, True, False]

    def test_isActive(self) -> None:
        """
        A request is active from its begin to its end.
        """
        connection = ServerConnection()
        assert not connection.isActive(1)
        connection.receive(begin(1))
        assert connection.isActive(1)
        assert not connection.isActive(2)
        connection.receive(params(1) + record(STDIN, 1))
        assert connection.isActive(1)
        connection.respond(1, HEAD, b"")
        assert not connection.isActive(1)

    def test_endedBeforeItsParams(self) -> None:
        """
        What came of the params of a request that ends early is dropped.
        """
        connection = ServerConnection(collectingBytes=100)
        for _ in range(10):
            connection.receive(begin(1) + record(PARAMS, 1, bytes(90)))
            assert connection.awaited is not None
            connection.end(1)
            assert connection.awaited is None
