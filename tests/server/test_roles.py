"""
Tests of L{txfcgi.server.roles}: what an Authorizer and a Filter may do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from tests.producers import Pieces
from txfcgi import (
    Allow,
    AuthorizerRequest,
    Deny,
    FilterRequest,
    Limits,
    Overloaded,
    Request,
    Response,
    Role,
    roles,
)
from txfcgi.errors import (
    InvalidResponse,
    RequestAborted,
)
from txfcgi.wire.records import EndRequest, Stdin, Stdout

from .apps import PAGE
from .conversation import Answer, Held, ServerTests, WebServer, beginning, ok, stdin


class AuthorizerTests(ServerTests):
    """
    Authorizers (section 6.3): only a clear yes is a yes.
    """

    def ask(self, app: Callable[[Any], Any], *, stdin: bool = False) -> Answer:
        """
        Ask an Authorizer, as Apache does or as lighttpd does.
        """
        server = self.serve(app)
        server.begin(role=Role.AUTHORIZER)
        if stdin:
            server.endStdin()
        return server.answer()

    def test_allow(self) -> None:
        """
        L{Allow} is a 200, with its variables; with no STDIN record, and with an empty one.
        """
        for way in (False, True):
            answer = self.ask(lambda _: Allow({"REMOTE_TIER": "known", "N": b"1"}), stdin=way)
            self.assertEqual((answer.code, answer.body, answer.status), (200, b"", (0, 0)))
            self.assertEqual(answer.headers["variable-remote_tier"], "known")
            self.assertEqual(answer.headers["variable-n"], "1")

    def test_deny(self) -> None:
        """
        L{Deny} is a 403, or a page of the app's own.
        """
        self.assertEqual(self.ask(lambda _: Deny()).code, 403)
        page = Response(401, {"WWW-Authenticate": "Basic"}, b"who?")
        answer = self.ask(lambda _: Deny(page))
        self.assertEqual((answer.code, answer.body), (401, b"who?"))
        self.assertEqual(answer.headers["www-authenticate"], "Basic")

    def test_otherAnswer(self) -> None:
        """
        A response with another status is a no.
        """
        self.assertEqual(self.ask(lambda _: Response(402)).code, 402)

    def test_failsClosed(self) -> None:
        """
        What is no clear yes never authorizes, whatever it is.
        """

        def headless(request: Request) -> None:
            request.stdout.write(b"Content-Type: text/plain\n\nwelcome")

        def raises(request: Request) -> None:
            raise ZeroDivisionError

        apps: list[tuple[Callable[[Any], Any], str]] = [
            (lambda _: Response(), "answered as an Authorizer with a Response of 200"),
            (lambda _: None, "wrote nothing"),
            (lambda _: 0, "wrote nothing"),
            (lambda _: True, "returned bool"),
            (lambda _: Deny(Response()), "denied with 200, which means yes"),
            (lambda _: Allow({"A\nB": "c"}), "is not a header name"),
            (lambda _: Allow({"A": "b\nc"}), "control character"),
            (headless, "that allows a request has to write Status: 200"),
            (raises, "raises failed on <AuthorizerRequest"),
        ]
        for app, words in apps:
            answer = self.ask(app)
            self.assertEqual((answer.code, answer.status), (500, (1, 0)))
            self.assertSaid(words)
            self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_refused(self) -> None:
        """
        A refusal has a page whatever else it says: lighttpd lets in whom an answer without an HTTP
        status is about.
        """

        def overloaded(request: Request) -> None:
            raise Overloaded

        for overload in ("http", "protocol"):
            server = self.serve(overloaded, overload=overload)
            server.begin(role=Role.AUTHORIZER)
            answer = server.answer()
            self.assertEqual((answer.code, answer.headers["retry-after"]), (503, "1"))
            self.assertEqual(answer.status, (0, 2))
            self.assertEqual(server.writes, 1)
        server = self.serve(roles(responder=ok))
        server.begin(role=Role.AUTHORIZER)
        answer = server.answer()
        self.assertEqual((answer.code, answer.status), (500, (0, 3)))

    def test_refusedBeforeTheApp(self) -> None:
        """
        So does one that no app has seen: too many requests or connections, a second one on a
        connection for one, too many params, and a server that is about to stop.
        """
        held = Held()
        crowded: list[tuple[WebServer, tuple[int, tuple[int, int]]]] = []
        for limits, options, outcome in (
            (Limits(requests=1), {}, (503, (0, 2))),
            (Limits(requestsPerConnection=1), {}, (503, (0, 2))),
            (Limits(), {"multiplex": False}, (500, (0, 1))),
        ):
            server = self.serve(held, limits, **options)
            server.begin(1)
            crowded.append((server, outcome))
        full = self.factory(held, Limits(connections=1))
        WebServer(full)
        crowded.append((WebServer(full), (503, (0, 2))))
        factory = self.factory(held)
        stopping = WebServer(factory)
        stopping.begin(1)
        drained = factory.drain(30, 0)
        crowded.append((stopping, (503, (0, 2))))
        for server, outcome in crowded:
            server.begin(2, role=Role.AUTHORIZER)
            answer = server.answer(2)
            self.assertEqual((answer.code, answer.status), outcome)
        stopping.disconnect()
        self.successResultOf(drained)
        server = self.serve(held, Limits(paramsBytes=10))
        server.begin(1, {"A": "b" * 20}, role=Role.AUTHORIZER)
        self.assertEqual(server.answer().code, 431)

    def test_failsAfterYes(self) -> None:
        """
        An app that writes a yes has not said it before it has ended: if it fails then, it is a no.
        """

        async def app(request: AuthorizerRequest) -> None:
            request.stdout.write(b"Status: 200 OK\nVariable-A: b\n\n")
            request.stdout.write(b"and a body")
            await unsaid
            raise ZeroDivisionError

        unsaid: Deferred[None] = Deferred()
        server = self.serve(app)
        server.begin(1, role=Role.AUTHORIZER)
        self.assertEqual(server.records, [])
        unsaid.callback(None)
        answer = server.answer(1)
        self.assertEqual((answer.code, answer.status), (500, (1, 0)))
        self.assertFailed(ZeroDivisionError)

    def test_yesAndResponse(self) -> None:
        """
        A yes that was written and a decision are one too many.
        """

        def app(request: AuthorizerRequest) -> Deny:
            request.stdout.write(b"Status: 200 OK\n\n")
            return Deny()

        self.assertEqual(self.ask(app).code, 500)
        self.assertFailed(InvalidResponse)

    def test_written(self) -> None:
        """
        An app may write it by itself, if it says so. What follows the head means nothing.
        """

        def app(request: AuthorizerRequest) -> None:
            request.stdout.write(b"Status: 200 OK\nVariable-A: b\nContent-Length: 9\n\nwelcome")

        answer = self.ask(app)
        self.assertEqual((answer.code, answer.headers["variable-a"]), (200, "b"))
        self.assertEqual(answer.body, b"")

    def test_noBody(self) -> None:
        """
        It has a body, and that is empty, whatever the params say and whatever is sent.
        """
        bodies: list[bytes] = []

        async def app(request: AuthorizerRequest) -> Allow:
            bodies.append(await request.stdin.read() + await request.stdin.read())
            return Allow()

        server = self.serve(app)
        server.begin(1, {"CONTENT_LENGTH": "100"}, role=Role.AUTHORIZER)
        self.assertEqual(server.answer().code, 200)
        held = Held()
        server = self.serve(held)
        server.send(*beginning(1, {"CONTENT_LENGTH": "1"}, role=Role.AUTHORIZER), *stdin(1, b"x"))
        held.results[0].callback(Allow())
        self.assertEqual(server.answer().code, 200)
        self.assertEqual(bodies, [b""])

    def test_representations(self) -> None:
        """
        Decisions say what they are.
        """
        self.assertEqual(repr(Allow({"A": "b"})), "Allow(A)")
        self.assertTrue(repr(Deny()).startswith("Deny(Response(403"))


class FilterTests(ServerTests):
    """
    Filters (section 6.4).
    """

    PARAMS = {"FCGI_DATA_LENGTH": "4", "FCGI_DATA_LAST_MOD": "1000000000", "CONTENT_LENGTH": "2"}

    def serveFilter(self, app: Callable[[Any], Any]) -> WebServer:
        """
        Begin a request to a Filter.
        """
        server = self.serve(app)
        server.begin(1, self.PARAMS, role=Role.FILTER)
        return server

    def test_streams(self) -> None:
        """
        It reads its stdin, then its data.
        """

        async def app(request: FilterRequest) -> Response:
            body = await request.stdin.read()
            data = await request.data.read()
            self.assertEqual((request.dataLength, request.dataLastModified), (4, 1000000000))
            return Response(200, PAGE, body + data)

        server = self.serveFilter(app)
        server.send(*stdin(1, b"in"))
        server.data(b"fi")
        self.assertIsNone(server.answer().end)
        server.data(b"le")
        server.data(b"")
        self.assertEqual(server.answer().body, b"infile")

    def test_streaming(self) -> None:
        """
        Its data may be its body.
        """
        server = self.serveFilter(lambda request: Response(200, PAGE, request.data))
        server.send(*stdin(1, b"in"))
        server.data(b"file")
        self.assertEqual(server.answer().body, b"file")
        server.data(b"")
        self.assertEqual(server.answer().status, (0, 0))

    def test_answersLate(self) -> None:
        """
        An answer that is there before the stdin is complete waits for it; what is unread of that
        is dropped.
        """
        server = self.serveFilter(lambda request: Response(200, PAGE, b"early"))
        self.assertEqual(server.records, [])
        server.stdin(b"in")
        self.assertEqual(server.answer().body, b"early")

    def test_refusesLate(self) -> None:
        """
        So does a body; it is let go of if the request ends before.
        """
        body = Pieces(b"a")
        server = self.serveFilter(lambda request: Response(200, PAGE, body))
        self.assertEqual(server.records, [])
        server.abort()
        self.assertTrue(body.closed)

    def test_writesEarly(self) -> None:
        """
        To write before that is a mistake. There can be no page that says so.
        """

        def app(request: FilterRequest) -> None:
            request.stdout.write(b"Status: 200 OK\n\n")

        server = self.serveFilter(app)
        self.assertEqual(server.answer().records, [Stdout(1), EndRequest(1, 1)])
        self.assertFailed(InvalidResponse)
        self.assertSaid("app failed on", "a Filter writes when its stdin is complete")

    def test_wrongLengths(self) -> None:
        """
        Lengths that do not fit are seen by the app.
        """
        for sent, words in ((b"f", "ended after 1 bytes"), (b"files", "5 bytes or more")):
            errors: list[str] = []

            async def app(request: FilterRequest, errors: list[str] = errors) -> Response:
                try:
                    await request.data.read()
                except Exception as error:
                    errors.append(str(error))
                return Response(200, PAGE, b"")

            server = self.serveFilter(app)
            server.send(*stdin(1, b"in"))
            server.data(sent)
            server.data(b"")
            self.assertIn(words, errors[0])
            self.assertEqual(server.answer().code, 200)

    def test_unreadableLengths(self) -> None:
        """
        Lengths that are no numbers are the web server's mistake: a 400, with the name of the param.
        """
        for name in ("FCGI_DATA_LENGTH", "FCGI_DATA_LAST_MOD"):

            def app(request: FilterRequest) -> Response:
                return Response(200, PAGE, b"%r%r" % (request.dataLength, request.dataLastModified))

            server = self.serve(app)
            server.send(*beginning(1, {name: "+1"}, role=Role.FILTER), Stdin(1))
            self.assertEqual(server.answer().code, 400)
            self.assertSaid(f"{name} is not a number")

    def test_dataTooLate(self) -> None:
        """
        Streams that are first looked at when their ends are there, or when the request is over.
        """
        app = Held()
        server = self.serve(app)
        server.begin(1, role=Role.FILTER)
        server.endStdin()
        server.data(b"")
        (request,) = app.requests
        self.assertEqual(self.successResultOf(request.stdin.read()), b"")
        self.assertEqual(self.successResultOf(request.data.read()), b"")
        server = self.serve(app)
        server.begin(1, role=Role.FILTER)
        server.abort()
        self.failureResultOf(app.requests[1].stdin.read(), RequestAborted)
        self.failureResultOf(app.requests[1].data.read(), RequestAborted)
