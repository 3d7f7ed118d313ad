"""
Tests of L{txfcgi.web.gateway}: there is no answer.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from txfcgi import Request, Response
from txfcgi.client.options import ClientOptions, Timeouts
from txfcgi.web import GatewayOptions, GatewayResource

from .site import Gate, SiteCase, Waiting, showParams


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
        first.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
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
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await app.asked
        clock.advance(7.0)
        answer = await wire.answer("GET")
        self.assertEqual((answer.code, answer.reason), (504, "Gateway Time-out"))
        self.assertTrue(self.logged("504: NoResponse: "))
        self.assertTrue(self.logged(": the firstByte timeout of 7 seconds"))
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
        self.assertTrue(self.logged("the back end answered 404"))

    async def test_id(self) -> None:
        """
        The page has an id that the log has too, another each time.
        """
        client = self.clientOf(f"unix:{self.folder}/nothing.sock")
        await self.site(GatewayResource(client))
        found = set()
        for _ in range(2):
            answer = await self.fetch()
            match = re.search(rb"<p>Error <code>([0-9a-f]{8})</code> in the log.</p>", answer.body)
            assert match is not None
            self.assertEqual(len(self.logged(f"[{match[1].decode()}]")), 1)
            found.add(match[1])
        self.assertEqual(len(found), 2)
        self.assertNotIn(b"<p>Error", (await self.fetch(method="TRACE")).body)

    async def test_idOfOwnPage(self) -> None:
        """
        A page of one's own can show it.
        """

        def page(request: Any, code: int) -> tuple[str, bytes]:
            return "text/plain", request.errorID.encode()

        client = self.clientOf(f"unix:{self.folder}/nothing.sock")
        await self.site(GatewayResource(client, GatewayOptions(errorPage=page)))
        body = (await self.fetch()).body.decode()
        self.assertTrue(self.logged(f"[{body}]"))

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
