"""
asyncio's loop for tests of what runs in it: no reactor is involved, and no socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import FastCGIServerFactory, Limits
from txfcgi.adapters.asgi import ASGIApp
from txfcgi.server.tasks import asFuture
from txfcgi.testing import MemoryFrontEnd
from txfcgi.testing.exchange import Exchange, MemoryResponse

T = TypeVar("T")

Main = Callable[[], Coroutine[Any, Any, T]]

TEXT = [(b"content-type", b"text/plain")]


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

    @ivar app: The app that a front end was made for last.
    """

    app: ASGIApp

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

    def frontEnd(
        self, application: Any, limits: Limits | None = None, **options: Any
    ) -> MemoryFrontEnd:
        """
        A web server in front of an ASGI application.

        @param options: Those of L{ASGIApp}; C{protocol} and C{mount} are for its server.
        """
        clock: Any = Clock()
        protocol = options.pop("protocol", "fastcgi")
        mount = options.pop("mount", "/")
        app = self.app = ASGIApp(application, **options)
        if protocol == "fastcgi":
            served: Any = FastCGIServerFactory(app, limits, clock=clock, mount=mount)
        else:
            served = app
        return MemoryFrontEnd(served, protocol, testCase=self)

    def ask(self, application: Any, *request: Any, **options: Any) -> MemoryResponse:
        """
        Ask an ASGI application that has no lifespan.

        @param request: Method, URI, headers and body.
        """
        options.setdefault("lifespan", "off")
        more = {name: options.pop(name) for name in ("params",) if name in options}
        frontEnd = self.frontEnd(application, **options)

        async def main() -> MemoryResponse:
            return await self.answer(frontEnd, frontEnd.request(*request, **more))

        return self.inLoop(main)

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
