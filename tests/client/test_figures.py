"""
What a client's pool says of itself.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionLost

from txfcgi.client.figures import ClientFigures

from .backends import GET, HEAD, POST, Backend, client, outcome


def figures(**values: int) -> ClientFigures:
    """
    Figures, 0 where nothing else is said.
    """
    none = dict.fromkeys(
        ("open", "connecting", "idle", "waiting", "requests", "retries", "failures"), 0
    )
    return ClientFigures(**{**none, **values})


class TestFigures:
    """
    What L{FastCGIClient.figures} counts.
    """

    def test_now(self) -> None:
        """
        Connections that are made, open and idle, and requests that wait.
        """
        backend = Backend()
        backend.waits = True
        calling = client(backend, maxConnections=1)
        assert calling.figures() == figures()
        results = [outcome(calling.request(GET)) for _ in range(2)]
        assert calling.figures() == figures(connecting=1, waiting=1, requests=2)
        backend.accept()
        assert calling.figures() == figures(open=1, waiting=1, requests=2)
        backend.last.answer()
        assert calling.figures() == figures(open=1, requests=2)
        backend.last.answer()
        assert calling.figures() == figures(open=1, idle=1, requests=2)
        assert [result[0].code for result in results] == [200, 200]
        calling.close()
        backend.settle()
        assert calling.figures() == figures(requests=2)

    def test_retries(self) -> None:
        """
        A request that is made again is one request, and no failure if it then succeeds.
        """
        backend = Backend()
        calling = client(backend)
        outcome(calling.request(GET))
        backend.last.answer()
        result = outcome(calling.request(GET))
        backend.last.close(ConnectionLost)
        backend.last.answer()
        assert result[0].code == 200
        assert calling.figures() == figures(open=1, idle=1, requests=2, retries=1)

    @pytest.mark.parametrize("sent", [b"", HEAD], ids=["nothing", "the head"])
    def test_failures(self, sent: bytes) -> None:
        """
        A request that fails, be it after the head of its response.
        """
        backend = Backend()
        calling = client(backend)
        results: list[Any] = outcome(calling.request(POST))
        backend.last.read()
        if sent:
            backend.last.stdout(sent)
        backend.last.close()
        assert len(results) == 1
        assert calling.figures() == figures(requests=1, failures=1)

    def test_givenUp(self) -> None:
        """
        A request that the caller cancelled, or whose response was aborted, has not failed; nor has
        one that could never be made.
        """
        backend = Backend()
        calling = client(backend)
        cancelled = calling.request(GET)
        outcome(cancelled)
        cancelled.cancel()
        result = outcome(calling.request(GET))
        backend.last.read()
        backend.last.stdout(HEAD)
        result[0].abort()
        outcome(calling.request({"NO=NAME": "1"}))
        backend.settle()
        assert calling.figures().failures == 0
