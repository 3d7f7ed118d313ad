"""
What awaits a front end's answer: coroutines of Twisted, and those of asyncio.
"""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txfcgi import Request, Response
from txfcgi.server.application import IStartsAndStops
from txfcgi.testing import MemoryFrontEnd

from .apps import Held, echo


class AwaitedTests(SynchronousTestCase):
    """
    The same Deferred, awaited in all ways.
    """

    def test_inTwisted(self) -> None:
        """
        A coroutine of Twisted waits for an answer.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, testCase=self)

        async def test() -> bytes:
            return (await frontEnd.get()).body

        result = Deferred.fromCoroutine(test())
        self.assertNoResult(result)
        app.results[0].callback(Response(200, {}, b"one"))
        self.assertEqual(self.successResultOf(result), b"one")

    def test_inAsyncio(self) -> None:
        """
        One of asyncio takes an answer that is there, and waits for one that is not: for an app that
        runs in the loop, and for one that the test lets answer.
        """
        app = Held()

        async def slow(request: Request) -> Response:
            await asyncio.sleep(0)
            raise Exception("a bug")

        async def test() -> list[Any]:
            with MemoryFrontEnd(echo) as frontEnd:
                first = await frontEnd.post("/", b"one")
            with MemoryFrontEnd(app) as frontEnd:
                asked = frontEnd.get()
                asyncio.get_running_loop().call_soon(
                    lambda: app.results[0].callback(Response(200, {}, b"two"))
                )
                second = await asked
            with MemoryFrontEnd(slow, raiseErrors=True) as frontEnd:
                try:
                    await frontEnd.get()
                except Exception as error:
                    return [first.body, second.body, str(error)]
            return []

        self.assertEqual(asyncio.run(test()), [b"POST one", b"two", "a bug"])

    def test_inTwistedWhileAsyncioRuns(self) -> None:
        """
        Under the asyncio reactor, a coroutine of Twisted waits as ever.
        """
        app = Held()
        found: list[bytes] = []

        async def test(frontEnd: MemoryFrontEnd) -> None:
            found.append((await frontEnd.get()).body)

        def begin(frontEnd: MemoryFrontEnd) -> None:
            Deferred.fromCoroutine(test(frontEnd))
            app.results[0].callback(Response(200, {}, b"one"))

        loop = asyncio.new_event_loop()
        with MemoryFrontEnd(app) as frontEnd:
            loop.call_soon(begin, frontEnd)
            loop.call_soon(loop.stop)
            loop.run_forever()
        loop.close()
        self.assertEqual(found, [b"one"])

    def test_twiceInTwistedWhileAsyncioRuns(self) -> None:
        """
        Under the asyncio reactor, a coroutine of Twisted waits again after an app's task answered:
        it does not go on within that task.
        """

        async def slow(request: Request) -> Response:
            await asyncio.sleep(0)
            return Response(200, {}, request.uri.encode())

        async def test(frontEnd: MemoryFrontEnd) -> None:
            for uri in ("/1", "/2", "/3"):
                found.append((await frontEnd.get(uri)).text)

        found: list[str] = []
        results: list[object] = []
        loop = asyncio.new_event_loop()
        with MemoryFrontEnd(slow) as frontEnd:

            def begin() -> None:
                Deferred.fromCoroutine(test(frontEnd)).addBoth(end)

            def end(result: object) -> None:
                results.append(result)
                loop.stop()

            loop.call_soon(begin)
            loop.run_forever()
        loop.close()
        self.assertEqual((results, found), ([None], ["/1", "/2", "/3"]))

    def test_lifetime(self) -> None:
        """
        A coroutine of asyncio waits for an app to start and to stop.
        """

        @implementer(IStartsAndStops)
        class Shop:
            """
            An app that takes its time.
            """

            def startup(self) -> Deferred[None]:
                """
                Open, in a while.
                """
                return self._do("startup")

            def shutdown(self) -> Deferred[None]:
                """
                Close, in a while.
                """
                return self._do("shutdown")

            def _do(self, what: str) -> Deferred[None]:
                done: Deferred[None] = Deferred()
                done.addCallback(lambda _: did.append(what))
                asyncio.get_running_loop().call_soon(done.callback, None)
                return done

            def __call__(self, request: Request) -> Response:
                return Response(200, {}, b"")

        async def test() -> None:
            frontEnd = MemoryFrontEnd(Shop())
            await frontEnd.started
            did.append("ready")
            await frontEnd.stop()
            await frontEnd.stop()

        did: list[str] = []
        asyncio.run(test())
        self.assertEqual(did, ["startup", "ready", "shutdown"])

    def test_forgotten(self) -> None:
        """
        Who takes a Deferred for a response hears what to do.
        """
        with MemoryFrontEnd(echo) as frontEnd:
            asked: Any = frontEnd.get()
            error = self.assertRaises(AttributeError, lambda: asked.code)
        self.assertIn("'code': this is a Deferred of a MemoryResponse: await it", str(error))
