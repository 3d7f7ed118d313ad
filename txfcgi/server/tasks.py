"""
asyncio's side of an app, where the reactor runs in an asyncio loop: a coroutine is a task there,
and may await what asyncio has, and Deferreds.

No task factory is installed; other programs' tasks stay as they are.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


def asFuture(deferred: Deferred[T]) -> asyncio.Future[T]:
    """
    A Deferred as a future of asyncio, for what takes nothing else: C{asyncio.gather}, C{wait_for},
    C{create_task}, a C{TaskGroup}. Cancelling the future cancels the Deferred.

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


def startTask(
    coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[T]:
    """
    Run a coroutine as a task. From Python 3.12 on it takes its first step at once.

    @param loop: The loop, which is running.
    """
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    return loop.create_task(coroutine)


def run(coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
    """
    Run a coroutine that awaits Deferreds and, where an asyncio loop is running, what asyncio has.

    @return: Fires with its result. Cancelling it cancels what the coroutine waits for.
    """
    loop = runningLoop()
    if loop is None:
        return Deferred.fromCoroutine(coroutine)
    return deferredOf(startTask(mixed(coroutine), loop))


def deferredOf(task: asyncio.Task[T]) -> Deferred[T]:
    """
    A task as a Deferred. Cancelling it cancels the task, and waits for nothing.
    """

    def cancel(_: Deferred[T]) -> None:
        task.cancel()

    deferred: Deferred[T] = Deferred(cancel)

    def done(task: asyncio.Task[T]) -> None:
        try:
            result = task.result()
        except BaseException:  # asyncio's CancelledError among them
            if deferred.called:
                return  # it was cancelled, and what the task makes of that is its own
            deferred.errback()
        else:
            if not deferred.called:
                deferred.callback(result)

    if task.done():
        done(task)
    else:
        task.add_done_callback(done)
    return deferred


async def mixed(coroutine: Coroutine[Any, Any, T]) -> T:
    """
    A coroutine that a task can run though it awaits Deferreds too.
    """
    result: T = await _Mixed(coroutine)
    return result


class _Mixed:
    """
    What a task awaits in place of a coroutine: it hands on what asyncio knows, and makes a future
    of each Deferred.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = self._coroutine
        step: Callable[[], Any] = partial(coroutine.send, None)
        while True:
            try:
                awaited = step()
            except StopIteration as stop:
                return stop.value
            try:
                if isinstance(awaited, Deferred):
                    value = yield from asFuture(awaited)
                else:
                    value = yield awaited
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                step = partial(coroutine.throw, error)
            else:
                step = partial(coroutine.send, value)
