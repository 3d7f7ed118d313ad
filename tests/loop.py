"""
asyncio's loop for tests of what runs in it: no reactor is involved, and no socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import asFuture
from txfcgi.testing import MemoryFrontEnd
from txfcgi.testing.exchange import Exchange, MemoryResponse

T = TypeVar("T")

Main = Callable[[], Coroutine[Any, Any, T]]


async def turns(frontEnd: MemoryFrontEnd | None = None, number: int = 30) -> None:
    """
    Let everything come to where it waits.
    """
    for _ in range(number):
        await asyncio.sleep(0)
        if frontEnd is not None:
            frontEnd.clock.advance(0)


class LoopTests(SynchronousTestCase):
    """
    Tests that run a loop.
    """

    def inLoop(self, main: Main[T]) -> T:
        """
        Run a coroutine to its end. It leaves nothing running.
        """

        async def whole() -> T:
            result = await main()
            await turns()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            self.assertEqual(left, set())
            return result

        return asyncio.run(whole())

    async def answer(
        self, frontEnd: MemoryFrontEnd, response: Deferred[MemoryResponse]
    ) -> MemoryResponse:
        """
        Wait for an answer, and let time go on meanwhile.
        """
        answer = asFuture(response)
        while not answer.done():
            await turns(frontEnd, 1)
        return answer.result()

    async def begin(self, frontEnd: MemoryFrontEnd, *request: Any, **options: Any) -> Exchange:
        """
        Begin a request whose body, if any, follows later.
        """
        exchange = frontEnd.start(*request, **options)
        await turns(frontEnd)
        return exchange
