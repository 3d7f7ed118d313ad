"""
The pool: how connections are made, kept and waited for.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txfcgi.errors import (
    NoResponse,
    PoolFull,
    RequestNotSent,
)

from .backends import GET, Backend, Transport, client, outcome


class TestKeeping:
    """
    Connections that are used again, and those that are not.
    """

    def test_kept(self) -> None:
        """
        A connection carries one request after the other.
        """
        backend = Backend()
        calling = client(backend)
        for _ in range(3):
            result = outcome(calling.request(GET))
            assert backend.last.request().requestID == 1
            backend.last.answer()
            assert result[0].code == 200
        assert len(backend.connections) == 1
        assert (calling.pool.connections, calling.pool.idle, calling.pool.waiting) == (1, 1, 0)

    def test_usedFromTheCallback(self) -> None:
        """
        A connection is free again when the caller hears of the response.
        """
        backend = Backend()
        calling = client(backend)
        second: list[Any] = []
        first = calling.request(GET)
        first.addCallback(lambda _: second.append(outcome(calling.request(GET))))
        backend.last.answer()
        backend.last.answer()
        assert second[0][0].code == 200
        assert len(backend.connections) == 1

    def test_notKept(self) -> None:
        """
        Each request has its own connection, which is closed at once.
        """
        backend = Backend()
        calling = client(backend, keepConnections=False)
        for number in (1, 2):
            result = outcome(calling.request(GET))
            assert not backend.last.request().keepConnection
            backend.last.answer()
            assert result[0].code == 200
            assert backend.last.transport.disconnecting
            backend.settle()
            assert len(backend.connections) == number

    def test_lastInFirstOut(self) -> None:
        """
        The connection that was used last is used next, so that the others can go.
        """
        backend = Backend()
        calling = client(backend)
        for _ in range(3):
            outcome(calling.request(GET))
        for number in (2, 0, 1):
            backend.connections[number].answer()
        outcome(calling.request(GET))
        backend.connections[1].request()

    def test_idleTimeout(self) -> None:
        """
        A connection that nobody uses is closed, and no timer stays.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, idleTimeout=4)
        outcome(calling.request(GET))
        clock.advance(3)
        backend.last.answer()
        clock.advance(3.5)
        assert not backend.last.transport.disconnecting
        clock.advance(1)
        assert backend.last.transport.disconnecting
        assert calling.pool.idle == 0
        backend.settle()
        assert calling.pool.connections == 0
        assert clock.getDelayedCalls() == []

    def test_closeTimeout(self) -> None:
        """
        A connection that does not close is cut.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, idleTimeout=4, closeTimeout=5)
        outcome(calling.request(GET))
        backend.last.answer()
        clock.advance(4)
        clock.advance(4.9)
        assert not backend.last.transport.aborted
        clock.advance(0.2)
        assert backend.last.transport.aborted
        backend.settle()
        assert clock.getDelayedCalls() == []

    @pytest.mark.parametrize("limit", [{"maxRequests": 2}, {"maxAge": 6}], ids=str)
    def test_replaced(self, limit: dict[str, int]) -> None:
        """
        A connection is not used for ever.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, **limit)
        for _ in range(2):
            result = outcome(calling.request(GET))
            clock.advance(3)
            backend.last.answer()
            assert result[0].code == 200
        assert backend.last.transport.disconnecting
        outcome(calling.request(GET))
        assert len(backend.connections) == 2

    def test_closedWhileIdle(self) -> None:
        """
        A connection that the back end closes while nobody uses it is forgotten.
        """
        backend = Backend()
        calling = client(backend)
        outcome(calling.request(GET))
        backend.last.answer()
        backend.last.close()
        assert calling.pool.connections == 0
        result = outcome(calling.request(GET))
        backend.last.answer()
        assert result[0].code == 200


class TestWaiting:
    """
    More requests than connections.
    """

    def test_order(self) -> None:
        """
        Requests wait for a connection in the order they came.
        """
        backend = Backend()
        calling = client(backend, maxConnections=1)
        results = [outcome(calling.request({**GET, "N": str(number)})) for number in range(4)]
        assert calling.pool.waiting == 3
        for number in range(4):
            assert backend.last.request().params["N"] == str(number)
            backend.last.answer()
            assert results[number][0].code == 200
        assert len(backend.connections) == 1

    def test_maximum(self) -> None:
        """
        There are never more connections than allowed.
        """
        backend = Backend()
        calling = client(backend, maxConnections=3)
        for _ in range(10):
            outcome(calling.request(GET))
        assert len(backend.connections) == 3
        assert calling.pool.waiting == 7

    def test_full(self) -> None:
        """
        Only so many wait.
        """
        backend = Backend()
        calling = client(backend, maxConnections=1, maxWaiting=1)
        results = [outcome(calling.request(GET)) for _ in range(3)]
        assert isinstance(results[2][0], RequestNotSent)
        assert isinstance(results[2][0].reason, PoolFull)
        assert results[2][0].code == 503

    def test_timeout(self) -> None:
        """
        They don't wait for ever.
        """
        clock = Clock()
        calling = client(Backend(), clock=clock, maxConnections=1, timeouts={"poolWait": 5})
        outcome(calling.request(GET))
        result = outcome(calling.request(GET))
        clock.advance(2)
        second = outcome(calling.request(GET))
        clock.advance(3)
        assert isinstance(result[0], RequestNotSent)
        assert str(result[0].reason).startswith("the poolWait timeout of 5 seconds")
        assert result[0].code == 504
        assert second == []
        clock.advance(2)
        assert isinstance(second[0], RequestNotSent)

    def test_cancelled(self) -> None:
        """
        A request that waits can be cancelled.
        """
        backend = Backend()
        calling = client(backend, maxConnections=1)
        first = outcome(calling.request(GET))
        asked = calling.request(GET)
        result = outcome(asked)
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert calling.pool.waiting == 0
        backend.last.answer()
        assert first[0].code == 200
        assert backend.last.read() == []

    def test_servedByNewConnections(self) -> None:
        """
        When a connection is lost, a new one serves those who wait.
        """
        backend = Backend()
        calling = client(backend, maxConnections=1)
        first = outcome(calling.request(GET))
        second = outcome(calling.request(GET))
        backend.last.close()
        assert isinstance(first[0], NoResponse)
        backend.last.answer()
        assert second[0].code == 200

    def test_badOnesWaiting(self) -> None:
        """
        Requests that can't be sent don't get in each other's way, however many they are.
        """
        backend = Backend()
        calling = client(backend, maxConnections=1)
        first = outcome(calling.request(GET))
        wrong: Any = {"A": 1}
        results = [outcome(calling.request(wrong)) for _ in range(900)]
        last = outcome(calling.request(GET))
        backend.last.answer()
        assert first[0].code == 200
        assert all(len(result) == 1 for result in results)
        backend.last.answer()
        assert last[0].code == 200
        assert (calling.pool.connections, calling.pool.idle) == (1, 1)


class TestConnecting:
    """
    Connections that can't be made.
    """

    def test_refused(self) -> None:
        """
        Nothing was sent.
        """
        backend = Backend()
        backend.refuses = True
        (error,) = outcome(client(backend).request(GET))
        assert isinstance(error, RequestNotSent)
        assert isinstance(error.reason, ConnectionRefusedError)
        assert not error.stale

    def test_timeout(self) -> None:
        """
        An endpoint that takes too long.
        """
        clock = Clock()
        backend = Backend()
        backend.waits = True
        result = outcome(client(backend, clock=clock, timeouts={"connect": 5}).request(GET))
        clock.advance(4)
        assert result == []
        clock.advance(1)
        assert isinstance(result[0], RequestNotSent)
        assert "connect timeout" in str(result[0])
        assert backend.cancelled == 1
        assert clock.getDelayedCalls() == []

    def test_totalTimeout(self) -> None:
        """
        The whole time is over before a connection is there; no other endpoint is tried.
        """
        clock = Clock()
        first, second = Backend(), Backend()
        first.waits = second.waits = True
        timeouts = {"connect": 5, "total": 3}
        result = outcome(client(first, second, clock=clock, timeouts=timeouts).request(GET))
        clock.advance(3)
        assert "total timeout" in str(result[0])
        assert second.waiting == []

    def test_cancelled(self) -> None:
        """
        The caller gives up.
        """
        clock = Clock()
        backend = Backend()
        backend.waits = True
        calling = client(backend, clock=clock)
        asked = calling.request(GET)
        result = outcome(asked)
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert backend.cancelled == 1
        assert calling.pool.connections == 0
        assert clock.getDelayedCalls() == []

    def test_lostAtOnce(self) -> None:
        """
        A connection that is gone before the request is sent.
        """
        backend = Backend()
        calling = client(backend)
        accept = backend._accept

        def acceptAndClose(factory: Any, connecting: Any) -> None:
            protocol = factory.buildProtocol(None)
            protocol.makeConnection(Transport())
            protocol.connectionLost(Failure(ConnectionLost()))
            connecting.callback(protocol)

        outcome(calling.request(GET))
        backend._accept = acceptAndClose  # type: ignore[method-assign]
        (error,) = outcome(calling.request(GET))
        assert isinstance(error, RequestNotSent)
        assert calling.pool.connections == 1
        backend._accept = accept  # type: ignore[method-assign]
