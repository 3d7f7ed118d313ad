"""
What the pytest fixtures give to a test. The fixtures themselves are in C{pytest_txfcgi}, which
pytest loads whether or not anybody wants them, and which therefore imports nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from ..client.client import Client
from ..client.options import ClientOptions
from ..server.application import App
from ..server.factory import ServerFactory
from ..server.limits import Limits
from .backend import MemoryBackEnd
from .frontend import MemoryFrontEnd
from .leftovers import Leftovers, WatchedCalls
from .protocols import watchedClient
from .sockets import Served

T = TypeVar("T")
Wait = Callable[[Deferred[Any]], Any]

# How long a test may wait for anything. It only bounds a failing test.
PATIENCE: Final = 60.0


def spin(deferred: Deferred[T]) -> T:
    """
    Run the reactor until a Deferred fires.

    @return: What it fires with.
    @raise TimeoutError: If it does not.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    results: list[Any] = []

    def fired(result: Any) -> None:
        results.append(result)
        if reactor.running:
            reactor.crash()

    deferred.addBoth(fired)
    if not results:
        late = reactor.callLater(PATIENCE, reactor.crash)
        reactor.run(installSignalHandlers=False)
        if late.active():
            late.cancel()
    if not results:
        raise TimeoutError(f"nothing came in {PATIENCE:g} seconds")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    result: T = results[0]
    return result


def blocking(blockon: Wait) -> Wait:
    """
    How to wait where pytest-twisted runs the reactor.

    @param blockon: pytest-twisted's own way. It works in fixtures, and not in tests.
    """

    def wait(deferred: Deferred[Any]) -> Any:
        if deferred.called:
            return spin(deferred)
        try:
            return blockon(deferred)
        except AssertionError as error:
            raise RuntimeError(
                "a test can't block under pytest-twisted: make it an async def with "
                "pytest_twisted.ensureDeferred, and await the Deferred"
            ) from error

    return wait


@implementer(ILogObserver)
class LoggedErrors:
    """
    The failures that are logged while a test runs, that of a Deferred that nobody looked at among
    them.
    """

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def __call__(self, event: LogEvent) -> None:
        """
        Keep the event's failure, if it has one.
        """
        if event.get("log_failure") is not None:
            self._failures.append(event["log_failure"])

    def flush(self, *kinds: type[BaseException]) -> list[Failure]:
        """
        Take what was logged, as trial's C{flushLoggedErrors} does.
        """
        taken = [failure for failure in self._failures if not kinds or failure.check(*kinds)]
        self._failures = [failure for failure in self._failures if failure not in taken]
        return taken


class Fixture:
    """
    What the fixtures have in common.
    """

    def __init__(self, wait: Wait | None = None) -> None:
        """
        @param wait: How to wait for a Deferred; without it, L{spin}.
        """
        self._wait = spin if wait is None else wait
        self._errors = LoggedErrors()
        globalLogPublisher.addObserver(self._errors)

    def wait(self, deferred: Deferred[T]) -> T:
        """
        Run the reactor until a Deferred fires.

        @return: What it fires with; its failure is raised.
        """
        result: T = self._wait(deferred)
        return result

    def flushLoggedErrors(self, *kinds: type[BaseException]) -> list[Failure]:
        """
        Take the errors that were logged, which the test expected.

        @param kinds: Only those of these exceptions; all when there are none.
        """
        return self._errors.flush(*kinds)

    def finish(self) -> None:
        """
        The test is over.

        @raise Leftovers: If it left something, or let an error be logged.
        """
        left = self._stop()
        # A failed Deferred logs its failure when it is collected.
        gc.collect()
        globalLogPublisher.removeObserver(self._errors)
        left += [
            f"this was logged, or no one looked at the Deferred that failed with it:\n{traceback}"
            for traceback in (failure.getTraceback() for failure in self._errors.flush())
        ]
        if left:
            raise Leftovers(left)

    def _stop(self) -> list[str]:
        raise NotImplementedError


def leftBy(closes: Iterable[Callable[[], object]]) -> list[str]:
    """
    Close all of several things.

    @return: A sentence for each thing that was left.
    """
    left: list[str] = []
    for close in closes:
        try:
            close()
        except Leftovers as leftovers:
            left += leftovers.left
    return left


class MemoryFrontEnds(Fixture):
    """
    Web servers in memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: list[MemoryFrontEnd] = []

    def __call__(
        self,
        app: App | ServerFactory,
        protocol: Any = "fastcgi",
        server: Any = "plain",
        **more: Any,
    ) -> MemoryFrontEnd:
        """
        A L{MemoryFrontEnd} in front of an app; it takes what that takes.
        """
        frontEnd = MemoryFrontEnd(app, protocol, server, **more)
        self._made.append(frontEnd)
        return frontEnd

    def _stop(self) -> list[str]:
        return leftBy(frontEnd.close for frontEnd in self._made)


class Servers(Fixture):
    """
    Apps on real sockets.
    """

    def __init__(self, wait: Wait | None = None) -> None:
        super().__init__(wait)
        self._made: list[Served] = []

    def __call__(
        self, app: App | ServerFactory, protocol: str = "fastcgi", limits: Limits | None = None
    ) -> Served:
        """
        Serve an app on a port of the loopback interface.
        """
        served = Served(app, protocol, limits)
        self._made.append(served)
        return served

    def _stop(self) -> list[str]:
        return leftBy(partial(self.wait, served.stop()) for served in self._made)


class Clients(Fixture):
    """
    Clients of apps and of back ends, in memory or on real sockets.
    """

    def __init__(self, wait: Wait | None = None) -> None:
        super().__init__(wait)
        self._clients: list[Client] = []
        self._backEnds: list[MemoryBackEnd] = []
        self._watched = WatchedCalls()

    def __call__(
        self,
        target: Served | MemoryBackEnd | str,
        protocol: str = "fastcgi",
        options: ClientOptions | None = None,
    ) -> Client:
        """
        A client.

        @param target: What L{Servers} returned, a L{MemoryBackEnd}, or the description of an
            endpoint.
        @param protocol: What a described endpoint speaks; the others know.
        """
        if isinstance(target, MemoryBackEnd):
            if target not in self._backEnds:
                self._backEnds.append(target)
            return target.client(options)
        from twisted.internet import reactor

        if isinstance(target, Served):
            protocol = target.protocol
        endpoint = target.endpoint if isinstance(target, Served) else target
        client = watchedClient(reactor, endpoint, protocol, options, self._watched)
        self._clients.append(client)
        return client

    def _stop(self) -> list[str]:
        left = self._watched.left()
        self._watched.forgive()
        for client in self._clients:
            self.wait(client.close())
        return left + leftBy(backEnd.close for backEnd in self._backEnds)
