"""
The end of a client.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from tests.producers import Silent, pieces
from txfcgi.client.options import RetryPolicy
from txfcgi.errors import (
    ClientClosed,
    RequestFailed,
    RequestNotSent,
    ResponseCutOff,
)

from .backends import GET, HEAD, POST, Backend, client, outcome


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
