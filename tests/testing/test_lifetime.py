"""
Apps that start and stop, in memory and on sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txfcgi import Request, Response, cgiParams, roles
from txfcgi.server.application import IStartsAndStops
from txfcgi.testing import Leftovers, MemoryFrontEnd
from txfcgi.testing.sockets import Served, serve


@implementer(IStartsAndStops)
class Shop:
    """
    An app that opens and closes.

    @ivar did: What it did.
    """

    def __init__(
        self,
        startup: Callable[[], object] = lambda: None,
        shutdown: Callable[[], object] = lambda: None,
    ) -> None:
        self._startup = startup
        self._shutdown = shutdown
        self.did: list[str] = []

    def startup(self) -> object:
        """
        Open.
        """
        self.did.append("startup")
        return self._startup()

    def shutdown(self) -> object:
        """
        Close.
        """
        self.did.append("shutdown")
        return self._shutdown()

    def __call__(self, request: Request) -> Response:
        self.did.append(request.uri)
        return Response(200, {}, b"open")


def fail() -> object:
    """
    What does not work.
    """
    raise OSError("no database")


class MemoryTests(SynchronousTestCase):
    """
    In memory.
    """

    def test_order(self) -> None:
        """
        An app is started before its first request, and stopped after its last.
        """
        app = Shop()
        verifyObject(IStartsAndStops, app)
        with MemoryFrontEnd(app) as frontEnd:
            self.successResultOf(frontEnd.get("/1"))
            self.successResultOf(frontEnd.get("/2"))
        self.assertEqual(app.did, ["startup", "/1", "/2", "shutdown"])

    def test_roles(self) -> None:
        """
        Those of which one app consists are, too.
        """
        app = Shop()
        with MemoryFrontEnd(roles(responder=app)) as frontEnd:
            self.successResultOf(frontEnd.get("/1"))
        self.assertEqual(app.did, ["startup", "/1", "shutdown"])

    def test_startupFails(self) -> None:
        """
        What an app can't be started for is raised at once.
        """
        error = self.assertRaises(OSError, MemoryFrontEnd, Shop(fail))
        self.assertEqual(str(error), "no database")

    def test_startupTakesTime(self) -> None:
        """
        A request that is made before the app is ready is an error that says so.
        """
        ready: Deferred[None] = Deferred()
        app = Shop(lambda: ready)
        frontEnd = MemoryFrontEnd(app, testCase=self)
        self.assertNoResult(frontEnd.started)
        error = self.assertRaises(RuntimeError, frontEnd.get)
        self.assertIn("the startup() of", str(error))
        ready.callback(None)
        self.successResultOf(frontEnd.started)
        self.assertEqual(self.successResultOf(frontEnd.get()).body, b"open")

    def test_startupFailsLater(self) -> None:
        """
        What failed later is raised by each request, and its app is not stopped.
        """
        ready: Deferred[None] = Deferred()
        app = Shop(lambda: ready)
        frontEnd = MemoryFrontEnd(app, testCase=self)
        ready.errback(OSError("no database"))
        self.assertRaises(OSError, frontEnd.get)
        self.assertRaises(OSError, frontEnd.get)
        frontEnd.close()
        self.assertEqual(app.did, ["startup"])

    def test_neverStarted(self) -> None:
        """
        An app that never became ready fails the test.
        """
        frontEnd = MemoryFrontEnd(Shop(Deferred))
        leftovers = self.assertRaises(Leftovers, frontEnd.close)
        self.assertIn("never ended", str(leftovers))

    def test_shutdownLater(self) -> None:
        """
        C{stop} waits for an app that takes its time to let go.
        """
        ended: Deferred[None] = Deferred()
        frontEnd = MemoryFrontEnd(Shop(shutdown=lambda: ended))
        self.successResultOf(frontEnd.get("/"))
        finished = frontEnd.stop()
        self.assertNoResult(finished)
        ended.callback(None)
        self.successResultOf(finished)
        self.successResultOf(frontEnd.stop())

    def test_stopFails(self) -> None:
        """
        C{stop} fails with what is left.
        """
        finished = MemoryFrontEnd(Shop(shutdown=fail)).stop()
        self.assertIn("shutdown", str(self.failureResultOf(finished, Leftovers).value))

    def test_shutdownFails(self) -> None:
        """
        So does one that can't be stopped.
        """
        frontEnd = MemoryFrontEnd(Shop(shutdown=fail))
        leftovers = self.assertRaises(Leftovers, frontEnd.close)
        self.assertIn("OSError: no database", str(leftovers))

    def test_shutdownTakesTime(self) -> None:
        """
        And one that takes its time with that.
        """
        frontEnd = MemoryFrontEnd(Shop(shutdown=Deferred))
        leftovers = self.assertRaises(Leftovers, frontEnd.close)
        self.assertIn("has not ended", str(leftovers))


class SocketTests(TestCase):
    """
    On sockets.
    """

    async def test_order(self) -> None:
        """
        An app is started before its first request, and stopped after its last.
        """
        app = Shop()
        server = Served(app)
        response = await server.client().request(cgiParams("GET", "/1"))
        await response.content()
        await server.stop()
        self.assertEqual(app.did, ["startup", "/1", "shutdown"])

    async def test_startupTakesTime(self) -> None:
        """
        Callers wait until the app is ready.
        """
        ready: Deferred[Any] = Deferred()
        app = Shop(lambda: ready)
        server = serve(self, app)
        asked = server.client().request(cgiParams("GET", "/1"))
        # Another connection of this process is made and closed meanwhile: the reactor has run.
        other = serve(self, Shop())
        await (await other.client().request(cgiParams("GET", "/"))).content()
        self.assertNoResult(asked)
        self.assertEqual(app.did, ["startup"])
        ready.callback(None)
        await server.started
        self.assertEqual(await (await asked).content(), b"open")

    async def test_shutdownFails(self) -> None:
        """
        An app that can't be stopped fails the test.
        """
        stopping: Deferred[Any] = Served(Shop(shutdown=fail)).stop()
        leftovers = await self.assertFailure(stopping, Leftovers)
        self.assertIn("OSError: no database", str(leftovers))
