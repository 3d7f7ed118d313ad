"""
Requests that are made again.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock

from tests.producers import Producer
from tests.wire.conversations import STDOUT, record
from txfcgi.client.client import FastCGIClient
from txfcgi.client.options import RetryPolicy
from txfcgi.errors import (
    NoResponse,
    RequestFailed,
    RequestNotSent,
    RequestSentInPart,
    ResponseCutOff,
)

from .backends import GET, HEAD, NO_RETRY, POST, Backend, client, outcome


def twoKept() -> tuple[Backend, FastCGIClient]:
    """
    A client with two idle connections, and room for no other.
    """
    backend = Backend()
    calling = client(backend, maxConnections=2)
    for _ in range(2):
        outcome(calling.request(GET))
    for connection in backend.connections:
        connection.answer()
    return backend, calling


class TestRetry:
    """
    Requests that are made again.
    """

    def stale(self, body: Any = None, **options: Any) -> tuple[Backend, list[Any]]:
        """
        A request on a connection that carried another before.
        """
        backend = Backend()
        calling = client(backend, **options)
        outcome(calling.request(GET))
        backend.last.answer()
        result = outcome(calling.request(GET if body is None else POST, body))
        backend.last.read()
        return backend, result

    @pytest.mark.parametrize("reason", [ConnectionDone, ConnectionLost], ids=["closed", "lost"])
    @pytest.mark.parametrize(
        "body",
        [None, b"", b"body", bytes(100_000), [b"a", b"b"]],
        ids=["no body", "empty", "small", "large", "spooled"],
    )
    def test_stale(self, reason: type[Exception], body: Any) -> None:
        """
        A kept connection that is lost before anything came: once more, on a new connection.
        """
        backend, result = self.stale(body)
        backend.last.close(reason)
        assert result == []
        assert len(backend.connections) == 2
        size = len(b"".join(body)) if isinstance(body, list) else len(body or b"")
        while not backend.last.input()[1]:
            backend.last.transport.producer.resumeProducing()
        assert len(backend.last.input()[0]) == size
        backend.last.answer()
        assert result[0].code == 200

    def test_once(self) -> None:
        """
        Only once.
        """
        backend, result = self.stale()
        backend.last.close()
        backend.last.close()
        assert isinstance(result[0], NoResponse)
        assert not result[0].stale
        assert len(backend.connections) == 2

    def test_notOnOtherKeptConnections(self) -> None:
        """
        The second attempt is not made on a connection that may be as stale; if there is no room for
        a new one, one of those is closed.
        """
        backend, calling = twoKept()
        result = outcome(calling.request(GET))
        backend.connections[1].close()
        assert len(backend.connections) == 3
        backend.last.answer()
        assert result[0].code == 200
        first = outcome(calling.request(GET))
        second = outcome(calling.request(GET))
        backend.connections[0].close()
        assert [len(first), len(second)] == [0, 0]

    def test_roomForNew(self) -> None:
        """
        With one connection allowed, and that one stale, there is room once it is gone.
        """
        backend, result = self.stale(maxConnections=1)
        backend.last.close()
        backend.last.answer()
        assert result[0].code == 200

    @pytest.mark.parametrize(
        ("sent", "kind"),
        [
            (record(7, 1, b"oh"), ResponseCutOff),
            (record(STDOUT, 1, b"Con"), ResponseCutOff),
            (record(STDOUT, 1, b"Con")[:9], ResponseCutOff),
        ],
        ids=["stderr", "half a head", "half a record"],
    )
    def test_notAfterAnAnswer(self, sent: bytes, kind: type[RequestFailed]) -> None:
        """
        Not if anything of a response was seen.
        """
        backend, result = self.stale()
        backend.last.send(sent)
        backend.last.close()
        assert type(result[0]) is kind
        assert len(backend.connections) == 1

    @pytest.mark.parametrize("sent", [b"Con", HEAD[:-1]], ids=["a few bytes", "all but the end"])
    def test_notAfterHalfAHead(self, sent: bytes) -> None:
        """
        Not even if the policy would: what came may be of a request that was carried out.
        """
        backend = Backend()
        policy = RetryPolicy(attempts=3, when=lambda error: True)
        result = outcome(client(backend, retry=policy).request(GET))
        backend.last.read()
        backend.last.stdout(sent)
        backend.last.close()
        assert type(result[0]) is ResponseCutOff
        assert len(backend.connections) == 1

    def test_notWithAStream(self) -> None:
        """
        Not if the body can't be sent again.
        """
        backend, result = self.stale(Producer(5))
        backend.last.close()
        assert isinstance(result[0], RequestSentInPart)
        assert result[0].stale
        assert len(backend.connections) == 1

    def test_notOnNewConnections(self) -> None:
        """
        Not if the connection was new: the back end may have failed on this very request.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.close()
        assert isinstance(result[0], NoResponse)

    def test_notAfterATimeout(self) -> None:
        """
        Not if the back end was only slow.
        """
        clock = Clock()
        _, result = self.stale(clock=clock, timeouts={"firstByte": 5})
        clock.advance(5)
        assert isinstance(result[0], NoResponse)
        assert result[0].timedOut

    def test_off(self) -> None:
        """
        Not if the policy says so.
        """
        backend, result = self.stale(retry=NO_RETRY)
        backend.last.close()
        assert isinstance(result[0], NoResponse)
        assert result[0].stale

    def test_policy(self) -> None:
        """
        A policy may try other errors again, several times and after a while.
        """
        clock = Clock()
        backend = Backend()
        backend.refuses = True
        policy = RetryPolicy(attempts=3, delay=2, when=lambda error: True)
        result = outcome(client(backend, clock=clock, retry=policy).request(GET))
        clock.advance(1.9)
        assert result == []
        clock.advance(0.2)
        backend.refuses = False
        clock.advance(2)
        backend.last.answer()
        assert result[0].code == 200

    def test_policyGivesUp(self) -> None:
        """
        At some time it is enough.
        """
        clock = Clock()
        backend = Backend()
        backend.refuses = True
        policy = RetryPolicy(attempts=2, delay=2, when=lambda error: True)
        result = outcome(client(backend, clock=clock, retry=policy).request(GET))
        clock.advance(2)
        assert result == []
        clock.advance(2)
        assert isinstance(result[0], RequestNotSent)
        assert clock.getDelayedCalls() == []

    def test_cancelledWhileDelayed(self) -> None:
        """
        A caller that does not want to wait for the next attempt.
        """
        clock = Clock()
        backend = Backend()
        backend.refuses = True
        policy = RetryPolicy(attempts=2, delay=2, when=lambda error: True)
        asked = client(backend, clock=clock, retry=policy).request(GET)
        result = outcome(asked)
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert clock.getDelayedCalls() == []

    def test_policyFails(self, flushLoggedErrors: Any) -> None:
        """
        A policy that fails tries nothing again.
        """

        def when(error: RequestFailed) -> bool:
            raise ZeroDivisionError

        backend = Backend()
        backend.refuses = True
        result = outcome(client(backend, retry=RetryPolicy(when=when)).request(GET))
        assert isinstance(result[0], RequestNotSent)
        assert len(flushLoggedErrors(ZeroDivisionError)) == 1


class TestRoomForRetry:
    """
    A second attempt, when there are as many connections as there may be.
    """

    def test_oldestGoes(self) -> None:
        """
        An idle connection makes room.
        """
        backend, calling = twoKept()
        result = outcome(calling.request(GET))
        backend.connections[1].read()
        backend.connections[1].close()
        backend.last.answer()
        assert result[0].code == 200

    def test_waits(self) -> None:
        """
        A connection that becomes free is closed, and a new one made in its place.
        """
        backend = Backend()
        calling = client(backend, maxConnections=2)
        first, second = (outcome(calling.request(GET)) for _ in range(2))
        backend.connections[0].answer()
        stale = outcome(calling.request(GET))
        waiting = outcome(calling.request(GET))
        backend.connections[0].close()
        # The one that waits was first to get the free place.
        assert len(backend.connections) == 3
        assert calling.pool.waiting == 1
        backend.connections[1].answer()
        assert backend.connections[1].transport.disconnecting
        backend.settle()
        assert len(backend.connections) == 4
        backend.connections[2].answer()
        backend.connections[3].answer()
        assert [result[0].code for result in (first, second, stale, waiting)] == [200] * 4
