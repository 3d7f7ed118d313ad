"""
Back ends in memory: each answer and each fault is what it says.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txfcgi import FastCGIClient, Response, Role, cgiParams
from txfcgi.errors import (
    BackendTimedOut,
    BadResponse,
    CantMultiplex,
    EndedTwice,
    InactiveRequestID,
    InvalidResponse,
    NoResponse,
    NotFastCGI,
    Overloaded,
    RequestNotSent,
    RequestRefused,
    ResponseCutOff,
    UnknownRole,
)
from txfcgi.testing import Answer, Called, MemoryBackEnd, answers
from txfcgi.wire.fastcgiclient import ClientConnection
from txfcgi.wire.records import RecordReader, RecordType

GET = cgiParams("GET", "/page")


class AnswerTests(SynchronousTestCase):
    """
    Answers.
    """

    def content(self, backEnd: MemoryBackEnd, params: Any = GET, **options: Any) -> bytes:
        """
        The body of the answer to one request of a client of its own.
        """
        response = self.successResultOf(backEnd.client().request(params, **options))
        body: bytes = self.successResultOf(response.content())
        return body

    def test_kinds(self) -> None:
        """
        An answer is text, bytes, a response, or an Answer; they are given as one, in turn, by path
        or by a function.
        """
        response = Response(200, {"X-A": "1"}, b"hello")
        answer = answers.answered("hello", stderr=b"oops", appStatus=3)
        for given in (
            "hello",
            b"hello",
            response,
            answer,
            ["hello"],
            iter([b"hello"]),
            {"/page": "hello"},
            lambda called: "hello",
        ):
            backEnd = MemoryBackEnd(given, testCase=self)
            self.assertEqual(self.content(backEnd), b"hello")

    def test_noAnswer(self) -> None:
        """
        What is no answer is refused; so is a response whose body is not there yet.
        """
        for wrong in (7, Response(200, {}, iter([b"hello"]))):
            self.assertRaises(InvalidResponse, answers.asAnswer, wrong)

    def test_both(self) -> None:
        """
        SCGI back ends answer, too.
        """
        for protocol in ("fastcgi", "scgi"):
            backEnd = MemoryBackEnd("hello", protocol, testCase=self)
            self.assertEqual(self.content(backEnd, body=b"12345"), b"hello")
            (called,) = backEnd.calls
            self.assertEqual(
                (called.body, called.complete, called.answered), (b"12345", True, True)
            )

    def test_stderrAndStatus(self) -> None:
        """
        An answer has a stderr and a status.
        """
        backEnd = MemoryBackEnd(
            answers.answered("hello", stderr=b"oops", appStatus=3), testCase=self
        )
        result = self.successResultOf(backEnd.client(logStderr=False).execute(GET))
        self.assertEqual((result.stderr, result.applicationStatus), (b"oops", 3))

    def test_calls(self) -> None:
        """
        What was asked is remembered.
        """
        backEnd = MemoryBackEnd(testCase=self)
        self.content(backEnd, role=Role.FILTER, body=b"in", data=b"file")
        (called,) = backEnd.calls
        self.assertEqual(called.role, Role.FILTER)
        self.assertEqual((called.body, called.data), (b"in", b"file"))
        self.assertEqual((called.path, str(called)), ("/page", "GET /page"))
        self.assertEqual((called.connection, called.requestID), (0, 1))
        self.assertTrue(called.keepConnection)
        self.assertFalse(called.aborted)

    def test_authorized(self) -> None:
        """
        An Authorizer says yes.
        """
        backEnd = MemoryBackEnd(answers.authorized({"WHO": "me"}), testCase=self)
        decision = self.successResultOf(backEnd.client().authorize(GET))
        self.assertEqual((decision.allowed, decision.variables), (True, {"WHO": "me"}))

    def test_early(self) -> None:
        """
        An answer can come before the end of the body.
        """
        backEnd = MemoryBackEnd(answers.answered("enough", early=True), testCase=self)
        self.assertEqual(self.content(backEnd, body=bytes(100_000)), b"enough")

    def test_values(self) -> None:
        """
        GET_VALUES is answered, or not.
        """
        backEnd = MemoryBackEnd(multiplex=False, testCase=self)
        client: Any = backEnd.client()
        asked = client.getValues()
        backEnd.pump()
        self.assertEqual(self.successResultOf(asked)["FCGI_MPXS_CONNS"], "0")
        backEnd.answersValues = False
        asked = client.getValues()
        backEnd.pump()
        self.assertNoResult(asked)
        asked.cancel()
        backEnd.pump()
        self.failureResultOf(asked)

    def test_valuesBeforeTheEnd(self) -> None:
        """
        GET_VALUES is answered before a request that comes with it and ends the connection.
        """
        backEnd = MemoryBackEnd("hello", testCase=self)
        came: list[bytes] = []

        class Asking(Protocol):
            def dataReceived(self, data: bytes) -> None:
                came.append(data)

        protocol: Any = self.successResultOf(backEnd.connect(Factory.forProtocol(Asking)))
        wire = ClientConnection()
        values = wire.getValues([b"FCGI_MAX_REQS"])
        protocol.transport.write(values + wire.request(GET, keepConnection=False)[1])
        backEnd.pump()
        records = [record.type for record in RecordReader().receive(b"".join(came))]
        self.assertEqual(records[0], RecordType.GET_VALUES_RESULT)
        self.assertEqual(records[-1], RecordType.END_REQUEST)

    def test_multiplexed(self) -> None:
        """
        Requests share a connection, and one is aborted on it.
        """
        backEnd = MemoryBackEnd(answers.slow("hello", every=0, delay=1), testCase=self)
        client = backEnd.client(multiplex=True)
        first, second = client.request(GET), client.request(GET)
        second.cancel()
        backEnd.clock.advance(1)
        self.failureResultOf(second, CancelledError)
        response = self.successResultOf(first)
        self.assertEqual(self.successResultOf(response.content()), b"hello")
        self.assertEqual([called.aborted for called in backEnd.calls], [False, True])
        self.assertEqual(backEnd.connections, 1)

    def test_notKept(self) -> None:
        """
        A connection that is not to be kept is closed behind the answer, and so is one whose
        answer says it.
        """
        backEnd = MemoryBackEnd(answers.answered(closes=True), testCase=self)
        client = backEnd.client()
        for _ in range(2):
            self.successResultOf(self.successResultOf(client.request(GET)).content())
        self.assertEqual(backEnd.connections, 2)
        backEnd = MemoryBackEnd(testCase=self)
        self.content(backEnd)
        backEnd = MemoryBackEnd(testCase=self)
        client = backEnd.client(keepConnections=False)
        self.successResultOf(self.successResultOf(client.request(GET)).content())
        self.assertFalse(backEnd.calls[0].keepConnection)

    def test_endpoint(self) -> None:
        """
        It is an endpoint for any client.
        """
        backEnd = MemoryBackEnd("hello")
        verifyObject(IStreamClientEndpoint, backEnd)
        client = FastCGIClient(backEnd.clock, backEnd)
        asked = client.request(GET)
        self.assertNoResult(asked)
        backEnd.clock.advance(0)
        response = self.successResultOf(asked)
        self.assertEqual(self.successResultOf(response.content()), b"hello")
        closed = client.close()
        backEnd.close()
        self.successResultOf(closed)

    def test_noProtocol(self) -> None:
        """
        A factory that wants no connection after all.
        """

        class Unwilling(Factory):
            def buildProtocol(self, addr: Any) -> None:
                return None

        self.failureResultOf(MemoryBackEnd().connect(Unwilling()))


class FaultTests(SynchronousTestCase):
    """
    Faults, and what a client makes of them.
    """

    def failed(self, fault: Answer, kind: type[Exception], reason: Any = None) -> MemoryBackEnd:
        """
        Check what a request fails with.
        """
        backEnd = MemoryBackEnd(fault, testCase=self)
        failure = self.failureResultOf(backEnd.client().request(GET), kind)
        if reason is not None:
            self.assertIsInstance(failure.value.reason, reason)
        return backEnd

    def test_faults(self) -> None:
        """
        Each has an error of its own.
        """
        self.failed(answers.lost(), NoResponse)
        self.failed(answers.lost(after=30), ResponseCutOff)
        self.failed(answers.overloaded(), RequestRefused, Overloaded)
        self.failed(answers.unknownRole(), RequestRefused, UnknownRole)
        self.failed(answers.cantMultiplex(), RequestRefused, CantMultiplex)
        self.failed(answers.wrongID(), BadResponse, InactiveRequestID)
        self.failed(answers.garbage(), BadResponse, NotFastCGI)

    def test_halfABody(self) -> None:
        """
        A connection that is lost in the middle of the body.
        """
        backEnd = MemoryBackEnd(answers.lost("x" * 1000, after=500), testCase=self)
        response = self.successResultOf(backEnd.client().request(GET))
        self.failureResultOf(response.content(), ResponseCutOff)

    def test_endedTwice(self) -> None:
        """
        The answer is good, and the connection is not used again.
        """
        backEnd = MemoryBackEnd(answers.endedTwice("hello"), testCase=self)
        client = backEnd.client()
        for _ in range(2):
            response = self.successResultOf(client.request(GET))
            self.assertEqual(self.successResultOf(response.content()), b"hello")
        self.assertEqual(backEnd.connections, 2)
        self.assertTrue(issubclass(EndedTwice, Exception))

    def test_stale(self) -> None:
        """
        Only a kept connection is stale; a request that may not be made again hears of it.
        """
        backEnd = MemoryBackEnd(answers.stale("hello"), testCase=self)
        client = backEnd.client()
        for _ in range(2):
            response = self.successResultOf(client.request(GET))
            self.assertEqual(self.successResultOf(response.content()), b"hello")
        self.assertEqual(backEnd.connections, 2)

    def test_silent(self) -> None:
        """
        The client's timeouts run on the back end's clock.
        """
        backEnd = MemoryBackEnd(answers.silent(), testCase=self)
        asked = backEnd.client().request(GET)
        backEnd.clock.pump([1.0] * 61)
        failure = self.failureResultOf(asked, NoResponse)
        self.assertIsInstance(failure.value.reason, BackendTimedOut)
        self.assertTrue(backEnd.calls[0].aborted)

    def test_slow(self) -> None:
        """
        An answer that comes byte by byte.
        """
        backEnd = MemoryBackEnd(answers.slow("hello", every=2, by=50), testCase=self)
        asked = backEnd.client().execute(GET)
        self.assertNoResult(asked)
        backEnd.clock.pump([1.0] * 10)
        self.assertTrue(self.successResultOf(asked).stdout.endswith(b"hello"))

    def test_slowAndLost(self) -> None:
        """
        One that is lost on the way, and one whose client has left.
        """
        fault = answers.answered("hello", every=1, pieceBytes=10, cutAfter=40)
        backEnd = MemoryBackEnd(fault, testCase=self)
        asked = backEnd.client().request(GET)
        backEnd.clock.pump([1.0] * 10)
        self.failureResultOf(asked, ResponseCutOff)
        backEnd = MemoryBackEnd(answers.slow("hello", every=1), testCase=self)
        asked = backEnd.client().request(GET)
        asked.cancel()
        backEnd.clock.pump([1.0] * 3)
        self.failureResultOf(asked, CancelledError)

    def test_connecting(self) -> None:
        """
        Back ends that refuse connections, or leave them waiting.
        """
        backEnd = MemoryBackEnd(testCase=self)
        backEnd.refuses = True
        self.failureResultOf(backEnd.client().request(GET), RequestNotSent)
        backEnd.refuses, backEnd.hangs = False, True
        asked = backEnd.client().request(GET)
        backEnd.clock.advance(11)
        self.failureResultOf(asked, RequestNotSent)

    def test_loses(self) -> None:
        """
        A back end that crashes.
        """
        backEnd = MemoryBackEnd(answers.silent(), testCase=self)
        asked = backEnd.client().request(GET)
        backEnd.lose()
        self.failureResultOf(asked, NoResponse)

    def test_clientsMistakes(self) -> None:
        """
        What a client does wrong is remembered.
        """
        backEnd = MemoryBackEnd()

        class Wrong(Factory):
            def buildProtocol(self, addr: Any) -> Any:
                return Protocol()

        protocol: Any = self.successResultOf(backEnd.connect(Wrong()))
        protocol.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        protocol.transport.write(b"more")
        backEnd.pump()
        self.assertIsInstance(backEnd.failures[0], NotFastCGI)
        backEnd.close()

    def test_bodyThatComesLater(self) -> None:
        """
        A body that its producer has not written yet.
        """
        backEnd = MemoryBackEnd("hello", testCase=self)
        wait: Deferred[None] = Deferred()

        async def body() -> Any:
            yield b"one"
            await wait
            yield b"two"

        asked = backEnd.client(unknownLength="stream").request(GET, body())
        self.assertNoResult(asked)
        wait.callback(None)
        backEnd.pump()
        response = self.successResultOf(asked)
        self.assertEqual(self.successResultOf(response.content()), b"hello")
        self.assertEqual(backEnd.calls[0].body, b"onetwo")
        self.assertEqual(self.successResultOf(succeed(None)), None)


def test_calledWithoutURI() -> None:
    """
    A request without REQUEST_URI is named by its path.
    """
    called = Called({"SCRIPT_NAME": "/a", "PATH_INFO": "/b"}, Role.RESPONDER, True, 1, 0)
    assert str(called) == "GET /a/b"
