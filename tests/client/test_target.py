"""
Several back ends that do the same.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from txfcgi.client.client import FastCGIClient
from txfcgi.errors import (
    RequestNotSent,
)

from .backends import GET, Backend, client, outcome


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

        calling = FastCGIClient(reactor, ["tcp:127.0.0.1:9000", "unix:/run/php.sock"])
        assert len(calling.pool._targets) == 2
