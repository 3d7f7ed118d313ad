"""
Requests that must not reach an app, and the memory that a peer can make a connection hold.
"""

from __future__ import annotations

import pytest

from txfcgi.errors import CantMultiplex, Overloaded, ParamsTooLarge, UnknownRole
from txfcgi.wire.events import Event, RequestAborted, RequestRefused, StreamEnded
from txfcgi.wire.fastcgiserver import ServerConnection
from txfcgi.wire.records import BeginRequest, Params, Stream

from .conversations import (
    A1,
    B2,
    DATA,
    GET_VALUES,
    PARAMS,
    RESPONDER,
    STDIN,
    STDIN_ENDED,
    Deliver,
    begin,
    body,
    byteByByte,
    endRequest,
    everyWay,
    get,
    heldBytes,
    pair,
    params,
    received,
    record,
    stream,
    whole,
)


def refused(event: Event) -> tuple[int, int, type[Exception]]:
    """
    Which request is refused, its role, and why.
    """
    assert isinstance(event, RequestRefused)
    return event.requestID, event.role, type(event.reason)


@everyWay
class TestRefused:
    """
    Each reason. A request that is refused is answered and ended by whoever gets the event.
    """

    @pytest.mark.parametrize("role", [0, 4, 77, 65535])
    def test_unknownRole(self, deliver: Deliver, role: int) -> None:
        """
        A role of no known number; with KEEP_CONN the connection goes on.
        """
        connection = ServerConnection()
        [event] = deliver(connection, get(1, A1, role=role))
        assert refused(event) == (1, role, UnknownRole)
        assert connection.end(1, 0, 3) == endRequest(1, 0, 3)
        assert not connection.closing
        assert deliver(connection, get(1, A1)) == [received(1, A1), STDIN_ENDED]

    def test_withoutKeepConnection(self, deliver: Deliver) -> None:
        """
        Without it, the connection is over then.
        """
        connection = ServerConnection()
        deliver(connection, get(1, A1, role=77, flags=0))
        connection.end(1, 0, 3)
        assert connection.closing

    def test_cantMultiplex(self, deliver: Deliver) -> None:
        """
        A second request where one at a time is served. The first is not touched.
        """
        connection = ServerConnection(multiplex=False)
        data = begin(1) + params(1, A1) + get(2, B2) + stream(STDIN, 1, b"x")
        first, second, *rest = deliver(connection, data)
        assert first == received(1, A1)
        assert refused(second) == (2, RESPONDER, CantMultiplex)
        assert rest == [body(b"x"), STDIN_ENDED]
        assert connection.end(2, 0, 1) == endRequest(2, 0, 1)
        connection.end(1)
        assert deliver(connection, get(2, B2)) == [received(2, B2), StreamEnded(2, Stream.STDIN)]

    def test_tooManyRequests(self, deliver: Deliver) -> None:
        """
        More requests than may be active at once; as the answer may be a page, it is not due before
        the end of PARAMS.
        """
        connection = ServerConnection(requests=2)
        data = get(1) + get(2) + begin(3) + record(PARAMS, 3, pair(*A1))
        assert len(deliver(connection, data)) == 4
        assert connection.awaited is not None
        [event] = deliver(connection, record(PARAMS, 3) + stream(STDIN, 3, b"x") + record(DATA, 3))
        assert refused(event) == (3, RESPONDER, Overloaded)
        assert connection.awaited is None
        connection.end(3, 0, 2)
        connection.end(1)
        assert deliver(connection, get(3)) == [received(3), StreamEnded(3, Stream.STDIN)]

    def test_paramsTooLarge(self, deliver: Deliver) -> None:
        """
        More bytes of params than are allowed; exactly as many are.
        """
        exact = (b"A", b"v" * 97)
        over = (b"A", b"v" * 98)
        connection = ServerConnection(paramsBytes=100)
        assert deliver(connection, get(1, exact)) == [received(1, exact), STDIN_ENDED]
        [event] = deliver(connection, get(2, over))
        assert refused(event) == (2, RESPONDER, ParamsTooLarge)
        connection.end(2)
        connection.end(1)
        pieces = [pair(*over)[at : at + 10] for at in range(0, 101, 10)]
        data = begin(1) + stream(PARAMS, 1, *pieces) + record(STDIN, 1)
        [event] = deliver(connection, data)
        assert refused(event) == (1, RESPONDER, ParamsTooLarge)

    @pytest.mark.parametrize(
        ("own", "shared", "reason"),
        [(100, 100, ParamsTooLarge), (100, 80, Overloaded), (80, 100, ParamsTooLarge)],
    )
    def test_limitReachedFirst(
        self, deliver: Deliver, own: int, shared: int, reason: type[Exception]
    ) -> None:
        """
        The reason is the limit that is reached first, however large the pieces are.
        """
        connection = ServerConnection(paramsBytes=own, collectingBytes=shared)
        [event] = deliver(connection, get(1, (b"A", b"v" * 500)))
        assert refused(event) == (1, RESPONDER, reason)

    def test_collecting(self, deliver: Deliver) -> None:
        """
        All the params that are not complete yet have a limit together.
        """
        connection = ServerConnection(collectingBytes=100)
        data = b"".join(begin(each) + record(PARAMS, each, bytes(40)) for each in (1, 2, 3))
        assert deliver(connection, data) == []
        [event] = deliver(connection, record(PARAMS, 3))
        assert refused(event) == (3, RESPONDER, Overloaded)
        assert len(deliver(connection, record(PARAMS, 1) + record(PARAMS, 2))) == 2
        pairs = (b"A", b"v" * 90)
        assert deliver(connection, get(4, pairs))[0] == received(4, pairs)

    def test_collectingIsSharedWithWholeRequests(self, deliver: Deliver) -> None:
        """
        It makes no difference that a request comes at once.
        """
        connection = ServerConnection(collectingBytes=100)
        deliver(connection, begin(1) + record(PARAMS, 1, bytes(40)))
        [event] = deliver(connection, get(2, (b"A", b"v" * 60)))
        assert refused(event) == (2, RESPONDER, Overloaded)

    def test_aborted(self, deliver: Deliver) -> None:
        """
        A refused request can be aborted, before and after it is told of.
        """
        connection = ServerConnection(requests=1)
        deliver(connection, get(1))
        assert deliver(connection, begin(2) + record(2, 2)) == [RequestAborted(2)]
        connection.end(2)
        event, abort = deliver(connection, get(3) + record(2, 3))
        assert (refused(event), abort) == ((3, RESPONDER, Overloaded), RequestAborted(3))

    def test_toldOnce(self, deliver: Deliver) -> None:
        """
        Whatever still comes for it is dropped, of any kind.
        """
        connection = ServerConnection()
        [event] = deliver(connection, begin(1, 77))
        assert refused(event) == (1, 77, UnknownRole)
        more = params(1, A1) * 2 + stream(DATA, 1, b"x") + stream(STDIN, 1, b"x") * 2
        assert deliver(connection, more) == []


class TestMemory:
    """
    What a peer can make a connection hold.
    """

    @pytest.mark.parametrize("deliver", [whole, byteByByte])
    def test_params(self, deliver: Deliver) -> None:
        """
        The params of a request that is refused for them are not held.
        """
        connection = ServerConnection(paramsBytes=1000)
        connection.receive(begin(1))
        idle = heldBytes(connection)
        deliver(connection, record(PARAMS, 1, bytes(3000)) * 20)
        assert heldBytes(connection) < idle + 500
        [event] = connection.receive(record(PARAMS, 1))
        assert refused(event) == (1, RESPONDER, ParamsTooLarge)

    def test_begun(self) -> None:
        """
        A peer that begins all requests there are and goes on with none makes no more of them wait
        than twice as many as may be active; the others are refused at once.
        """
        connection = ServerConnection(requests=4)
        idle = heldBytes(connection)
        most = 0
        reasons = set()
        for requestID in range(1, 65536):
            for event in connection.receive(begin(requestID)):
                assert isinstance(event, RequestRefused)
                reasons.add(type(event.reason))
                connection.end(event.requestID, 0, 2)
            most = max(most, connection.active)
        assert most == 8
        assert reasons == {Overloaded}
        assert heldBytes(connection) < idle + 8 * 1000

    def test_collecting(self) -> None:
        """
        Many requests with params that never end hold no more than is allowed for all.
        """
        connection = ServerConnection(requests=10, paramsBytes=10_000, collectingBytes=20_000)
        idle = heldBytes(connection)
        for requestID in range(1, 1000):
            data = begin(requestID) + record(PARAMS, requestID, bytes(500)) * 10
            for event in connection.receive(data):
                assert isinstance(event, RequestRefused)
                connection.end(event.requestID, 0, 2)
        assert heldBytes(connection) < idle + 20_000 * 9 / 8 + 20 * 1000

    def test_bodies(self) -> None:
        """
        Nothing of a body is held, wanted or not.
        """
        connection = ServerConnection()
        connection.receive(begin(1) + params(1))
        idle = heldBytes(connection)
        for requestID in (1, 2):
            for _ in range(20):
                connection.receive(record(STDIN, requestID, bytes(65535))[:-10])
                assert heldBytes(connection) < idle + 200
                connection.receive(bytes(10))

    def test_replies(self) -> None:
        """
        Answers to management records are held until they are taken, and take what they are long.
        """
        connection = ServerConnection(values={b"A": b"1"})
        idle = heldBytes(connection)
        connection.receive(record(77, 0) * 4000 + record(GET_VALUES, 0, pair(b"A", b"")) * 4000)
        assert heldBytes(connection) < idle + 8000 * 16 * 9 / 8 + 200
        assert len(connection.takeReplies()) == 8000 * 16
        assert heldBytes(connection) < idle + 32

    def test_idle(self) -> None:
        """
        A kept connection holds nothing of the requests that were answered.
        """
        connection = ServerConnection()
        connection.receive(get(1))
        connection.end(1)
        idle = heldBytes(connection)
        for requestID in range(1, 300):
            connection.receive(get(requestID, (b"A", b"v" * 1000)))
            connection.respond(requestID, b"\r\n", b"")
            connection.receive(begin(1) + params(1, A1) + stream(STDIN, 1, bytes(1000)))
            connection.end(1)
        assert heldBytes(connection) < idle + 32
        assert idle < 2048


def test_mayOutput() -> None:
    """
    Only when the params of a request are complete may its answer have output in it (section 6.2).
    """
    connection = ServerConnection(requests=1)
    for requestID in (1, 2, 3):
        connection.receive(BeginRequest(requestID, 1, True).encode())
    assert not connection.mayOutput(1)  # not refused
    assert not connection.mayOutput(3)  # refused at once
    for requestID in (1, 2):
        connection.receive(Params(requestID).encode())
        assert connection.mayOutput(requestID)
