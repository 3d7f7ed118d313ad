"""
Tests of L{txfcgi.monitor.slow}: where a request is that takes long.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from zope.interface.verify import verifyObject

from txfcgi import Request, Response, threaded
from txfcgi.adapters import threads
from txfcgi.adapters.threads import ThreadPool
from txfcgi.adapters.wsgi import WSGIApp
from txfcgi.monitor.slow import SlowRequests, whereIs
from txfcgi.server.observing import Account, IServerObserver, currentRequest

from ..server.conversation import Held, ServerTests, WebServer


class Threads:
    """
    As much of a reactor as a pool of threads wants.
    """

    def addSystemEventTrigger(self, *what: Any) -> None:
        """
        It never stops.
        """

    def callLater(self, delay: float, function: Callable[[], None]) -> None:
        """
        Call it at once.
        """
        function()

    def callFromThread(self, function: Callable[[], None]) -> None:
        """
        Nobody waits for it.
        """


class SlowTests(ServerTests):
    """
    Tests of L{SlowRequests}.
    """

    def slow(self, app: Callable[[Any], Any], after: float = 3.0) -> WebServer:
        """
        Connect a web server to an app, and ask it something that takes long.
        """
        observer = SlowRequests(after)
        verifyObject(IServerObserver, observer)
        server = self.serve(app, observers=[observer])
        server.get(1, {"REQUEST_METHOD": "GET", "REQUEST_URI": "/slow?token=1"})
        return server

    def assertTold(self, *parts: str) -> None:
        """
        Check that all of this was told, on whatever lines.
        """
        for part in parts:
            self.assertIn(part, self.said)

    def test_once(self) -> None:
        """
        It is told once, with what was asked for, and what is secret masked.
        """
        app = Held()
        self.slow(app)
        self.advance(2)
        self.assertNotIn("/slow", self.said)
        self.advance(5)
        self.assertSaid("GET /slow?token=***) has been running for 3.0 s: it waits for <Deferred")
        self.assertEqual(self.said.count("/slow"), 1)
        app.answer()

    def test_next(self) -> None:
        """
        One that comes later is told by itself.
        """
        app = Held()
        server = self.slow(app)
        self.advance(5)
        app.answer()
        server.get(1, {"REQUEST_URI": "/next"})
        self.advance(5)
        self.assertSaid("/next")

    def test_fast(self) -> None:
        """
        One that ends in time is not told.
        """
        app = Held()
        self.slow(app)
        self.advance(2)
        app.answer()
        self.advance(5)
        self.assertNotIn("/slow", self.said)

    def test_coroutine(self) -> None:
        """
        A coroutine is followed down to what it awaits.
        """
        never: Deferred[None] = Deferred()

        async def inner() -> None:
            await never

        async def app(request: Request) -> Response:
            await inner()
            return Response()

        server = self.slow(app)
        self.advance(5)
        self.assertTold("its coroutine awaits a Deferred", "in app", "await inner()", "await never")
        server.disconnect()

    def test_thread(self) -> None:
        """
        A function in a thread.
        """
        self.pool()
        begun, end = threading.Event(), threading.Event()
        self.addCleanup(end.set)

        def working() -> Response:
            begun.set()
            end.wait()
            return Response()

        server = self.slow(lambda request: threaded(working)())
        begun.wait()
        self.advance(5)
        self.assertTold("its thread runs", "in working", "end.wait()")
        server.disconnect()

    def pool(self) -> ThreadPool:
        """
        A pool of threads for this test.
        """
        pool = ThreadPool(1, reactor=Threads())
        self.patch(threads, "sharedPool", lambda: pool)
        return pool

    def test_wsgi(self) -> None:
        """
        A WSGI application.
        """
        begun, end = threading.Event(), threading.Event()
        self.addCleanup(end.set)

        def application(environ: Any, startResponse: Any) -> list[bytes]:
            begun.set()
            end.wait()
            return []

        server = self.slow(WSGIApp(application, pool=self.pool()))
        begun.wait()
        self.advance(5)
        self.assertTold("its thread runs", "in application", "end.wait()")
        server.disconnect()

    def test_generator(self) -> None:
        """
        What is inside of a Deferred is not known.
        """

        @inlineCallbacks
        def app(request: Request) -> Any:
            yield Deferred()

        server = self.slow(app)
        self.advance(5)
        self.assertSaid("it waits for <Deferred")
        server.disconnect()

    def test_task(self) -> None:
        """
        An asyncio task is followed, too.
        """

        async def inner() -> None:
            await asyncio.Event().wait()

        async def app() -> None:
            await inner()

        async def look() -> str:
            task = asyncio.create_task(app())
            await asyncio.sleep(0)
            account = Account(0.0)
            account.coroutine = task  # type: ignore[assignment]
            try:
                return whereIs(None, account)  # type: ignore[arg-type]
            finally:
                task.cancel()

        found = asyncio.run(look())
        self.assertIn("its coroutine awaits a Future", found)
        self.assertIn("await asyncio.Event().wait()", found)


class CurrentRequestTests(ServerTests):
    """
    Tests of L{currentRequest}.
    """

    def test_coroutine(self) -> None:
        """
        It is known in an app, and after each of its steps, and not outside of it.
        """
        gate: Deferred[None] = Deferred()
        seen: list[object] = []

        async def app(request: Request) -> Response:
            seen.append(currentRequest.get() is request)
            await gate
            seen.append(currentRequest.get() is request)
            return Response()

        server = self.serve(app, observers=[SlowRequests(1)])
        server.begin(1)
        server.begin(2)
        self.assertIsNone(currentRequest.get())
        gate.callback(None)
        self.assertEqual(seen, [True] * 4)
        self.assertIsNone(currentRequest.get())

    def test_nobodyWantsToKnow(self) -> None:
        """
        It is not known where no observer asks for it.
        """
        seen: list[object] = []

        def app(request: Request) -> Response:
            seen.append(currentRequest.get())
            return Response()

        self.serve(app).get()
        self.assertEqual(seen, [None])
