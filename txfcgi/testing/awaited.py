"""
L{Awaited}: a Deferred for coroutines of Twisted and of asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..server.tasks import asFuture, runningLoop

T = TypeVar("T")


class Awaited(Deferred[T]):
    """
    A Deferred that a coroutine of asyncio can await, as in a test that pytest-asyncio runs: an app
    that is a coroutine runs in asyncio's loop there, and may answer later.
    """

    def __init__(
        self, canceller: Callable[[Deferred[T]], None] | None = None, result: str = "a result"
    ) -> None:
        """
        @param result: What it will bring, in messages.
        """
        super().__init__(canceller)
        self._resultName = result
        self._task = _currentTask()

    def fire(self, result: T | Failure) -> None:
        """
        Fire, unless it was cancelled; in a turn of its own, if a task of an app is running. The
        coroutine that goes on would run within that task, and look like one of asyncio's.
        """
        task = _currentTask()
        if task is None or task is self._task:
            self._fire(result)
        else:
            asyncio.get_running_loop().call_soon(self._fire, result)

    def _fire(self, result: T | Failure) -> None:
        if not self.called:
            self.callback(result)

    def __await__(self) -> Generator[Any, None, T]:
        fired = self.called and not self.paused
        if fired or _currentTask() is None:
            return super().__await__()
        return asFuture(self).__await__()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(
                f"{name!r}: this is a Deferred of {self.__dict__.get('_resultName')}: await it, or "
                "take its result with wait() of a fixture or successResultOf() of a test case"
            )


def awaited(deferred: Deferred[T]) -> Awaited[T]:
    """
    Make one of any Deferred, which is not to be used afterwards.
    """
    result: Awaited[T] = Awaited(lambda _: deferred.cancel())
    deferred.addBoth(result.fire)
    return result


def _currentTask() -> asyncio.Task[Any] | None:
    return None if runningLoop() is None else asyncio.current_task()
