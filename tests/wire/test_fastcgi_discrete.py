"""
The records that are no streams, at a FastCGI application's end of a connection: those about the
connection, and what begins and aborts a request.
"""

from __future__ import annotations

import pytest

from txfcgi.errors import (
    InvalidRequestID,
    MalformedParams,
    MalformedRecord,
    UnexpectedRecord,
)
from txfcgi.wire.events import RequestAborted, ValuesRequested
from txfcgi.wire.fastcgiserver import RULES, ServerConnection

from .conversations import (
    A1,
    GET_VALUES,
    PARAMS,
    STDIN,
    STDIN_ENDED,
    Deliver,
    begin,
    body,
    everyWay,
    get,
    pair,
    params,
    received,
    record,
    split,
    stream,
)


@everyWay
class TestManagement:
    """
    Records about the connection.
    """

    values = {b"FCGI_MAX_CONNS": b"10", b"FCGI_MAX_REQS": b"50", b"FCGI_MPXS_CONNS": b"1"}

    def asking(self, *names: bytes) -> bytes:
        """
        GET_VALUES for these names.
        """
        return record(GET_VALUES, 0, b"".join(pair(name, b"") for name in names))

    def test_values(self, deliver: Deliver) -> None:
        """
        What is known is answered, in the order it was asked; what is not, is absent.
        """
        connection = ServerConnection(values=self.values)
        data = self.asking(b"FCGI_MPXS_CONNS", b"COLOUR", b"FCGI_MAX_CONNS")
        assert deliver(connection, data) == [
            ValuesRequested((b"FCGI_MPXS_CONNS", b"COLOUR", b"FCGI_MAX_CONNS"))
        ]
        assert connection.takeReplies() == (
            b"\x01\x0a\x00\x00\x00\x24\x04\x00"
            b"\x0f\x01FCGI_MPXS_CONNS1"
            b"\x0e\x02FCGI_MAX_CONNS10"
            b"\x00\x00\x00\x00"
        )
        assert connection.takeReplies() == b""

    def test_nothingAsked(self, deliver: Deliver) -> None:
        """
        An empty question has an empty answer, and so has one about unknown names.
        """
        empty = b"\x01\x0a\x00\x00\x00\x00\x00\x00"
        for connection in (ServerConnection(values=self.values), ServerConnection()):
            assert deliver(connection, self.asking()) == [ValuesRequested(())]
            assert connection.takeReplies() == empty
            assert deliver(connection, self.asking(b"A")) == [ValuesRequested((b"A",))]
            assert connection.takeReplies() == empty

    def test_askedTwice(self, deliver: Deliver) -> None:
        """
        A name that comes often is answered once; values that come with it mean nothing.
        """
        connection = ServerConnection(values={b"A": b"1"})
        data = record(GET_VALUES, 0, pair(b"A", b"9") * 3)
        assert deliver(connection, data) == [ValuesRequested((b"A",))]
        assert connection.takeReplies() == record(10, 0, b"\1\1A1", bytes(4))

    def test_anyTime(self, deliver: Deliver) -> None:
        """
        It is answered before, between and after the records of a request, without touching it.
        """
        connection = ServerConnection(values={b"A": b"1"})
        ask = self.asking(b"A")
        data = ask.join(
            [
                b"",
                begin(1),
                record(PARAMS, 1, pair(*A1)),
                record(PARAMS, 1),
                record(STDIN, 1, b"x"),
                record(STDIN, 1),
                b"",
            ]
        )
        asked = ValuesRequested((b"A",))
        assert deliver(connection, data) == [
            asked,
            asked,
            asked,
            received(1, A1),
            asked,
            body(b"x"),
            asked,
            STDIN_ENDED,
            asked,
        ]
        assert connection.takeReplies() == record(10, 0, b"\1\1A1", bytes(4)) * 6

    @pytest.mark.parametrize("kind", [0, 12, 77, 255])
    @pytest.mark.parametrize("content", [b"", b"content"])
    def test_unknownType(self, deliver: Deliver, kind: int, content: bytes) -> None:
        """
        A management record of an unknown type is answered with that type.
        """
        connection = ServerConnection()
        assert deliver(connection, get(1, A1) + record(kind, 0, content)) == [
            received(1, A1),
            STDIN_ENDED,
        ]
        answer = b"\x01\x0b\x00\x00\x00\x08\x00\x00" + bytes([kind, 0, 0, 0, 0, 0, 0, 0])
        assert connection.takeReplies() == answer

    def test_unknownTypeOfARequest(self, deliver: Deliver) -> None:
        """
        An application record of an unknown type is not answered.
        """
        connection = ServerConnection()
        assert deliver(connection, begin(1) + record(77, 1, b"?")) == []
        assert connection.takeReplies() == b""

    def test_withAnID(self, deliver: Deliver) -> None:
        """
        GET_VALUES has id 0.
        """
        events = deliver(ServerConnection(), record(GET_VALUES, 1))
        assert split(events) == ([], InvalidRequestID)

    def test_malformed(self, deliver: Deliver) -> None:
        """
        A question that can't be read ends the connection.
        """
        events = deliver(ServerConnection(), record(GET_VALUES, 0, b"\x05\x00abc"))
        assert split(events) == ([], MalformedParams)

    def test_longAnswer(self, deliver: Deliver) -> None:
        """
        The answer is one record; if that can't hold it, there is none.
        """
        connection = ServerConnection(values={b"A": bytes(40000), b"B": bytes(40000)})
        assert split(deliver(connection, self.asking(b"A") + self.asking(b"A", b"B"))) == (
            [ValuesRequested((b"A",))],
            MalformedRecord,
        )
        assert connection.takeReplies() == record(10, 0, pair(b"A", bytes(40000)), bytes(2))


@everyWay
class TestWhoSendsWhat:
    """
    The table of appendix A.
    """

    @pytest.mark.parametrize("kind", [3, 6, 7, 10, 11])
    def test_onlyAnApplication(self, deliver: Deliver, kind: int) -> None:
        """
        What only an application sends ends the connection that it is sent to.
        """
        for requestID in (0, 1, 2):
            for content in (b"", bytes(8)):
                data = get(1, A1) + record(kind, requestID, content) + get(3)
                events, error = split(deliver(ServerConnection(), data))
                assert (events, error) == ([received(1, A1), STDIN_ENDED], UnexpectedRecord)


@everyWay
class TestLengths:
    """
    Discrete records have the length of their type, to one who is strict about it.
    """

    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize("length", [0, 1, 7])
    def test_shortBegin(self, deliver: Deliver, length: int, strict: bool) -> None:
        """
        A BEGIN_REQUEST that is too short has no meaning.
        """
        events = deliver(
            ServerConnection(lenient=() if strict else RULES), record(1, 1, bytes(length))
        )
        assert split(events) == ([], MalformedRecord)

    def test_longBegin(self, deliver: Deliver) -> None:
        """
        One that is too long has.
        """
        data = record(1, 1, b"\0\1\1\0\0\0\0\0more") + params(1, A1) + record(STDIN, 1)
        assert split(deliver(ServerConnection(), data)) == ([], MalformedRecord)
        lenient = deliver(ServerConnection(lenient=RULES), data)
        assert lenient == [received(1, A1), STDIN_ENDED]

    def test_longAbort(self, deliver: Deliver) -> None:
        """
        ABORT_REQUEST has no content.
        """
        data = get(1) + record(2, 1, b"why")
        assert split(deliver(ServerConnection(), data)) == (
            [received(1), STDIN_ENDED],
            MalformedRecord,
        )
        assert deliver(ServerConnection(lenient=RULES), data) == [
            received(1),
            STDIN_ENDED,
            RequestAborted(1),
        ]


@everyWay
class TestAbort:
    """
    ABORT_REQUEST. Losing a connection aborts its requests too: that
    is the server's to know.
    """

    def test_reported(self, deliver: Deliver) -> None:
        """
        An abort is reported in any state of the request, which stays active until it is ended.
        """
        for before, events in (
            (begin(1), []),
            (begin(1) + params(1), [received(1)]),
            (get(1), [received(1), STDIN_ENDED]),
        ):
            connection = ServerConnection()
            assert deliver(connection, before + record(2, 1)) == [*events, RequestAborted(1)]
            assert connection.active == 1
            assert connection.end(1) == record(6, 1) + record(3, 1, bytes(8))
            assert connection.active == 0
            assert deliver(connection, get(1, A1)) == [received(1, A1), STDIN_ENDED]

    def test_oneOfTwo(self, deliver: Deliver) -> None:
        """
        It concerns its own request alone.
        """
        connection = ServerConnection()
        data = begin(1) + params(1) + begin(2) + params(2) + record(2, 2) + stream(STDIN, 1, b"x")
        assert deliver(connection, data) == [
            received(1),
            received(2),
            RequestAborted(2),
            body(b"x"),
            STDIN_ENDED,
        ]
