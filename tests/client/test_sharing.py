"""
Several requests on one connection.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from tests.producers import Producer
from tests.wire.conversations import pair, record
from txfcgi.errors import (
    BackendTimedOut,
    CantMultiplex,
    ClientClosed,
    NoResponse,
    RequestFailed,
    RequestNotSent,
    RequestRefused,
)

from .backends import GET, POST, Backend, client, outcome


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

    def test_lostPosts(self) -> None:
        """
        Those on a kept connection that may be carried out twice are made again, the others not.
        """
        backend = Backend()
        calling = client(backend, multiplex=True)
        outcome(calling.request(GET))
        backend.last.answer()
        get, post = outcome(calling.request(GET)), outcome(calling.request(POST))
        backend.last.close()
        assert isinstance(post[0], NoResponse)
        assert post[0].mayHaveRun
        backend.last.answer()
        assert get[0].code == 200
        assert len(backend.connections) == 2

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

    @pytest.mark.parametrize(("said", "shared"), [(b"1", 1), (b"0", 2)], ids=["can", "can't"])
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
