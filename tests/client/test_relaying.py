"""
Apps that pass on the response of a back end as it arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from tests.server.conversation import ServerTests, WebServer
from txfcgi import Deny, Request, ResponderRequest, Response
from txfcgi.client.response import ClientResponse

from .backends import GET, HEAD, Backend, client, outcome


class RelayingTests(ServerTests):
    """
    The browser of an app leaves while the response of a back end is on its way to it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.backend = Backend()
        self.calling = client(self.backend, maxConnections=1)

    def relaying(
        self, respond: Callable[[ClientResponse], Any], first: bytes = b"first"
    ) -> WebServer:
        """
        A server whose app has been asked, and whose back end has begun to answer.
        """

        async def app(request: ResponderRequest) -> Response:
            response: Response = respond(await self.calling.request(GET))
            return response

        server = self.serve(app)
        server.get()
        self.backend.last.read()
        self.backend.last.stdout(HEAD + first)
        return server

    def assertFree(self) -> None:
        """
        Check that the response was aborted, and that the next request finds a connection.
        """
        self.assertTrue(self.backend.last.transport.aborted)
        self.backend.settle()
        self.assertEqual(self.calling.figures().open, 0)
        result = outcome(self.calling.request(GET))
        self.backend.last.answer()
        self.assertEqual(len(result), 1)

    def test_left(self) -> None:
        """
        The stream waits for more.
        """
        server = self.relaying(lambda back: Response(back.code, {}, back.stdout))
        self.assertEqual(server.answer().body, b"first")
        server.abort()
        self.assertFree()

    def test_full(self) -> None:
        """
        The web server takes no more.
        """
        server = self.relaying(lambda back: Response(back.code, {}, back.stdout))
        producer: Any = server.transport.producer
        producer.pauseProducing()
        self.backend.last.stdout(b"second")
        server.abort()
        self.assertFree()

    def test_connectionLost(self) -> None:
        """
        The connection of the web server is lost.
        """
        server = self.relaying(lambda back: Response(back.code, {}, back.stdout))
        server.disconnect()
        self.assertFree()

    def test_generator(self) -> None:
        """
        The body is a generator that waits for the stream.
        """

        def relay(back: ClientResponse) -> Response:
            async def pieces() -> Any:
                async for piece in back.stdout:
                    yield piece.upper()

            return Response(back.code, {}, pieces())

        server = self.relaying(relay)
        self.assertEqual(server.answer().body, b"FIRST")
        server.abort()
        self.assertFree()

    def test_tooLong(self) -> None:
        """
        More arrives than the app declared.
        """
        server = self.relaying(
            lambda back: Response(back.code, {"Content-Length": "2"}, back.stdout)
        )
        self.assertEqual(server.answer().body, b"fi")
        self.assertFree()

    def test_head(self) -> None:
        """
        The answer to HEAD has no body.
        """

        async def app(request: Request) -> Response:
            back = await self.calling.request(GET)
            return Response(back.code, {}, back.stdout)

        server = self.serve(app)
        server.get(1, {"REQUEST_METHOD": "HEAD"})
        self.backend.last.stdout(HEAD)
        self.assertEqual(server.answer().status, (0, 0))
        self.assertFree()

    def test_late(self) -> None:
        """
        The response of the app comes when the browser has left.
        """

        async def app(request: Request) -> Response | Deny:
            back = await self.calling.request(GET)
            response = Response(back.code, {}, back.stdout)
            try:
                await Deferred()
            except CancelledError:
                pass
            return response if request.requestID == 1 else Deny(response)

        for requestID in (1, 2):
            server = self.serve(app)
            server.get(requestID)
            self.backend.last.read()
            self.backend.last.stdout(HEAD)
            server.abort(requestID)
            self.assertFree()

    def test_whole(self) -> None:
        """
        A response that arrives whole is passed on, and its connection is kept.
        """
        server = self.relaying(lambda back: Response(back.code, {}, back.stdout))
        self.backend.last.end()
        self.assertEqual((server.answer().body, server.answer().status), (b"first", (0, 0)))
        self.assertFalse(self.backend.last.transport.disconnecting)
        self.assertEqual(self.calling.figures().idle, 1)
