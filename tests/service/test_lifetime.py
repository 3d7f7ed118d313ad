"""
Tests of L{txfcgi.service.lifetime}, and of how L{txfcgi.service.serving} waits for it.
"""

from __future__ import annotations

import atexit
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from txfcgi import FastCGIServerFactory, Request, Response
from txfcgi.errors import StartupFailed
from txfcgi.server.application import IStartsAndStops
from txfcgi.service import lifetime, serving
from txfcgi.service.lifetime import Lifetime
from txfcgi.service.listen import endpointFromText
from txfcgi.service.serving import Serving

from ..folders import folderFor
from .stopping import Reactor


@implementer(IStartsAndStops)
class App:
    """
    An app that takes its time.

    @ivar events: What it was told.
    @ivar ready: Fire it to let it be ready.
    @ivar gone: Fire it to let it have ended.
    """

    def __init__(self) -> None:
        self.events: list[str] = []
        self.ready: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()

    async def startup(self) -> None:
        """
        Get ready.
        """
        self.events.append("startup")
        await self.ready
        self.events.append("ready")

    def shutdown(self) -> Deferred[None]:
        """
        Let go.
        """
        self.events.append("shutdown")
        return self.gone

    def __call__(self, request: Request) -> Response:
        """
        Answer.
        """
        return Response(200, {}, b"x")


class LifetimeTests(SynchronousTestCase):
    """
    The lifetime of an app that several serve.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.app = App()
        self.lifetime = Lifetime(self.clock, self.app, 10)

    def test_nothing(self) -> None:
        """
        A plain function is ready at once, and has no end.
        """
        life = Lifetime(self.clock, lambda request: None)
        self.assertTrue(life.started)
        self.successResultOf(life.begin())
        self.successResultOf(life.end())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_once(self) -> None:
        """
        An app is started once, in the reactor, and stopped with the last that serves it.
        """
        first, second = self.lifetime.begin(), self.lifetime.begin()
        self.assertEqual((self.app.events, self.lifetime.started), ([], False))
        self.clock.advance(0)
        self.assertEqual(self.app.events, ["startup"])
        self.assertNoResult(first)
        self.app.ready.callback(None)
        for waiting in (first, second, self.lifetime.begin()):
            self.successResultOf(waiting)
        self.assertTrue(self.lifetime.started)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(self.lifetime.end())
        self.successResultOf(self.lifetime.end())
        self.assertEqual(self.app.events, ["startup", "ready"])
        last = self.lifetime.end()
        self.assertEqual(self.app.events, ["startup", "ready", "shutdown"])
        self.assertNoResult(last)
        self.app.gone.callback(None)
        self.successResultOf(last)

    def test_fails(self) -> None:
        """
        All hear of it when it can't be started.
        """
        both = self.lifetime.begin(), self.lifetime.begin()
        self.clock.advance(0)
        self.app.ready.errback(ZeroDivisionError())
        for waiting in both:
            self.failureResultOf(waiting, ZeroDivisionError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_late(self) -> None:
        """
        One that takes too long is not waited for.
        """
        waiting = self.lifetime.begin()
        self.clock.advance(0)
        self.clock.advance(10)
        failure = self.failureResultOf(waiting, StartupFailed)
        self.assertIn("was not ready after 10 s", failure.getErrorMessage())

    def test_stoppedBefore(self) -> None:
        """
        The end can come while it gets ready, or before it began to.
        """
        for turns in (0, 1):
            app = App()
            life = Lifetime(self.clock, app, 10)
            waiting = life.begin()
            for _ in range(turns):
                self.clock.advance(0)
            waiting.cancel()
            self.successResultOf(life.end())
            self.failureResultOf(waiting)
            self.assertEqual(app.events, ["startup"] * turns)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endFails(self) -> None:
        """
        What goes wrong at the end is logged; it may be given up waiting for.
        """
        for hurried in (False, True):
            app = App()
            life = Lifetime(self.clock, app)
            self.clock.advance(0)
            app.ready.callback(None)
            life.begin()
            self.clock.advance(0)
            ending = life.end()
            if hurried:
                life.hurry()
            else:
                app.gone.errback(ZeroDivisionError())
            self.successResultOf(ending)
            self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_endWithFailure(self) -> None:
        """
        The process ends with status 1.
        """
        registered: list[Any] = []
        statuses: list[int] = []
        self.patch(atexit, "register", registered.append)
        self.patch(os, "_exit", statuses.append)
        lifetime.endWithFailure()
        registered[0]()
        self.assertEqual(statuses, [1])


class ServingTests(TestCase):
    """
    A service waits for its app.
    """

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.path = str(folderFor(self) / "s")
        self.app = App()
        self.lifetime = Lifetime(self.reactor, self.app)

    def serve(self, factory: Any, reactor: Any = None) -> Serving:
        """
        Start a service.
        """
        service = Serving(
            reactor or self.reactor,
            factory,
            [("x", endpointFromText(self.reactor, f"unix:{self.path}"))],
            lifetime=self.lifetime,
        )
        service.privilegedStartService()
        service.startService()
        return service

    async def test_held(self) -> None:
        """
        A connection is taken by the system, and not accepted before the app is ready; the app ends
        when the last request has.
        """
        accepted: Deferred[None] = Deferred()

        class Accepting(FastCGIServerFactory):
            def buildProtocol(self, addr: Any) -> None:
                accepted.callback(None)

        service = self.serve(Accepting(self.app))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            for _ in range(3):
                waited: Deferred[None] = Deferred()
                self.reactor.callLater(0, waited.callback, None)
                await waited
            self.assertEqual(self.app.events, ["startup"])
            self.assertFalse(accepted.called)
            self.app.ready.callback(None)
            await accepted
        stopping = service.stopService()
        self.app.gone.callback(None)
        await stopping
        self.assertEqual(self.app.events, ["startup", "ready", "shutdown"])

    async def test_failed(self) -> None:
        """
        An app that can't start ends the process, with status 1 and its own message.
        """
        ended: list[bool] = []
        self.patch(serving, "endWithFailure", lambda: ended.append(True))
        for error, said in (
            (StartupFailed("App failed to start: no disk"), "App failed to start: no disk"),
            (ZeroDivisionError("x"), "The app failed to start"),
        ):
            clock = Reactor()
            self.app = App()
            self.lifetime = Lifetime(clock, self.app)
            factory: Any = Factory()
            factory.drain = lambda deadline, idle: succeed(None)
            with capturedLogs() as logged:
                service = self.serve(factory, clock)
                clock.advance(0)
                self.app.ready.errback(error)
            self.assertIn(said, "\n".join(filter(None, map(formatEvent, logged))))
            self.assertEqual((clock.stops, ended.pop()), (1, True))
            await service.stopService()
            self.assertEqual(self.app.events, ["startup"])
        self.flushLoggedErrors(ZeroDivisionError)
