"""
The objects that the pytest fixtures give to a test. The fixtures themselves are in
C{pytest_txfcgi}, which pytest always loads, and which therefore imports nothing expensive.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.internet.process import reapAllProcesses, reapProcessHandlers
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from ..client.client import Client
from ..client.options import ClientOptions
from ..server.application import App
from ..server.factory import ServerFactory
from ..server.limits import Limits
from ..server.tasks import runningLoop
from .backend import MemoryBackEnd
from .frontend import MemoryFrontEnd
from .leftovers import Leftovers, WatchedCalls
from .lifetime import asyncioReactor, sleepingReactor
from .protocols import watchedClient
from .sockets import Served

T = TypeVar("T")
# Returns when a Deferred has fired. Its second argument is the most seconds to wait.
Block = Callable[[Deferred[None], float], object]

# How long a test may wait for anything. It only bounds a failing test.
PATIENCE: Final = 60.0
# How often to look for child processes that ended, in seconds, as signals are left to the program
# that runs the tests.
_REAP_EVERY: Final = 0.05


def spin(arrived: Deferred[None], timeout: float) -> None:
    """
    Run the reactor until a Deferred fires.

    @param timeout: The most seconds that this takes.
    @raise TimeoutError: If it does not fire in time.
    @raise RuntimeError: If the reactor can't be run here.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    if reactor.running:
        raise RuntimeError(
            "the reactor is running already, so that nothing can wait for it: await the Deferred, "
            "or return it from the test"
        )
    if isinstance(reactor, asyncioReactor()) and runningLoop() is not None:
        raise RuntimeError(
            "a coroutine test can't wait for the asyncio reactor while pytest-asyncio runs it: "
            "make it a plain function, or use another reactor"
        )
    arrived.addCallback(lambda _: reactor.crash() if reactor.running else None)
    late = reactor.callLater(timeout, reactor.crash)
    idle: list[bool] = []
    reaping = LoopingCall(reapAllProcesses)
    reaping.clock = reactor

    def look() -> None:
        if not arrived.called and nothingComes(reactor, late):
            idle.append(True)
            reactor.crash()
        else:
            reaping.start(_REAP_EVERY)

    reactor.callLater(0, look)
    reactor.run(installSignalHandlers=False)
    if reaping.running:
        reaping.stop()
    if idle:
        late.cancel()
        raise TimeoutError("nothing can come: the reactor has neither timers, sockets nor threads")
    if not late.active():
        raise _late(timeout)
    late.cancel()


def _late(timeout: float) -> TimeoutError:
    return TimeoutError(f"nothing came in {timeout:g} seconds")


def nothingComes(reactor: Any, late: IDelayedCall) -> bool:
    """
    Whether a reactor that runs has nothing to wait for, as far as can be known: an asyncio loop
    may have tasks, and threads may call.

    @param late: A timer that does not count.
    """
    if isinstance(reactor, asyncioReactor()) or not hasattr(reactor, "getReaders"):
        return False
    if threading.active_count() > 1 or reactor.threadCallQueue:
        return False
    if reapProcessHandlers:
        return False
    waiting = [*reactor.getReaders(), *reactor.getWriters(), *reactor.getDelayedCalls()]
    return all(each in (late, reactor.waker) for each in waiting)


def blocking(blockon: Callable[[Deferred[None]], object]) -> Block:
    """
    How to wait where pytest-twisted runs the reactor.

    @param blockon: pytest-twisted's own way. It works in fixtures, and not in tests.
    """

    def block(arrived: Deferred[None], timeout: float) -> None:
        from twisted.internet import reactor as installed

        reactor: Any = installed
        late = reactor.callLater(timeout, arrived.cancel)
        try:
            blockon(arrived)
        except CancelledError:
            raise _late(timeout) from None
        except AssertionError as error:
            raise RuntimeError(
                "a test can't block under pytest-twisted: make it an async def with "
                "pytest_twisted.ensureDeferred, and await the Deferred"
            ) from error
        finally:
            if late.active():
                late.cancel()

    return block


@implementer(ILogObserver)
class LoggedErrors:
    """
    The failures that are logged while a test runs, including those of Deferreds whose failure was
    not handled.
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


def _started(coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
    """
    Run a coroutine; where the asyncio reactor does not run yet, as soon as it does.
    """
    reactor = sleepingReactor()
    if reactor is None:
        return Deferred.fromCoroutine(coroutine)
    return deferLater(reactor, 0, lambda: None).addCallback(
        lambda _: Deferred.fromCoroutine(coroutine)
    )


class Fixture:
    """
    A base class of the fixtures.
    """

    def __init__(self, block: Block = spin) -> None:
        """
        @param block: How to wait for a Deferred that has not fired.
        """
        self._block = block
        self._errors = LoggedErrors()
        globalLogPublisher.addObserver(self._errors)

    def wait(
        self, awaitable: Deferred[T] | Coroutine[Any, Any, T], timeout: float | None = None
    ) -> T:
        """
        Take the result of a Deferred, or of a coroutine that awaits Deferreds. If it is not there,
        the reactor is run until it is.

        @param timeout: The most seconds to wait; 60, if not given.
        @return: Its result; its failure is raised.
        @raise TimeoutError: If it does not come in time. The message names requests in memory that
            are open.
        @raise TypeError: If nothing can be awaited.
        @raise RuntimeError: If a test can't wait here; the message says what to do.
        """
        if isinstance(awaitable, Deferred):
            deferred = awaitable
        elif isinstance(awaitable, Coroutine):
            deferred = _started(awaitable)
        else:
            raise TypeError(f"wait() takes a Deferred or a coroutine, not {awaitable!r:.80}")
        results: list[T | Failure] = []
        arrived: Deferred[None] = Deferred()

        def fired(result: T | Failure) -> T | None:
            results.append(result)
            arrived.callback(None)
            return None if isinstance(result, Failure) else result

        deferred.addBoth(fired)
        if not results:
            try:
                self._block(arrived, PATIENCE if timeout is None else timeout)
            except TimeoutError as error:
                raise TimeoutError(f"{error}{self._open()}") from None
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def _open(self) -> str:
        """
        What may be waited for in memory, for a message.
        """
        return ""

    def flushLoggedErrors(self, *kinds: type[BaseException]) -> list[Failure]:
        """
        Return the errors that were logged, which the test expected, and forget them.

        @param kinds: The classes of exceptions to take; all, if none is given.
        """
        return self._errors.flush(*kinds)

    def finish(self) -> None:
        """
        End the fixture with its test.

        @raise Leftovers: If the test left something behind, or an error was logged.
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


def _openIn(left: list[str], whose: str) -> str:
    """
    What is open in memory, and what lets it go on.
    """
    if not left:
        return ""
    return (
        f". Time in memory does not pass by itself: {whose} clock.advance() or pump() may be "
        "missing. Open are:\n" + "\n".join(left)
    )


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

    def __init__(self, block: Block = spin) -> None:
        super().__init__(block)
        self._made: list[MemoryFrontEnd] = []

    def __call__(
        self,
        app: App | ServerFactory,
        protocol: Any = "fastcgi",
        server: Any = "plain",
        **more: Any,
    ) -> MemoryFrontEnd:
        """
        Make a L{MemoryFrontEnd}, which has the same arguments.
        """
        frontEnd = MemoryFrontEnd(app, protocol, server, **more)
        self._made.append(frontEnd)
        return frontEnd

    def _stop(self) -> list[str]:
        return leftBy(partial(self._end, frontEnd) for frontEnd in self._made)

    def _open(self) -> str:
        return _openIn(
            [each for frontEnd in self._made for each in frontEnd.left], "the front end's"
        )

    def _end(self, frontEnd: MemoryFrontEnd) -> None:
        self.wait(frontEnd.stop())


class Servers(Fixture):
    """
    Apps on real sockets.
    """

    def __init__(self, block: Block = spin) -> None:
        super().__init__(block)
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

    def __init__(self, block: Block = spin) -> None:
        super().__init__(block)
        self._clients: list[Client] = []
        self._backEnds: list[MemoryBackEnd] = []
        self._watched = WatchedCalls()

    def __call__(
        self,
        target: Served | MemoryBackEnd | IStreamClientEndpoint | str,
        protocol: str | None = None,
        options: ClientOptions | None = None,
    ) -> Client:
        """
        A client.

        @param target: What L{Servers} returned, a L{MemoryBackEnd}, or an endpoint or its
            description.
        @param protocol: The protocol of an endpoint, FastCGI if not given; other targets have one.
        @raise ValueError: If the target speaks another protocol.
        @raise TypeError: If it is none of these.
        """
        if isinstance(target, (Served, MemoryBackEnd)):
            if protocol not in (None, target.protocol):
                raise ValueError(f"the target speaks {target.protocol}, not {protocol}")
        elif not isinstance(target, str) and not IStreamClientEndpoint.providedBy(target):
            raise TypeError(
                f"{target!r:.80} is nothing to connect to: give what fcgi_server() returned, a "
                "MemoryBackEnd, or an endpoint or its description, such as 'unix:/run/app.sock'"
            )
        if isinstance(target, MemoryBackEnd):
            if target not in self._backEnds:
                self._backEnds.append(target)
            return target.client(options)
        from twisted.internet import reactor

        endpoint: IStreamClientEndpoint | str
        if isinstance(target, Served):
            endpoint, protocol = target.endpoint, target.protocol
        else:
            endpoint = target
        client = watchedClient(reactor, endpoint, protocol or "fastcgi", options, self._watched)
        self._clients.append(client)
        return client

    def _open(self) -> str:
        return _openIn([each for backEnd in self._backEnds for each in backEnd.left], "backEnd's")

    def _stop(self) -> list[str]:
        left = self._watched.left()
        self._watched.forgive()
        for client in self._clients:
            self.wait(client.close())
        return left + leftBy(backEnd.close for backEnd in self._backEnds)
