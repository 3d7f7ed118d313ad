"""
When each step of a request happened.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock

from txfcgi.client.timing import CallTrace
from txfcgi.errors import InvalidRequest, RequestAborted, RequestNotSent

from .backends import GET, HEAD, NO_RETRY, POST, Backend, client, outcome


def steps(trace: CallTrace) -> tuple[float | None, ...]:
    """
    All that a trace notes, in the order in which it comes about.
    """
    noted = (trace.asked, trace.connecting, trace.started)
    return (*noted, trace.firstByte, trace.head, trace.ended)


class TestTrace:
    """
    A trace of one request.
    """

    def setup_method(self) -> None:
        """
        Begin a second after nothing, as 0 is easily taken for no time at all.
        """
        self.clock = Clock()
        self.clock.advance(1)
        self.backend = Backend()

    def test_newConnection(self) -> None:
        """
        Each step has its time, and each phase how long it took.
        """
        self.backend.waits = True
        calling = client(self.backend, clock=self.clock, maxConnections=1)
        first, second = CallTrace(), CallTrace()
        outcome(calling.request(GET, trace=first))
        result = outcome(calling.request(GET, trace=second))
        assert steps(second) == (1, None, None, None, None, None)
        self.clock.advance(1)
        self.backend.accept()
        self.clock.advance(1)
        self.backend.last.answer()
        assert steps(first) == (1, 1, 2, 3, 3, 3)
        assert (first.wait, first.connect, first.untilFirstByte, first.total) == (0, 1, 1, 2)
        self.clock.advance(1)
        self.backend.last.read()
        self.backend.last.stdout(b"Content-Type: ")
        self.clock.advance(1)
        self.backend.last.stdout(b"text/plain\r\n\r\nbody")
        assert len(result) == 1
        assert second.ended is None
        self.clock.advance(1)
        self.backend.last.stdout(b"")
        self.backend.last.end()
        assert steps(second) == (1, None, 3, 4, 5, 6)
        assert (second.wait, second.connect) == (2, None)
        assert (second.untilFirstByte, second.untilHead, second.total) == (1, 2, 5)
        assert (first.attempts, second.attempts, second.error) == (1, 1, None)
        assert "wait 2.000000, first byte 1.000000, head 2.000000, total 5.0" in repr(second)

    def test_stderr(self) -> None:
        """
        The first byte may be one of stderr.
        """
        trace = CallTrace()
        outcome(client(self.backend, clock=self.clock).request(GET, trace=trace))
        self.backend.last.read()
        self.backend.last.stderr(b"a warning")
        self.clock.advance(1)
        self.backend.last.answer()
        assert steps(trace) == (1, 1, 1, 1, 2, 2)

    def test_again(self) -> None:
        """
        Of a request that is made again, the last attempt counts.
        """
        calling = client(self.backend, clock=self.clock)
        outcome(calling.request(GET))
        self.backend.last.answer()
        trace = CallTrace()
        outcome(calling.request(GET, trace=trace))
        self.clock.advance(1)
        self.backend.last.close(ConnectionLost)
        self.clock.advance(1)
        self.backend.last.answer()
        assert steps(trace) == (1, 2, 2, 3, 3, 3)
        assert trace.attempts == 2

    def test_failed(self) -> None:
        """
        A request that failed says with what; the steps that did not come about have no time.
        """
        self.backend.refuses = True
        calling = client(self.backend, clock=self.clock, retry=NO_RETRY)
        trace = CallTrace()
        (error,) = outcome(calling.request(POST, b"body", trace=trace))
        assert isinstance(error, RequestNotSent)
        assert trace.error is error
        assert steps(trace) == (1, 1, None, None, None, 1)
        assert trace.attempts == 0

    def test_cancelled(self) -> None:
        """
        So does one that was given up: before its response, or with it.
        """
        calling = client(self.backend, clock=self.clock)
        for sent in (b"", HEAD):
            trace = CallTrace()
            asked = calling.request(GET, trace=trace)
            result = outcome(asked)
            self.backend.last.read()
            if sent:
                self.backend.last.stdout(sent)
                result[0].abort()
            else:
                asked.cancel()
            assert isinstance(trace.error.reason, RequestAborted)  # type: ignore[union-attr]
            assert trace.ended == 1

    def test_otherKinds(self) -> None:
        """
        Other kinds of requests have a trace, too.
        """
        calling = client(self.backend, clock=self.clock)
        trace = CallTrace()
        outcome(calling.execute(GET, trace=trace))
        self.clock.advance(1)
        self.backend.last.answer()
        assert steps(trace) == (1, 1, 1, 2, None, 2)
        streamed = CallTrace()
        iterator = calling.stream(GET, trace=streamed)
        got = outcome(Deferred.fromCoroutine(_first(iterator)))
        self.clock.advance(1)
        self.backend.last.answer()
        assert len(got) == 1
        assert steps(streamed) == (2, None, 2, 3, None, 3)
        outcome(Deferred.fromCoroutine(iterator.aclose()))

    def test_usedAgain(self) -> None:
        """
        A trace can be given to one request after the other.
        """
        calling = client(self.backend, clock=self.clock, retry=NO_RETRY)
        trace = CallTrace()
        for _ in range(2):
            outcome(calling.request(GET, trace=trace))
            self.backend.last.answer()
            self.clock.advance(1)
        assert steps(trace) == (2, None, 2, 2, 2, 2)

    def test_nothing(self) -> None:
        """
        A trace that was given to no request knows nothing.
        """
        assert steps(CallTrace()) == (None,) * 6
        assert repr(CallTrace()) == "<CallTrace of nothing>"


async def _first(iterator: Any) -> Any:
    return await iterator.__anext__()


class TestOnTrace:
    """
    A client that says it of each request.
    """

    def test_each(self) -> None:
        """
        The function gets the trace and the context when the request has ended; one that failed, and
        one that can't be made, included.
        """
        traced: list[tuple[CallTrace, Any]] = []
        backend = Backend()
        calling = client(
            backend, onTrace=lambda trace, context: traced.append((trace, context["n"]))
        )
        outcome(calling.request(GET, context={"n": 1}))
        assert traced == []
        backend.last.answer()
        own = CallTrace()
        outcome(calling.execute(POST, b"x", context={"n": 2}, trace=own))
        backend.last.close()
        assert [number for _, number in traced] == [1, 2]
        assert traced[1][0] is own
        assert own.error is not None

    def test_fails(self, flushLoggedErrors: Any) -> None:
        """
        One that fails is logged, and does no harm.
        """
        backend = Backend()
        calling = client(backend, onTrace=lambda trace, context: 1 / 0)
        for body in (None, b"x"):
            result = outcome(calling.request(GET, body))
            backend.last.answer()
            assert result[0].code == 200
        assert len(flushLoggedErrors(ZeroDivisionError)) == 2

    def test_wrong(self) -> None:
        """
        What is no trace is no request.
        """
        trace: Any = "a trace"
        (error,) = outcome(client(Backend()).request(GET, trace=trace))
        assert isinstance(error, InvalidRequest)
        assert "trace is a CallTrace(), not 'a trace'" in str(error)
