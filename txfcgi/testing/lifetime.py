"""
L{Lifetime}: the startup and shutdown of an app that has them.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.python.failure import Failure

from ..server.apps import App, IStartsAndStops, nameOf


class Lifetime:
    """
    What becomes of an L{IStartsAndStops<txfcgi.server.application.IStartsAndStops>}: it is started
    before its first request, and stopped after its last one. Other apps need neither.

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
        self.started: Deferred[None] = succeed(None)
        if self._app is not None:
            starting = maybeDeferred(self._app.startup)
            self.started = starting.addCallbacks(self._begin, self._fail)
        self._raise()

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
        if not self._ready:
            raise RuntimeError(
                f"{self._startup} has not ended, and no request is made before: let "
                "it end, or wait for C{started}"
            )

    def stop(self) -> Deferred[list[str]]:
        """
        Stop the app.

        @return: Fires when it has let go of everything, with what is to be said about that.
        """
        if self._app is None:
            return succeed(self._stop([]))
        if not self._ready:
            failed = self._error is not None
            return succeed(self._stop([] if failed else [f"{self._startup} never ended"]))
        return maybeDeferred(self._app.shutdown).addCallbacks(
            lambda result: self._stop([]),
            lambda failure: self._stop(
                [f"the shutdown() of {self.name} failed:\n{failure.getTraceback()}"]
            ),
        )

    def _stop(self, left: list[str]) -> list[str]:
        self._stopped = True
        return left
