"""
Coroutines of apps. Where the reactor runs in an asyncio loop, each is an asyncio task, and may
await asyncio's awaitables as well as Deferreds. L{txfcgi.server.eager} starts these tasks. Under
other reactors, L{continued} runs a coroutine that was not finished by its first step.

No task factory is installed; other programs' tasks stay as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import DeferredInAsyncio
from .eager import startTask

T = TypeVar("T")

# The error of asyncio for a coroutine that awaits a Deferred in a task of its own.
_BAD_YIELD: Final = "Task got bad yield: <Deferred"


def asFuture(deferred: Deferred[T]) -> asyncio.Future[T]:
    """
    Turn a Deferred into an asyncio future, for functions that accept nothing else:
    C{asyncio.gather}, C{wait_for}, C{create_task}, a C{TaskGroup}. Cancelling the future cancels
    the Deferred. Do not use the Deferred afterwards: its result goes to the future.

    @return: The future.

    @raise RuntimeError: If no asyncio loop is running.
    """
    return deferred.asFuture(asyncio.get_running_loop())


def runningLoop() -> asyncio.AbstractEventLoop | None:
    """
    The asyncio loop that is running in this thread, or L{None} under another reactor.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Tasks:
    """
    Coroutines that await Deferreds and, where an asyncio loop is running, what asyncio has. asyncio
    keeps only weak references to its tasks; here each is kept until it ends.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(self) -> None:
        self._running: dict[Deferred[Any], asyncio.Task[None]] = {}

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        """
        Run a coroutine.

        @return: Fires with its result. Cancelling it cancels what the coroutine waits for.
        """
        loop = runningLoop()
        return Deferred.fromCoroutine(coroutine) if loop is None else self.start(coroutine, loop)

    def start(
        self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
    ) -> Deferred[T]:
        """
        Run a coroutine in a task of its own.

        @param loop: The loop, which is running.
        @return: Fires with its result, in the task's last step. Cancelling it cancels the task.
        """

        def cancel(_: Deferred[T]) -> None:
            task.cancel()

        result: Deferred[T] = Deferred(cancel)
        task = startTask(self._fire(coroutine, result), loop)
        if not result.called:
            self._running[result] = task
        return result

    async def _fire(self, coroutine: Coroutine[Any, Any, T], result: Deferred[T]) -> None:
        """
        Run a coroutine, and fire a Deferred with what becomes of it.
        """
        # asyncio's CancelledError is not an Exception. This is where it ends: from here on it is a
        # failure like others.
        try:
            value = await _Mixed(coroutine)
        except BaseException as error:
            if not result.called:
                result.errback(Failure(_explained(error)))
            elif not isinstance(error, asyncio.CancelledError):
                self.log.failure("A task failed after it was cancelled")
        else:
            if not result.called:
                result.callback(value)
        finally:
            self._running.pop(result, None)


def _explained(error: BaseException) -> BaseException:
    """
    An error that says what to do.
    """
    if isinstance(error, RuntimeError) and str(error).startswith(_BAD_YIELD):
        explained = DeferredInAsyncio(
            "asyncio was given a Deferred where it takes futures only (gather, wait_for, "
            "create_task, a TaskGroup): wrap it, asFuture(deferred), with asFuture from txfcgi"
        )
        explained.__cause__ = error
        return explained
    return error


class _Mixed:
    """
    What a task awaits in place of a coroutine: it hands on what asyncio knows, and waits for each
    Deferred by a future.
    """

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = self._coroutine
        step: Callable[[], Any] | None = None  # the first one
        while True:
            try:
                awaited = coroutine.send(None) if step is None else step()
            except StopIteration as stop:
                return stop.value
            try:
                if isinstance(awaited, Deferred):
                    yield from _fired(awaited)
                    value = None  # the Deferred has it
                else:
                    value = yield awaited
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                step = partial(coroutine.throw, error)
            else:
                step = partial(coroutine.send, value)


def _fired(deferred: Deferred[Any]) -> asyncio.Future[None]:
    """
    A future that is done when a Deferred has fired. The result stays with the Deferred, where the
    coroutine that awaits it will look.
    """
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fired(result: Any) -> Any:
        if not future.done():
            future.set_result(None)
        return result

    def cancelled(future: asyncio.Future[None]) -> None:
        if future.cancelled():
            deferred.cancel()
            # The coroutine has been told, and does not wait for the result any more.
            deferred.addErrback(lambda _: None)

    deferred.addBoth(fired)
    future.add_done_callback(cancelled)
    return future


async def asCoroutine(awaitable: Awaitable[object]) -> object:
    """
    Anything awaitable, as a coroutine.
    """
    return await awaitable


def continued(coroutine: Coroutine[Any, Any, object], waitsFor: Any) -> Generator[Any, Any, object]:
    """
    The rest of a coroutine whose first step was taken already, and gave what it awaits.
    """
    while True:
        try:
            value = yield waitsFor
        except GeneratorExit:
            # Nothing waits for the result any more, and the coroutine may have been closed first.
            coroutine.close()
            raise
        except BaseException as error:
            waitsFor = None
            step: Callable[[], Any] = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, value)
        try:
            waitsFor = step()
        except StopIteration as stop:
            return stop.value
