"""
The bodies of requests.
"""

from __future__ import annotations

import gc
import io
from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock, Cooperator
from twisted.web.client import FileBodyProducer

from tests.producers import Producer, pieces
from txfcgi.errors import (
    BodyTooLarge,
    InvalidParam,
    InvalidRequest,
    LengthRequired,
    Overloaded,
    RequestBodyMismatch,
    RequestSentInPart,
)

from .backends import GET, HEAD, NO_RETRY, POST, Backend, client, outcome


class TestBodies:
    """
    Requests with a body.
    """

    @pytest.mark.parametrize("size", [0, 5, 16_384, 16_385, 1_000_000])
    def test_bytes(self, size: int) -> None:
        """
        Bytes of any size; CONTENT_LENGTH is set.
        """
        backend = Backend()
        result = outcome(client(backend).request(POST, b"x" * size))
        request = backend.last.request()
        assert request.params["CONTENT_LENGTH"] == str(size)
        while not backend.last.input()[1]:
            backend.last.transport.producer.resumeProducing()
        assert backend.last.input() == (b"x" * size, True)
        backend.last.answer()
        assert result[0].code == 200

    def test_producer(self) -> None:
        """
        An IBodyProducer of known length is sent as it comes.
        """
        backend = Backend()
        producer = Producer(5)
        result = outcome(client(backend).request(POST, producer))
        assert backend.last.request().params["CONTENT_LENGTH"] == "5"
        producer.consumer.write(b"ab")
        assert backend.last.input() == (b"ab", False)
        producer.consumer.write(b"cde")
        producer.finished.callback(None)
        assert backend.last.input() == (b"abcde", True)
        backend.last.answer()
        assert result[0].code == 200

    def test_backpressure(self) -> None:
        """
        A producer is paused while the back end does not take what there is.
        """
        backend = Backend()
        producer = Producer(1000)
        outcome(client(backend).request(POST, producer))
        backend.last.transport.producer.pauseProducing()
        producer.consumer.write(b"ab")
        assert producer.calls == ["start", "pause"]
        backend.last.transport.producer.resumeProducing()
        assert producer.calls == ["start", "pause", "resume"]

    def test_mismatch(self) -> None:
        """
        A body that is longer or shorter than it said ends the request, and the connection.
        """
        for size in (4, 6):
            backend = Backend()
            producer = Producer(5)
            result = outcome(client(backend).request(POST, producer))
            try:
                producer.consumer.write(bytes(size))
            except RequestBodyMismatch as mismatch:
                producer.finished.errback(mismatch)
            else:
                producer.finished.callback(None)
            (error,) = result
            assert isinstance(error, RequestSentInPart)
            assert isinstance(error.reason, RequestBodyMismatch)
            assert backend.last.transport.aborted

    def test_sourceFails(self) -> None:
        """
        A body whose source fails.
        """
        backend = Backend()
        producer = Producer(5)
        result = outcome(client(backend).request(POST, producer))
        producer.finished.errback(ZeroDivisionError())
        assert isinstance(result[0], RequestSentInPart)
        assert isinstance(result[0].reason, ZeroDivisionError)
        assert backend.last.transport.aborted

    def test_answerBeforeTheBody(self) -> None:
        """
        An answer that does not wait for the whole body is an answer; the rest is not sent, and the
        connection not used again.
        """
        backend = Backend()
        calling = client(backend)
        producer = Producer(5)
        result = outcome(calling.request(POST, producer))
        producer.consumer.write(b"ab")
        backend.last.answer(head=b"Status: 413\r\n\r\n")
        assert result[0].code == 413
        assert "stop" in producer.calls
        assert backend.last.transport.disconnecting
        assert calling.pool.idle == 0

    def test_connectionLostInBody(self) -> None:
        """
        A connection that is lost while the body is being sent.
        """
        backend = Backend()
        producer = Producer(5)
        result = outcome(client(backend).request(POST, producer))
        backend.last.close()
        assert isinstance(result[0], RequestSentInPart)
        assert "stop" in producer.calls

    def test_connectionLostBeforeItWasSent(self) -> None:
        """
        A connection that is lost while the request waits to be taken by the socket.
        """
        backend = Backend()
        calling = client(backend, retry=NO_RETRY)
        outcome(calling.request(GET))
        backend.last.answer()
        backend.last.transport.producer.pauseProducing()
        result = outcome(calling.request(GET))
        backend.last.close()
        assert isinstance(result[0], RequestSentInPart)

    def test_unknownLength(self) -> None:
        """
        A body of unknown length is spooled before it is sent.
        """
        backend = Backend()
        result = outcome(client(backend).request(POST, pieces(b"ab", b"cde")))
        assert backend.last.request().params["CONTENT_LENGTH"] == "5"
        assert backend.last.input() == (b"abcde", True)
        backend.last.answer()
        assert result[0].code == 200

    def test_spooledToFile(self) -> None:
        """
        What is large is spooled to a file.
        """
        backend = Backend()
        result = outcome(client(backend, spoolMemory=10).request(POST, [b"abcdef", b"ghijkl"]))
        assert backend.last.request().params["CONTENT_LENGTH"] == "12"
        assert backend.last.input() == (b"abcdefghijkl", True)
        backend.last.answer()
        assert result[0].code == 200

    def test_spoolLimit(self) -> None:
        """
        Only so much is spooled.
        """
        backend = Backend()
        (error,) = outcome(client(backend, spoolBytes=10).request(POST, [bytes(11)]))
        assert isinstance(error, BodyTooLarge)
        assert backend.connections == []

    def test_spooledTogether(self) -> None:
        """
        All bodies that are spooled at once have one limit, and each counts until it is gone.
        """
        backend = Backend()
        caller = client(backend, spoolTotalBytes=20, spoolMemory=5)
        first = outcome(caller.request(POST, [bytes(12)]))
        (error,) = outcome(caller.request(POST, [bytes(9)]))
        assert isinstance(error, Overloaded)
        assert len(backend.connections) == 1
        backend.last.answer()
        assert first.pop().code == 200
        gc.collect()
        again = outcome(caller.request(POST, [bytes(20)]))
        backend.last.answer()
        assert again[0].code == 200

    def test_spooledProducers(self) -> None:
        """
        Producers are spooled too, those that want to be asked among them.
        """
        backend = Backend()
        producer = Producer()
        result = outcome(client(backend).request(POST, producer))
        producer.consumer.write(b"ab")
        assert backend.connections == []
        producer.finished.callback(None)
        assert backend.last.input() == (b"ab", True)
        assert result == []

    def test_largeSpool(self) -> None:
        """
        Collecting much lets other work go on.
        """
        clock = Clock()
        backend = Backend()
        body = [bytes(600_000)] * 4
        outcome(client(backend, clock=clock).request(POST, body))
        assert backend.connections == []
        clock.pump([0] * 5)
        assert backend.last.request().params["CONTENT_LENGTH"] == "2400000"

    def test_cancelledWhileResting(self) -> None:
        """
        And it can be given up then.
        """
        clock = Clock()
        asked = client(Backend(), clock=clock).request(POST, [bytes(600_000)] * 4)
        result = outcome(asked)
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert clock.getDelayedCalls() == []

    def test_stream(self) -> None:
        """
        A body of unknown length can be sent as it comes, without CONTENT_LENGTH.
        """
        backend = Backend()
        producer = Producer()
        outcome(client(backend, unknownLength="stream").request(POST, producer))
        assert "CONTENT_LENGTH" not in backend.last.request().params
        producer.consumer.write(b"ab")
        assert backend.last.input() == (b"ab", False)

    def test_refuse(self) -> None:
        """
        Or be refused.
        """
        backend = Backend()
        (error,) = outcome(client(backend, unknownLength="refuse").request(POST, pieces(b"a")))
        assert isinstance(error, LengthRequired)

    def test_declared(self) -> None:
        """
        CONTENT_LENGTH among the params is the length of a body that does not know its own.
        """
        backend = Backend()
        params = {**POST, "CONTENT_LENGTH": "2"}
        result = outcome(client(backend).request(params, pieces(b"ab")))
        assert backend.last.input() == (b"ab", True)
        assert result == []
        for wrong in (b"abc", None):
            (error,) = outcome(client(backend).request(params, wrong))
            assert isinstance(error, RequestBodyMismatch)

    def test_passedOn(self) -> None:
        """
        The body of a response is a request's body.
        """
        first, second = Backend(), Backend()
        result = outcome(client(first).request(GET))
        first.last.read()
        first.last.stdout(HEAD + b"a")
        options: dict[str, Any] = {"unknownLength": "stream"}
        outcome(client(second, **options).request(POST, result[0].stdout))
        second.last.request()
        first.last.stdout(b"b")
        first.last.end()
        assert second.last.input() == (b"ab", True)

    def test_file(self) -> None:
        """
        A FileBodyProducer, as treq makes them.
        """
        clock = Clock()
        backend = Backend()
        cooperator = Cooperator(scheduler=lambda call: clock.callLater(0.1, call))
        producer = FileBodyProducer(io.BytesIO(b"abc"), cooperator)
        outcome(client(backend, clock=clock).request(POST, producer))
        clock.pump([0.1] * 5)
        assert backend.last.input() == (b"abc", True)

    @pytest.mark.parametrize("wrong", ["text", 5, {"a": 1}], ids=["text", "a number", "a mapping"])
    def test_noBody(self, wrong: Any) -> None:
        """
        What is no body.
        """
        (error,) = outcome(client(Backend()).request(POST, wrong))
        assert isinstance(error, InvalidRequest)

    def test_badParams(self) -> None:
        """
        Params that can't be sent cost nothing but their request.
        """
        backend = Backend()
        calling = client(backend)
        for wrong, body in (
            ({"A": 1}, None),
            ({"A": 1}, b"x"),
            ({"A": "\ud800"}, None),
            ({"A": "\ud800"}, b"x"),
            (7, None),
            (7, b"x"),
        ):
            (error,) = outcome(calling.request(wrong, body))  # type: ignore[arg-type]
            assert isinstance(error, InvalidParam)
        result = outcome(calling.request([("A", "1")]))
        backend.last.answer()
        assert result[0].code == 200
        assert len(backend.connections) == 1
