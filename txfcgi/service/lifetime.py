"""
Startup and shutdown of an app: L{IStartsAndStops <txfcgi.server.application.IStartsAndStops>}, for
all services that serve it.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from types import CoroutineType
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import StartupFailed
from ..server.apps import App, IStartsAndStops, nameOf
from ..server.tasks import Tasks

STARTUP_TIMEOUT: Final = 300.0


class Lifetime:
    """
    Starts an app once for all services that serve it, and stops it after the last of them has
    ended.
    """

    _log = Logger()

    def __init__(
        self, reactor: Any, app: App | None, startupTimeout: float | None = STARTUP_TIMEOUT
    ) -> None:
        """
        @param app: The app. An app without startup code is ready at once.
        @param startupTimeout: Seconds for the app to get ready, or L{None} for no limit.
        """
        self._reactor = reactor
        self._app: Any = app if IStartsAndStops.providedBy(app) else None
        self._timeout = startupTimeout
        self._users = 0
        self._started = self._app is None
        self._waiting: list[Deferred[None]] = []
        self._working: Deferred[Any] | None = None
        self._tasks = Tasks()

    @property
    def started(self) -> bool:
        """
        Whether the app is ready.
        """
        return self._started

    def begin(self) -> Deferred[None]:
        """
        Start the app. The startup code begins in the reactor, as no loop runs before.

        @return: Fires when the app is ready; fails with L{StartupFailed} if its startup fails.
        """
        self._users += 1
        if self._started:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiter)
        if self._working is None:
            later: Deferred[Any] = Deferred(lambda _: call.cancel())
            call = self._reactor.callLater(0, later.callback, None)
            later.addCallback(lambda _: self._call(self._app.startup))
            self._working = later
            if self._timeout is not None:
                later.addTimeout(self._timeout, self._reactor, self._late)
            later.addCallbacks(self._isReady, self._isNotReady)
        return waiter

    def end(self) -> Deferred[None]:
        """
        One of the services that serve the app has ended.

        @return: Fires when the app has shut down, if that was the last service. A failed shutdown
            is logged.
        """
        self._users -= 1
        if self._users or self._app is None:
            return succeed(None)
        if not self._started:
            self.hurry()
            return succeed(None)
        self._started = False
        working = self._working = self._call(self._app.shutdown)
        done: Deferred[None] = Deferred()
        working.addErrback(self._failedToEnd).addCallback(lambda _: done.callback(None))
        return done

    def hurry(self) -> None:
        """
        Stop waiting for startup and shutdown of the app.
        """
        if self._working is not None:
            self._working.cancel()

    def _call(self, function: Callable[[], object]) -> Deferred[Any]:
        """
        Call a function that may return a Deferred or a coroutine.
        """

        def called() -> Any:
            result = function()
            return self._tasks.run(result) if type(result) is CoroutineType else result

        return maybeDeferred(called)

    def _late(self, _: object, seconds: float) -> None:
        raise StartupFailed(f"{nameOf(self._app)} was not ready after {seconds:g} s") from None

    def _isReady(self, _: object) -> None:
        self._started, self._working = True, None
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)

    def _isNotReady(self, failure: Failure) -> None:
        self._working = None
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.errback(failure)

    def _failedToEnd(self, failure: Failure) -> None:
        self._log.failure("{app} failed to shut down", failure, app=nameOf(self._app))


def endWithFailure() -> None:
    """
    Let this process exit with status 1 after its reactor has stopped: from then on, C{twistd} and
    C{twist} would exit with 0.
    """
    atexit.register(_exit)


def _exit() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(1)
