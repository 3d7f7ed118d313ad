"""
Tests of L{txfcgi.server.eager}: how a task begins.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from contextvars import ContextVar
from typing import Any

from txfcgi.server.eager import startTask

from ..loop import LoopTests, turns

variable: ContextVar[str] = ContextVar("variable", default="")


def begin(coroutine: Any) -> asyncio.Task[Any]:
    """
    Start it in the loop that runs.
    """
    return startTask(coroutine, asyncio.get_running_loop())


class EagerTests(LoopTests):
    """
    Tasks that are started by us, in what they do like any other.
    """

    def test_result(self) -> None:
        """
        A task has what its coroutine returned, after one step or after several, waiting for
        futures, other tasks and turns.
        """

        async def main() -> None:
            async def after(steps: int) -> int:
                for _ in range(steps):
                    await asyncio.sleep(0)
                    await asyncio.ensure_future(asyncio.sleep(0))
                return steps

            for steps in range(4):
                self.assertEqual(await begin(after(steps)), steps)

        self.inLoop(main)

    def test_error(self) -> None:
        """
        A task fails as its coroutine did, in whichever step.
        """

        async def main() -> None:
            async def after(steps: int) -> None:
                for _ in range(steps):
                    await asyncio.sleep(0)
                raise ValueError(steps)

            for steps in range(3):
                with self.assertRaises(ValueError):
                    await begin(after(steps))

        self.inLoop(main)

    def test_failedFuture(self) -> None:
        """
        What a future fails with is raised where the coroutine waits for it.
        """

        async def main() -> None:
            async def wait(future: asyncio.Future[None]) -> str:
                try:
                    await future
                except ValueError:
                    await asyncio.sleep(0)
                    return "caught"
                return "none"

            for early in (True, False):
                future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                task = begin(wait(future))
                if not early:
                    await turns()
                future.set_exception(ValueError())
                self.assertEqual(await task, "caught")

        self.inLoop(main)

    def test_cancel(self) -> None:
        """
        Cancelled before its next turn or later, a task cancels what it waits for, and its coroutine
        may clean up; what it waits for need not be a future of its own.
        """

        async def main() -> None:
            async def wait(awaited: Any, said: list[str]) -> None:
                try:
                    await awaited
                finally:
                    await asyncio.sleep(0)
                    said.append("cleaned")

            for early in (True, False):
                future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                said: list[str] = []
                for awaited in (future, asyncio.ensure_future(asyncio.sleep(1000))):
                    task = begin(wait(awaited, said))
                    if not early:
                        await turns()
                    task.cancel()
                    with self.assertRaises(asyncio.CancelledError):
                        await task
                    if sys.version_info >= (3, 11) or not early:
                        self.assertTrue(awaited.cancelled())
                    awaited.cancel()
                if sys.version_info >= (3, 11):
                    task = begin(wait(asyncio.sleep(0), said))
                    task.cancel()
                    with self.assertRaises(asyncio.CancelledError):
                        await task
                    self.assertEqual(said, ["cleaned"] * 3)

        self.inLoop(main)

    def test_notCancelled(self) -> None:
        """
        A coroutine that goes on when it is cancelled has its way.
        """

        async def main() -> None:
            async def stubborn() -> str:
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    return "none of it"
                return "late"

            task = begin(stubborn())
            await asyncio.sleep(0)
            task.cancel()
            self.assertIn(await task, ("none of it", "late"))

        self.inLoop(main)

    def test_loopEnds(self) -> None:
        """
        A task whose loop ends before its next turn closes its coroutine.
        """
        said: list[str] = []

        async def wait() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                said.append("closed")

        loop = asyncio.new_event_loop()
        try:

            async def main() -> None:
                begin(wait())

            loop.set_exception_handler(lambda loop, context: None)
            loop.run_until_complete(main())
        finally:
            loop.close()
        gc.collect()
        if sys.version_info >= (3, 11):
            self.assertEqual(said, ["closed"])


class FirstStepTests(LoopTests):
    """
    The first step of a task, where it is taken at once.
    """

    def test_first(self) -> None:
        """
        The first step is taken at once, in the task and its context; the task that starts it is the
        current one again afterwards.
        """

        async def main() -> None:
            seen: list[Any] = []

            async def step() -> str:
                token = variable.set("inside")
                seen.append(asyncio.current_task())
                await asyncio.sleep(0)
                seen.append(variable.get())
                variable.reset(token)
                seen.append(asyncio.current_task())
                return "done"

            task = begin(step())
            self.assertEqual(seen, [task])
            self.assertIsNot(asyncio.current_task(), task)
            self.assertEqual(variable.get(), "")
            self.assertEqual(await task, "done")
            self.assertEqual(seen, [task, "inside", task])

        self.inLoop(main)

    def test_outsideTask(self) -> None:
        """
        A callback of the loop, which is no task, starts one as well.
        """

        async def main() -> None:
            seen: list[Any] = []

            async def step() -> None:
                seen.append(asyncio.current_task())

            def call() -> None:
                begin(step())
                seen.append(asyncio.current_task())

            asyncio.get_running_loop().call_soon(call)
            await turns()
            self.assertIsNotNone(seen[0])
            self.assertIsNone(seen[1])

        self.inLoop(main)

    def test_timeout(self) -> None:
        """
        asyncio's timeouts, which cancel the current task, work from the first step on.
        """

        async def main() -> None:
            async def slow() -> str:
                if sys.version_info >= (3, 11):
                    try:
                        async with asyncio.timeout(0):
                            await asyncio.sleep(1000)
                    except TimeoutError:
                        return "in time"
                return "late"

            self.assertEqual(await begin(slow()), "in time")

        self.inLoop(main)


if sys.version_info < (3, 11):
    del FirstStepTests  # a task begins a turn later there
