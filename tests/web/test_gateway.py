"""
Tests of L{txfcgi.web.gateway}: what becomes of an answer, and of one that is missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.task import Clock
from twisted.web.resource import Resource

from txfcgi import Request, RequestAborted, Response
from txfcgi.client.options import ClientOptions, Timeouts
from txfcgi.web import GatewayOptions, GatewayResource
from txfcgi.web.gateway import Gateway

from .site import Gate, SiteCase, Waiting, answersIn, paramsIn, showParams


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

    async def test_noContent(self) -> None:
        """
        A 204 has no length and a 205 has none but 0, whatever the app says; neither has a body, and
        the connection goes on.
        """
        for length in (b"", b"Content-Length: 4\n"):
            for code, lengths in ((204, []), (205, ["0"])):
                client = await self.canned(b"Status: %d x\n%s\nbody" % (code, length))
                await self.site(GatewayResource(client))
                wire = await self.connect()
                wire.send(2 * b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await wire.when(lambda received: received.count(b"\r\n\r\n") == 2)
                self.assertNotIn(b"body", wire.received)
                for answer in answersIn(wire.received, "GET", "GET"):
                    self.assertEqual((answer.code, answer.body), (code, b""))
                    self.assertEqual(answer.get("Content-Length"), lengths)
                    self.assertEqual(answer.get("Transfer-Encoding"), [])

    async def test_trace(self) -> None:
        """
        TRACE is not for a back end: what it echoes would show a script the browser's cookies.
        """
        await self.gateway(showParams)
        for method in ("TRACE", "trace", "TRACK", "CONNECT"):
            answer = await self.fetch(method=method)
            self.assertEqual(answer.code, 405)
            self.assertIn("GET", answer.get("Allow")[0])

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

    async def test_keptConnection(self) -> None:
        """
        Requests follow each other on one connection, be it pipelined.
        """
        await self.gateway(showParams)
        wire = await self.connect()
        wire.send(
            b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
            b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        )
        wire.send(b"GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
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
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
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
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await wire.until(b"X-There: yes")
        gate.open()
        await wire.closed


class KeptResponseTests(ResponseTests):
    """
    The same, over connections that are kept.
    """

    kept = True


class TimeoutTests(SiteCase):
    """
    How long things may take.
    """

    async def test_noTotal(self) -> None:
        """
        The client's timeout for a whole request does not hold in a gateway, which would cut event
        streams off; a gateway's own does.
        """
        client = await self.backEnd(showParams, ClientOptions(timeouts=Timeouts(firstByte=7.0)))
        self.assertEqual(client.options.timeouts.total, 300.0)
        gateway = Gateway(client)
        self.assertEqual(gateway.timeouts, Timeouts(firstByte=7.0, total=None))
        own = Timeouts(total=5.0)
        self.assertEqual(Gateway(client, GatewayOptions(timeouts=own)).timeouts, own)

    async def test_long(self) -> None:
        """
        A response that goes on and on is not cut off.
        """
        clock = Clock()
        gates = [Gate() for _ in range(20)]

        async def pieces() -> AsyncIterator[bytes]:
            for number, gate in enumerate(gates):
                yield b"<%d>" % number
                await gate

        async def app(request: Request) -> Response:
            return Response(200, {}, pieces())

        await self.gateway(app, clock=clock)
        wire = await self.connect()
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for number, gate in enumerate(gates):
            await wire.until(b"<%d>" % number)
            clock.advance(50)
            gate.open()
        await wire.closed
        self.assertTrue(wire.received.endswith(b"0\r\n\r\n"))


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
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
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
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
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
        wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 20_000)
        await begun
        wire.leave()
        await ended

    async def test_cutOffChunked(self) -> None:
        """
        Of an answer that is cut off, the last chunk is missing.
        """
        client = await self.canned(b"Status: 200 OK\n\nthe beg", whole=False)
        await self.site(GatewayResource(client))
        received = await self.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(received.endswith(b"7\r\nthe beg\r\n"), received)
        self.assertTrue(self.logged("the answer was cut off: ResponseCutOff"))

    async def test_cutOffWithLength(self) -> None:
        """
        Of an answer with a length, a part is missing.
        """
        client = await self.canned(b"Status: 200 OK\nContent-Length: 20\n\nthe beg", whole=False)
        await self.site(GatewayResource(client))
        for header in (b"", b"Connection: close\r\n"):
            received = await self.raw(b"GET / HTTP/1.1\r\nHost: x\r\n%s\r\n" % header)
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
