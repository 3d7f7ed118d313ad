"""
Tests of L{txfcgi.server.tasks}: C{async def} apps where the reactor runs in an asyncio loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Request, Response, asFuture
from txfcgi.errors import DeferredInAsyncio, RequestAborted
from txfcgi.server.tasks import Tasks
from txfcgi.testing import MemoryFrontEnd
from txfcgi.testing.exchange import MemoryResponse

from ..loop import LoopTests, turns


def later(result: Any = None) -> Deferred[Any]:
    """
    A Deferred that fires in a later turn of the loop.
    """
    deferred: Deferred[Any] = Deferred()
    fire: Callable[[Any], None] = deferred.callback
    if isinstance(result, Exception):
        fire = deferred.errback
    asyncio.get_running_loop().call_soon(fire, result)
    return deferred


class TasksTests(LoopTests):
    """
    An app in asyncio's loop.
    """

    def ask(self, app: Any, method: str = "GET", body: bytes | None = None) -> MemoryResponse:
        """
        Ask an app.
        """
        frontEnd = MemoryFrontEnd(app, testCase=self)

        async def main() -> MemoryResponse:
            return await self.answer(frontEnd, frontEnd.request(method, "/", (), body))

        return self.inLoop(main)

    def test_mixed(self) -> None:
        """
        An app awaits Deferreds and what asyncio has in turn, and gets their results.
        """

        async def inner() -> str:
            await asyncio.sleep(0)
            result: str = await later("b")
            return result

        async def app(request: Request) -> Response:
            got = [await later("a"), await inner(), await asyncio.create_task(plain("c"))]
            got += await asyncio.gather(asFuture(later("d")), plain("e"))
            async with asyncio.Lock():
                got.append(await asyncio.wait_for(asFuture(later("f")), 5))
            for error in (ValueError("g"), KeyError("h")):
                try:
                    await later(error)
                except (ValueError, KeyError) as raised:
                    got.append(raised.args[0])
            got.append((await request.stdin.read()).decode())
            return Response(200, {}, "".join(got).encode())

        async def plain(value: str) -> str:
            await asyncio.sleep(0)
            return value

        self.assertEqual(self.ask(app, "POST", b"i").body, b"abcdefghi")

    def test_task(self) -> None:
        """
        Each request has a task of its own, so that what asks for the current one works.
        """
        tasks: list[Any] = []

        async def app(request: Request) -> Response:
            tasks.append(asyncio.current_task())
            if sys.version_info >= (3, 11):
                try:
                    async with asyncio.timeout(0):
                        await Deferred()
                except TimeoutError:
                    tasks.append("late")
            return Response(200, {}, b"x")

        self.assertEqual(self.ask(app).code, 200)
        self.assertEqual(self.ask(app).code, 200)
        self.assertNotIn(None, tasks)
        self.assertIsNot(tasks[0], tasks[-1 if sys.version_info < (3, 11) else 2])
        if sys.version_info >= (3, 11):
            self.assertEqual(tasks[1::2], ["late", "late"])

    def test_awaitable(self) -> None:
        """
        An app that returns a future or a task waits for it.
        """

        async def answer() -> Response:
            await asyncio.sleep(0)
            return Response(200, {}, b"x")

        self.assertEqual(self.ask(lambda request: asyncio.ensure_future(answer())).body, b"x")

    def test_body(self) -> None:
        """
        A body may await both too; what fails before its first piece is a 500.
        """

        async def body(fail: bool) -> AsyncIterator[bytes]:
            if fail:
                raise ZeroDivisionError
            await asyncio.sleep(0)
            yield b"a"
            yield await later(b"b")

        self.assertEqual(self.ask(lambda request: Response(200, {}, body(False))).body, b"ab")
        self.assertEqual(self.ask(lambda request: Response(200, {}, body(True))).code, 500)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_quietBody(self) -> None:
        """
        A body that gives way before its first piece sends the head by itself.
        """
        event = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            await event.wait()
            yield b"a"

        frontEnd = MemoryFrontEnd(lambda request: Response(200, {}, body()), testCase=self)

        async def main() -> None:
            exchange = await self.begin(frontEnd, "GET", length=0)
            exchange.close()
            await turns(frontEnd)
            self.assertIn(b"Status: 200", exchange.stdout)
            event.set()
            self.assertEqual((await self.answer(frontEnd, exchange.response)).body, b"a")

        self.inLoop(main)

    def test_cancelled(self) -> None:
        """
        It is cancelled when its request is, wherever it waits, and so is what it waits for.
        """
        events: list[str] = []

        def waiting() -> Deferred[None]:
            return Deferred(lambda _: events.append("deferred"))

        async def body() -> AsyncIterator[bytes]:
            try:
                yield b"x"
                await waiting()
            finally:
                events.append("body")

        async def app(request: Request) -> Any:
            if request.uri == "/body":
                return Response(200, {}, body())
            try:
                await (waiting() if request.uri == "/deferred" else asyncio.Event().wait())
            except asyncio.CancelledError:
                events.append("app")
                raise

        for uri, expected in (
            ("/deferred", ["app", "deferred"]),
            ("/event", ["app"]),
            ("/body", ["body", "deferred"]),
        ):
            frontEnd = MemoryFrontEnd(app, testCase=self)

            async def main(frontEnd: MemoryFrontEnd = frontEnd, uri: str = uri) -> None:
                exchange = await self.begin(frontEnd, "GET", uri, length=0)
                exchange.close()
                await turns(frontEnd)
                self.assertEqual(events, [])
                exchange.leave()
                await turns(frontEnd)
                with self.assertRaises(RequestAborted):
                    await asFuture(exchange.response)

            self.inLoop(main)
            self.assertEqual(sorted(events), expected)
            events.clear()

    def test_failsWhileCancelled(self) -> None:
        """
        One that fails when it is cancelled is logged.
        """

        async def app(request: Request) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise ZeroDivisionError

        frontEnd = MemoryFrontEnd(app, testCase=self)

        async def main() -> None:
            exchange = await self.begin(frontEnd, "GET", length=0)
            exchange.leave()
            exchange.response.addErrback(lambda _: None)
            await turns(frontEnd)

        self.inLoop(main)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_cancelsItself(self) -> None:
        """
        An app that ends with asyncio's CancelledError, though its request goes on, has failed.
        """

        async def app(request: Request) -> None:
            raise asyncio.CancelledError

        async def exiting(request: Request) -> None:
            raise SystemExit(3)

        for failing, error in ((app, asyncio.CancelledError), (exiting, SystemExit)):
            self.assertEqual(self.ask(failing).code, 500)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_forgotten(self) -> None:
        """
        A Deferred that was handed to asyncio as it is: the log says what is missing, and where.
        """

        async def app(request: Request) -> Response:
            unfired: Deferred[bytes] = Deferred()
            return Response(200, {}, b"".join(await asyncio.gather(unfired)))

        self.assertEqual(self.ask(app).code, 500)
        (failure,) = self.flushLoggedErrors(DeferredInAsyncio)
        self.assertIn("asFuture", failure.getErrorMessage())
        self.assertIn("Task got bad yield", str(failure.value.__cause__))
        where = failure.value.__cause__.__traceback__
        frames = []
        while where is not None:
            frames.append(where.tb_frame.f_code.co_name)
            where = where.tb_next
        self.assertIn("app", frames)

    def test_future(self) -> None:
        """
        C{asFuture} cancels its Deferred when it is cancelled, and fails as that does.
        """
        cancelled: list[Any] = []

        async def main() -> None:
            waiting: Deferred[None] = Deferred(cancelled.append)
            future = asFuture(waiting)
            future.cancel()
            await turns()
            with self.assertRaises(ValueError):
                await asFuture(later(ValueError("x")))

        self.inLoop(main)
        self.assertEqual(len(cancelled), 1)


class ElsewhereTests(SynchronousTestCase):
    """
    Under another reactor.
    """

    def test_noLoop(self) -> None:
        """
        A coroutine awaits Deferreds, as ever, and is no task.
        """
        waiting: Deferred[str] = Deferred()

        async def main() -> str:
            with self.assertRaises(RuntimeError):
                asyncio.current_task()
            return await waiting

        running = Tasks().run(main())
        waiting.callback("x")
        self.assertEqual(self.successResultOf(running), "x")

        async def stopped() -> str:
            return await Deferred()

        running = Tasks().run(stopped())
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.assertRaises(RuntimeError, asFuture, waiting)
