"""
Deadlines, and back ends that are held back.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.lines import Hands, Line
from tests.producers import Producer, Silent
from tests.wire.conversations import STDOUT, endRequest, record
from txfcgi.client.bare import FastCGIClientProtocol
from txfcgi.client.claims import PATIENCE
from txfcgi.client.options import ClientOptions, Timeouts
from txfcgi.errors import (
    BackendTimedOut,
    NoResponse,
    RequestFailed,
    RequestNotSent,
    RequestSentInPart,
    ResponseCutOff,
)
from txfcgi.transport.timers import NEVER, Timers
from txfcgi.wire.records import Role

from .backends import GET, HEAD, POST, Backend, client, outcome

OFF: dict[str, Any] = {
    "connect": None,
    "poolWait": None,
    "write": None,
    "firstByte": None,
    "betweenBytes": None,
    "total": None,
}


def started(body: Any = None, **timeouts: float | None) -> tuple[Clock, Backend, list[Any]]:
    """
    A request that was sent, with these timeouts alone.
    """
    clock = Clock()
    backend = Backend()
    calling = client(backend, clock=clock, timeouts={**OFF, **timeouts})
    result = outcome(calling.request(GET if body is None else POST, body))
    backend.last.read()
    return clock, backend, result


def assertTimedOut(error: RequestFailed, kind: type[RequestFailed], timer: str) -> None:
    """
    The request failed in this phase, for this timeout.
    """
    assert type(error) is kind
    assert error.timedOut
    reason = error.reason
    assert isinstance(reason, BackendTimedOut)
    assert reason.timer == timer
    assert error.code == reason.code == 504


class TestTimeouts:
    """
    Each of the timeouts; those of the pool are tested with it.
    """

    def test_defaults(self) -> None:
        """
        All six are on.
        """
        timeouts = Timeouts()
        assert all(getattr(timeouts, name) is not None for name in OFF)

    def test_firstByte(self) -> None:
        """
        A back end that says nothing.
        """
        clock, backend, result = started(firstByte=5)
        clock.advance(4.9)
        assert result == []
        clock.advance(0.1)
        assertTimedOut(result[0], NoResponse, "firstByte")
        assert backend.last.transport.aborted
        backend.settle()
        assert clock.getDelayedCalls() == []

    def test_betweenBytes(self) -> None:
        """
        A back end that stops in the middle.
        """
        clock, backend, result = started(firstByte=100, betweenBytes=5)
        clock.advance(50)
        backend.last.stdout(HEAD)
        content = outcome(result[0].content())
        for _ in range(3):
            clock.advance(4)
            backend.last.stdout(b"x")
        clock.advance(4)
        assert content == []
        clock.advance(1)
        assertTimedOut(content[0], ResponseCutOff, "betweenBytes")
        assert backend.last.transport.aborted

    def test_betweenBytesOfHead(self) -> None:
        """
        A back end that stops within the head.
        """
        clock, backend, result = started(betweenBytes=5)
        backend.last.stdout(HEAD[:4])
        clock.advance(5)
        assertTimedOut(result[0], ResponseCutOff, "betweenBytes")

    def test_write(self) -> None:
        """
        A back end that does not take the request.
        """
        producer = Producer(10)
        clock, backend, result = started(producer, write=5, firstByte=1)
        producer.consumer.write(b"a")
        clock.advance(20)
        assert result == []
        backend.last.transport.producer.pauseProducing()
        producer.consumer.write(b"bcd")
        clock.advance(4.9)
        assert result == []
        clock.advance(5.2)
        assertTimedOut(result[0], RequestSentInPart, "write")
        assert producer.calls[-1] == "stop"

    def test_writeProgress(self) -> None:
        """
        A back end that takes a little now and then is waited for; then the first byte is.
        """
        producer = Producer(3)
        clock, backend, result = started(producer, write=5, firstByte=7)
        for piece in (b"a", b"b", b"c"):
            backend.last.transport.producer.pauseProducing()
            producer.consumer.write(piece)
            clock.advance(4)
            backend.last.transport.producer.resumeProducing()
        producer.finished.callback(None)
        clock.advance(6)
        assert result == []
        clock.advance(2)
        assertTimedOut(result[0], NoResponse, "firstByte")

    @pytest.mark.parametrize("body", [None, b"abc", bytes(100_000)])
    def test_readsNothing(self, body: bytes | None) -> None:
        """
        A back end that shuts its input is given as long as one that does not take it, and its
        answer counts if there is one.
        """
        for answers in (False, True):
            hands = Hands()
            protocol = FastCGIClientProtocol(hands, ClientOptions(timeouts=Timeouts(write=5)))
            line = Line(protocol, hands)
            line.far.shutdown(socket.SHUT_RD)
            result = outcome(protocol.request(GET if body is None else POST, body))
            hands.advance(4.9)
            assert result == []
            if answers:
                line.far.send(record(STDOUT, 1, HEAD) + endRequest(1))
                line.read()
                assert result[0].code == 200
            hands.advance(0.1)
            if not answers:
                assertTimedOut(result[0], RequestNotSent, "write")
            assert line.ended
            line.close()
            assert hands.getDelayedCalls() == []

    def test_sentLater(self) -> None:
        """
        When the rest of a request goes out late, the first byte is waited for from then on.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, timeouts={**OFF, "write": 5, "firstByte": 7})
        outcome(calling.request(GET))
        backend.last.answer()
        backend.last.transport.producer.pauseProducing()
        result = outcome(calling.request(GET))
        clock.advance(4)
        backend.last.transport.producer.resumeProducing()
        clock.advance(1)
        clock.advance(6.9)
        assert result == []
        clock.advance(0.2)
        assertTimedOut(result[0], NoResponse, "firstByte")

    def test_total(self) -> None:
        """
        The whole time, whatever goes on.
        """
        clock, backend, result = started(total=10, betweenBytes=3)
        backend.last.stdout(HEAD)
        content = outcome(result[0].content())
        for _ in range(4):
            clock.advance(2)
            backend.last.stdout(b"x")
        clock.advance(2)
        assertTimedOut(content[0], ResponseCutOff, "total")

    @pytest.mark.parametrize("unknownLength", ["spool", "stream"])
    def test_totalOfBody(self, unknownLength: Any) -> None:
        """
        A body whose source says nothing, be it collected or sent as it comes.
        """
        clock = Clock()
        calling = client(
            Backend(), clock=clock, unknownLength=unknownLength, timeouts={**OFF, "total": 10}
        )
        silent = Silent()
        result = outcome(calling.request(POST, silent.pieces()))
        clock.advance(9.9)
        assert result == []
        clock.advance(0.1)
        kind = RequestNotSent if unknownLength == "spool" else RequestSentInPart
        assertTimedOut(result[0], kind, "total")
        assert silent.cancelled
        outcome(calling.close())
        assert clock.getDelayedCalls() == []

    def test_totalOfData(self) -> None:
        """
        All that a Filter gets has to come within the time of its request.
        """
        clock = Clock()
        calling = client(Backend(), clock=clock, timeouts={**OFF, "total": 10})
        producer, silent = Producer(), Silent()
        result = outcome(calling.request(POST, silent.pieces(), data=producer, role=Role.FILTER))
        clock.advance(6)
        producer.consumer.write(b"abc")
        producer.finished.callback(None)
        clock.advance(3.9)
        assert result == []
        clock.advance(0.1)
        assertTimedOut(result[0], RequestNotSent, "total")
        assert silent.cancelled

    def test_off(self) -> None:
        """
        Without timeouts, everything may take for ever, and nothing is scheduled, but for the short
        time in which a new connection may turn out to wait for others to be closed.
        """
        clock, backend, result = started()
        clock.advance(PATIENCE)
        assert clock.getDelayedCalls() == []
        clock.advance(1e6)
        backend.last.stdout(HEAD)
        clock.advance(1e6)
        backend.last.end()
        assert result[0].code == 200

    def test_perRequest(self) -> None:
        """
        A request may bring its own.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, timeouts=OFF)
        result = outcome(calling.request(GET, timeouts=Timeouts(total=3)))
        other = outcome(calling.execute(GET))
        clock.advance(3)
        assertTimedOut(result[0], NoResponse, "total")
        assert other == []

    def test_shared(self) -> None:
        """
        On a shared connection only the request that is late fails.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, multiplex=True, timeouts={**OFF, "firstByte": 5})
        first = outcome(calling.request(GET))
        clock.advance(3)
        second = outcome(calling.request(GET))
        backend.last.read()
        clock.advance(2)
        assertTimedOut(first[0], NoResponse, "firstByte")
        assert backend.last.aborts() == [1]
        assert second == []
        backend.last.answer(b"", 2)
        assert second[0].code == 200

    def test_allAtOnce(self) -> None:
        """
        Several that are late at the same time.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, multiplex=True, timeouts={**OFF, "firstByte": 5})
        results = [outcome(calling.request(GET)) for _ in range(3)]
        clock.advance(5)
        for result in results:
            assertTimedOut(result[0], NoResponse, "firstByte")

    def test_oneTimer(self) -> None:
        """
        However many requests there are, there is one delayed call.
        """
        clock = Clock()
        calling = client(Backend(), clock=clock, maxConnections=50)
        for _ in range(100):
            outcome(calling.request(GET))
        assert len(clock.getDelayedCalls()) == 1


class Timed:
    """
    Something with a deadline.
    """

    def __init__(self, timers: Timers, due: float) -> None:
        self.due = due
        self.checked: list[float] = []
        self._timers = timers
        timers.watch(self)
        timers.need(due)

    def check(self, now: float) -> float:
        """
        Note it.
        """
        self.checked.append(now)
        return NEVER if now >= self.due else self.due


class TestTimers:
    """
    One delayed call for all.
    """

    def test_earliest(self) -> None:
        """
        There is a look at the earliest deadline, and then at the next.
        """
        clock = Clock()
        timers = Timers(clock)
        late, early = Timed(timers, 8), Timed(timers, 5)
        clock.pump([4, 1, 2, 1])
        assert (late.checked, early.checked) == ([5, 8], [5, 8])
        assert clock.getDelayedCalls() == []

    def test_forgotten(self) -> None:
        """
        Nothing is scheduled for nobody.
        """
        clock = Clock()
        timers = Timers(clock)
        one, two = Timed(timers, 5), Timed(timers, 6)
        timers.forget(one)
        assert len(clock.getDelayedCalls()) == 1
        timers.forget(two)
        timers.forget(two)
        timers.need(3)
        assert clock.getDelayedCalls() == []

    def test_overdue(self) -> None:
        """
        A deadline in the past is looked at soon.
        """
        clock = Clock()
        clock.advance(10)
        timed = Timed(Timers(clock), 5)
        clock.advance(0)
        assert timed.checked == [10]


class TestHolding:
    """
    Responses that nobody reads.
    """

    def test_paused(self) -> None:
        """
        A back end is held back when nobody reads, and time does not run against it.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, streamBytes=10, timeouts={**OFF, "betweenBytes": 5})
        result = outcome(calling.request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + bytes(8))
        assert backend.last.transport.producerState == "producing"
        backend.last.stdout(bytes(8))
        assert backend.last.transport.producerState == "paused"
        clock.advance(100)
        assert backend.last.transport.producerState == "paused"
        content = outcome(result[0].content())
        assert backend.last.transport.producerState == "producing"
        backend.last.end()
        assert content == [bytes(16)]

    def test_pausedBothWays(self) -> None:
        """
        A back end that does not take the request while it is held back is not to blame for it.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, streamBytes=10, timeouts={**OFF, "write": 5})
        producer = Producer(10)
        result = outcome(calling.request(POST, producer))
        backend.last.read()
        backend.last.transport.producer.pauseProducing()
        producer.consumer.write(b"abc")
        backend.last.stdout(HEAD + bytes(20))
        assert backend.last.transport.producerState == "paused"
        clock.advance(100)
        content = outcome(result[0].content())
        assert backend.last.transport.producerState == "producing"
        clock.advance(4)
        assert content == []
        clock.advance(1)
        assertTimedOut(content[0], ResponseCutOff, "write")

    def test_endedUnread(self) -> None:
        """
        A response that is whole does not hold the next one on its connection back.
        """
        backend = Backend()
        calling = client(backend, streamBytes=10)
        result = outcome(calling.request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + bytes(8))
        backend.last.stdout(bytes(8))
        backend.last.end()
        assert backend.last.transport.producerState == "producing"
        second = outcome(calling.request(GET))
        backend.last.answer()
        assert second[0].code == 200
        assert outcome(result[0].content()) == [bytes(16)]

    def test_shared(self) -> None:
        """
        Those that share a connection wait for each other only when it gets too much.
        """
        clock = Clock()
        backend = Backend()
        options: dict[str, Any] = {"multiplex": True, "streamBytes": 10, "connectionBytes": 30}
        calling = client(
            backend, clock=clock, timeouts={**OFF, "betweenBytes": 5, "firstByte": 5}, **options
        )
        first, second = (outcome(calling.request(GET)) for _ in range(2))
        backend.last.read()
        backend.last.stdout(HEAD + bytes(20), 1)
        assert backend.last.transport.producerState == "producing"
        backend.last.stdout(bytes(11), 1)
        assert backend.last.transport.producerState == "paused"
        clock.advance(100)
        assert second == []
        content = outcome(first[0].content())
        assert backend.last.transport.producerState == "producing"
        clock.advance(4)
        backend.last.answer(b"", 2)
        assert second[0].code == 200
        backend.last.end(1)
        assert content == [bytes(31)]

    def test_abandonedWhilePaused(self) -> None:
        """
        A caller that does without what is held back.
        """
        backend = Backend()
        result = outcome(client(backend, streamBytes=10).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + bytes(20))
        result[0].abort()
        assert backend.last.transport.aborted

    @pytest.mark.parametrize("size", [5, 20])
    def test_lostWhileHeld(self, size: int) -> None:
        """
        A connection that is lost while its response is not read.
        """
        backend = Backend()
        result = outcome(client(backend, streamBytes=10).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + bytes(size))
        backend.last.close()
        assert isinstance(outcome(result[0].content())[0], ResponseCutOff)
