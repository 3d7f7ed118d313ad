"""
Requests that are given up, and those that are under way together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, gatherResults, race

from tests.producers import Producer, Silent
from tests.streams.reading import Sink
from txfcgi.client.response import ClientResponse
from txfcgi.errors import ResponseCutOff

from .backends import GET, HEAD, POST, Backend, client, outcome


async def loop(response: ClientResponse) -> None:
    """
    Read a response piece by piece.
    """
    async for _ in response.stdout:
        pass


class Failing(Sink):
    """
    A consumer that fails.
    """

    def write(self, data: bytes) -> None:
        """
        Fail.
        """
        raise ZeroDivisionError


class TestCancelling:
    """
    Callers that change their minds.
    """

    def test_alone(self) -> None:
        """
        A request that has its connection to itself: the connection is closed.
        """
        backend = Backend()
        asked = client(backend).request(GET)
        result = outcome(asked)
        backend.last.read()
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert backend.last.transport.aborted

    def test_withBody(self) -> None:
        """
        A request whose body is being sent.
        """
        backend = Backend()
        producer = Producer(5)
        asked = client(backend).request(POST, producer)
        result = outcome(asked)
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert "stop" in producer.calls
        assert backend.last.transport.aborted

    def test_whileSpooling(self) -> None:
        """
        A request whose body is being collected.
        """
        producer = Producer()
        asked = client(Backend()).request(POST, producer)
        result = outcome(asked)
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert producer.calls == ["start", "stop"]

    @pytest.mark.parametrize("unknownLength", ["spool", "stream"])
    def test_silentSource(self, unknownLength: Any) -> None:
        """
        A request whose body has nothing more to say, be it collected or sent as it comes.
        """
        silent = Silent()
        asked = client(Backend(), unknownLength=unknownLength).request(POST, silent.pieces())
        result = outcome(asked)
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert silent.cancelled

    def test_afterTheHead(self) -> None:
        """
        The rest of a response can be done without, once or twice.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD)
        content = outcome(result[0].content())
        result[0].abort()
        result[0].abort()
        assert isinstance(content[0], ResponseCutOff)
        assert backend.last.transport.aborted

    @pytest.mark.parametrize(
        "read",
        [
            ClientResponse.content,
            ClientResponse.text,
            lambda response: response.stdout.read(),
            lambda response: response.stdout.read(10),
            lambda response: response.stdout.readExactly(10),
            lambda response: response.stdout.readline(),
            lambda response: response.stdout.deliverTo(Sink()),
            lambda response: response.collect(bytes),
            lambda response: Deferred.fromCoroutine(loop(response)),
        ],
        ids=[
            "content",
            "text",
            "read all",
            "read some",
            "readExactly",
            "readline",
            "deliverTo",
            "collect",
            "async for",
        ],
    )
    def test_reading(self, read: Callable[[ClientResponse], Deferred[Any]]) -> None:
        """
        A read of a response: the response is aborted, and its connection is free at once.
        """
        backend = Backend()
        calling = client(backend, maxConnections=1)
        result = outcome(calling.request(GET))
        backend.last.read()
        backend.last.stdout(HEAD)
        reading = read(result[0])
        became = outcome(reading)
        reading.cancel()
        assert isinstance(became[0], CancelledError)
        assert backend.last.transport.aborted
        backend.settle()
        assert calling.figures().open == 0
        calling.request(GET)
        assert len(backend.connections) == 2

    def test_readingShared(self) -> None:
        """
        A read of a response on a shared connection: only its own request is aborted.
        """
        backend = Backend()
        calling = client(backend, maxConnections=1, multiplex=True)
        results = [outcome(calling.request(GET)) for _ in range(2)]
        backend.last.read()
        for requestID in (1, 2):
            backend.last.stdout(HEAD, requestID)
        results[0][0].content().addErrback(lambda _: None).cancel()
        assert backend.last.aborts() == [1]
        content = outcome(results[1][0].content())
        backend.last.end(2)
        assert content == [b""]

    def test_consumerFails(self) -> None:
        """
        A consumer that fails at a piece of a response.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD)
        delivered = outcome(result[0].stdout.deliverTo(Failing()))
        backend.last.stdout(b"piece")
        assert isinstance(delivered[0], ZeroDivisionError)
        assert backend.last.transport.aborted

    @pytest.mark.parametrize("sent", [b"", b"first"])
    def test_relayed(self, sent: bytes) -> None:
        """
        A request whose body is another response, which is aborted with it.
        """
        source, backend = Backend(), Backend()
        result = outcome(client(source).request(GET))
        source.last.read()
        source.last.stdout(HEAD + sent)
        asked = client(backend, unknownLength="stream").request(POST, result[0].stdout)
        outcome(asked)
        asked.cancel()
        assert source.last.transport.aborted


class TestSeveral:
    """
    Requests that are under way together.
    """

    def test_first(self) -> None:
        """
        The first answer is enough: the others are given up.
        """
        backend = Backend()
        calling = client(backend)
        first = outcome(race([calling.request(GET) for _ in range(3)]))
        backend.connections[1].answer(b"fast")
        ((index, response),) = first
        assert (index, outcome(response.content())) == (1, [b"fast"])
        aborted = [connection.transport.aborted for connection in backend.connections]
        assert aborted == [True, False, True]
        backend.settle()
        assert calling.pool.connections == 1

    def test_all(self) -> None:
        """
        Each has callbacks of its own, in the order of the answers; and all can be waited for.
        """
        backend = Backend()
        calling = client(backend)
        order: list[bytes] = []
        asked = [
            calling.request(GET).addCallback(lambda each: each.content()).addCallback(order.append)
            for _ in range(3)
        ]
        done = outcome(gatherResults(asked))
        for number in (2, 0, 1):
            assert done == []
            backend.connections[number].answer(b"%d" % number)
        assert order == [b"2", b"0", b"1"]
        assert done == [[None] * 3]
