"""
Bodies and answers of SCGI, at an application's end of the wire.
"""

from __future__ import annotations

import pytest

from txfcgi.errors import (
    BodyTooShort,
    IncompleteHeaders,
    LocalProtocolError,
)
from txfcgi.wire.events import (
    ConnectionFailed,
    DataReceived,
)
from txfcgi.wire.records import Stream
from txfcgi.wire.scgiserver import ServerConnection

from .conversations import merged, receiveAll, viewed
from .scgi import (
    ENDED,
    EXAMPLE,
    EXAMPLE_ANSWER,
    HEAD,
    asked,
    body,
    everyWay,
    kinds,
)


class TestBody:
    """
    The body has as many bytes as CONTENT_LENGTH says.
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
        The end of the input is none of the connection: the answer may still be wanted.
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
        An answer can start with an HTTP status line, also where its status was implicit
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
