"""
asyncio's side of an app, where the reactor runs on an asyncio loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
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
