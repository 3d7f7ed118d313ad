"""
Web servers in memory: what a test can make them do, and what it gets to see.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txfcgi import (
    Allow,
    FastCGIServerFactory,
    Limits,
    Overloaded,
    Request,
    Response,
    Role,
    SCGIServerFactory,
    roles,
)
from txfcgi.errors import ConnectionClosed, ParamTooLarge
from txfcgi.testing import MemoryFrontEnd
from txfcgi.wire.records import GetValues, GetValuesResult, ProtocolStatus

from .apps import Held, echo


class AnswerTests(SynchronousTestCase):
    """
    Requests, and their answers.
    """

    def test_answer(self) -> None:
        """
        An answer has all that came.
        """
        frontEnd = MemoryFrontEnd(echo, testCase=self)
        response = self.successResultOf(frontEnd.post("/a%20b", b"body", Headers({"X-A": ["1"]})))
        self.assertEqual((response.code, response.body), (200, b"POST body"))
        self.assertEqual(response.text, "POST body")
        self.assertEqual(response.headers.getRawHeaders("x-path"), ["/a b"])
        self.assertEqual((response.appStatus, response.protocolStatus), (0, 0))
        self.assertEqual((response.connection, response.requestID), (0, 1))
        self.assertEqual(response.variables, {})
        self.assertIn("200", repr(response))

    def test_stderrAndStatus(self) -> None:
        """
        What an app writes and says beside its answer is there.
        """

        def app(request: Request) -> int:
            request.stderr.write(b"oops\n")
            request.stdout.write(b"Content-Type: text/plain\r\n\r\nhello")
            return 3

        response = self.successResultOf(MemoryFrontEnd(app, testCase=self).get())
        self.assertEqual((response.stderr, response.appStatus), (b"oops\n", 3))
        self.assertEqual(response.body, b"hello")

    def test_params(self) -> None:
        """
        A test can add variables and replace them; a header can have more values.
        """

        def app(request: Request) -> Response:
            names = ("REMOTE_USER", "REMOTE_ADDR", "HTTP_X_A")
            return Response(200, {}, " ".join(request.params[name] for name in names).encode())

        frontEnd = MemoryFrontEnd(app, testCase=self)
        response = self.successResultOf(
            frontEnd.get(
                "/",
                [("X-A", "1"), ("X-A", "2")],
                params={"REMOTE_USER": "me", "REMOTE_ADDR": "192.0.2.1"},
            )
        )
        self.assertEqual(response.body, b"me 192.0.2.1 1, 2")

    def test_badCredentials(self) -> None:
        """
        An Authorization header that nobody can read is passed on, and names no user.
        """

        def app(request: Request) -> Response:
            return Response(200, {}, repr(request.params["REMOTE_USER"]).encode())

        frontEnd = MemoryFrontEnd(app, server="nginx", testCase=self)
        for value in ("Basic ?", "Bearer token"):
            response = self.successResultOf(frontEnd.get("/", {"Authorization": value}))
            self.assertEqual(response.body, b"''")

    def test_roles(self) -> None:
        """
        Authorizers and Filters are asked, too.
        """

        async def shout(request: Any) -> Response:
            data = await request.data.read()
            return Response(200, {}, b"%d %b" % (request.dataLastModified, data.upper()))

        app = roles(authorizer=lambda request: Allow({"WHO": "me"}), filter=shout)
        frontEnd = MemoryFrontEnd(app, testCase=self)
        allowed = self.successResultOf(frontEnd.get("/", role=Role.AUTHORIZER))
        self.assertEqual((allowed.code, allowed.variables), (200, {"WHO": "me"}))
        shouted = frontEnd.get("/", role=Role.FILTER, data=b"file", dataLastModified=7)
        self.assertEqual(self.successResultOf(shouted).body, b"7 FILE")
        empty = self.successResultOf(frontEnd.get("/", role=Role.FILTER))
        self.assertEqual(empty.body, b"0 ")

    def test_unknownRole(self) -> None:
        """
        What a web server makes of no answer is a 502; the protocol's status tells why.
        """
        frontEnd = MemoryFrontEnd(roles(authorizer=lambda request: Allow()), testCase=self)
        response = self.successResultOf(frontEnd.get())
        self.assertEqual((response.code, response.body), (502, b""))
        self.assertEqual(response.protocolStatus, ProtocolStatus.UNKNOWN_ROLE)
        self.assertEqual(response.headers, Headers())

    def test_overloaded(self) -> None:
        """
        An app that has enough to do says so twice.
        """

        def app(request: Request) -> Response:
            raise Overloaded

        response = self.successResultOf(MemoryFrontEnd(app, testCase=self).get())
        self.assertEqual(response.code, 503)

    def test_head(self) -> None:
        """
        The answer to HEAD has no body, whatever its head says.
        """

        def app(request: Request) -> Response:
            return Response(200, {}, b"hello")

        response = self.successResultOf(MemoryFrontEnd(app, testCase=self).request("HEAD"))
        self.assertEqual(response.body, b"")
        self.assertEqual(response.headers.getRawHeaders("content-length"), ["5"])

    def test_scgi(self) -> None:
        """
        Over SCGI, what passed are bytes.
        """
        frontEnd = MemoryFrontEnd(echo, "scgi", testCase=self)
        response = self.successResultOf(frontEnd.post("/", [b"a", b"b"]))
        self.assertEqual(response.body, b"POST ab")
        sent = [passed.record for passed in response.records if passed.toApp]
        self.assertEqual(sent[1:], [b"b"])
        self.assertTrue(bytes(sent[0]).endswith(b",a"))  # type: ignore[arg-type]

    def test_factory(self) -> None:
        """
        A factory can be given in place of an app: for options of the server, as a lenient one that
        takes repeated headers from nginx.
        """
        headers = [("X-A", "1"), ("X-A", "2")]
        strict = MemoryFrontEnd(echo, "scgi", "nginx", testCase=self)
        self.assertEqual(self.successResultOf(strict.get("/", headers)).code, 400)
        clock = Clock()
        factory = SCGIServerFactory(echo, clock=clock, lenient=True)
        lenient = MemoryFrontEnd(factory, "scgi", "nginx", testCase=self)
        self.assertEqual(self.successResultOf(lenient.get("/", headers)).code, 200)
        self.assertIs(lenient.clock, clock)

    def test_limits(self) -> None:
        """
        The limits of the app's server can be chosen.
        """
        frontEnd = MemoryFrontEnd(echo, limits=Limits(bodyBytes=10), testCase=self)
        response = self.successResultOf(frontEnd.post("/", bytes(100)))
        self.assertEqual(response.code, 413)

    def test_refusedConnection(self) -> None:
        """
        A connection that the app's server does not take.
        """
        factory = FastCGIServerFactory(echo, clock=Clock(), allowFrom=lambda address: False)
        frontEnd = MemoryFrontEnd(factory, testCase=self)
        self.assertRaises(ConnectionClosed, frontEnd.get)

    def test_paramThatIsTooLarge(self) -> None:
        """
        What no web server could send is refused, and the connection goes on.
        """
        frontEnd = MemoryFrontEnd(echo, server="nginx", testCase=self)
        self.assertRaises(ParamTooLarge, frontEnd.get, "/", {"X-A": "y" * 70_000})
        self.assertEqual(self.successResultOf(frontEnd.get()).connection, 0)

    def test_closed(self) -> None:
        """
        A front end that was closed makes no requests; closing it twice is fine.
        """
        frontEnd = MemoryFrontEnd(echo)
        frontEnd.close()
        frontEnd.close()
        self.assertRaises(ValueError, frontEnd.get)

    def test_noTimersAreLeft(self) -> None:
        """
        Nothing stays on the clock.
        """
        with MemoryFrontEnd(echo) as frontEnd:
            frontEnd.get(readRate=10)
        self.assertEqual(frontEnd.clock.getDelayedCalls(), [])


class OrderTests(SynchronousTestCase):
    """
    Who is called when.
    """

    def test_nextRequestInTheAnswersCallback(self) -> None:
        """
        Where an app answers because the test makes it, the next request can be made as soon as the
        answer is there, on the same connection.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, server="nginx", testCase=self)

        async def browse() -> list[bytes]:
            first = await frontEnd.get("/1")
            second = await frontEnd.get("/2")
            self.assertEqual((first.connection, second.connection), (0, 0))
            return [first.body, second.body]

        browsing = Deferred.fromCoroutine(browse())
        app.results[0].callback(Response(200, {}, b"one"))
        app.results[1].callback(Response(200, {}, b"two"))
        self.assertEqual(self.successResultOf(browsing), [b"one", b"two"])

    def test_streamedAnswer(self) -> None:
        """
        An answer that the test lets the app write piece by piece.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, testCase=self)
        asked = frontEnd.get()
        stdout = app.requests[0].stdout
        stdout.write(b"Content-Type: text/plain\r\n\r\n")
        stdout.write(b"one ")
        self.assertNoResult(asked)
        stdout.write(b"two")
        app.results[0].callback(None)
        self.assertEqual(self.successResultOf(asked).body, b"one two")

    def test_heldInput(self) -> None:
        """
        An upload that the app does not read is held back, and goes on when it does.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, testCase=self)
        asked = frontEnd.post("/", bytes(1_000_000))
        request = app.requests[0]
        self.assertLess(request.stdin.received, 300_000)
        self.assertTrue(frontEnd.links[0].transport.paused)
        whole = request.stdin.read()
        frontEnd.clock.advance(0)
        app.results[0].callback(Response(200, {}, b""))
        self.assertEqual(len(self.successResultOf(whole)), 1_000_000)
        self.successResultOf(asked)

    def test_slowReader(self) -> None:
        """
        An app waits for a web server that takes what the test says.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, testCase=self)
        exchange = frontEnd.start(readRate=0)
        exchange.close()
        request = app.requests[0]
        request.stdout.write(b"Content-Type: text/plain\r\n\r\n" + bytes(200_000))
        drained = request.stdout.drain()
        self.assertNoResult(drained)
        exchange.read(100_000)
        self.assertNoResult(drained)
        exchange.read(1_000_000)
        self.successResultOf(drained)
        app.results[0].callback(None)
        self.assertEqual(len(self.successResultOf(exchange.response).body), 200_000)

    def test_slowReaderOfAClosedConnection(self) -> None:
        """
        What was written before the app closes is taken slowly, too.
        """
        frontEnd = MemoryFrontEnd(
            lambda request: Response(200, {}, bytes(100_000)), "scgi", testCase=self
        )
        asked = frontEnd.get(readRate=60_000)
        frontEnd.clock.advance(1)
        self.assertNoResult(asked)
        frontEnd.clock.advance(1)
        self.assertEqual(len(self.successResultOf(asked).body), 100_000)


class SettingsTests(SynchronousTestCase):
    """
    Web servers with other settings.
    """

    def test_getValues(self) -> None:
        """
        HAProxy asks a new connection for its variables.
        """
        frontEnd = MemoryFrontEnd(echo, server="haproxy", getValues=True, testCase=self)
        records = [passed.record for passed in self.successResultOf(frontEnd.get()).records]
        self.assertEqual(records[0], GetValues((b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS")))
        self.assertTrue(any(isinstance(record, GetValuesResult) for record in records))

    def test_waitsForUploads(self) -> None:
        """
        What waits for the end of an upload can't begin before.
        """
        frontEnd = MemoryFrontEnd(echo, server="nginx", testCase=self)
        self.assertRaises(ValueError, frontEnd.start)
        frontEnd = MemoryFrontEnd(echo, server="nginx", buffered=False, testCase=self)
        upload = frontEnd.start()
        upload.send(b"1")
        upload.close()
        self.assertEqual(self.successResultOf(upload.response).body, b"POST 1")
        self.assertIn("POST /", repr(upload))

    def test_answersByItself(self) -> None:
        """
        Apache refuses an upload in chunks over SCGI.
        """
        frontEnd = MemoryFrontEnd(echo, "scgi", "apache", testCase=self)
        response = self.successResultOf(frontEnd.post("/", b"12345", chunked=True))
        self.assertEqual((response.code, response.records), (411, []))
        self.assertEqual(frontEnd.links, [])
