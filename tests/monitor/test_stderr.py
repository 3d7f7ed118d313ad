"""
Tests of L{txfcgi.monitor.stderr}: what is logged during a request, in the web server's error log.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogPublisher
from zope.interface.verify import verifyObject

from txfcgi import Request, Response, SCGIServerFactory
from txfcgi.monitor.stderr import StderrLog
from txfcgi.server.observing import IServerObserver
from txfcgi.testing.frontend import MemoryFrontEnd

from ..server.conversation import ServerTests, WebServer

log = Logger()


class Calls:
    """
    Calls that threads want the reactor to make.
    """

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    def callFromThread(self, *call: Any) -> None:
        """
        Remember it.
        """
        self.made.append(call)


class StderrLogTests(ServerTests):
    """
    Tests of L{StderrLog}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.calls = Calls()
        self.observer = StderrLog(self.calls)
        globalLogPublisher.addObserver(self.observer)
        self.addCleanup(globalLogPublisher.removeObserver, self.observer)

    def logging(self, app: Callable[[Any], Any]) -> WebServer:
        """
        Connect a web server to an app whose requests have their log.
        """
        verifyObject(IServerObserver, self.observer)
        return self.serve(app, observers=[self.observer])

    def test_logged(self) -> None:
        """
        What the app logs is in the STDERR of its request; what is only for debugging is not.
        """

        def app(request: Request) -> Response:
            log.info("the {what} is empty", what="stock")
            log.debug("five")
            return Response(200, {}, b"ok")

        answer = self.logging(app).get()
        self.assertEqual((answer.stderr, answer.body), (b"the stock is empty\n", b"ok"))

    def test_eachToItsOwn(self) -> None:
        """
        Of requests that run at once each has its own.
        """
        gates: dict[str, Deferred[None]] = {"/a": Deferred(), "/b": Deferred()}

        async def app(request: Request) -> Response:
            await gates[request.uri]
            log.warn("{uri} goes on", uri=request.uri)
            return Response()

        server = self.logging(app)
        server.get(1, {"REQUEST_URI": "/a"})
        server.get(2, {"REQUEST_URI": "/b"})
        log.info("nobody's")
        gates["/b"].callback(None)
        gates["/a"].callback(None)
        self.assertEqual(server.answer(1).stderr, b"/a goes on\n")
        self.assertEqual(server.answer(2).stderr, b"/b goes on\n")

    def test_failure(self) -> None:
        """
        What the app fails with is there, with its traceback.
        """
        answer = self.logging(lambda request: 1 / 0).get()
        self.assertEqual(answer.code, 500)
        self.assertIn(b"ZeroDivisionError", answer.stderr)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_controlCharacters(self) -> None:
        """
        It is free of control characters, and of what would look like another line.
        """

        def app(request: Request) -> Response:
            log.info("{text}", text="a\x1b[31m\rb\x00\x9bc\n2026/01/01 [crit]")
            return Response()

        answer = self.logging(app).get()
        self.assertEqual(
            answer.stderr,
            b"a\\x1b[31m\\x0db\\x00\\x9bc\n\t2026/01/01 [crit]\n",
        )

    def test_sentAlready(self) -> None:
        """
        What is written there by who logs it is not written twice.
        """

        def app(request: Request) -> Response:
            log.error("a complaint", inStderr=True)
            request.stderr.write(b"a complaint\n")
            return Response()

        self.assertEqual(self.logging(app).get().stderr, b"a complaint\n")

    def test_afterTheEnd(self) -> None:
        """
        What is logged when the request is over is not sent.
        """
        gate: Deferred[None] = Deferred()

        async def app(request: Request) -> Response:
            try:
                await gate
            finally:
                log.info("too late")
            return Response()

        server = self.logging(app)
        server.get()
        server.abort()
        self.assertSaid("too late")
        self.assertEqual(server.answer().stderr, b"")

    def test_thread(self) -> None:
        """
        What a thread logs is sent by the reactor.
        """

        def app(request: Request) -> Deferred[Response]:
            thread = threading.Thread(target=copy_context().run, args=(log.info, "in a thread"))
            thread.start()
            thread.join()
            return Deferred()

        server = self.logging(app)
        server.get()
        self.assertEqual(server.answer().stderr, b"")
        [(function, *args)] = self.calls.made
        function(*args)
        self.assertEqual(server.answer().stderr, b"in a thread\n")
        server.disconnect()

    def test_scgi(self) -> None:
        """
        SCGI has no STDERR.
        """

        def app(request: Request) -> Response:
            log.info("hello")
            return Response(200, {}, b"ok")

        factory = SCGIServerFactory(app, clock=self.clock, observers=[self.observer])
        with MemoryFrontEnd(factory, "scgi") as web:
            self.assertEqual(self.successResultOf(web.get("/")).body, b"ok")
