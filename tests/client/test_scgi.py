"""
Tests of L{txfcgi.client.scgi}: calls to SCGI back ends in memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import ClientOptions, SCGIClient, Timeouts
from txfcgi.errors import (
    BackendTimedOut,
    BadResponse,
    BodyTooLong,
    BodyTooShort,
    InvalidParam,
    InvalidRequest,
    LengthRequired,
    NoResponse,
    RequestSentInPart,
    ResponseCutOff,
)
from txfcgi.wire.records import Role

from ..wire.scgi import asked
from .backends import Backend, Connection, outcome

POST = {"REQUEST_METHOD": "POST"}
GET = {"REQUEST_METHOD": "GET"}
HEAD = b"Content-Type: text/plain\r\n\r\n"


class SCGIClientTests(SynchronousTestCase):
    """
    A client, and a back end that says what a test lets it say.
    """

    def client(self, **options: Any) -> SCGIClient:
        """
        A client.
        """
        self.clock = Clock()
        self.backend = Backend()
        return SCGIClient(None, self.backend, ClientOptions(**options), clock=self.clock)

    def ask(self, params: Any = GET, body: Any = None, **more: Any) -> tuple[Any, Connection]:
        """
        A request, and the connection that it is on.
        """
        asking = self.client(**more).request(params, body)
        return asking, self.backend.connections[-1]

    def content(self, asking: Deferred[Any]) -> bytes:
        """
        The body of an answer that is complete.
        """
        content: bytes = self.successResultOf(self.successResultOf(asking).content())
        return content

    def reason(self, asking: Deferred[Any], kind: type[Any]) -> Any:
        """
        Why a request failed.
        """
        return self.failureResultOf(asking, kind).value.reason


class RequestTests(SCGIClientTests):
    """
    What is sent.
    """

    def test_withoutBody(self) -> None:
        """
        One write.
        """
        _, connection = self.ask()
        self.assertEqual(connection.transport.value(), asked((b"REQUEST_METHOD", b"GET")))

    def test_body(self) -> None:
        """
        The body behind the headers, of bytes or in pieces.
        """
        pair = (b"REQUEST_METHOD", b"POST")

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 100_000

        for body, size in ((b"", 0), (b"x" * 10, 10), (b"x" * 100_000, 100_000), (pieces(), 10**6)):
            _, connection = self.ask(POST, body)
            sent = b""
            while connection.transport.value():
                sent += connection.transport.value()
                connection.transport.clear()
                if connection.transport.producer is not None:
                    connection.transport.producer.resumeProducing()
                self.clock.pump([0] * 10)
            self.assertEqual(sent, asked(pair, length=b"%d" % size) + b"x" * size)

    def test_unknownLength(self) -> None:
        """
        A body is not sent without its length.
        """

        async def pieces() -> AsyncIterator[bytes]:
            yield b"x"

        for option in ("refuse", "stream"):
            asking, _ = self.client(unknownLength=option).request(POST, pieces()), None
            self.failureResultOf(asking, LengthRequired)

    def test_impossible(self) -> None:
        """
        What SCGI can't send is refused, and the connection is used by another.
        """
        client = self.client(maxConnections=1)
        self.failureResultOf(client.request({"A": "b\0"}), InvalidParam)
        self.failureResultOf(client.request(GET, role=Role.AUTHORIZER), InvalidRequest)
        asking = client.request(GET)
        connection = self.backend.connections[-1]
        connection.send(HEAD + b"hello")
        connection.close()
        self.assertEqual(self.content(asking), b"hello")

    def test_waiting(self) -> None:
        """
        A connection carries one request; another waits for room.
        """
        client = self.client(maxConnections=1)
        first, second = client.request(GET), client.request(GET)
        self.assertEqual(len(self.backend.connections), 1)
        self.backend.connections[0].send(HEAD + b"1")
        self.backend.connections[0].close()
        self.assertEqual(len(self.backend.connections), 2)
        self.backend.connections[1].send(HEAD + b"2")
        self.backend.connections[1].close()
        self.assertEqual([self.content(first), self.content(second)], [b"1", b"2"])

    def test_lineBreaks(self) -> None:
        """
        Line breaks in what comes of an HTTP request are refused, and NUL in anything; what HTTP
        does not know may have line breaks.
        """
        for name in ("REQUEST_METHOD", "REQUEST_URI", "QUERY_STRING", "HTTP_X_A", "CONTENT_TYPE"):
            for wrong in ("a\rb", "a\nb", "a\0b", "\r\n"):
                for body in (None, b"body"):
                    (error,) = outcome(self.client().request({name: wrong}, body))
                    self.assertIsInstance(error, InvalidParam)
                    self.assertIn(name, str(error))
        self.assertEqual(outcome(self.client().request({"SETTINGS": "a=1\nb=2"})), [])


class AnswerTests(SCGIClientTests):
    """
    What comes back.
    """

    def test_heads(self) -> None:
        """
        A CGI head, or an HTTP status line; in any pieces.
        """
        for head, code in (
            (b"Status: 404 Not Found\r\n\r\n", 404),
            (b"Status: 404\n\n", 404),
            (b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n", 404),
            (b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n", 200),
            (b"Content-Type: text/plain\r\n\r\n", 200),
            (b"Location: http://example.com/\r\n\r\n", 302),
        ):
            data = head + b"the body"
            for cut in range(len(data)):
                asking, connection = self.ask()
                connection.send(data[:cut])
                connection.send(data[cut:])
                connection.close()
                response = self.successResultOf(asking)
                self.assertEqual(response.code, code)
                self.assertEqual(self.successResultOf(response.content()), b"the body")

    def test_closedUnread(self) -> None:
        """
        A Unix socket that is closed before all is read from it says so behind all that came from
        it. Where that was not read either, it is no end.
        """
        for size, whole in ((5, True), (20, False)):
            asking, connection = self.ask(streamBytes=10)
            connection.transport.peerAddr = UNIXAddress(b"app.sock")
            connection.send(HEAD + bytes(size))
            response = self.successResultOf(asking)
            connection.close(ConnectionLost)
            if whole:
                self.assertEqual(self.successResultOf(response.content()), bytes(size))
            else:
                self.failureResultOf(response.content(), ResponseCutOff)

    def test_streamed(self) -> None:
        """
        The response is there with its head, and its body as it comes.
        """
        asking, connection = self.ask()
        connection.send(HEAD + b"one")
        response = self.successResultOf(asking)
        self.assertEqual(self.successResultOf(response.stdout.read(10)), b"one")
        reading = response.stdout.read(10)
        self.assertNoResult(reading)
        connection.send(b"two")
        self.assertEqual(self.successResultOf(reading), b"two")
        connection.close()
        self.assertEqual(self.successResultOf(response.stdout.read()), b"")

    def test_declared(self) -> None:
        """
        An answer ends with its Content-Length, also where the connection does not.
        """
        asking, connection = self.ask()
        connection.send(b"Content-Length: 5\r\n\r\nhel")
        response = self.successResultOf(asking)
        reading = response.content()
        self.assertNoResult(reading)
        self.assertFalse(connection.transport.disconnecting)
        connection.send(b"lo")
        self.assertEqual(self.successResultOf(reading), b"hello")
        self.assertTrue(connection.transport.disconnecting)

    def test_noBody(self) -> None:
        """
        So does one that has none, with its head.
        """
        asking, connection = self.ask({"REQUEST_METHOD": "HEAD"})
        connection.send(b"Content-Length: 5\r\n\r\n")
        self.assertEqual(self.content(asking), b"")
        self.assertTrue(connection.transport.disconnecting)
        asking, connection = self.ask()
        connection.send(b"Status: 204 No Content\r\n\r\n")
        self.assertEqual(self.content(asking), b"")

    def test_execute(self) -> None:
        """
        All that came, as it came.
        """
        executing = self.client().execute(GET)
        connection = self.backend.connections[-1]
        connection.send(b"whatever")
        connection.send(b" it is")
        connection.close()
        result = self.successResultOf(executing)
        self.assertEqual((result.stdout, result.stderr), (b"whatever it is", b""))

    def test_wrongLength(self) -> None:
        """
        A body that is not as long as it declared.
        """
        asking, connection = self.ask()
        connection.send(b"Content-Length: 5\r\n\r\nhello!")
        self.assertIsInstance(self.reason(asking, BadResponse), BodyTooLong)
        asking, connection = self.ask()
        connection.send(b"Content-Length: 5\r\n\r\nhell")
        reading = self.successResultOf(asking).content()
        connection.close()
        self.assertIsInstance(self.reason(reading, ResponseCutOff), BodyTooShort)

    def test_phases(self) -> None:
        """
        An error says how far the request came.
        """
        asking, connection = self.ask()
        connection.close()
        self.assertIsInstance(self.reason(asking, NoResponse), ConnectionDone)
        asking, connection = self.ask()
        connection.send(b"Content-Type: tex")
        connection.close()
        self.failureResultOf(asking, BadResponse)
        asking, connection = self.ask()
        connection.send(HEAD)
        reading = self.successResultOf(asking).content()
        connection.close(ConnectionLost)
        self.assertIsInstance(self.reason(reading, ResponseCutOff), ConnectionLost)

        async def never() -> AsyncIterator[bytes]:
            await Deferred()
            yield b""

        asking, connection = self.ask({**POST, "CONTENT_LENGTH": "5"}, never())
        connection.close(ConnectionLost)
        self.assertIsInstance(self.reason(asking, RequestSentInPart), ConnectionLost)

    def test_timeouts(self) -> None:
        """
        A back end that says nothing.
        """
        asking, connection = self.ask(timeouts=Timeouts(firstByte=5))
        self.clock.pump([1] * 7)
        self.assertIsInstance(self.reason(asking, NoResponse), BackendTimedOut)
        self.assertTrue(connection.transport.aborted)

    def test_cancelled(self) -> None:
        """
        Who does not want the answer any more closes the connection.
        """
        asking, connection = self.ask()
        asking.cancel()
        self.failureResultOf(asking)
        self.assertTrue(connection.transport.aborted)
