"""
A client that meets the same mistake again and again says so a few times, and then how often it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher

from tests.producers import Producer
from txfcgi.client.bare import FastCGIClientFactory
from txfcgi.client.options import ClientOptions
from txfcgi.errors import RequestFailed
from txfcgi.transport.sparing import FEW, SECONDS

from .backends import GET, NO_RETRY, POST, Backend, client, outcome

MANY = 50


@pytest.fixture
def said() -> Iterator[list[str]]:
    """
    What is logged, as text.
    """
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(cast(ILogObserver, observe))
    yield lines
    globalLogPublisher.removeObserver(cast(ILogObserver, observe))


def counted(said: list[str], words: str) -> None:
    """
    Check that a few lines have these words, and then one that says how many more there were.
    """
    lines = [line for line in said if words in line]
    assert len(lines) == FEW + 1
    assert f"{MANY - FEW} more messages like this" in lines[-1]


def fails(data: bytes, context: dict[str, Any]) -> None:
    """
    What a caller gives for its back end's stderr.
    """
    raise ZeroDivisionError


class Unstoppable(Producer):
    """
    A producer that fails when it is stopped.
    """

    def stopProducing(self) -> None:
        """
        Fail.
        """
        raise ZeroDivisionError


class TestFloods:
    """
    A flood of the same message.
    """

    def test_brokenRules(self, said: list[str]) -> None:
        """
        A back end that speaks something else.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, retry=NO_RETRY)
        for _ in range(MANY):
            result = outcome(calling.request(GET))
            backend.last.send(b"HTTP/1.1 400 Bad Request")
            backend.settle()
            assert isinstance(result[0], RequestFailed)
        clock.advance(SECONDS)
        counted(said, "broke a rule")

    def test_refusedConnections(self, said: list[str]) -> None:
        """
        A back end that is not there. What was held back is said when the client is closed, and
        nothing is left in the reactor.
        """
        clock = Clock()
        backend = Backend()
        backend.refuses = True
        calling = client(backend, clock=clock, retry=NO_RETRY)
        for _ in range(MANY):
            outcome(calling.request(GET))
        assert sum("no connection to" in line for line in said) == FEW
        calling.close()
        counted(said, "no connection to")
        assert clock.getDelayedCalls() == []

    def test_onStderr(self, said: list[str], flushLoggedErrors: Any) -> None:
        """
        A function of the caller's that fails.
        """

        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock, onStderr=fails, logStderr=False)
        for _ in range(MANY):
            outcome(calling.request(GET))
            backend.last.read()
            backend.last.stderr(b"a warning")
            backend.last.answer()
        calling.close()
        backend.settle()
        counted(said, "onStderr of the client failed")
        assert len(flushLoggedErrors(ZeroDivisionError)) == FEW

    def test_producers(self, said: list[str], flushLoggedErrors: Any) -> None:
        """
        Bodies whose producers fail when they are stopped, for the answer came before their end.
        """
        clock = Clock()
        backend = Backend()
        calling = client(backend, clock=clock)
        for _ in range(MANY):
            outcome(calling.request(POST, Unstoppable(1)))
            backend.last.answer()
            backend.settle()
        calling.close()
        counted(said, "failed when it was stopped")
        assert len(flushLoggedErrors(ZeroDivisionError)) == FEW
        assert clock.getDelayedCalls() == []

    def test_connectionOfOnesOwn(self, said: list[str], flushLoggedErrors: Any) -> None:
        """
        On one connection, all is said at the latest when that is gone.
        """
        clock = Clock()
        backend = Backend()
        options = ClientOptions(multiplex=True, logStderr=False, onStderr=fails)
        (protocol,) = outcome(backend.connect(FastCGIClientFactory(clock, options)))
        outcome(protocol.request(GET))
        backend.last.read()
        for _ in range(MANY):
            backend.last.stderr(b"a warning")
        backend.last.close()
        counted(said, "onStderr of the client failed")
        assert len(flushLoggedErrors(ZeroDivisionError)) == FEW
        assert clock.getDelayedCalls() == []
