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
    RequestRefused,
    RequestSentInPart,
    ResponseCutOff,
)
from txfcgi.wire.events import RequestReceived
from txfcgi.wire.records import Role

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


PUT = {"REQUEST_METHOD": "PUT"}


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
        result = outcome(calling.request(GET if body is None else PUT, body))
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


class TestIdempotent:
    """
    What may be carried out twice, and what is not sent twice therefore.
    """

    def keptOn(self, **options: Any) -> tuple[Backend, FastCGIClient]:
        """
        A client that keeps a connection.
        """
        backend = Backend()
        calling = client(backend, **options)
        outcome(calling.request(GET))
        backend.last.answer()
        return backend, calling

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
    def test_again(self, method: str) -> None:
        """
        These are sent again (RFC 9110, section 9.2.2), be their params text or bytes.
        """
        for params in ({"REQUEST_METHOD": method}, [(b"REQUEST_METHOD", method.encode())]):
            backend, calling = self.keptOn()
            outcome(calling.request(params))
            backend.last.close()
            assert len(backend.connections) == 2

    @pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "get", "PROPFIND", "", None])
    @pytest.mark.parametrize("body", [None, b"small", bytes(100_000)], ids=["none", "small", "big"])
    def test_notAgain(self, method: str | None, body: bytes | None) -> None:
        """
        No other method is, and no request without one.
        """
        backend, calling = self.keptOn()
        params = {} if method is None else {"REQUEST_METHOD": method}
        result = outcome(calling.request(params, body))
        backend.last.close()
        assert len(backend.connections) == 1
        assert isinstance(result[0], RequestFailed)
        assert result[0].stale
        assert result[0].mayHaveRun
        assert "may have run it" in str(result[0])

    def test_filter(self) -> None:
        """
        The data of a Filter changes nothing about that.
        """
        for method, connections in (("POST", 1), ("PUT", 2)):
            backend, calling = self.keptOn()
            params = {"REQUEST_METHOD": method}
            outcome(calling.request(params, b"x", role=Role.FILTER, data=b"file"))
            backend.last.close()
            assert len(backend.connections) == connections

    def test_anyMethod(self) -> None:
        """
        A program that knows better says so.
        """
        backend, calling = self.keptOn(retry=RetryPolicy(anyMethod=True))
        result = outcome(calling.request(POST, b"body"))
        backend.last.close()
        backend.last.answer()
        assert result[0].code == 200

    def test_policyAsksForMore(self) -> None:
        """
        A policy that would send a request again whatever happened is not asked.
        """
        policy = RetryPolicy(when=lambda error: True)
        for params, connections in ((POST, 1), (GET, 2)):
            backend = Backend()
            outcome(client(backend, retry=policy).request(params))
            backend.last.read()
            backend.last.close()
            assert len(backend.connections) == connections

    @pytest.mark.parametrize("status", [2, 3], ids=["overloaded", "unknown role"])
    def test_refused(self, status: int) -> None:
        """
        A request that the back end refused was not carried out.
        """
        backend = Backend()
        result = outcome(client(backend, retry=RetryPolicy(when=lambda _: True)).request(POST))
        backend.last.read()
        backend.last.end(protocolStatus=status)
        backend.last.answer()
        assert result[0].code == 200

    def test_refusedForNoReason(self) -> None:
        """
        What a status means that section 5.5 does not know, nobody knows.
        """
        backend = Backend()
        result = outcome(client(backend, retry=RetryPolicy(when=lambda _: True)).request(POST))
        backend.last.read()
        backend.last.end(protocolStatus=99)
        assert isinstance(result[0], RequestRefused)
        assert result[0].mayHaveRun

    def test_notConnected(self) -> None:
        """
        A request that was sent nowhere was not carried out.
        """
        clock = Clock()
        backend = Backend()
        backend.refuses = True
        policy = RetryPolicy(when=lambda error: not error.mayHaveRun, delay=1)
        result = outcome(client(backend, clock=clock, retry=policy).request(POST, b"body"))
        backend.refuses = False
        clock.advance(1)
        backend.last.answer()
        assert result[0].code == 200


class TestReuse:
    """
    Which requests go on connections that were used before.
    """

    def test_newForThePost(self) -> None:
        """
        With C{reuseFor="idempotent"}, the others have a new connection each, which is kept for
        whatever may go on it.
        """
        backend = Backend()
        calling = client(backend, reuseFor="idempotent")
        for number, params in enumerate((GET, POST, POST, GET), 1):
            result = outcome(calling.request(params))
            assert len(backend.connections) == min(number, 3)
            assert backend.connections[min(number, 3) - 1].request().keepConnection
            backend.last.answer()
            assert result[0].code == 200

    def test_inTurn(self) -> None:
        """
        They wait in their turn, and take the place of a connection that becomes free.
        """
        backend = Backend()
        calling = client(backend, reuseFor="idempotent", maxConnections=1)
        results = [outcome(calling.request(params)) for params in (GET, GET, POST, GET)]
        for connections in (1, 1, 2, 2):
            assert len(backend.connections) == connections
            backend.last.answer()
            backend.settle()
        assert [result[0].code for result in results] == [200] * 4
        methods = [
            event.params["REQUEST_METHOD"]
            for connection in backend.connections
            for event in connection.events
            if isinstance(event, RequestReceived)
        ]
        assert methods == ["GET", "GET", "POST", "GET"]

    def test_oldestGoes(self) -> None:
        """
        An idle connection makes room for a new one.
        """
        backend, calling = twoKept()
        calling = client(backend, reuseFor="idempotent", maxConnections=1)
        outcome(calling.request(GET))
        backend.last.answer()
        result = outcome(calling.request(POST))
        backend.settle()
        backend.last.answer()
        assert result[0].code == 200
        assert len(backend.connections) == 4

    def test_sentAgainAnyway(self) -> None:
        """
        A program for which every request may be sent again needs no new connections.
        """
        backend = Backend()
        calling = client(backend, reuseFor="idempotent", retry=RetryPolicy(anyMethod=True))
        for _ in range(2):
            outcome(calling.request(POST))
            backend.last.answer()
        assert len(backend.connections) == 1


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
