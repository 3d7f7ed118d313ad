"""
Tests of L{txfcgi.adapters.asgistreams}: what an application receives, and who goes away.
"""

from __future__ import annotations

import asyncio
import gc
import os
from typing import Any

from txfcgi import Limits, Request, asFuture
from txfcgi.adapters.asgi import ASGIApp
from txfcgi.adapters.asgicall import Call
from txfcgi.errors import (
    Disconnected,
    RequestAborted,
)
from txfcgi.testing import MemoryFrontEnd

from ..loop import turns
from .asgi import ASGITests, body, echo, sending, start


class RequestTests(ASGITests):
    """
    What an application receives.
    """

    def test_none(self) -> None:
        """
        A request without a body is one empty message.
        """
        answer = self.ask(echo)
        self.assertEqual((answer.body, answer.headers.getRawHeaders("x-messages")), (b"", ["1"]))

    def test_noStream(self) -> None:
        """
        It is received at once, and no stream is opened for it.
        """
        opened: list[bool] = []

        async def main() -> None:
            async def application(scope: Any, receive: Any, send: Any) -> None:
                self.assertEqual(
                    await receive(), {"type": "http.request", "body": b"", "more_body": False}
                )
                await sending(start(), body(b"x"))(scope, receive, send)

            app = ASGIApp(application, lifespan="off")

            def watched(request: Request) -> Any:
                answer = app(request)
                opened.append(not request.bodiless)
                return answer

            for length in ("", "0"):
                frontEnd = MemoryFrontEnd(watched, testCase=self)
                asked = frontEnd.request("GET", "/", params={"CONTENT_LENGTH": length})
                self.assertEqual((await self.answer(frontEnd, asked)).body, b"x")

        self.inLoop(main)
        self.assertEqual(opened, [False, False])

    def test_freed(self) -> None:
        """
        Nothing of a request that is over waits for the collector of garbage.
        """

        def calls() -> list[Any]:
            return [each for each in gc.get_objects() if type(each) is Call]

        pieces = sending(start(), body(b"o", more_body=True), body(b"ne"))

        async def late(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.sleep(0)
            await pieces(scope, receive, send)

        async def main() -> None:
            before = calls()
            for application, method, content in (
                (echo, "POST", b""),
                (echo, "POST", b"x" * 100_000),
                (pieces, "GET", b""),
                (pieces, "HEAD", b""),
                (late, "GET", b""),
            ):
                frontEnd = self.frontEnd(application, lifespan="off")
                await self.answer(frontEnd, frontEnd.request(method, "/", (), content))
                await turns(frontEnd)
                self.assertEqual([each for each in calls() if each not in before], [], method)

        self.addCleanup(gc.enable)
        gc.collect()
        gc.disable()
        self.inLoop(main)

    def test_whole(self) -> None:
        """
        A body comes whole, whatever its size.
        """
        for size in (1, 65_536, 1_000_000):
            content = os.urandom(size)
            for protocol in ("fastcgi", "scgi"):
                answer = self.ask(echo, "POST", "/", (), content, protocol=protocol, mount=None)
                self.assertEqual(answer.body, content)

    def test_asItComes(self) -> None:
        """
        It is received while it comes, in messages that say that there is more.
        """
        messages: list[Any] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            while not messages or messages[-1].get("more_body"):
                messages.append(await receive())
            await sending(start(), body(b"got"))(scope, receive, send)

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = await self.begin(frontEnd)
            self.assertEqual(messages, [])
            for piece in (b"one", b"two"):
                exchange.send(piece)
                await turns(frontEnd)
                message = {"type": "http.request", "body": piece, "more_body": True}
                self.assertEqual(messages[-1], message)
            exchange.close()
            await asFuture(exchange.response)
            last = {"type": "http.request", "body": b"", "more_body": False}
            self.assertEqual(messages[-1], last)

        self.inLoop(main)

    def test_held(self) -> None:
        """
        What the application does not receive stays with the web server.
        """
        event = asyncio.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            first = await receive()
            await event.wait()
            await echo(scope, receive, send)
            sizes.append(len(first["body"]))

        sizes: list[int] = []

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = await self.begin(frontEnd)
            for _ in range(40):
                exchange.send(b"x" * 50_000)
            await turns(frontEnd)
            (link,) = frontEnd.links
            self.assertTrue(link.transport.paused)
            event.set()
            exchange.close()
            answer = await self.answer(frontEnd, exchange.response)
            await turns()
            self.assertEqual(len(answer.body) + sizes[0], 2_000_000)

        self.inLoop(main)

    def test_tooLarge(self) -> None:
        """
        A body that is too large is a 413, whether or not that is known before it comes.
        """
        self.assertEqual(self.ask(echo, "POST", "/", (), b"x" * 11, maxBodyBytes=10).code, 413)
        self.assertEqual(self.ask(echo, "POST", "/", (), b"x" * 10, maxBodyBytes=10).code, 200)

        async def main() -> int:
            frontEnd = self.frontEnd(echo, lifespan="off", maxBodyBytes=10)
            exchange = await self.begin(frontEnd)
            exchange.send(b"x" * 11)
            exchange.close()
            return (await self.answer(frontEnd, exchange.response)).code

        # The application hears http.disconnect, and this one takes that for an error.
        self.assertEqual(self.inLoop(main), 413)
        self.assertEqual(len(self.flushLoggedErrors(AssertionError)), 2)

    def test_limitOfTheServer(self) -> None:
        """
        The limit of the server holds too.
        """
        limits = Limits(bodyBytes=10)
        self.assertEqual(self.ask(echo, "POST", "/", (), b"x" * 11, limits=limits).code, 413)
        self.flushLoggedErrors(AssertionError)


class DisconnectTests(ASGITests):
    """
    A browser that goes away.
    """

    def test_received(self) -> None:
        """
        An application that waits for the next message hears of it, each time it asks.
        """
        heard: list[str] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            for _ in range(2):
                heard.append((await receive())["type"])

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = await self.begin(frontEnd, "GET", length=0)
            exchange.close()
            await turns(frontEnd)
            self.assertEqual(heard, [])
            exchange.leave()
            await turns(frontEnd)
            self.assertEqual(heard, ["http.disconnect"] * 2)
            with self.assertRaises(RequestAborted):
                await asFuture(exchange.response)

        self.inLoop(main)

    def test_receivedWithoutStream(self) -> None:
        """
        So does one whose request has no body, for which no stream is opened.
        """
        heard: list[str] = []
        requests: list[Request] = []
        event = asyncio.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await event.wait()
            for _ in range(3):
                heard.append((await receive())["type"])

        async def main() -> None:
            app = ASGIApp(application, lifespan="off")

            def watched(request: Request) -> Any:
                requests.append(request)
                return app(request)

            frontEnd = MemoryFrontEnd(watched, testCase=self)
            exchange = await self.begin(frontEnd, "GET", length=0)
            exchange.close()
            event.set()
            await turns(frontEnd)
            self.assertEqual(heard, ["http.request"])
            self.assertTrue(requests[0].bodiless)
            exchange.leave()
            await turns(frontEnd)
            self.assertEqual(heard, ["http.request", "http.disconnect", "http.disconnect"])
            with self.assertRaises(RequestAborted):
                await asFuture(exchange.response)

        self.inLoop(main)

    def test_sent(self) -> None:
        """
        One that sends gets an OSError, also where it waits for a reader; raised on, however it is
        wrapped, it is not logged as a failure.
        """
        errors: list[Any] = []

        class Wrapped(Exception):
            """
            What a framework makes of it.
            """

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await send(start())
            try:
                while True:
                    await send(body(b"x" * 50_000, more_body=True))
            except OSError as error:
                errors.append(error)
                raise Wrapped from None

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = frontEnd.start("GET", length=0, readRate=0)
            exchange.close()
            await turns(frontEnd)
            self.assertEqual(errors, [])
            exchange.leave()
            await turns(frontEnd)
            exchange.response.addErrback(lambda _: None)

        self.inLoop(main)
        self.assertIsInstance(errors[0], Disconnected)

    def test_late(self) -> None:
        """
        One that looks at nothing runs on, and what it sends then raises.
        """
        event = asyncio.Event()
        errors: list[Any] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await event.wait()
            for message in (start(), body(b"late")):
                try:
                    await send(message)
                except OSError as error:
                    errors.append(error)

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = await self.begin(frontEnd, "GET", length=0)
            exchange.leave()
            exchange.response.addErrback(lambda _: None)
            await turns(frontEnd)
            event.set()
            await turns(frontEnd)

        self.inLoop(main)
        self.assertEqual(len(errors), 2)

    def test_failsLater(self) -> None:
        """
        An error of another kind is logged, though nobody waits for an answer any more.
        """

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await receive()
            raise ZeroDivisionError

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = await self.begin(frontEnd, "GET", length=0)
            exchange.close()
            await turns(frontEnd)
            exchange.leave()
            exchange.response.addErrback(lambda _: None)
            await turns(frontEnd)

        self.inLoop(main)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_pollingLeavesNothing(self) -> None:
        """
        An application may look for it now and then, and give up waiting: nothing that arrives is
        lost, and nothing is left behind.
        """
        event = asyncio.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            for _ in range(5):
                waiting = asyncio.ensure_future(receive())
                await asyncio.sleep(0)
                waiting.cancel()
            event.set()
            await echo(scope, receive, send)

        async def main() -> bytes:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = await self.begin(frontEnd)
            await event.wait()
            exchange.send(b"all of it")
            exchange.close()
            return (await asFuture(exchange.response)).body

        self.assertEqual(self.inLoop(main), b"all of it")
