"""
Tests of L{txfcgi.server.request}: what an app is told.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import formatEvent

from txfcgi import (
    AuthorizerRequest,
    FilterRequest,
    Limits,
    Request,
    ResponderRequest,
    Response,
    Role,
)
from txfcgi.errors import (
    BodyTooLong,
    BodyTooShort,
    MalformedParams,
    MalformedValue,
    RequestAborted,
    StreamClosed,
)
from txfcgi.wire.records import BeginRequest, Params, Stdin

from .conversation import Held, ServerTests, WebServer, beginning, encodeParams, ok, stdin

Pairs = list[tuple[bytes, bytes]]


class RequestTests(ServerTests):
    """
    Tests that look at the request that an app gets.
    """

    def begin(
        self, params: dict[str, str] | Pairs | None = None, role: int = Role.RESPONDER
    ) -> Any:
        """
        Begin a request.

        @return: What the app sees.
        """
        self.app = Held()
        self.server = self.serve(self.app)
        self.server.begin(1, params or {}, role=role)
        return self.app.requests[0]


class AttributesTests(RequestTests):
    """
    What can be read of a request.
    """

    def test_roles(self) -> None:
        """
        Each role has a class of its own.
        """
        for role, kind in (
            (Role.RESPONDER, ResponderRequest),
            (Role.AUTHORIZER, AuthorizerRequest),
            (Role.FILTER, FilterRequest),
        ):
            request = self.begin(role=role)
            self.assertIs(type(request), kind)
            self.assertIsInstance(request, Request)
            self.assertIs(request.role, role)
            self.assertEqual(hasattr(request, "data"), role is Role.FILTER)

    def test_derived(self) -> None:
        """
        What CGI calls it comes under a short name, as it came.
        """
        request = self.begin(
            {
                "REQUEST_METHOD": "PUT",
                "REQUEST_URI": "/s/p%2F?q=%20",
                "SCRIPT_NAME": "/s",
                "PATH_INFO": "/p/",
                "QUERY_STRING": "q=%20",
            }
        )
        self.assertEqual(request.method, "PUT")
        self.assertEqual(request.uri, "/s/p%2F?q=%20")
        self.assertEqual((request.scriptName, request.pathInfo), ("/s", "/p/"))
        self.assertEqual(request.queryString, "q=%20")

    def test_absent(self) -> None:
        """
        What the web server did not say.
        """
        request = self.begin()
        self.assertEqual((request.method, request.uri, request.queryString), ("GET", "", ""))
        self.assertEqual((request.scriptName, request.pathInfo), ("", ""))
        self.assertIsNone(request.clientAddress)
        self.assertEqual(list(request.headers.getAllRawHeaders()), [])
        self.assertIsNone(request.stdin.length)

    def test_uriOfParts(self) -> None:
        """
        Without REQUEST_URI, the URI is made of its parts.
        """
        parts = {"SCRIPT_NAME": "/s", "PATH_INFO": "/p", "QUERY_STRING": "q"}
        self.assertEqual(self.begin(parts).uri, "/s/p?q")
        self.assertEqual(self.begin({"SCRIPT_NAME": "/s"}).uri, "/s")

    def test_headers(self) -> None:
        """
        The headers are those of HTTP: HTTP_*, CONTENT_TYPE, and CONTENT_LENGTH. What a program
        could take for something else is left out, and stays in the params.
        """
        request = self.begin(
            [
                (b"HTTP_X_ONE", b"\xff\x00"),
                (b"HTTP_COOKIE", b"a"),
                (b"HTTP_COOKIE", b"b"),
                (b"HTTP_EMPTY", b""),
                (b"HTTP_PROXY", b"evil"),
                (b"HTTP_CONTENT_LENGTH", b"9"),
                (b"HTTP_CONTENT_TYPE", b"evil"),
                (b"CONTENT_LENGTH", b"3"),
                (b"CONTENT_TYPE", b""),
                (b"REMOTE_ADDR", b"192.0.2.9"),
            ]
        )
        headers = request.headers
        self.assertEqual(headers.getRawHeaders(b"x-one"), [b"\xff\x00"])
        self.assertEqual(headers.getRawHeaders("cookie"), ["a", "b"])
        self.assertEqual(headers.getRawHeaders("empty"), [""])
        self.assertEqual(headers.getRawHeaders("content-length"), ["3"])
        for name in ("proxy", "content-type", "remote-addr"):
            self.assertFalse(headers.hasHeader(name), name)
        self.assertEqual(request.params["HTTP_PROXY"], "evil")
        self.assertIs(request.headers, headers)

    def test_clientAddress(self) -> None:
        """
        The browser's address; a port that is none is 0.
        """
        for address, port, expected in (
            ("192.0.2.9", "4711", IPv4Address("TCP", "192.0.2.9", 4711)),
            ("2001:db8::1", "1", IPv6Address("TCP", "2001:db8::1", 1)),
            ("192.0.2.9", "", IPv4Address("TCP", "192.0.2.9", 0)),
            ("192.0.2.9", "many", IPv4Address("TCP", "192.0.2.9", 0)),
            ("192.0.2.9", "9" * 5000, IPv4Address("TCP", "192.0.2.9", 0)),
            ("192.0.2.9", "-1", IPv4Address("TCP", "192.0.2.9", 0)),
        ):
            request = self.begin({"REMOTE_ADDR": address, "REMOTE_PORT": port})
            self.assertEqual(request.clientAddress, expected)

    def test_representation(self) -> None:
        """
        A request says in messages which one it is.
        """
        self.assertRegex(repr(self.begin()), r"<ResponderRequest 1 from .*192\.0\.2\.1.*>")


class ParamsTests(RequestTests):
    """
    The params of a request.
    """

    def test_mapping(self) -> None:
        """
        They are a mapping of text; bytes that are no UTF-8 survive.
        """
        params = self.begin([(b"A", "ä".encode()), (b"\xff", b"\xfe\x00"), (b"", b"")]).params
        self.assertEqual(dict(params), {"A": "ä", "\udcff": "\udcfe\0", "": ""})
        self.assertEqual(params["A"], "ä")
        self.assertEqual(params.getBytes("\udcff"), b"\xfe\x00")
        self.assertEqual(params.getBytes("absent"), None)
        self.assertEqual(params["\udcff"].encode("utf-8", "surrogateescape"), b"\xfe\x00")

    def test_duplicates(self) -> None:
        """
        Of a name that comes twice, the last counts; both are in C{raw}.
        """
        pairs = [(b"A", b"1"), (b"B", b"2"), (b"A", b"3")]
        for looks in range(5):
            params = self.begin(pairs).params
            for _ in range(looks):
                params.get("B")
            self.assertEqual((params["A"], params.getBytes("A")), ("3", b"3"))
            self.assertEqual(params.raw, pairs)

    def test_empty(self) -> None:
        """
        There may be none.
        """
        params = self.begin().params
        self.assertEqual((dict(params), params.raw), ({}, []))

    def test_malformed(self) -> None:
        """
        Params that can't be read show none of them, to no look, and are the web server's mistake:
        a 400 (rule 10, statement 14).
        """
        good = encodeParams({"REQUEST_METHOD": "HEAD", "PATH_INFO": "/secret"})
        looks: list[Any] = [
            lambda request: request.params["PATH_INFO"],
            lambda request: request.params.get("PATH_INFO"),
            lambda request: request.params.getBytes("PATH_INFO"),
            lambda request: dict(request.params),
            lambda request: len(request.params),
            lambda request: request.params.raw,
            lambda request: request.headers,
            lambda request: request.method,
            lambda request: request.uri,
            lambda request: request.clientAddress,
        ]
        for look in looks:
            seen: list[Any] = []

            def app(request: Request, look: Any = look, seen: list[Any] = seen) -> Response:
                seen.append(look(request))
                return Response(200, {}, b"ok")

            server = self.serve(app)
            self.events.clear()
            server.send(
                BeginRequest(1, Role.RESPONDER, True),
                Params(1, good + b"\7\200"),
                Params(1),
                Stdin(1),
            )
            self.assertEqual((server.answer().code, seen), (400, []))
            self.assertSaid("app failed", "section 3.4", "params that can't be read")
            self.assertEqual(self.flushLoggedErrors(), [])
            self.assertServes(server)

    def test_malformedUnseen(self) -> None:
        """
        The answer to HEAD needs a look.
        """
        server = self.serve(ok)
        block = encodeParams({"REQUEST_METHOD": "HEAD"})
        server.send(BeginRequest(1, Role.RESPONDER, True), Params(1, block + b"\7"), Params(1))
        self.assertEqual(server.answer().code, 400)

    def test_malformedWithBody(self) -> None:
        """
        A body whose length can't be looked up can't be read.
        """

        async def app(request: ResponderRequest) -> Response:
            return Response(200, {}, await request.stdin.read())

        server = self.serve(app)
        server.send(BeginRequest(1, Role.RESPONDER, True), Params(1, b"\7"), Params(1))
        server.send(*stdin(1, b"body"))
        self.assertEqual(server.answer().code, 400)

    def test_malformedInDeferred(self) -> None:
        """
        Who looks later hears it later.
        """
        request = self.begin([(b"A", b"1")])
        self.server.send(BeginRequest(2, Role.RESPONDER, True), Params(2, b"\7"), Params(2))
        self.assertRaises(MalformedParams, self.app.requests[1].params.get, "A")
        self.assertEqual(request.params["A"], "1")


class InputTests(RequestTests):
    """
    The body of a request.
    """

    def test_startsEarly(self) -> None:
        """
        The app runs as soon as the params are there; the body comes as it comes.
        """
        request = self.begin({"CONTENT_LENGTH": "6"})
        self.assertEqual(request.stdin.length, 6)
        first = request.stdin.read(100)
        self.assertNoResult(first)
        self.server.stdin(b"abc")
        self.assertEqual(self.successResultOf(first), b"abc")
        rest = request.stdin.read()
        self.server.stdin(b"def")
        self.assertEqual(self.successResultOf(rest), b"def")

    def test_severalPiecesInOneRead(self) -> None:
        """
        Several pieces may come in one read.
        """
        request = self.begin()
        body = request.stdin.read()
        self.server.send(Stdin(1, b"a"), Stdin(1, b"b"), Stdin(1, b"c"), Stdin(1))
        self.assertEqual(self.successResultOf(body), b"abc")

    def test_unknownLength(self) -> None:
        """
        A CONTENT_LENGTH that is absent, empty or -1 means that the end will tell (statement 47a).
        """
        for params in ({}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "-1"}):
            request = self.begin(params)
            body = request.stdin.read()
            self.assertIsNone(request.stdin.length)
            self.server.stdin(b"all of it")
            self.assertNoResult(body)
            self.server.endStdin()
            self.assertEqual(self.successResultOf(body), b"all of it")

    def test_wrongLengths(self) -> None:
        """
        A body that is not as long as declared is an error where it is read (statement 27).
        """
        for body, error in ((b"ab", BodyTooShort), (b"abcd", BodyTooLong)):
            request = self.begin({"CONTENT_LENGTH": "3"})
            read = request.stdin.read()
            self.server.send(*stdin(1, body))
            self.failureResultOf(read, error)

    def test_malformedLength(self) -> None:
        """
        A CONTENT_LENGTH that is no number is the web server's mistake, when the body is read.
        """
        request = self.begin({"CONTENT_LENGTH": "+3"})
        self.server.send(*stdin(1, b"abc"))
        self.failureResultOf(request.stdin.read(), MalformedValue)

        async def app(request: ResponderRequest) -> Response:
            return Response(200, {}, await request.stdin.read())

        server = self.serve(app)
        self.assertEqual(server.get(1, {"CONTENT_LENGTH": "0x10"}).code, 400)
        self.assertSaid("CONTENT_LENGTH is not a number: b'0x10'")

    def test_unread(self) -> None:
        """
        A body that nobody reads does no harm.
        """
        server = self.serve(ok)
        self.assertEqual(server.post(b"x" * 60_000).body, b"ok")
        self.assertFalse(server.paused)
        self.assertServes(server)

    def test_early(self) -> None:
        """
        An answer need not wait for the body; what still comes of it is dropped.
        """
        server = self.serve(ok)
        server.begin(1, {"CONTENT_LENGTH": "200000"})
        self.assertEqual(server.answer().status, (0, 0))
        for _ in range(4):
            server.stdin(bytes(50_000))
        server.endStdin()
        self.assertFalse(server.paused)
        self.assertServes(server)

    def test_lookedAtLate(self) -> None:
        """
        The end may have come before the app looks.
        """
        app = Held()
        server = self.serve(app)
        server.send(*beginning(1), Stdin(1))
        self.assertEqual(self.successResultOf(app.requests[0].stdin.read()), b"")
        server.send(*beginning(2), Stdin(2, b"body"), Stdin(2))
        self.assertEqual(self.successResultOf(app.requests[1].stdin.read()), b"body")

    def test_afterTheEnd(self) -> None:
        """
        Once the request is over, so is its body, whether or not somebody had looked at it.
        """
        for look in (True, False):
            request = self.begin({"CONTENT_LENGTH": "10"})
            if look:
                self.server.stdin(b"a part")
            self.app.answer()
            self.failureResultOf(request.stdin.read(), StreamClosed)
            request = self.begin({"CONTENT_LENGTH": "10"})
            if look:
                self.server.stdin(b"a part")
            self.server.abort()
            self.failureResultOf(request.stdin.read(), RequestAborted)

    def test_abort(self) -> None:
        """
        A reader that nothing else cancels hears that the request was aborted.
        """
        request = self.begin({"CONTENT_LENGTH": "10"})
        read = request.stdin.read()
        line = request.stdin.read(1)
        self.failureResultOf(line)
        self.server.stdin(b"a part")
        self.server.abort()
        self.failureResultOf(read, RequestAborted)

    def test_pausesAndResumes(self) -> None:
        """
        An app that does not read holds the connection up, until it does.
        """
        request = self.begin()
        self.server.stdin(bytes(65_528))
        self.assertFalse(self.server.paused)
        self.server.stdin(bytes(65_528))
        self.assertTrue(self.server.paused)
        self.successResultOf(request.stdin.read(65_528))
        self.assertTrue(self.server.paused)
        self.successResultOf(request.stdin.read(40_000))
        self.assertFalse(self.server.paused)

    def test_pausedByTheDead(self) -> None:
        """
        The end of the request that held it up resumes the connection.
        """
        for end in (lambda: self.app.answer(), lambda: self.server.abort()):
            self.begin()
            self.server.stdin(bytes(65_528))
            self.server.stdin(bytes(65_528))
            self.assertTrue(self.server.paused)
            end()
            self.assertFalse(self.server.paused)
            self.assertServes(self.server)


class NotifyFinishTests(RequestTests):
    """
    Tests of L{Request.notifyFinish}.
    """

    def test_answered(self) -> None:
        """
        It fires with C{None} when the response is handed over.
        """
        request = self.begin()
        finished = [request.notifyFinish(), request.notifyFinish()]
        self.assertNoResult(finished[0])
        self.app.answer()
        self.assertEqual([self.successResultOf(each) for each in finished], [None, None])

    def test_aborted(self) -> None:
        """
        It fails when the request is aborted.
        """
        request = self.begin()
        finished = request.notifyFinish()
        self.server.abort()
        self.failureResultOf(finished, RequestAborted)

    def test_errorPage(self) -> None:
        """
        An error page is a response.
        """
        request = self.begin()
        finished = request.notifyFinish()
        self.app.results[0].callback("no response")
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertIsNone(self.successResultOf(finished))

    def test_late(self) -> None:
        """
        Who asks when the request is over is told at once.
        """
        request = self.begin()
        self.app.answer()
        self.assertIsNone(self.successResultOf(request.notifyFinish()))
        request = self.begin()
        self.server.disconnect()
        self.failureResultOf(request.notifyFinish(), RequestAborted)

    def test_duringCancellation(self) -> None:
        """
        So is who asks while the app is cancelled.
        """
        asked: list[Deferred[None]] = []
        request: list[Request] = []
        server = self.serve(
            lambda each: (request.append(each), Deferred(lambda _: ask()))[1]  # type: ignore[func-returns-value]
        )

        def ask() -> None:
            asked.append(request[0].notifyFinish())
            request[0].stderr.write(b"not sent")

        server.begin()
        server.abort()
        self.failureResultOf(asked[0], RequestAborted)
        self.assertEqual(server.answer().stderr, b"")

    def test_cancelled(self) -> None:
        """
        It can be cancelled, and the others fire.
        """
        request = self.begin()
        finished = [request.notifyFinish() for _ in range(3)]
        finished[1].cancel()
        self.failureResultOf(finished[1], CancelledError)
        finished[0].addCallback(lambda _: finished[2].cancel())
        self.app.answer()
        self.successResultOf(finished[0])
        self.failureResultOf(finished[2], CancelledError)


class LogTests(ServerTests):
    """
    What is logged of a request.
    """

    def test_noSecrets(self) -> None:
        """
        The log has the method and the URI, and nothing else that the browser said.
        """

        def app(request: Request) -> Response:
            raise ZeroDivisionError

        server = WebServer(self.factory(app, Limits()))
        server.get(1, {"HTTP_COOKIE": "secret", "HTTP_AUTHORIZATION": "secret", "SECRET": "secret"})
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        for event in self.events:
            self.assertNotIn("secret", formatEvent(event))
