"""
Tests of interim responses: L{txfcgi.server.interim} and C{Request.sendInterim}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Deny, Request, Response, Role, SCGIServerFactory
from txfcgi.errors import InvalidHeader, InvalidResponse
from txfcgi.server.interim import interimHead

from ..wire.scgi import asked
from .conversation import ServerTests

LINK = "</a>; rel=preload"
HINTS = b"Status: 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
GET = {"REQUEST_METHOD": "GET"}


def hinting(request: Request) -> Response:
    """
    Give hints, and answer.
    """
    request.sendInterim(103, {"Link": LINK})
    return Response(200, {"Content-Type": "text/plain"}, b"x")


class HeadTests(SynchronousTestCase):
    """
    The head of one.
    """

    def test_head(self) -> None:
        """
        It has a status and headers, as a mapping or as pairs, those that may come several times.
        """
        self.assertEqual(interimHead(103, {"Link": LINK}), HINTS)
        self.assertEqual(
            interimHead(103, [("Link", "a"), (b"Link", b"b")]),
            b"Status: 103 Early Hints\r\nLink: a\r\nLink: b\r\n\r\n",
        )
        self.assertEqual(interimHead(102, ()), b"Status: 102 Processing\r\n\r\n")
        self.assertEqual(interimHead(199, {}), b"Status: 199 Interim\r\n\r\n")

    def test_leftOut(self) -> None:
        """
        What speaks of a body, or of one connection, is left out.
        """
        headers: Any = {
            "Content-Length": "5",
            "Content-Type": "a/b",
            "Connection": "close",
            "X": "y",
        }
        self.assertEqual(interimHead(103, headers), b"Status: 103 Early Hints\r\nX: y\r\n\r\n")

    def test_wrong(self) -> None:
        """
        What is no interim response, and what is no header, is told.
        """
        for code in (99, 101, 200, "103", None, True, 103.0):
            with self.assertRaisesRegex(InvalidResponse, "100 to 199, and not 101"):
                interimHead(code, ())
        for headers in ({"Link": "a\r\nb"}, {"a b": "c"}, [("Link",)], ["Link"], {"X": 1}):
            wrong: Any = headers
            self.assertRaises(InvalidHeader, interimHead, 103, wrong)


class SendInterimTests(ServerTests):
    """
    C{Request.sendInterim}.
    """

    def test_sent(self) -> None:
        """
        It goes out at once, in a record of its own, and any number may go before the response.
        """
        seen: list[int] = []

        def app(request: Request) -> Response:
            request.sendInterim(103, {"Link": LINK})
            seen.append(len(server.records))
            request.sendInterim(102)
            return Response(200, {"Content-Type": "text/plain"}, b"x")

        server = self.serve(app, interim=True)
        answer = server.get(params=GET)
        self.assertEqual(seen, [1])
        self.assertTrue(answer.stdout.startswith(HINTS + b"Status: 102 Processing\r\n\r\n"))
        self.assertTrue(answer.stdout.endswith(b"Content-Length: 1\r\n\r\nx"))
        self.assertEqual(answer.status, (0, 0))
        self.assertServes(server)

    def test_leftOut(self) -> None:
        """
        Where the web server is not known to pass it on, nothing is sent, and the log says so.
        """
        answer = self.serve(hinting).get(params=GET)
        self.assertEqual((answer.code, answer.body), (200, b"x"))
        self.assertNotIn(b"103", answer.stdout)
        self.assertSaid("an interim response to ", "is left out", "--interim")

    def test_failedAfterIt(self) -> None:
        """
        An app that fails after it can still be told as a clean 500.
        """

        def app(request: Request) -> Response:
            request.sendInterim(103, {"Link": LINK})
            raise ZeroDivisionError

        answer = self.serve(app, interim=True).get(params=GET)
        self.assertTrue(answer.stdout.startswith(HINTS + b"Status: 500 "))
        self.assertFailed(ZeroDivisionError)

    def test_afterTheHead(self) -> None:
        """
        It goes before the response, not after its beginning.
        """

        def app(request: Request) -> None:
            request.stdout.write(b"Content-Type: text/plain\r\n\r\nx")
            request.sendInterim(103)

        for interim in (True, False):
            self.serve(app, interim=interim).get(params=GET)
            [failure] = self.flushLoggedErrors(InvalidResponse)
            self.assertIn("goes before the response", str(failure.value))

    def test_afterTheEnd(self) -> None:
        """
        When the request is over, nothing is sent.
        """
        requests: list[Request] = []

        def app(request: Request) -> Response:
            requests.append(request)
            return Response(200, {}, b"x")

        server = self.serve(app, interim=True)
        server.get(params=GET)
        server.forget()
        requests[0].sendInterim(103)
        self.assertEqual(server.records, [])

    def test_authorizer(self) -> None:
        """
        An Authorizer has none: it could be taken for a decision.
        """

        def app(request: Request) -> Deny:
            self.assertRaises(InvalidResponse, request.sendInterim, 103)
            return Deny(Response(403, {}, b"x"))

        self.assertEqual(self.serve(app, interim=True).get(role=Role.AUTHORIZER).code, 403)

    def test_SCGI(self) -> None:
        """
        Over SCGI, it is the same.
        """
        clock: Any = Clock()
        ways: list[tuple[dict[str, Any], bytes]] = [
            ({"interim": True}, HINTS + b"Status: 200 OK\r\n"),
            ({"interim": False}, b"Status: 200 OK\r\n"),
            ({"interim": True, "statusLine": True}, b"HTTP/1.1 103 Early Hints\r\n"),
        ]
        for options, start in ways:
            factory = SCGIServerFactory(hinting, clock=clock, **options)
            protocol: Any = factory.buildProtocol(None)
            transport = StringTransport()
            protocol.makeConnection(transport)
            protocol.dataReceived(asked((b"REQUEST_METHOD", b"GET")))
            self.assertTrue(transport.value().startswith(start), transport.value())
            if options.get("statusLine"):
                self.assertIn(b"\r\n\r\nHTTP/1.1 200 OK\r\n", transport.value())


class CoalesceTests(ServerTests):
    """
    The argument C{coalesce}.
    """

    def test_writes(self) -> None:
        """
        What an app writes in one turn leaves in one write, at its end.
        """

        def app(request: Request) -> None:
            request.stdout.write(b"Content-Type: text/plain\r\n\r\n")
            for _ in range(9):
                request.stdout.write(b"x")

        atOnce, together = self.serve(app), self.serve(app, coalesce=True)
        atOnce.begin(1, GET)
        together.begin(1, GET)
        self.assertGreater(atOnce.writes, 9)
        self.assertEqual(together.writes, 0)
        self.clock.advance(0)
        self.assertEqual(together.writes, 1)
        self.assertEqual(together.answer().body, b"x" * 9)

    def test_close(self) -> None:
        """
        A connection that closes loses nothing of it.
        """
        server = self.serve(coalesce=True)
        server.begin(1, GET, keep=False)
        self.assertEqual(server.answer().code, 200)
        self.assertTrue(server.closed)
