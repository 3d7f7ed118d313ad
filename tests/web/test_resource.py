"""
Tests of L{txfcgi.web.resource} and L{txfcgi.web.gateway}: requests on their way to an app and back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.web.resource import Resource
from twisted.web.server import Request as TwistedRequest
from twisted.web.server import Site

from txfcgi import Request, RequestAborted, Response
from txfcgi.client.options import ClientOptions, Timeouts
from txfcgi.web import GatewayOptions, GatewayResource, headers
from txfcgi.web.request import StreamingRequest
from txfcgi.web.streaming import StreamingChannel

from .site import Gate, SiteCase, Waiting, answersIn, paramsIn, showParams


class ParamsTests(SiteCase):
    """
    What an app hears of a request.
    """

    async def test_ofARequest(self) -> None:
        """
        What RFC 3875 and web servers say, of the request as it came.
        """
        await self.gateway(showParams)
        answer = await self.fetch("/a%20b//c%2Fd?x=1&y=%20", headers={"User-Agent": "me"})
        params = paramsIn(answer)
        port = params.pop("REMOTE_PORT")
        self.assertTrue(port.isdecimal() and port != "0")
        self.assertEqual(
            params,
            {
                "GATEWAY_INTERFACE": "CGI/1.1",
                "HTTP_HOST": "test.example:81",
                "HTTP_USER_AGENT": "me",
                "PATH_INFO": "/a b//c/d",
                "QUERY_STRING": "x=1&y=%20",
                "REMOTE_ADDR": "127.0.0.1",
                "REQUEST_METHOD": "GET",
                "REQUEST_SCHEME": "http",
                "REQUEST_URI": "/a%20b//c%2Fd?x=1&y=%20",
                "SCRIPT_NAME": "",
                "SERVER_ADDR": "127.0.0.1",
                "SERVER_NAME": "test.example",
                "SERVER_PORT": str(self.port.getHost().port),
                "SERVER_PROTOCOL": "HTTP/1.1",
                "SERVER_SOFTWARE": "txfcgi",
            },
        )

    async def test_mounted(self) -> None:
        """
        SCRIPT_NAME is where the resource is, and PATH_INFO the rest; both are decoded.
        """
        client = await self.backEnd(showParams)
        root, folder = Resource(), Resource()
        root.putChild(b"some dir", folder)
        folder.putChild(b"app", GatewayResource(client))
        await self.site(root)
        for target, name, info in (
            ("/some%20dir/app/x%2Fy/", "/some dir/app", "/x/y/"),
            ("/some%20dir/app/", "/some dir/app", "/"),
            ("/some%20dir/app", "/some dir/app", ""),
        ):
            params = paramsIn(await self.fetch(target))
            self.assertEqual((params["SCRIPT_NAME"], params["PATH_INFO"]), (name, info))

    async def test_anyByte(self) -> None:
        """
        Bytes that are no UTF-8 arrive as they were.
        """

        async def app(request: Request) -> Response:
            path = request.params.getBytes("PATH_INFO") or b""
            return Response(200, {}, path + (request.params.getBytes("HTTP_X") or b""))

        await self.gateway(app)
        answer = await self.raw(b"GET /%FF%fe HTTP/1.0\r\nX: \xc3\x28\xff\r\n\r\n")
        self.assertTrue(answer.endswith(b"/\xff\xfe\xc3\x28\xff"), answer)
        answer = await self.raw(b"GET /\x81%20\x82 HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.endswith(b"/\x81 \x82"), answer)

    async def test_anyMethod(self) -> None:
        """
        The app decides which methods it has.
        """
        await self.gateway(showParams)
        for method in ("DELETE", "OPTIONS", "PROPFIND"):
            params = paramsIn(await self.fetch(method=method))
            self.assertEqual(params["REQUEST_METHOD"], method)

    async def test_lengths(self) -> None:
        """
        CONTENT_LENGTH is there if the browser sent it, and if there is a body.
        """
        await self.gateway(showParams)
        params = paramsIn(await self.fetch(method="POST", body=b""))
        self.assertEqual(params["CONTENT_LENGTH"], "0")
        params = paramsIn(await self.fetch(method="POST", body=b"abc"))
        self.assertEqual(params["CONTENT_LENGTH"], "3")
        self.assertNotIn("CONTENT_LENGTH", paramsIn(await self.fetch()))

    async def test_optionsAddParams(self) -> None:
        """
        Fixed params win over those of the request, and a function has the last word.
        """

        def add(request: Any, params: dict[str, str]) -> None:
            params["REMOTE_USER"] = request.getHeader("User-Agent")
            del params["SERVER_SOFTWARE"]

        options = GatewayOptions(
            params={"APP_ENV": "test", "SERVER_PROTOCOL": "X"}, addParams=add, serverName="me"
        )
        await self.gateway(showParams, options)
        params = paramsIn(await self.fetch(headers={"User-Agent": "alice"}))
        self.assertEqual(params["APP_ENV"], "test")
        self.assertEqual(params["SERVER_PROTOCOL"], "X")
        self.assertEqual(params["SERVER_NAME"], "me")
        self.assertEqual(params["REMOTE_USER"], "alice")
        self.assertNotIn("SERVER_SOFTWARE", params)

    async def test_badTargets(self) -> None:
        """
        A path that no app should see: 400, and the reason in the log.
        """
        await self.gateway(showParams)
        for target in ("/a%00b", "/a%0Ab", "http://elsewhere/", "noslash"):
            answer = await self.fetch(target)
            self.assertEqual(answer.code, 400)
        self.assertTrue(self.logged("400: InvalidPath: a control character in the path"))
        self.assertEqual(len(self.logged("does not begin with a slash")), 2)


class KeptParamsTests(ParamsTests):
    """
    The same, over connections that are kept.
    """

    kept = True


class ResponseTests(SiteCase):
    """
    What a browser hears of a response.
    """

    async def test_head(self) -> None:
        """
        Status, reason and headers are the app's; repeated ones stay apart.
        """

        async def app(request: Request) -> None:
            request.stdout.write(
                b"Status: 299 Rather Fine\nSet-Cookie: a=1\nSet-Cookie: b=2\nX-Odd:  y \n"
                b"Server: mine\nDate: never\n\nbody"
            )

        await self.gateway(app)
        answer = await self.fetch()
        self.assertEqual((answer.code, answer.reason), (299, "Rather Fine"))
        self.assertEqual(answer.get("Set-Cookie"), ["a=1", "b=2"])
        self.assertEqual(answer.get("X-Odd"), ["y"])
        self.assertEqual(answer.get("Server"), ["mine"])
        self.assertEqual(answer.get("Date"), ["never"])
        self.assertEqual(answer.get("Content-Length"), ["4"])
        self.assertEqual(answer.get("Content-Type"), [])
        self.assertEqual(answer.body, b"body")

    async def test_hopByHop(self) -> None:
        """
        What speaks of the connection to the app stays there.
        """

        client = await self.canned(
            b"Status: 200 OK\nTransfer-Encoding: gzip\nKeep-Alive: x\nUpgrade: y\n"
            b"Connection: X-Mine, close\nX-Mine: secret\nX-Powered-By: z\nX-Ok: 1\n\nbody"
        )
        options = GatewayOptions(dropResponseHeaders=["X-Powered-By"])
        await self.site(GatewayResource(client, options))
        answer = await self.fetch()
        names = {name.lower() for name, _ in answer.headers}
        ours = [] if self.kept else ["close"]
        self.assertEqual(names - {"connection"}, {"server", "date", "x-ok", "content-length"})
        self.assertEqual(answer.get("Connection"), ours)

    async def test_noBody(self) -> None:
        """
        HEAD, 204 and 304 have no body; HEAD keeps the length.
        """

        async def app(request: Request) -> Response:
            code = int(request.queryString or 200)
            return Response(code, {}, b"" if code != 200 else b"12345")

        await self.gateway(app)
        answer = await self.fetch(method="HEAD")
        self.assertEqual((answer.get("Content-Length"), answer.body), (["5"], b""))
        for code in (204, 304):
            answer = await self.fetch(f"/?{code}")
            self.assertEqual((answer.code, answer.body), (code, b""))

    async def test_ofSeveral(self) -> None:
        """
        What resources on the way to the app say is part of the response.
        """

        class Way(Resource):
            def getChild(self, path: bytes, request: Any) -> Resource:
                getattr(self, path.decode())(request)
                return resource

            def header(self, request: Any) -> None:
                request.setHeader(b"X-Way", b"here")

            def cookie(self, request: Any) -> None:
                request.addCookie(b"way", b"here")

            def etag(self, request: Any) -> None:
                request.setETag(b"here")

            def modified(self, request: Any) -> None:
                request.setLastModified(1)

        async def app(request: Request) -> Response:
            return Response(200, {"X-App": "there"}, b"body")

        resource = GatewayResource(await self.backEnd(app))
        await self.site(Way())
        for way, name, value in (
            ("header", "X-Way", "here"),
            ("cookie", "Set-Cookie", "way=here"),
            ("etag", "ETag", "here"),
            ("modified", "Last-Modified", "Thu, 01 Jan 1970 00:00:01 GMT"),
        ):
            answer = await self.fetch(f"/{way}")
            self.assertEqual((answer.get(name), answer.get("X-App")), ([value], ["there"]))
            self.assertEqual((answer.get("Content-Length"), answer.body), (["4"], b"body"))

    async def test_heads(self) -> None:
        """
        The heads of responses are remembered; those with cookies and long ones are not, and there
        is an end to it.
        """

        async def app(request: Request) -> Response:
            name = "Set-Cookie" if request.queryString == "cookie" else "X-Is"
            return Response(200, {name: request.queryString}, b"body")

        self.patch(headers, "_HEADS", 2)
        site: Any = await self.gateway(app)
        known = site.resource._gateway.responseHeaders._known
        for query in ("1", "cookie", "1", "2", "3", "x" * 600, "cookie"):
            answer = await self.fetch(f"/?{query}")
            name = "Set-Cookie" if query == "cookie" else "X-Is"
            self.assertEqual((answer.get(name), answer.body), ([query], b"body"))
            self.assertLessEqual(len(known), 2)
            for lines, names in known.values():
                self.assertNotIn(b"set-cookie", names)
                self.assertNotIn(b"cookie", lines)
        self.assertEqual(len(known), 1 if self.kept else 0)

    async def test_large(self) -> None:
        """
        Bodies of any size, whatever pieces they come in and are taken in.
        """

        async def app(request: Request) -> Response:
            size, _, chunked = request.queryString.partition("&")
            body = b"x" * int(size)
            return Response(200, {}, [body] if chunked else body)

        site = await self.gateway(app)
        taken: list[int | None] = [None]
        write = Connection.writeSomeData

        def writing(transport: Connection, data: Any) -> Any:
            if isinstance(transport.protocol, StreamingChannel) and taken[0] is not None:
                data = data[: taken[0]]
                taken[0] = 50_000
            return write(transport, data) if data else 0

        self.patch(Connection, "writeSomeData", writing)
        self.assertEqual(site.channels, set())
        for size in (1, 20_000, 65_536, 131_072, 300_000, 5_000_000):
            for first in (None, 0, 10):
                taken[0] = first
                for query in (f"{size}", f"{size}&chunked"):
                    answer = await self.fetch(f"/?{query}")
                    self.assertEqual(answer.body, b"x" * size)

    async def test_keptConnection(self) -> None:
        """
        Requests follow each other on one connection, be it pipelined.
        """
        await self.gateway(showParams)
        wire = await self.connect()
        wire.send(b"GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
        wire.send(b"GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n")
        await wire.closed
        answers = answersIn(wire.received, "GET", "POST", "GET")
        self.assertEqual([paramsIn(each)["PATH_INFO"] for each in answers], ["/1", "/2", "/3"])

    async def test_streams(self) -> None:
        """
        A response goes out as the app makes it.
        """
        gate = Gate()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await gate
            yield b"second"

        async def app(request: Request) -> Response:
            return Response(200, {}, pieces())

        await self.gateway(app)
        wire = await self.connect()
        wire.send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        await wire.until(b"first")
        self.assertNotIn(b"second", wire.received)
        gate.open()
        answer = await wire.answer("GET")
        self.assertEqual(answer.body, b"firstsecond")

    async def test_headBeforeBody(self) -> None:
        """
        The head does not wait for the body.
        """
        gate = Gate()

        async def app(request: Request) -> None:
            request.stdout.write(b"Status: 200 OK\nX-There: yes\n\n")
            await gate

        await self.gateway(app)
        wire = await self.connect()
        wire.send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        await wire.until(b"X-There: yes")
        gate.open()
        await wire.closed

    async def test_localRedirect(self) -> None:
        """
        A path to look at instead is looked at, by GET and without the body; the browser does not
        hear of it.
        """

        async def app(request: Request) -> Response | None:
            if request.params["PATH_INFO"] == "/old":
                request.stdout.write(b"Location: /new?x=%20\n\n")
                return None
            return await showParams(request)

        await self.gateway(app)
        params = paramsIn(await self.fetch("/old?y", method="POST", body=b"abc"))
        self.assertEqual(params["REQUEST_METHOD"], "GET")
        self.assertEqual(params["REQUEST_URI"], "/new?x=%20")
        self.assertEqual((params["PATH_INFO"], params["QUERY_STRING"]), ("/new", "x=%20"))
        self.assertNotIn("CONTENT_LENGTH", params)
        answer = await self.fetch("/old", method="HEAD")
        self.assertEqual((answer.code, answer.body), (200, b""))

    async def test_localRedirectElsewhere(self) -> None:
        """
        What is there need not be of an app; it finds a body that is empty.
        """

        class Other(Resource):
            isLeaf = True

            def render(self, request: Any) -> bytes:
                return b"%s %s" % (request.uri, request.content.read())

        async def app(request: Request) -> None:
            request.stdout.write(b"Location: /other\n\n")

        root = Resource()
        root.putChild(b"app", GatewayResource(await self.backEnd(app)))
        root.putChild(b"other", Other())
        await self.site(root)
        for body in (None, b"abc"):
            answer = await self.fetch("/app", method="POST", body=body)
            self.assertEqual(answer.body, b"/other ")

    async def test_localRedirectLoop(self) -> None:
        """
        One that leads nowhere ends with a 502.
        """
        seen = []

        async def app(request: Request) -> None:
            seen.append(request.uri)
            request.stdout.write(b"Location: /again\n\n")

        await self.gateway(app, GatewayOptions(localRedirects=3))
        answer = await self.fetch()
        self.assertEqual((answer.code, len(seen)), (502, 4))
        self.assertTrue(self.logged("more than 3 local redirects"))

    async def test_noLocalRedirect(self) -> None:
        """
        A redirect that a browser has to see stays one.
        """
        heads = {
            "status": b"Status: 302 Found\nLocation: /new\n\n",
            "elsewhere": b"Location: //example.com/\n\n",
            "whole": b"Location: http://example.com/\n\n",
            "cookie": b"Location: /new\nSet-Cookie: a=b\n\n",
        }

        async def app(request: Request) -> None:
            request.stdout.write(heads[request.queryString])

        await self.gateway(app)
        for name in heads:
            answer = await self.fetch(f"/?{name}")
            self.assertEqual((answer.code, len(answer.get("Location"))), (302, 1), name)
        client = await self.backEnd(app)
        await self.site(GatewayResource(client, GatewayOptions(localRedirects=0)))
        heads["path"] = b"Location: /new\n\n"
        self.assertEqual((await self.fetch("/?path")).get("Location"), ["/new"])


class KeptResponseTests(ResponseTests):
    """
    The same, over connections that are kept.
    """

    kept = True


class GoneTests(SiteCase):
    """
    A browser that goes away, and an app that does.
    """

    async def test_beforeTheAnswer(self) -> None:
        """
        The app is told that nobody waits any more.
        """
        app = Waiting()
        await self.gateway(app)
        wire = await self.connect()
        wire.send(b"GET / HTTP/1.1\r\n\r\n")
        await app.asked
        wire.leave()
        await app.aborted

    async def test_withinTheAnswer(self) -> None:
        """
        An app that streams is told, too; and the log does not complain.
        """
        aborted = Gate()

        async def pieces() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await Gate()
            finally:
                aborted.open()

        async def app(request: Request) -> Response:
            return Response(200, {}, pieces())

        await self.gateway(app)
        wire = await self.connect()
        wire.send(b"GET / HTTP/1.1\r\n\r\n")
        await wire.until(b"first")
        wire.leave()
        await aborted
        self.assertEqual(self.logged("cut off"), [])

    async def test_withinTheBody(self) -> None:
        """
        An app that reads a body that stops coming gets an error, and never an end.
        """
        begun, ended = Gate(), Gate()
        errors: list[Exception] = []

        async def app(request: Request) -> Response:
            try:
                async for _ in request.stdin:
                    begun.open()
            except RequestAborted as error:
                errors.append(error)
            finally:
                ended.open()
            raise AssertionError

        await self.gateway(app)
        wire = await self.connect()
        wire.send(b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"x" * 20_000)
        await begun
        wire.leave()
        await ended

    async def test_cutOffChunked(self) -> None:
        """
        Of an answer that is cut off, the last chunk is missing.
        """
        client = await self.canned(b"Status: 200 OK\n\nthe beg", whole=False)
        await self.site(GatewayResource(client))
        received = await self.raw(b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(received.endswith(b"7\r\nthe beg\r\n"), received)
        self.assertTrue(self.logged("the answer was cut off: ResponseCutOff"))

    async def test_cutOffWithLength(self) -> None:
        """
        Of an answer with a length, a part is missing.
        """
        client = await self.canned(b"Status: 200 OK\nContent-Length: 20\n\nthe beg", whole=False)
        await self.site(GatewayResource(client))
        for header in (b"", b"Connection: close\r\n"):
            received = await self.raw(b"GET / HTTP/1.1\r\n%s\r\n" % header)
            self.assertTrue(received.endswith(b"Content-Length: 20\r\n\r\nthe beg"), received)

    async def test_cutOffWithoutLength(self) -> None:
        """
        One whose end is that of the connection: that is reset.
        """
        client = await self.canned(b"Status: 200 OK\n\nthe beg", whole=False)
        await self.site(GatewayResource(client))
        wire = await self.connect()
        wire.send(b"GET / HTTP/1.0\r\n\r\n")
        reason = await wire.closed
        self.assertNotIn("ConnectionDone", type(reason).__name__)


class ErrorTests(SiteCase):
    """
    There is no answer.
    """

    async def test_notThere(self) -> None:
        """
        A back end that can't be reached: 502, a page that says nothing of it, and a line in the log
        that does.
        """
        client = self.clientOf(f"unix:{self.folder}/nothing.sock")
        await self.site(GatewayResource(client))
        answer = await self.fetch("/some?thing")
        self.assertEqual((answer.code, answer.reason), (502, "Bad Gateway"))
        self.assertEqual(answer.get("Content-Type"), ["text/html; charset=utf-8"])
        self.assertIn(b"<h1>502 Bad Gateway</h1>", answer.body)
        self.assertNotIn(b"nothing.sock", answer.body)
        self.assertTrue(self.logged("GET /some?thing: 502: RequestNotSent: "))

    async def test_garbage(self) -> None:
        """
        A back end that speaks something else: 502.
        """

        class HTTP(Protocol):
            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        client = self.clientOf(await self.listen(Factory.forProtocol(HTTP)))
        await self.site(GatewayResource(client))
        self.assertEqual((await self.fetch()).code, 502)
        self.assertTrue(self.logged("502: BadResponse"))

    async def test_full(self) -> None:
        """
        No room: 503, and when to come again.
        """
        asked, gate = Gate(), Gate()

        async def app(request: Request) -> Response:
            asked.open()
            await gate
            return Response(200, {}, b"at last")

        await self.gateway(app, None, ClientOptions(maxConnections=1, maxWaiting=0))
        first = await self.connect()
        first.send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        await asked
        answer = await self.fetch()
        self.assertEqual((answer.code, answer.get("Retry-After")), (503, ["1"]))
        gate.open()
        await first.closed
        self.assertTrue(first.received.endswith(b"at last"))

    async def test_slow(self) -> None:
        """
        A back end that takes too long: 504.
        """
        app = Waiting()
        clock = Clock()
        options = GatewayOptions(timeouts=Timeouts(firstByte=7.0))
        await self.gateway(app, options, clock=clock)
        wire = await self.connect()
        wire.send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        await app.asked
        clock.advance(7.0)
        answer = await wire.answer("GET")
        self.assertEqual((answer.code, answer.reason), (504, "Gateway Time-out"))
        self.assertTrue(self.logged("504: NoResponse: the firstByte timeout of 7 seconds"))
        await app.aborted

    async def test_ownPage(self) -> None:
        """
        The pages can be others, and stand for what the app says as well.
        """

        def page(request: Any, code: int) -> tuple[str, bytes]:
            return "text/plain", b"%d for %s" % (code, request.uri)

        async def app(request: Request) -> Response:
            return Response(int(request.queryString), {"X-Inner": "1"}, b"the app's")

        await self.gateway(app, GatewayOptions(errorPage=page, interceptErrors=(404, 500)))
        answer = await self.fetch("/?404")
        self.assertEqual((answer.code, answer.body), (404, b"404 for /?404"))
        self.assertEqual((answer.get("X-Inner"), answer.get("Content-Type")), ([], ["text/plain"]))
        self.assertEqual((await self.fetch("/?403")).body, b"the app's")
        self.assertTrue(self.logged("the back end said 404"))

    async def test_unknownStatus(self) -> None:
        """
        A status that nobody knows has a page, too.
        """

        async def app(request: Request) -> Response:
            return Response(599, {}, b"")

        await self.gateway(app, GatewayOptions(interceptErrors=(599,)))
        self.assertIn(b"599 Error", (await self.fetch()).body)

    async def test_ownMistake(self) -> None:
        """
        A function of the options that fails: 500, and its traceback in the log alone.
        """

        def add(request: Any, params: dict[str, str]) -> None:
            raise ZeroDivisionError

        await self.gateway(showParams, GatewayOptions(addParams=add))
        answer = await self.fetch()
        self.assertEqual(answer.code, 500)
        self.assertNotIn(b"Zero", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class KeptErrorTests(ErrorTests):
    """
    The same, over connections that are kept.
    """

    kept = True


class PlainSiteTests(SiteCase):
    """
    On a site that collects bodies.
    """

    async def test_bodies(self) -> None:
        """
        Bodies arrive, whatever their size, and with their length.
        """

        async def app(request: Request) -> Response:
            length = request.params.get("CONTENT_LENGTH", "none").encode()
            return Response(200, {}, length + b" " + await request.stdin.read())

        client = await self.backEnd(app)
        for factory in (TwistedRequest, StreamingRequest):
            await self.serve(Site(GatewayResource(client), factory))
            self.assertEqual((await self.fetch()).body, b"none ")
            for size in (1, 70_000, 1_000_000):
                answer = await self.fetch(method="PUT", body=b"x" * size)
                self.assertEqual(answer.body, b"%d " % size + b"x" * size)
