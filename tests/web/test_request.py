"""
Tests of L{txfcgi.web.request}: bodies while they arrive.
"""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource

from txfcgi import Request, Response
from txfcgi.client.options import ClientOptions
from txfcgi.web import GatewayOptions, GatewayResource, HTTPLimits

from .site import CHUNKED, Gate, SiteCase, Wire, answersIn

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def echo(request: Request) -> Response:
    """
    An app that gives back what it gets.
    """
    return Response(200, {"X-Length": request.params.get("CONTENT_LENGTH", "none")}, request.stdin)


class Form(Resource):
    """
    A resource that knows nothing of streams.
    """

    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        """
        Show a field of a form.
        """
        return request.args[b"name"][0] + b"," + request.content.read()


class BodyTests(SiteCase):
    """
    Bodies on their way to an app.
    """

    async def chunked(self, later: bool) -> Wire:
        """
        Begin a request whose body comes in chunks.

        @param later: Whether its head is read before any of its body is sent.
        """
        wire = await self.connect()
        if later:
            wire.send(CHUNKED.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"))
            await wire.until(CONTINUE)
        else:
            wire.send(CHUNKED)
        return wire

    async def test_whileItArrives(self) -> None:
        """
        The app has the beginning of a body before the end is sent.
        """
        begun = Gate()

        async def app(request: Request) -> Response:
            first = await request.stdin.read(5)
            begun.open()
            return Response(200, {}, first + b"|" + await request.stdin.read())

        await self.gateway(app)
        wire = await self.connect()
        wire.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\nfirst"
        )
        await begun
        wire.send(b"final")
        answer = await wire.answer("POST")
        self.assertEqual(answer.body, b"first|final")

    async def test_chunkedIsSpooled(self) -> None:
        """
        A body of unknown length is kept until its length is known.
        """
        await self.gateway(echo)
        for later in (False, True):
            wire = await self.chunked(later)
            wire.send(b"3\r\nabc\r\n")
            wire.send(b"2\r\nde\r\n0\r\n\r\n")
            await wire.closed
            [answer] = answersIn(wire.received.removeprefix(CONTINUE), "POST")
            self.assertEqual((answer.body, answer.get("X-Length")), (b"abcde", ["5"]))

    async def test_chunkedStreams(self) -> None:
        """
        It goes on as it comes if that is asked for.
        """
        begun = Gate()

        async def app(request: Request) -> Response:
            first = await request.stdin.read(3)
            begun.open()
            return Response(200, {}, first + await request.stdin.read())

        await self.gateway(app, None, ClientOptions(unknownLength="stream"))
        wire = await self.connect()
        wire.send(CHUNKED)
        wire.send(b"3\r\nabc\r\n")
        await begun
        wire.send(b"2\r\nde\r\n0\r\n\r\n")
        answer = await wire.answer("POST")
        self.assertEqual(answer.body, b"abcde")

    async def test_chunkedIsRefused(self) -> None:
        """
        Or it is refused: 411.
        """
        await self.gateway(echo, None, ClientOptions(unknownLength="refuse"))
        wire = await self.connect()
        wire.send(CHUNKED)
        await wire.until(b" 411 Length Required")
        wire.send(b"0\r\n\r\n")
        await wire.closed

    async def test_limit(self) -> None:
        """
        A body that is too long is refused: 413, by its declared length, or when it passes the
        limit.
        """
        await self.gateway(echo, GatewayOptions(bodyBytes=5))
        self.assertEqual((await self.fetch(method="POST", body=b"12345")).code, 200)
        self.assertEqual((await self.fetch(method="POST", body=b"123456")).code, 413)
        for later in (False, True):
            for last, code in ((b"3\r\ndef\r\n", 413), (b"2\r\nde\r\n", 200)):
                wire = await self.chunked(later)
                wire.send(b"3\r\nabc\r\n" + last + b"0\r\n\r\n")
                await wire.closed
                answer = answersIn(wire.received.removeprefix(CONTINUE), "POST")[0]
                self.assertEqual((later, answer.code), (later, code))
                if code == 200:
                    self.assertEqual(answer.body, b"abcde")

    async def test_answeredEarly(self) -> None:
        """
        An app that answers before the body is there: the answer arrives at once, the rest of the
        body is passed over, and the connection goes on.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, request.params["PATH_INFO"].encode())

        await self.gateway(app)
        wire = await self.connect()
        wire.send(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\nbegin")
        await wire.until(b"/early")
        wire.send(
            b"x" * (200_000 - 5) + b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        await wire.closed
        answers = answersIn(wire.received, "POST", "GET")
        self.assertEqual([answer.body for answer in answers], [b"/early", b"/next"])

    async def test_answeredEarlyAndOn(self) -> None:
        """
        There is an end to what is passed over.
        """

        async def app(request: Request) -> Response:
            return Response(200, {}, b"early")

        await self.gateway(app)
        wire = await self.connect()
        size = 100 * HTTPLimits.lingerBytes
        wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nbegin" % size)
        await wire.until(b"early")
        wire.send(bytes(2 * HTTPLimits.lingerBytes))
        await wire.closed

    async def test_continue(self) -> None:
        """
        A browser that asks before it sends is told to go on, and that is all it is told at first.
        """
        await self.gateway(echo)
        wire = await self.connect()
        wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n")
        wire.send(b"Connection: close\r\n\r\n")
        await wire.until(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.send(b"abc")
        await wire.closed
        self.assertTrue(wire.received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"))
        self.assertIn(b"abc", wire.received)

    async def test_brokenChunks(self) -> None:
        """
        A body that is no body ends the connection, and the app hears of it.
        """
        ended = Gate()

        async def app(request: Request) -> Response:
            try:
                await request.stdin.read()
            finally:
                ended.open()
            raise AssertionError

        await self.gateway(app, None, ClientOptions(unknownLength="stream"))
        wire = await self.connect()
        wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wire.send(b"nonsense\r\n")
        await wire.closed
        self.assertIn(b"400 Bad Request", wire.received)
        self.assertNotIn(b"200 OK", wire.received)


class OtherResourceTests(SiteCase):
    """
    What else is on such a site.
    """

    async def test_form(self) -> None:
        """
        A resource that knows nothing of streams has its body and its form, in whatever pieces they
        come.
        """
        await self.site(Form())
        head = (
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        self.assertTrue((await self.raw(head + b"name=abc")).endswith(b"abc,name=abc"))
        wire = await self.connect()
        wire.send(head)
        wire.send(b"name")
        wire.send(b"=abc")
        await wire.closed
        self.assertTrue(wire.received.endswith(b"abc,name=abc"))

    async def test_resourceFails(self) -> None:
        """
        A resource that fails is a 500, as ever.
        """

        class Failing(Resource):
            def getChild(self, path: bytes, request: object) -> Resource:
                raise ZeroDivisionError

        await self.site(Failing())
        answer = await self.fetch(method="POST", body=b"abc")
        self.assertEqual(answer.code, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_star(self) -> None:
        """
        C{OPTIONS *} is for the server, not for an app.
        """
        await self.gateway(echo)
        answer = await self.fetch("*", method="OPTIONS", body=b"abc")
        self.assertEqual((answer.code, answer.get("X-Length")), (200, []))

    async def test_gatewayFails(self) -> None:
        """
        A resource that streams and fails is a 500, too.
        """
        client = await self.backEnd(echo)
        resource = GatewayResource(client)
        resource.render = None  # type: ignore[assignment,method-assign]
        await self.site(resource)
        answer = await self.fetch(method="POST", body=b"abc")
        self.assertEqual(answer.code, 500)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
