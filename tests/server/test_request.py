"""
Tests of L{txfcgi.server.request}: what an app is told.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
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
    MalformedParams,
)
from txfcgi.wire.records import BeginRequest, Params, Stdin

from .conversation import ServerTests, WebServer, encodeParams, ok, stdin
from .requested import RequestTests


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
        a 400.
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
