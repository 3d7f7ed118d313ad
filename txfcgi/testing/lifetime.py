"""
L{Lifetime}: the startup and shutdown of an app that has them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from unittest import TestCase

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from ..errors import StartupFailed
from ..server.apps import App, IStartsAndStops, nameOf
from ..server.tasks import runningLoop
from .awaited import awaited


def asyncioReactor() -> tuple[type[Any], ...]:
    """
    The class of the asyncio reactor, if it has been imported.
    """
    module: Any = sys.modules.get("twisted.internet.asyncioreactor")
    return () if module is None else (module.AsyncioSelectorReactor,)


def sleepingReactor() -> Any:
    """
    The asyncio reactor, if it is installed and not running, as when a test begins; or L{None}.
    """
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if runningLoop() is not None or not isinstance(reactor, asyncioReactor()):
        return None
    return None if reactor.running else reactor


def runsReactor(testCase: TestCase) -> bool:
    """
    Whether a test's cleanups can wait, as those of L{twisted.trial.unittest.TestCase} do.
    """
    trial = sys.modules.get("twisted.trial.unittest")
    return trial is not None and isinstance(testCase, trial.TestCase)


class Lifetime:
    """
    What becomes of an L{IStartsAndStops<txfcgi.server.application.IStartsAndStops>}: it is started
    before its first request, and stopped after its last one. Other apps need neither.

    An app that needs a running asyncio loop is started and stopped as soon as the asyncio reactor
    runs, if that is installed.

    @ivar started: Fires when the app is ready.
    """

    def __init__(self, app: App) -> None:
        """
        Start the app.

        @raise Exception: What its C{startup} failed with, if it did so at once.
        """
        self.name = nameOf(app)
        self._app: IStartsAndStops | None = app if IStartsAndStops.providedBy(app) else None
        self._startup = f"the startup() of {self.name}"
        self._ready = self._app is None
        self._stopped = False
        self._error: Failure | None = None
        self._sleeps = False
        starting = succeed(None) if self._app is None else self._inLoop(self._app.startup)
        self.started: Deferred[None] = awaited(starting.addCallbacks(self._begin, self._fail))
        self._raise()

    def _inLoop(self, action: Callable[[], Any]) -> Deferred[Any]:
        """
        Do something; or, if it can't be done without a running asyncio loop, as soon as the asyncio
        reactor runs.
        """

        def sleeping(failure: Failure) -> Failure | Deferred[Any]:
            failure.trap(StartupFailed, RuntimeError)
            reactor = sleepingReactor()
            if reactor is None:
                return failure
            self._sleeps = True
            return deferLater(reactor, 0, awake)

        def awake() -> Any:
            self._sleeps = False
            return action()

        return maybeDeferred(action).addErrback(sleeping)

    def _begin(self, result: object) -> None:
        self._ready = True

    def _fail(self, failure: Failure) -> Failure:
        self._error = failure
        return failure

    def _raise(self) -> None:
        if self._error is not None:
            # It is told now, and need not be logged as well.
            self.started.addErrback(lambda failure: None)
            self._error.raiseException()

    @property
    def ready(self) -> bool:
        """
        Whether the app takes requests.
        """
        return self._ready

    @property
    def stopped(self) -> bool:
        """
        Whether the app has let go of everything.
        """
        return self._stopped

    def check(self) -> None:
        """
        See whether the app takes requests.

        @raise RuntimeError: If its C{startup} has not ended.
        @raise Exception: What that failed with.
        """
        self._raise()
        if self._sleeps:
            raise RuntimeError(
                f"{self.name} needs the asyncio reactor, which is installed, but not running yet: "
                "await .started before the first request"
            )
        if not self._ready:
            raise RuntimeError(
                f"{self._startup} has not ended, and no request is made before: let it end, or "
                "await .started"
            )

    def stop(self) -> Deferred[list[str]]:
        """
        Stop the app.

        @return: Fires when it has let go of everything, with what is to be said about that.
        """
        if self._app is None:
            return succeed(self._stop([]))
        if not self._ready:
            if self._sleeps:
                # It was not begun, and there is nothing to end.
                self.started.addErrback(lambda failure: None)
                self.started.cancel()
            failed = self._error is not None
            return succeed(self._stop([] if failed else [f"{self._startup} never ended"]))
        return self._inLoop(self._app.shutdown).addCallbacks(
            lambda result: self._stop([]),
            lambda failure: self._stop(
                [f"the shutdown() of {self.name} failed:\n{failure.getTraceback()}"]
            ),
        )

    def _stop(self, left: list[str]) -> list[str]:
        self._stopped = True
        return left
