"""
Single requests: what is sent, and what becomes of what comes back.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
import treq
from twisted.internet.defer import CancelledError, Deferred, gatherResults, race, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock, Cooperator
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer, ResponseDone
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from zope.interface.verify import verifyObject

from tests.producers import Producer
from tests.wire.conversations import STDOUT, endRequest, record
from txfcgi.client.bare import FastCGIClientFactory, FastCGIClientProtocol
from txfcgi.client.options import ClientOptions
from txfcgi.errors import (
    AlreadyReading,
    BadResponse,
    BodyTooLarge,
    BodyTooLong,
    BodyTooShort,
    CantMultiplex,
    ClientClosed,
    EmptyResponse,
    EndedTwice,
    HeadTooLarge,
    InactiveRequestID,
    IncompleteHead,
    InvalidParam,
    InvalidRequest,
    LengthRequired,
    MalformedHead,
    NoResponse,
    NotFastCGI,
    Overloaded,
    PoolFull,
    ReadTooLarge,
    RemoteProtocolError,
    RequestAborted,
    RequestBodyMismatch,
    RequestFailed,
    RequestNotSent,
    RequestRefused,
    RequestSentInPart,
    ResponseCutOff,
    UnknownRole,
    UnsupportedVersion,
)
from txfcgi.wire.events import StreamEnded
from txfcgi.wire.records import Role, Stream

from .backends import GET, HEAD, NO_RETRY, POST, Backend, client, outcome


class TestResponses:
    """
    Responses that are what they should be.
    """

    def test_whole(self) -> None:
        """
        A response that comes in one piece is there with all that belongs to it.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        request = backend.last.request()
        assert request.params["SCRIPT_NAME"] == "/hello"
        assert request.keepConnection
        assert request.role == Role.RESPONDER
        backend.last.answer(
            head=b"Status: 201 Made\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 5\r\n\r\n"
        )
        (response,) = result
        assert (response.code, response.phrase, response.length) == (201, b"Made", 5)
        assert response.headers.getRawHeaders("x-a") == ["1", "2"]
        assert (response.applicationStatus, response.protocolStatus) == (0, 0)
        assert response.stderr == b""
        assert response.context == {}
        assert outcome(response.content()) == [b"hello"]
        assert "201" in repr(response)

    def test_streams(self) -> None:
        """
        The response is there with its head; the body follows, and the statuses at the end.
        """
        backend = Backend()
        context = {"mine": 1}
        result = outcome(client(backend).request(GET, context=context))
        backend.last.read()
        backend.last.stdout(HEAD[:10])
        assert result == []
        backend.last.stdout(HEAD[10:] + b"a")
        (response,) = result
        assert (response.code, response.phrase, response.length) == (200, b"OK", UNKNOWN_LENGTH)
        assert response.applicationStatus is None
        assert response.protocolStatus is None
        assert response.context is context
        content = outcome(response.content())
        backend.last.stdout(b"b")
        assert content == []
        backend.last.end(appStatus=3)
        assert content == [b"ab"]
        assert response.applicationStatus == 3

    def test_pieces(self) -> None:
        """
        A body can be read piece by piece, as it comes.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD)
        (response,) = result
        pieces: list[bytes] = []
        size = outcome(response.collect(pieces.append))
        backend.last.stdout(b"a")
        assert pieces == [b"a"]
        backend.last.stdout(b"bc")
        backend.last.end()
        assert (pieces, size) == ([b"a", b"bc"], [3])

    def test_collectorFails(self) -> None:
        """
        A collector that raises wants no more.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + b"a")

        def collector(data: bytes) -> None:
            raise ZeroDivisionError

        (error,) = outcome(result[0].collect(collector))
        assert isinstance(error, ZeroDivisionError)
        assert backend.last.transport.aborted

    @pytest.mark.parametrize(
        ("kind", "body", "text"),
        [
            (b"text/plain; charset=latin-1", b"\xfc", "\xfc"),
            (b'text/plain; x=y; charset="latin-1"', b"\xfc", "\xfc"),
            (b"text/plain", b"\xc3\xbc", "\xfc"),
        ],
    )
    def test_text(self, kind: bytes, body: bytes, text: str) -> None:
        """
        A body as text, in its own encoding.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.answer(body, head=b"Content-Type: " + kind + b"\r\n\r\n")
        assert outcome(result[0].text()) == [text]

    def test_interim(self) -> None:
        """
        Interim responses are passed over (statement of CGI heads, 1xx).
        """
        for cut in (0, 1):
            backend = Backend()
            result = outcome(client(backend).request(GET))
            backend.last.read()
            interim = b"Status: 103 Early Hints\r\nLink: </a>\r\n\r\n"
            if cut:
                backend.last.stdout(interim)
                assert result == []
                backend.last.stdout(interim + HEAD + b"x")
            else:
                backend.last.stdout(interim + interim + HEAD + b"x")
            backend.last.end()
            assert outcome(result[0].content()) == [b"x"]

    @pytest.mark.parametrize(
        ("method", "head"),
        [
            ("HEAD", HEAD),
            ("HEAD", b"Content-Length: 10\r\n\r\n"),
            ("GET", b"Status: 304\r\nContent-Length: 10\r\n\r\n"),
            ("GET", b"Status: 204\r\n\r\n"),
        ],
    )
    @pytest.mark.parametrize("body", [b"", b"unwanted"])
    def test_noBody(self, method: str, head: bytes, body: bytes) -> None:
        """
        Some responses have no body, whatever comes (statement 45).
        """
        backend = Backend()
        result = outcome(client(backend).request({**GET, "REQUEST_METHOD": method}))
        backend.last.answer(body, head=head)
        assert outcome(result[0].content()) == [b""]
        assert result[0].length == 0

    def test_IResponse(self) -> None:
        """
        A response can be used as a response of twisted.web's Agent.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + b"a")
        (response,) = result
        assert verifyObject(IResponse, response)
        content = outcome(treq.content(response))
        backend.last.stdout(b"b")
        backend.last.end()
        assert content == [b"ab"]
        response.setPreviousResponse(response)
        assert response.previousResponse is response
        headers = response.headers.copy()
        response.headers = headers
        assert response.headers is headers

    def test_deliverBody(self) -> None:
        """
        A body goes to a protocol, which may pause it; it has one reader.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + b"a")
        reader = Reader()
        result[0].deliverBody(reader)
        assert reader.data == [b"a"]
        reader.transport.pauseProducing()
        backend.last.stdout(b"b")
        backend.last.stdout(b"c")
        assert reader.data == [b"a"]
        reader.transport.resumeProducing()
        assert reader.data == [b"a", b"b", b"c"]
        with pytest.raises(AlreadyReading):
            result[0].deliverBody(reader)
        backend.last.end()
        assert reader.reason is not None
        assert reader.reason.check(ResponseDone)

    def test_deliverBodyPausedAtOnce(self) -> None:
        """
        A protocol may pause before it gets anything.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.answer(b"a")
        reader = Reader(pauses=True)
        result[0].deliverBody(reader)
        reader.transport.resumeProducing()
        assert reader.data == [b"a"]

    @pytest.mark.parametrize("how", ["stopProducing", "loseConnection", "abortConnection"])
    def test_deliverBodyStopped(self, how: str) -> None:
        """
        A protocol that wants no more; the connection is closed.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + b"a")
        reader = Reader()
        result[0].deliverBody(reader)
        getattr(reader.transport, how)()
        assert reader.reason is not None
        assert reader.reason.check(ResponseCutOff)
        assert backend.last.transport.aborted

    def test_unwantedStream(self) -> None:
        """
        A consumer that stops reading the stream itself; what comes then gives the request up.
        """
        backend = Backend()
        result = outcome(client(backend).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + b"a")
        consumer: Any = StringTransport()
        delivered = outcome(result[0].stdout.deliverTo(consumer))
        consumer.producer.stopProducing()
        assert isinstance(delivered[0], RequestAborted)
        backend.last.stdout(b"more")
        assert backend.last.transport.aborted

    def test_execute(self) -> None:
        """
        The raw output, whatever it is.
        """
        backend = Backend()
        result = outcome(client(backend).execute(GET))
        backend.last.read()
        backend.last.stdout(b"no he")
        backend.last.stderr(b"oh")
        backend.last.stdout(b"ad")
        assert result == []
        backend.last.end(appStatus=7)
        (got,) = result
        assert (got.stdout, got.stderr) == (b"no head", b"oh")
        assert (got.applicationStatus, got.protocolStatus) == (7, 0)

    def test_executeTooMuch(self) -> None:
        """
        Only so much is collected.
        """
        backend = Backend()
        result = outcome(client(backend, collectBytes=10).execute(GET))
        backend.last.read()
        backend.last.stdout(bytes(11))
        assert isinstance(result[0], ResponseCutOff)
        assert isinstance(result[0].reason, ReadTooLarge)
        assert backend.last.transport.aborted

    def test_contentTooMuch(self) -> None:
        """
        Only so much is collected.
        """
        backend = Backend()
        result = outcome(client(backend, collectBytes=10).request(GET))
        backend.last.read()
        backend.last.stdout(HEAD + bytes(11))
        assert isinstance(outcome(result[0].content())[0], ReadTooLarge)


class Reader(Protocol):
    """
    A protocol to deliver a body to.
    """

    transport: Any

    def __init__(self, pauses: bool = False) -> None:
        self.data: list[bytes] = []
        self.reason: Failure | None = None
        self._pauses = pauses

    def connectionMade(self) -> None:
        """
        It begins.
        """
        if self._pauses:
            self.transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        """
        A piece.
        """
        self.data.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The end.
        """
        self.reason = reason


class TestStderr:
    """
    What back ends write to their stderr.
    """

    def logged(self, appStatus: int = 0, head: bytes = HEAD, **options: Any) -> list[LogEvent]:
        """
        What is logged of a request whose back end writes to its stderr.
        """
        events: list[LogEvent] = []
        observer = cast(ILogObserver, events.append)
        backend = Backend()
        globalLogPublisher.addObserver(observer)
        try:
            result = outcome(client(backend, **options).request(GET))
            backend.last.read()
            backend.last.stderr(b"first\x1b[0m\r\n")
            backend.last.stderr(b"second \xff")
            backend.last.stdout(head)
            backend.last.end(appStatus=appStatus)
        finally:
            globalLogPublisher.removeObserver(observer)
        assert len(result) == 1
        return [event for event in events if "stderr" in event]

    def test_kept(self) -> None:
        """
        It is kept with the response, and its pieces are passed on.
        """
        pieces: list[tuple[bytes, dict[str, int]]] = []
        backend = Backend()
        options: dict[str, Any] = {"stderrBytes": 5, "logStderr": False}
        options["onStderr"] = lambda data, context: pieces.append((data, context))
        result = outcome(client(backend, **options).request(GET, context={"a": 1}))
        backend.last.read()
        for piece in (b"abc", b"def", b"ghi"):
            backend.last.stderr(piece)
        backend.last.answer()
        assert result[0].stderr == b"abcde"
        assert pieces == [(b"abc", {"a": 1}), (b"def", {"a": 1}), (b"ghi", {"a": 1})]
        execute = outcome(client(backend, **options).execute(GET))
        backend.last.stderr(b"abcdefg")
        backend.last.answer()
        assert execute[0].stderrDropped == 2

    def test_callbackFails(self, flushLoggedErrors: Callable[..., list[Failure]]) -> None:
        """
        A callback that fails is logged, and costs nothing else.
        """

        def onStderr(data: bytes, context: object) -> None:
            raise ZeroDivisionError

        assert len(self.logged(onStderr=onStderr)) == 1
        assert len(flushLoggedErrors(ZeroDivisionError)) == 2

    def test_logged(self) -> None:
        """
        It is logged, without what could drive a terminal or forge a line.
        """
        (event,) = self.logged()
        assert event["log_level"] is LogLevel.info
        assert event["stderr"] == r"'first\x1b[0m\r\nsecond \\xff'"

    def test_loggedAsError(self) -> None:
        """
        It is an error if the response is one, or the exit status.
        """
        (event,) = self.logged(head=b"Status: 500\r\n\r\n")
        assert event["log_level"] is LogLevel.error
        (event,) = self.logged(appStatus=1)
        assert event["log_level"] is LogLevel.error

    def test_loggedInPart(self) -> None:
        """
        What is too much is counted.
        """
        (event,) = self.logged(stderrBytes=4)
        assert (event["stderr"], event["more"]) == ("'firs'", " and 15 bytes more")

    def test_notLogged(self) -> None:
        """
        It can be left out of the log.
        """
        assert self.logged(logStderr=False) == []


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
            ([endRequest(1, 0, 2)], RequestRefused, Overloaded),
            ([endRequest(1, 0, 3)], RequestRefused, UnknownRole),
            ([endRequest(1, 0, 1)], RequestRefused, CantMultiplex),
            ([endRequest(1, 0, 99)], RequestRefused, RemoteProtocolError),
        ],
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
        A response that ends without END_REQUEST is not whole (row F17).
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

        def broken(data: bytes) -> None:
            raise ZeroDivisionError

        connection: Any = backend.last.protocol
        connection._wire = type(
            "Broken", (type(connection._wire),), {"receive": staticmethod(broken)}
        )()
        backend.last.send(b"x")
        assert isinstance(result[0], BadResponse)
        assert len(flushLoggedErrors(ZeroDivisionError)) == 1


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """
    An asynchronous iterable.
    """
    for piece in data:
        yield await succeed(piece)


class Silent:
    """
    A body that begins, and then has nothing more to say.

    @ivar cancelled: Whether it was told that nobody waits for it.
    """

    cancelled = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """
        Its pieces.
        """
        yield b"a"
        try:
            await Deferred()
        except CancelledError:
            self.cancelled = True
            raise


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

    @pytest.mark.parametrize("wrong", ["text", 5, {"a": 1}])
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
        for wrong, body in (({"A": 1}, None), ({"A": 1}, b"x"), (7, None), (7, b"x")):
            (error,) = outcome(calling.request(wrong, body))  # type: ignore[arg-type]
            assert isinstance(error, InvalidParam)
        result = outcome(calling.request([("A", "1")]))
        backend.last.answer()
        assert result[0].code == 200
        assert len(backend.connections) == 1


class TestRoles:
    """
    Authorizers and Filters.
    """

    def test_authorizer(self) -> None:
        """
        An Authorizer gets no body, nor the params that it must not have (statement 29).
        """
        backend = Backend()
        params = {**GET, "PATH_INFO": "/x", "CONTENT_LENGTH": "5", "REMOTE_USER": "me"}
        result = outcome(client(backend).authorize(params))
        request = backend.last.request()
        assert request.role == Role.AUTHORIZER
        assert dict(request.params) == {"REQUEST_METHOD": "GET", "REMOTE_USER": "me"}
        backend.last.answer(head=b"Status: 200\r\nVariable-A: 1\r\nX-B: 2\r\nvariable-C: 3\r\n\r\n")
        (authorization,) = result
        assert authorization.allowed
        assert authorization.variables == {"A": "1", "C": "3"}

    def test_denied(self) -> None:
        """
        Any other status is the browser's answer, and its variables count for nothing.
        """
        backend = Backend()
        result = outcome(client(backend).authorize(GET))
        backend.last.answer(b"no", head=b"Status: 403\r\nVariable-A: 1\r\n\r\n")
        (authorization,) = result
        assert not authorization.allowed
        assert authorization.variables == {}
        assert outcome(authorization.response.content()) == [b"no"]

    def test_authorizerEnds(self) -> None:
        """
        A yes counts when the request has ended well: not while it runs, and not if it fails. What
        else there is of the answer means nothing.
        """
        backend = Backend()
        calling = client(backend)
        yes = b"Status: 200\r\nVariable-A: 1\r\n\r\nwelcome"
        refused = outcome(calling.authorize(GET))
        backend.last.read()
        backend.last.stdout(yes)
        assert refused == []
        backend.last.end(protocolStatus=2)
        assert isinstance(refused[0], RequestRefused)
        cut = outcome(calling.authorize(GET))
        backend.last.stdout(yes)
        backend.last.close()
        assert isinstance(cut[0], ResponseCutOff)
        allowed = outcome(calling.authorize(GET))
        backend.last.read()
        backend.last.stdout(yes)
        backend.last.stdout(b" and more")
        backend.last.end()
        assert allowed[0].allowed
        assert allowed[0].variables == {"A": "1"}

    def test_halfAYes(self) -> None:
        """
        Nothing is allowed before the Authorizer is done, nor if its answer is cut off.
        """
        for streamed in (b"", bytes(100)):
            backend = Backend()
            result = outcome(client(backend, streamBytes=10).authorize(GET))
            backend.last.read()
            backend.last.stdout(b"Status: 200\r\nVariable-A: 1\r\n\r\n" + streamed)
            assert result == []
            assert backend.last.transport.producerState == "producing"
            backend.last.close()
            assert isinstance(result[0], ResponseCutOff)
        backend = Backend()
        asked = client(backend).authorize(GET)
        result = outcome(asked)
        backend.last.read()
        backend.last.stdout(b"Status: 200\r\n\r\n")
        asked.cancel()
        assert isinstance(result[0], CancelledError)
        assert backend.last.transport.aborted

    def test_filter(self) -> None:
        """
        A Filter gets its data behind the body, and its length (statement 31).
        """
        backend = Backend()
        result = outcome(
            client(backend).request(
                POST, b"body", role=Role.FILTER, data=pieces(b"da", b"ta"), dataLastModified=77
            )
        )
        request = backend.last.request()
        assert request.params["FCGI_DATA_LENGTH"] == "4"
        assert request.params["FCGI_DATA_LAST_MOD"] == "77"
        assert request.params["CONTENT_LENGTH"] == "4"
        streams = [getattr(event, "stream", None) for event in backend.last.events]
        assert streams[-4:] == [Stream.STDIN, Stream.STDIN, Stream.DATA, Stream.DATA]
        backend.last.answer()
        assert result[0].code == 200

    def test_filterWithout(self) -> None:
        """
        A Filter without body and data.
        """
        backend = Backend()
        outcome(client(backend).request(GET, role=Role.FILTER))
        request = backend.last.request()
        assert request.params["FCGI_DATA_LENGTH"] == "0"
        assert "CONTENT_LENGTH" not in request.params
        assert backend.last.events[-1] == StreamEnded(1, Stream.DATA)

    def test_wrong(self) -> None:
        """
        What does not go together.
        """
        calling = client(Backend())
        for asked in (
            calling.request(GET, data=b"x"),
            calling.request(GET, b"x", role=Role.AUTHORIZER),
        ):
            (error,) = outcome(asked)
            assert isinstance(error, InvalidRequest)


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


class TestSeveral:
    """
    Requests that are under way together (row F24).
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
