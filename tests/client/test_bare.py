"""
A connection that somebody brings.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from tests.producers import Silent
from txfcgi.client.bare import FastCGIClientFactory, FastCGIClientProtocol
from txfcgi.client.options import ClientOptions
from txfcgi.errors import (
    ClientClosed,
    NoResponse,
    PoolFull,
    RequestNotSent,
)

from .backends import GET, POST, Backend, outcome


class TestProtocol:
    """
    A connection that somebody brings.
    """

    def connected(self, **options: Any) -> tuple[Backend, FastCGIClientProtocol, Clock]:
        """
        A protocol on a connection.
        """
        clock = Clock()
        backend = Backend()
        factory = FastCGIClientFactory(clock, ClientOptions(**options))
        (protocol,) = outcome(backend.connect(factory))
        return backend, protocol, clock

    def test_requests(self) -> None:
        """
        One request after the other; a second one at once only if that was asked for.
        """
        backend, protocol, clock = self.connected()
        for _ in range(2):
            result = outcome(protocol.request(GET))
            (refused,) = outcome(protocol.request(GET))
            assert isinstance(refused.reason, PoolFull)
            backend.last.answer()
            assert result[0].code == 200
        protocol.close()
        assert backend.last.transport.disconnecting
        (error,) = outcome(protocol.request(GET))
        assert isinstance(error.reason, ClientClosed)
        backend.settle()
        assert clock.getDelayedCalls() == []

    def test_swallowed(self) -> None:
        """
        There is nobody to make a request again; the error says whether it may have run.
        """
        for params in (GET, POST):
            backend, protocol, _ = self.connected()
            outcome(protocol.request(GET))
            backend.last.answer()
            result = outcome(protocol.request(params))
            backend.last.close()
            assert isinstance(result[0], NoResponse)
            assert result[0].stale
            assert "may have run it" in str(result[0])

    def test_lostWhileSpooling(self) -> None:
        """
        When it is gone, no body is collected for it any more.
        """
        backend, protocol, clock = self.connected()
        silent = Silent()
        result = outcome(protocol.request(POST, silent.pieces()))
        backend.last.close()
        assert isinstance(result[0], RequestNotSent)
        assert silent.cancelled
        assert clock.getDelayedCalls() == []

    def test_multiplexed(self) -> None:
        """
        Several at once.
        """
        backend, protocol, _ = self.connected(multiplex=True)
        results = [outcome(protocol.request(GET)) for _ in range(3)]
        for requestID in (2, 3, 1):
            backend.last.answer(b"%d" % requestID, requestID)
        for requestID, result in enumerate(results, 1):
            assert outcome(result[0].content()) == [b"%d" % requestID]

    def test_getValues(self) -> None:
        """
        What the application says of itself.
        """
        backend, protocol, _ = self.connected()
        result = outcome(protocol.getValues(["FCGI_MAX_CONNS"]))
        backend.last.wire._values = {b"FCGI_MAX_CONNS": b"7"}
        backend.last.read()
        backend.last.send(backend.last.wire.takeReplies())
        assert result == [{"FCGI_MAX_CONNS": "7"}]

    def test_getValuesTimeout(self) -> None:
        """
        An application that does not answer.
        """
        backend, protocol, clock = self.connected()
        result = outcome(protocol.getValues())
        clock.advance(60)
        backend.settle()
        assert isinstance(result[0], NoResponse)
        assert result[0].timedOut

    def test_getValuesCancelled(self) -> None:
        """
        A caller that does not want to know any more.
        """
        backend, protocol, _ = self.connected()
        asked = protocol.getValues()
        result = outcome(asked)
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        backend.settle()
        (error,) = outcome(protocol.getValues())
        assert isinstance(error.reason, ClientClosed)

    def test_retry(self) -> None:
        """
        There is nobody to try again.
        """
        backend, protocol, _ = self.connected()
        result = outcome(protocol.request(GET))
        backend.last.close()
        assert isinstance(result[0], NoResponse)
        assert not result[0].stale
