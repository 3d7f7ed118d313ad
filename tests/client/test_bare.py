"""
A connection that somebody brings.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from tests.producers import Silent
from txfcgi.client.bare import FastCGIClientFactory, FastCGIClientProtocol
from txfcgi.client.options import ClientOptions
from txfcgi.errors import (
    ClientClosed,
    LocalProtocolError,
    NoResponse,
    PoolFull,
    RequestNotSent,
)
from txfcgi.wire.events import RequestReceived

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

    def test_chosenID(self) -> None:
        """
        A request with an id of one's own choice, with a body and without; one that another request
        has fails at once, and does no harm.
        """
        backend, protocol, _ = self.connected(multiplex=True)
        results = [
            outcome(protocol.request(GET, requestID=7)),
            outcome(protocol.request(POST, b"body", requestID=65_535)),
            outcome(protocol.execute(GET, requestID=8)),
            outcome(protocol.request(GET)),
        ]
        (taken,) = outcome(protocol.request(GET, requestID=7))
        assert isinstance(taken, LocalProtocolError)
        assert "request 7 can't begin: its id is active already" in str(taken)
        began = [event for event in backend.last.read() if isinstance(event, RequestReceived)]
        assert [event.requestID for event in began] == [7, 65_535, 8, 1]
        for event in reversed(began):
            backend.last.answer(b"%d" % event.requestID, event.requestID)
        for requestID, result in ((7, results[0]), (65_535, results[1]), (1, results[3])):
            assert outcome(result[0].content()) == [b"%d" % requestID]
        assert results[2][0].stdout.endswith(b"\r\n\r\n8")

    @pytest.mark.parametrize(
        "requestID", [0, 65_536, "7"], ids=["null", "more than there are", "text"]
    )
    def test_noID(self, requestID: Any) -> None:
        """
        What can't be an id is an error, and not a byte is sent.
        """
        backend, protocol, _ = self.connected()
        (error,) = outcome(protocol.request(GET, requestID=requestID))
        assert isinstance(error, LocalProtocolError)
        assert "its id is not 1 to 65535" in str(error)
        assert backend.last.transport.value() == b""

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
