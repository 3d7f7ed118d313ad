"""
Responses that are what they should be, and what becomes of their bodies.
"""

from __future__ import annotations

from typing import Any

import pytest
import treq
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from zope.interface.verify import verifyObject

from txfcgi.client.response import Result
from txfcgi.errors import (
    AlreadyReading,
    EmptyResponse,
    HeadTooLarge,
    IncompleteHead,
    InvalidHeader,
    MalformedHead,
    ReadTooLarge,
    RequestAborted,
    ResponseCutOff,
)
from txfcgi.wire.records import Role

from .backends import GET, HEAD, Backend, client, outcome


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
        ids=["named", "quoted", "not named"],
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
        ids=["HEAD", "HEAD with a length", "304", "204"],
    )
    @pytest.mark.parametrize("body", [b"", b"unwanted"], ids=["none came", "some came"])
    def test_noBody(self, method: str, head: bytes, body: bytes) -> None:
        """
        Some responses have no body, whatever comes.
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

    def test_executeParsed(self) -> None:
        """
        Raw output is read as a response when somebody wants that, and made of one.
        """
        made = Result.of(201, [("X-A", "1"), (b"X-A", b"2")], b"body", applicationStatus=3)
        backend = Backend()
        result = outcome(client(backend).execute(GET))
        backend.last.read()
        backend.last.stdout(made.stdout)
        backend.last.end(appStatus=made.applicationStatus)
        assert result == [made]
        head, body = result[0].parsed()
        assert (head.code, head.contentLength, body) == (201, 4, b"body")
        assert [value for name, value in head.headers if name == b"X-A"] == [b"1", b"2"]

    @pytest.mark.parametrize(
        ("output", "kind"),
        [
            (b"", EmptyResponse),
            (b"Status: 200", IncompleteHead),
            (b"no head\r\n\r\n", MalformedHead),
            (b"X: " + b"x" * 70_000 + b"\r\n\r\n", HeadTooLarge),
        ],
        ids=["empty", "a part", "no head", "too large"],
    )
    def test_executeNotParsed(self, output: bytes, kind: type[Exception]) -> None:
        """
        Output that is no response.
        """
        with pytest.raises(kind):
            Result(output, b"", 0, 0).parsed()
        with pytest.raises(InvalidHeader):
            Result.of(200, [("X-A", "1\n2")], b"")

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

    @pytest.mark.parametrize("declared", [True, False])
    def test_contentTooMuchAtOnce(self, declared: bool) -> None:
        """
        Not even if all of it is here already.
        """
        for size, fits in ((10, True), (11, False)):
            backend = Backend()
            result = outcome(client(backend, collectBytes=10).request(GET))
            head = b"Content-Length: %d\r\n\r\n" % size if declared else HEAD
            backend.last.answer(bytes(size), head=head)
            assert (result[0].whole() is None) is not fits
            if not fits:
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
