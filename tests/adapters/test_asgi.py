"""
Tests of L{txfcgi.adapters.asgi}: the app itself.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txfcgi import FastCGIServerFactory
from txfcgi.adapters.asgi import ASGIApp
from txfcgi.errors import (
    StartupFailed,
)
from txfcgi.server.application import IStartsAndStops
from txfcgi.testing import MemoryFrontEnd

from .asgi import echo


class MakingTests(SynchronousTestCase):
    """
    L{ASGIApp} as it is made.
    """

    def test_interface(self) -> None:
        """
        It starts and stops.
        """
        verifyObject(IStartsAndStops, ASGIApp(echo))
        self.assertEqual(repr(ASGIApp(echo)), "ASGIApp(echo)")
        self.assertEqual(ASGIApp(echo, name="main:app").name, "main:app")

    def test_noApplication(self) -> None:
        """
        What can't be an application is refused, with what it may be.
        """
        nothing: Any = None

        def wsgi(environ: Any, startResponse: Any) -> None: ...

        def native(request: Any) -> None: ...

        def other(a: Any, b: Any, c: Any, d: Any) -> None: ...

        for application, said in (
            (nothing, "None can't be called"),
            (wsgi, "--wsgi"),
            (native, "--app"),
            (other, "takes (a: 'Any', b"),
        ):
            error = self.assertRaises(TypeError, ASGIApp, application)
            self.assertIn(said, str(error))
            self.assertIn("scope, receive and send", str(error))
        mode: Any = "maybe"
        self.assertRaises(ValueError, ASGIApp, echo, lifespan=mode)

    def test_noLoop(self) -> None:
        """
        Without asyncio's loop there is an answer, and the log says what is missing.
        """
        clock: Any = Clock()
        app = ASGIApp(echo, lifespan="off")
        frontEnd = MemoryFrontEnd(FastCGIServerFactory(app, clock=clock), testCase=self)
        self.assertEqual(self.successResultOf(frontEnd.get()).code, 500)
        (failure,) = self.flushLoggedErrors(StartupFailed)
        self.assertIn("asyncioreactor.install()", failure.getErrorMessage())
