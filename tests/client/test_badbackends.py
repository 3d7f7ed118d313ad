"""
Back ends that break rules, or go away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.server.conversation import WebServer
from tests.wire.conversations import STDOUT, endRequest, record
from txfcgi import FastCGIServerFactory, Response
from txfcgi.errors import (
    BadResponse,
    BodyTooLong,
    BodyTooShort,
    BrokenOff,
    CantMultiplex,
    EmptyResponse,
    EndedTwice,
    HeadTooLarge,
    InactiveRequestID,
    IncompleteHead,
    MalformedHead,
    NoResponse,
    NotFastCGI,
    Overloaded,
    RemoteProtocolError,
    RequestFailed,
    RequestRefused,
    ResponseCutOff,
    UnknownRole,
    UnsupportedVersion,
)

from .backends import GET, HEAD, Backend, client, outcome


class Broken:
    """
    A wire with a bug.
    """

    def receiveResponse(self, data: bytes) -> None:
        """
        Leave it to C{receive}.
        """

    def receive(self, data: bytes) -> None:
        """
        Run into the bug.
        """
        raise ZeroDivisionError


class TestBadBackends:
    """
    Back ends that don't do what they should: one reason for each, and the connection is closed.
    """

    @pytest.mark.parametrize(
        ("pieces", "kind", "reason"),
        [
            ([b"HTTP/1.1 200 OK\r\n\r\n"], BadResponse, NotFastCGI),
            ([b"\xffgarbage"], BadResponse, UnsupportedVersion),
            ([record(STDOUT, 1, b"Content-Ty") + endRequest(1)], BadResponse, IncompleteHead),
            ([record(STDOUT, 1, b"nothing like it\r\n\r\n")], BadResponse, MalformedHead),
            ([record(STDOUT, 1, b"\r\nno head")], BadResponse, MalformedHead),
            ([record(STDOUT, 1, b"X-Long: " + b"x" * 60000)] * 2, BadResponse, HeadTooLarge),
            ([record(STDOUT, 2, HEAD)], BadResponse, InactiveRequestID),
            ([endRequest(1)], BadResponse, EmptyResponse),
            ([record(STDOUT, 1, b"Content-Length: 1\r\n\r\nab")], BadResponse, BodyTooLong),
            (
                [record(STDOUT, 1, b"Content-Length: 3\r\n\r\nab") + endRequest(1)],
                ResponseCutOff,
                BodyTooShort,
            ),
            ([record(STDOUT, 1, b"Content-Ty") + bytes(8)], ResponseCutOff, BrokenOff),
            ([record(STDOUT, 1, b"Content-Ty"), bytes(5), bytes(3)], ResponseCutOff, BrokenOff),
            ([bytes(8)], BadResponse, UnsupportedVersion),
            ([endRequest(1, 0, 2)], RequestRefused, Overloaded),
            ([endRequest(1, 0, 3)], RequestRefused, UnknownRole),
            ([endRequest(1, 0, 1)], RequestRefused, CantMultiplex),
            ([endRequest(1, 0, 99)], RequestRefused, RemoteProtocolError),
        ],
        ids=lambda value: value.__name__ if isinstance(value, type) else "",
    )
    def test_badAnswer(
        self, pieces: list[bytes], kind: type[RequestFailed], reason: type[Exception]
    ) -> None:
        """
        The error tells what happened.
        """
        backend = Backend()
        calling = client(backend)
        result = outcome(calling.request(GET))
        backend.last.read()
        for piece in pieces:
            backend.last.send(piece)
        (error,) = result
        assert type(error) is kind
        assert type(error.reason) is reason
        assert error.code == (503 if reason is Overloaded else 502)
        assert not error.timedOut
        kept = kind is RequestRefused
        assert calling.pool.idle == int(kept)
        assert backend.last.transport.disconnecting is not kept
        backend.settle()
        assert calling.pool.connections == int(kept)

    def test_brokenOff(self, flushLoggedErrors: Callable[..., Any]) -> None:
        """
        An app of txfcgi's own fails in the middle of its response: that is not called the breach of
        a rule.
        """

        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            raise ZeroDivisionError

        factory = FastCGIServerFactory(lambda _: Response(200, {}, pieces()), clock=Clock())
        server = WebServer(factory)
        backend = Backend()
        result = outcome(client(backend).request(GET))
        server.sendBytes(backend.last.transport.value())
        messages: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            messages.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        try:
            backend.last.send(server.transport.value())
        finally:
            globalLogPublisher.removeObserver(observe)
        (error,) = result
        flushLoggedErrors(ZeroDivisionError)
        assert type(error) is ResponseCutOff
        assert str(error) == "Backend: the back end broke off its response: its application failed"
        assert any("broke off its response" in each for each in messages)
        assert not any("broke a rule" in each for each in messages)

    def test_badAnswerWhole(self) -> None:
        """
        An answer that is bad, and ends in the same moment: the next request has another connection.
        """
        for output in (
            b"nothing like it\r\n\r\n",
            b"Content-Length: 1\r\n\r\nab",
            b"Content-Length: 3\r\n\r\nab",
            b"Content-Ty",
        ):
            backend = Backend()
            calling = client(backend)
            result = outcome(calling.request(GET))
            backend.last.answer(b"", head=output)
            assert isinstance(result[0], RequestFailed)
            following = outcome(calling.request(GET))
            backend.last.answer()
            assert following[0].code == 200
            assert len(backend.connections) == 2

    def test_tooLongLater(self) -> None:
        """
        More than its Content-Length after the response was handed over: its reader gets the error.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(b"Content-Length: 2\r\n\r\na")
        content = outcome(result[0].content())
        backend.last.stdout(b"bc")
        assert isinstance(content[0], BadResponse)
        assert isinstance(content[0].reason, BodyTooLong)
        assert backend.last.transport.aborted

    def test_tooShortLater(self) -> None:
        """
        The same for less.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(b"Content-Length: 2\r\n\r\na")
        content = outcome(result[0].content())
        backend.last.end()
        assert isinstance(content[0], ResponseCutOff)
        assert isinstance(content[0].reason, BodyTooShort)
        assert backend.last.transport.disconnecting

    def test_endedTwice(self) -> None:
        """
        A second END_REQUEST takes nothing from the response, but the connection is not used again.
        """
        backend = Backend()
        calling = client(backend)
        result = outcome(calling.request(GET))
        backend.last.read()
        backend.last.send(record(STDOUT, 1, HEAD + b"x") + endRequest(1) * 2)
        assert outcome(result[0].content()) == [b"x"]
        assert backend.last.transport.aborted
        assert isinstance(backend.last.protocol._wire.failed, EndedTwice)  # type: ignore[attr-defined]
        assert calling.pool.idle == 0

    def test_unasked(self) -> None:
        """
        An idle connection on which something comes is closed.
        """
        backend = Backend()
        calling = client(backend)
        outcome(calling.request(GET))
        backend.last.answer()
        backend.last.send(b"\x01\x06")
        backend.last.send(record(STDOUT, 1, b"again")[2:])
        assert backend.last.transport.aborted
        assert calling.pool.idle == 0

    def test_statuses(self) -> None:
        """
        Errors carry the statuses and the stderr.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stderr(b"out of memory")
        backend.last.end(appStatus=137)
        (error,) = result
        assert (error.appStatus, error.protocolStatus) == (137, 0)
        assert error.stderr == b"out of memory"

    @pytest.mark.parametrize(
        ("sent", "kind"),
        [
            (b"", NoResponse),
            (record(STDOUT, 1, b"Content-Type"), ResponseCutOff),
            (record(7, 1, b"dying"), ResponseCutOff),
            (record(STDOUT, 1, HEAD)[:-1], ResponseCutOff),
        ],
        ids=["nothing", "half a head", "stderr alone", "half a record"],
    )
    def test_closed(self, sent: bytes, kind: type[RequestFailed]) -> None:
        """
        A back end that goes away before the head is complete.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.send(sent)
        backend.last.close()
        (error,) = result
        assert type(error) is kind
        assert isinstance(error.reason, ConnectionDone)
        assert str(error)

    def test_closedInBody(self) -> None:
        """
        A response that ends without END_REQUEST is not whole.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + b"a")
        content = outcome(result[0].content())
        backend.last.close()
        assert isinstance(content[0], ResponseCutOff)

    def test_ourMistake(
        self, monkeypatch: pytest.MonkeyPatch, flushLoggedErrors: Callable[..., list[Failure]]
    ) -> None:
        """
        A bug in the wire is logged, and costs the connection.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))

        connection: Any = backend.last.protocol
        connection._wire = Broken()
        backend.last.send(b"x")
        assert isinstance(result[0], BadResponse)
        assert len(flushLoggedErrors(ZeroDivisionError)) == 1


class TestBadNeighbours:
    """
    A connection that goes wrong.
    """

    @pytest.mark.parametrize(
        "data",
        [
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\xffgarbage",
            record(99, 1),
            record(STDOUT, 7, b"x"),
            record(STDOUT, 1, b"X: " + b"x" * 65532) * 2,
            record(STDOUT, 1, b"Content-Ty") + endRequest(1),
            record(STDOUT, 1, b"Content-Length: 1\r\n\r\nab"),
            record(STDOUT, 1, b"Content-Length: 3\r\n\r\nab") + endRequest(1),
            endRequest(1),
        ],
        ids=[
            "HTTP",
            "garbage",
            "unknown type",
            "id of nobody",
            "endless head",
            "half a head",
            "too long",
            "too short",
            "empty",
        ],
    )
    def test_othersGoOn(self, data: bytes) -> None:
        """
        It takes its own request with it, and no other; those that wait are served.
        """
        backend = Backend()
        calling = client(backend, maxConnections=2)
        bad, good, waiting = (outcome(calling.request(GET)) for _ in range(3))
        backend.connections[0].send(data)
        assert isinstance(bad[0], RequestFailed)
        backend.settle()
        backend.connections[1].answer()
        backend.connections[2].answer()
        assert [good[0].code, waiting[0].code] == [200, 200]
