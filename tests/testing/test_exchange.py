"""
How a request of a web server in memory ends, other than with an answer.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import RequestAborted, Response
from txfcgi.errors import BadResponse, ConnectionClosed
from txfcgi.testing import CutOff, MemoryFrontEnd, MemoryResponse
from txfcgi.wire.records import AbortRequest, EndRequest, Stdin

from .apps import Held, echo


class FailureTests(SynchronousTestCase):
    """
    Answers that are none.
    """

    def test_brokenOff(self) -> None:
        """
        An app that fails in the middle of its answer.
        """

        def body() -> Any:
            yield b"so far"
            raise RuntimeError("broken")

        for protocol in ("fastcgi", "scgi"):
            frontEnd = MemoryFrontEnd(
                lambda request: Response(200, {}, body()),
                protocol,
                testCase=self,
            )
            failure = self.failureResultOf(frontEnd.get(), CutOff)
            self.assertTrue(failure.value.stdout.endswith(b"so far"))
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_closedByApp(self) -> None:
        """
        An app's server that closes without an answer.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, testCase=self)
        asked = frontEnd.get()
        frontEnd.links[0].transport.abortConnection()
        frontEnd.pump()
        self.failureResultOf(asked, BadResponse)
        self.assertEqual(app.cancelled, ["/"])

    def test_notFastCGI(self) -> None:
        """
        An app's server that breaks the protocol.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, testCase=self)
        asked = frontEnd.get()
        frontEnd.links[0].transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
        frontEnd.clock.advance(0)
        self.failureResultOf(asked, BadResponse)

    def test_badAnswers(self) -> None:
        """
        Answers without a head, with half of one, and with less than they declare.
        """
        for output, kind in (
            (b"", BadResponse),
            (b"Status: 200\r\n", BadResponse),
            (b"\r\n", BadResponse),
            (b"Content-Length: 9\r\n\r\nhello", CutOff),
        ):
            app = Held()
            frontEnd = MemoryFrontEnd(app)
            asked = frontEnd.get()
            link = frontEnd.links[0]
            for part in link.protocol.wire.send(1, 6, output):  # type: ignore[arg-type]
                link.transport.write(bytes(part))
            link.transport.write(link.protocol.wire.end(1))
            frontEnd.clock.advance(0)
            self.failureResultOf(asked, kind)


class LeavingTests(SynchronousTestCase):
    """
    Browsers that leave, and connections that break.
    """

    def left(self, server: Any, **options: Any) -> tuple[MemoryFrontEnd, Held]:
        """
        A browser that leaves as soon as its request is out.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, server=server, testCase=self, **options)
        self.failureResultOf(frontEnd.get("/left", abortAfter=0), RequestAborted)
        return frontEnd, app

    def test_closes(self) -> None:
        """
        nginx closes the connection.
        """
        frontEnd, app = self.left("nginx")
        self.assertEqual(app.cancelled, ["/left"])
        self.assertTrue(frontEnd.links[0].lost)

    def test_closesOnOutput(self) -> None:
        """
        Apache closes it when the app writes.
        """
        frontEnd, app = self.left("apache")
        self.assertEqual(app.cancelled, [])
        app.requests[0].stdout.write(b"Content-Type: text/plain\r\n\r\nhello")
        frontEnd.clock.advance(0)
        self.assertEqual(app.cancelled, ["/left"])
        self.assertTrue(frontEnd.links[0].lost)

    def test_aborts(self) -> None:
        """
        A plain web server sends ABORT_REQUEST, and keeps the connection.
        """
        frontEnd, app = self.left("plain")
        self.assertEqual(app.cancelled, ["/left"])
        self.assertFalse(frontEnd.links[0].lost)
        passed = frontEnd.links[0].passed(1, 0)
        self.assertEqual(
            [each.record for each in passed][-3:],
            [AbortRequest(1), *[each.record for each in passed][-2:]],
        )
        self.assertEqual(passed[-1].record, EndRequest(1))

    def test_cancel(self) -> None:
        """
        Cancelling the Deferred is leaving.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, server="nginx", testCase=self)
        asked = frontEnd.get()
        asked.cancel()
        self.assertEqual(app.cancelled, ["/"])
        self.failureResultOf(asked, CancelledError)

    def test_afterSomeBytes(self) -> None:
        """
        A browser that leaves in the middle of an answer.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, server="nginx", testCase=self)
        asked = frontEnd.get(abortAfter=40)
        app.requests[0].stdout.write(b"Content-Type: text/plain\r\n\r\n")
        self.assertNoResult(asked)
        app.requests[0].stdout.write(b"enough of it")
        frontEnd.clock.advance(0)
        self.failureResultOf(asked, RequestAborted)
        self.assertEqual(app.cancelled, ["/"])

    def test_afterSomeBytesOfAWholeAnswer(self) -> None:
        """
        A browser that leaves in the middle of an answer that comes in one go gets exactly as many
        bytes, whatever their records are.
        """
        for size, pieces in (
            (0, [b"hello"]),
            (1, [b"hello"]),
            (30, [b"hello" * 9]),
            (34, [b"he", b"llo", b"!" * 9]),
        ):
            with MemoryFrontEnd(lambda request: Response(200, {}, iter(pieces))) as frontEnd:  # noqa: B023
                self.failureResultOf(frontEnd.get(abortAfter=size), RequestAborted)
                exchange = frontEnd.links[0].last
                assert exchange is not None
                self.assertEqual(len(exchange.stdout), size)

    def test_leavesAtOnce(self) -> None:
        """
        The app is told while the browser leaves, without anything else being done.
        """
        for server in ("plain", "nginx"):
            app = Held()
            frontEnd = MemoryFrontEnd(app, server=server, testCase=self)
            first = frontEnd.start("GET", "/1")
            first.leave()
            second = frontEnd.start("GET", "/2")
            second.response.cancel()
            self.assertEqual(app.cancelled, ["/1", "/2"])
            self.failureResultOf(first.response, RequestAborted)
            self.failureResultOf(second.response, CancelledError)

    def test_over(self) -> None:
        """
        Nothing can be sent for, or read of, a request that is over; to close it or to leave it is
        then nothing.
        """
        frontEnd = MemoryFrontEnd(lambda request: Response(), testCase=self)
        exchange = frontEnd.start(length=3, readRate=0, mayLeaveBody=True)
        exchange.read(10_000)
        self.successResultOf(exchange.response)
        for use in (lambda: exchange.send(b"one"), lambda: exchange.read(1)):
            error = self.assertRaises(ValueError, use)
            self.assertEqual(str(error), "<Exchange POST /> is over: its response has ended")
        exchange.close()
        exchange.leave()

    def test_startOfAGET(self) -> None:
        """
        A GET has no body unless it is given its length, behind every web server.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, server="nginx", testCase=self)
        exchange = frontEnd.start("GET", "/", readRate=0)
        exchange.close()
        error = self.assertRaises(ValueError, exchange.send, b"one")
        self.assertIn("has no more body", str(error))
        self.assertNotIn("HTTP_TRANSFER_ENCODING", app.requests[0].params)
        app.results[0].callback(Response(200, {}, b"hello"))
        self.assertEqual(exchange.stdout, b"")
        exchange.read(10_000)
        self.assertEqual(self.successResultOf(exchange.response).body, b"hello")

    def test_afterAllBytes(self) -> None:
        """
        A browser that was to leave later than the answer came gets it.
        """
        frontEnd = MemoryFrontEnd(echo, testCase=self)
        self.assertEqual(self.successResultOf(frontEnd.get(abortAfter=1000)).code, 200)

    def test_leave(self) -> None:
        """
        A browser that leaves in the middle of its upload; nothing is sent for it any more.
        """
        frontEnd = MemoryFrontEnd(Held(), testCase=self)
        upload = frontEnd.start(length=10)
        upload.send(b"12345")
        upload.leave()
        upload.leave()
        frontEnd.pump()
        error = self.assertRaises(ValueError, upload.send, b"67890")
        self.assertEqual(str(error), "<Exchange POST /> is over: the browser has left")
        upload.close()
        self.failureResultOf(upload.response, RequestAborted)
        passed = [each.record for each in frontEnd.links[0].passed(1, 0) if each.toApp]
        self.assertEqual(passed[-2:], [Stdin(1, b"12345"), AbortRequest(1)])

    def test_loses(self) -> None:
        """
        A connection that breaks anywhere in a request.
        """
        for size in (0, 1, 8, 100, 1000):
            frontEnd = MemoryFrontEnd(Held(), testCase=self)
            asked = frontEnd.post("/", bytes(2000), loseAfter=size)
            self.failureResultOf(asked, ConnectionClosed)

    def test_losesAll(self) -> None:
        """
        A web server that crashes.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, server="nginx", testCase=self)
        asked = [frontEnd.get("/1"), frontEnd.get("/2")]
        frontEnd.lose()
        for one in asked:
            self.failureResultOf(one, ConnectionClosed)
        self.assertEqual(app.cancelled, ["/1", "/2"])

    def test_disconnects(self) -> None:
        """
        A web server that closes what it does not use.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, server="nginx", testCase=self)
        first, second = frontEnd.get("/1"), frontEnd.get("/2")
        app.results[0].callback(Response())
        self.successResultOf(first)
        frontEnd.disconnect()
        self.assertEqual([link.lost for link in frontEnd.links], [True, False])
        app.results[1].callback(Response())
        self.successResultOf(second)
        self.successResultOf(self.asked(frontEnd, app))

    def asked(self, frontEnd: MemoryFrontEnd, app: Held) -> Deferred[MemoryResponse]:
        """
        A request that is answered at once.
        """
        asked = frontEnd.get()
        app.results[-1].callback(Response())
        return asked

    def test_oneOfSeveral(self) -> None:
        """
        HAProxy drops what comes for a browser that left while others use the connection.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, server="haproxy", multiplex=True, testCase=self)
        stays, leaves = frontEnd.get("/stays"), frontEnd.get("/leaves")
        leaves.cancel()
        self.failureResultOf(leaves, CancelledError)
        app.results[1].callback(Response(200, {}, b"for nobody"))
        app.results[0].callback(Response(200, {}, b"hello"))
        self.assertEqual(self.successResultOf(stays).body, b"hello")
