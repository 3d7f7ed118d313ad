"""
How a task of asyncio begins: its first step is taken at once, not in the next turn of the loop, for
most apps need no other, and their answer is there.

Python does that by itself from 3.12 on. For 3.11 it is done here with what asyncio has for other
people's tasks ("Extending asyncio" in Python's documentation), in the same manner.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any, Final, TypeVar

T = TypeVar("T")

_EAGER: Final = sys.version_info >= (3, 12)
_HERE: Final = sys.version_info >= (3, 11)


def startTask(
    coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[T]:
    """
    Run a coroutine as a task. From Python 3.11 on it takes its first step at once. Where that was
    also its last, the task itself may not be done before the next turn of the loop.

    @param loop: The loop, which is running.
    """
    if _EAGER:
        return asyncio.Task(coroutine, loop=loop, eager_start=True)  # type: ignore[call-arg,unused-ignore]
    if not _HERE:
        return loop.create_task(coroutine)
    first = _FirstStep()
    rest = _rest(coroutine, first)
    rest.send(None)  # to where it waits for its turn, so that an exception is raised there, too
    context = copy_context()
    task: asyncio.Task[T] = asyncio.Task(rest, loop=loop, context=context)  # type: ignore[call-arg,unused-ignore]
    outer = asyncio.current_task(loop)
    if outer is not None:
        _leave_task(loop, outer)
    _enter_task(loop, task)
    try:
        first.awaited = context.run(coroutine.send, None)
    except StopIteration as stop:
        first.over = True
        first.value = stop.value
    except BaseException as error:
        first.over = True
        first.error = error
    finally:
        _leave_task(loop, task)
        if outer is not None:
            _enter_task(loop, outer)
    return task


class _FirstStep:
    """
    What the first step of a coroutine gave.

    @ivar awaited: What the coroutine waits for, if it is not over.
    @ivar over: Whether it has returned or raised something.
    """

    awaited: Any = None
    over = False
    error: BaseException
    value: Any


def _rest(coroutine: Coroutine[Any, Any, Any], first: _FirstStep) -> Generator[Any, None, Any]:
    """
    What is left for the task: in its turn, it goes on with what the first step gave.
    """
    thrown: BaseException | None = None
    try:
        yield
    except GeneratorExit:
        coroutine.close()
        raise
    except BaseException as error:
        thrown = error
    if first.over:
        if hasattr(first, "value"):
            return first.value
        raise first.error
    awaited = first.awaited
    if isinstance(thrown, asyncio.CancelledError) and awaited is not None and awaited.cancel():
        thrown = None  # it comes by what is awaited
    while True:
        if thrown is not None:
            try:
                awaited = coroutine.throw(thrown)
            except StopIteration as stop:
                return stop.value
            finally:
                thrown = None
        try:
            yield awaited
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:
            thrown = error
        else:
            return (yield from coroutine.__await__())
