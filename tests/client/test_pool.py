"""
The pool: how connections are kept, shared, waited for, tried again and closed.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.producers import Producer
from tests.wire.conversations import STDOUT, endRequest, pair, record
from txfcgi.client.client import FastCGIClient
from txfcgi.client.options import RetryPolicy
from txfcgi.errors import (
    BackendTimedOut,
    CantMultiplex,
    ClientClosed,
    NoResponse,
    PoolFull,
    RequestFailed,
    RequestNotSent,
    RequestRefused,
    RequestSentInPart,
    ResponseCutOff,
)

from .backends import GET, HEAD, NO_RETRY, POST, Backend, Transport, client, outcome
from .test_requests import Silent, pieces


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
        Each request has its own connection, which is closed at once (rows F2 and F30).
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

    @pytest.mark.parametrize("limit", [{"maxRequests": 2}, {"maxAge": 6}])
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


class TestBadNeighbours:
    """
    A connection that goes wrong.
    """

    @pytest.mark.parametrize(
        "data",
        [
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\xffgarbage",
            record(99, 1),
            record(STDOUT, 7, b"x"),
            record(STDOUT, 1, b"X: " + b"x" * 65532) * 2,
            record(STDOUT, 1, b"Content-Ty") + endRequest(1),
            record(STDOUT, 1, b"Content-Length: 1\r\n\r\nab"),
            record(STDOUT, 1, b"Content-Length: 3\r\n\r\nab") + endRequest(1),
            endRequest(1),
        ],
    )
    def test_othersGoOn(self, data: bytes) -> None:
        """
        It takes its own request with it, and no other; those that wait are served.
        """
        backend = Backend()
        calling = client(backend, maxConnections=2)
        bad, good, waiting = (outcome(calling.request(GET)) for _ in range(3))
        backend.connections[0].send(data)
        assert isinstance(bad[0], RequestFailed)
        backend.settle()
        backend.connections[1].answer()
        backend.connections[2].answer()
        assert [good[0].code, waiting[0].code] == [200, 200]


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

    @pytest.mark.parametrize("reason", [ConnectionDone, ConnectionLost])
    @pytest.mark.parametrize("body", [None, b"", b"body", bytes(100_000), [b"a", b"b"]])
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


class TestSeveralEndpoints:
    """
    Several back ends that do the same.
    """

    def test_leastBusy(self) -> None:
        """
        A request goes where there is least to do.
        """
        backends = [Backend(), Backend(), Backend()]
        calling = client(*backends, maxConnections=2)
        for _ in range(6):
            outcome(calling.request(GET))
        assert [len(backend.connections) for backend in backends] == [2, 2, 2]
        result = outcome(calling.request(GET))
        assert calling.pool.waiting == 1
        backends[1].connections[0].answer()
        backends[1].connections[0].answer()
        assert result[0].code == 200

    def test_failOver(self) -> None:
        """
        One that can't be reached costs no request, and comes last for a while.
        """
        clock = Clock()
        first, second = Backend(), Backend()
        first.refuses = True
        calling = client(first, second, clock=clock, failTime=10, keepConnections=False)
        result = outcome(calling.request(GET))
        second.last.answer()
        assert result[0].code == 200
        first.refuses = False
        outcome(calling.request(GET))
        outcome(calling.request(GET))
        assert first.connections == []
        clock.advance(10)
        outcome(calling.request(GET))
        assert len(first.connections) == 1

    def test_none(self) -> None:
        """
        When none can be reached, each was tried once.
        """
        backends = [Backend(), Backend()]
        for backend in backends:
            backend.refuses = True
        (error,) = outcome(client(*backends).request(GET))
        assert isinstance(error, RequestNotSent)

    def test_otherIsFull(self) -> None:
        """
        One can't be reached, the other is busy: the request waits.
        """
        first, second = Backend(), Backend()
        calling = client(first, second, maxConnections=1)
        outcome(calling.request(GET))
        first.last.answer()
        first.last.close()
        first.refuses = True
        busy = outcome(calling.request(GET))
        result = outcome(calling.request(GET))
        assert calling.pool.waiting == 1
        second.last.answer()
        second.last.answer()
        assert [busy[0].code, result[0].code] == [200, 200]

    def test_endpointStrings(self) -> None:
        """
        Endpoints may be given as descriptions.
        """
        from twisted.internet import reactor

        from txfcgi.client.client import FastCGIClient

        calling = FastCGIClient(reactor, ["tcp:127.0.0.1:9000", "unix:/run/php.sock"])
        assert len(calling.pool._targets) == 2


class TestSharing:
    """
    Several requests on one connection.
    """

    def test_shared(self) -> None:
        """
        Requests share a connection up to a number; then there is another.
        """
        backend = Backend()
        calling = client(backend, multiplex=True, requestsPerConnection=2, maxConnections=2)
        results = [outcome(calling.request(GET)) for _ in range(5)]
        assert len(backend.connections) == 2
        assert calling.pool.waiting == 1
        backend.connections[0].answer(b"two", 2)
        assert outcome(results[1][0].content()) == [b"two"]
        assert calling.pool.waiting == 0
        backend.connections[0].answer(b"five", 2)
        assert outcome(results[4][0].content()) == [b"five"]

    def test_answeredEarly(self) -> None:
        """
        An answer that does not wait for the body lets those that share the connection come to their
        end, and nobody else have it.
        """
        backend = Backend()
        calling = client(backend, multiplex=True, maxConnections=2)
        producer = Producer(5)
        early = outcome(calling.request(POST, producer))
        producer.consumer.write(b"ab")
        other = outcome(calling.request(GET))
        backend.connections[0].answer(b"", 1, b"Status: 413\r\n\r\n")
        assert early[0].code == 413
        assert producer.calls[-1] == "stop"
        following = outcome(calling.request(GET))
        backend.connections[0].answer(b"two", 2)
        assert outcome(other[0].content()) == [b"two"]
        assert backend.connections[0].transport.aborted
        backend.connections[1].answer()
        assert following[0].code == 200

    def test_waitedForTogether(self) -> None:
        """
        Those who wait while the first connection is being made share it.
        """
        backend = Backend()
        backend.waits = True
        calling = client(backend, multiplex=True, maxConnections=1)
        results = [outcome(calling.request(GET)) for _ in range(3)]
        backend.accept()
        for number in (1, 2, 3):
            backend.last.answer(b"", number)
        assert [result[0].code for result in results] == [200] * 3

    def test_abort(self) -> None:
        """
        A request that is given up is aborted, and the others go on; its id is free when the back
        end says so.
        """
        backend = Backend()
        calling = client(backend, multiplex=True)
        first = calling.request(GET)
        firstResult = outcome(first)
        second = outcome(calling.request(GET))
        backend.last.read()
        first.cancel()
        assert backend.last.aborts() == [1]
        assert isinstance(firstResult[0], CancelledError)
        backend.last.stdout(b"ignored", 1)
        third = outcome(calling.request(GET))
        backend.last.read()
        backend.last.answer(b"", 3)
        backend.last.answer(b"", 2)
        assert second[0].code == third[0].code == 200

    def test_abortedAlone(self) -> None:
        """
        When only requests are left that were given up, the connection is closed.
        """
        backend = Backend()
        calling = client(backend, multiplex=True)
        asked = calling.request(GET)
        outcome(asked)
        second = outcome(calling.request(GET))
        backend.last.read()
        asked.cancel()
        backend.last.answer(b"", 2)
        assert second[0].code == 200
        assert backend.last.transport.aborted

    def test_badHead(self) -> None:
        """
        A response that can't be read costs the others nothing.
        """
        backend = Backend()
        calling = client(backend, multiplex=True)
        first, second = (outcome(calling.request(GET)) for _ in range(2))
        backend.last.read()
        backend.last.stdout(b"no head\r\n\r\n", 1)
        assert isinstance(first[0], RequestFailed)
        assert backend.last.aborts() == [1]
        backend.last.end(1)
        backend.last.answer(b"", 2)
        assert second[0].code == 200
        assert calling.pool.idle == 1

    def test_lost(self) -> None:
        """
        All fail with the connection.
        """
        backend = Backend()
        calling = client(backend, multiplex=True)
        results = [outcome(calling.request(GET)) for _ in range(3)]
        backend.last.close()
        assert [type(result[0]) for result in results] == [NoResponse] * 3

    def test_refusedToShare(self) -> None:
        """
        A back end that does not want to share connections is not asked to again, and no request is
        lost.
        """
        backend = Backend()
        calling = client(backend, multiplex=True)
        results = [outcome(calling.request(GET)) for _ in range(3)]
        first = backend.last
        first.read()
        refusals = b"".join(record(3, number, bytes((0, 0, 0, 0, 1, 0, 0, 0))) for number in (2, 3))
        first.send(refusals)
        for connection in backend.connections:
            connection.answer()
        assert [result[0].code for result in results] == [200] * 3
        assert len(backend.connections) == 3
        for _ in range(3):
            outcome(calling.request(GET))
        assert [len(connection.read()) for connection in backend.connections] == [2, 2, 2]

    def test_refusedWithoutNeed(self) -> None:
        """
        A back end that refuses a single request like that is wrong.
        """
        backend = Backend()
        result = outcome(client(backend, multiplex=False).request(GET))
        backend.last.read()
        backend.last.end(protocolStatus=1)
        assert isinstance(result[0], RequestRefused)
        assert isinstance(result[0].reason, CantMultiplex)

    @pytest.mark.parametrize(("said", "shared"), [(b"1", 1), (b"0", 2)])
    def test_getValues(self, said: bytes, shared: int) -> None:
        """
        A back end that says that it can is shared from then on.
        """
        backend = Backend()
        calling = client(backend)
        result = outcome(calling.getValues())
        backend.last.read()
        backend.last.send(record(10, 0, pair(b"FCGI_MPXS_CONNS", said)))
        assert result == [{"FCGI_MPXS_CONNS": said.decode()}]
        assert backend.last.transport.disconnecting
        backend.settle()
        for _ in range(2):
            outcome(calling.request(GET))
        assert len(backend.connections) == 1 + shared

    def test_getValuesClosed(self) -> None:
        """
        Some close the connection instead of answering.
        """
        backend = Backend()
        calling = client(backend)
        result = outcome(calling.getValues())
        backend.last.close()
        assert isinstance(result[0], NoResponse)
        assert calling.pool.connections == 0

    def test_getValuesUnknown(self) -> None:
        """
        Some don't know the question.
        """
        backend = Backend()
        result = outcome(client(backend).getValues())
        backend.last.send(record(11, 0, b"\x09" + bytes(7)))
        assert result == [{}]

    def test_getValuesNotConnected(self) -> None:
        """
        Some can't be reached, at once or after a while.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, timeouts={"connect": 5})
        backend.refuses = True
        (error,) = outcome(calling.getValues())
        assert isinstance(error, RequestNotSent)
        backend.refuses, backend.waits = False, True
        result = outcome(calling.getValues())
        clock.advance(5)
        assert isinstance(result[0].reason, BackendTimedOut)
        outcome(calling.close())
        (error,) = outcome(calling.getValues())
        assert isinstance(error.reason, ClientClosed)

    def test_getValuesWithoutTimeout(self) -> None:
        """
        Timeouts can be off.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, timeouts={"connect": None, "firstByte": None})
        result = outcome(calling.getValues())
        clock.advance(1000)
        assert result == []
        backend.last.send(record(10, 0))
        assert result == [{}]


class TestClosing:
    """
    The end of a client.
    """

    def test_everything(self) -> None:
        """
        All that is under way fails, all connections are closed, and no timer is left.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, maxConnections=3)
        outcome(calling.request(GET))
        outcome(calling.request(GET))
        backend.connections[0].answer()
        backend.connections[1].read()
        backend.waits = True
        asked = [outcome(calling.request(GET)) for _ in range(4)]
        backend.connections[0].read()
        closed = outcome(calling.close())
        again = outcome(calling.close())
        assert all(isinstance(result[0], RequestFailed) for result in asked)
        assert closed == again == []
        backend.settle()
        assert closed == again == [None]
        assert outcome(calling.close()) == [None]
        assert clock.getDelayedCalls() == []
        (error,) = outcome(calling.request(GET))
        assert isinstance(error.reason, ClientClosed)

    def test_streamed(self) -> None:
        """
        A response that is being read is cut off.
        """
        backend = Backend()
        calling = client(backend)
        result = outcome(calling.request(GET))
        backend.last.read()
        backend.last.stdout(HEAD)
        content = outcome(result[0].content())
        outcome(calling.close())
        assert isinstance(content[0], ResponseCutOff)
        assert isinstance(content[0].reason, ClientClosed)

    def test_whileDelayed(self) -> None:
        """
        No attempt is made any more.
        """
        clock = Clock()
        backend = Backend()
        backend.refuses = True
        policy = RetryPolicy(attempts=2, delay=2, when=lambda error: True)
        calling = client(backend, clock=clock, retry=policy)
        result = outcome(calling.request(GET))
        assert outcome(calling.close()) == [None]
        assert isinstance(result[0], RequestNotSent)
        assert clock.getDelayedCalls() == []

    def test_whileSpooling(self) -> None:
        """
        A body that is being collected is not wanted any more, and none after it.
        """
        clock = Clock()
        calling = client(Backend(), clock=clock)
        silent = Silent()
        result = outcome(calling.request(POST, silent.pieces()))
        assert outcome(calling.close()) == [None]
        result += outcome(calling.request(POST, pieces(b"a")))
        for error in result:
            assert isinstance(error, RequestNotSent)
            assert isinstance(error.reason, ClientClosed)
        assert silent.cancelled
        assert clock.getDelayedCalls() == []

    def test_connectionThatComesTooLate(self) -> None:
        """
        An endpoint that connects when it is cancelled.
        """
        backend = Backend()
        backend.waits = backend.stubborn = True
        calling = client(backend)
        result = outcome(calling.request(GET))
        closed = outcome(calling.close())
        assert backend.last.transport.aborted
        backend.settle()
        assert isinstance(result[0], RequestFailed)
        assert closed == [None]

    def test_connectionThatNobodyWants(self) -> None:
        """
        The same for a request that is cancelled: the next one gets the connection.
        """
        backend = Backend()
        backend.waits = backend.stubborn = True
        calling = client(backend)
        asked = calling.request(GET)
        result = outcome(asked)
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert calling.pool.idle == 1
        outcome(calling.request(GET))
        assert len(backend.connections) == 1
