"""
The lifespan of an ASGI application (ASGI, Lifespan Protocol 2.0): what it does before the first
request, and after the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar, Final, Literal

from twisted.logger import Logger

from ..errors import InvalidResponse, StartupFailed

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Called with a scope, receive and send, which every framework annotates in its own way.
ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]

# Whether the lifespan protocol is used: if the application supports it, always, or never.
LifespanMode = Literal["auto", "on", "off"]

# The version of the specification that is kept to. From 2.4 on, send() raises an OSError when the
# browser has gone.
VERSIONS: Final = {"version": "3.0", "spec_version": "2.4"}

_STARTUP: Final = "lifespan.startup"
_SHUTDOWN: Final = "lifespan.shutdown"


class Lifespan:
    """
    Runs the lifespan of one application, in a task of its own from the beginning to the end.

    @ivar state: What the application keeps for its requests. Each gets a copy.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(self, application: ASGIApplication, name: str, mode: LifespanMode) -> None:
        """
        @param name: What the application is called in messages.
        """
        self._application = application
        self._name = name
        self._mode = mode
        self._task: asyncio.Task[None] | None = None
        self._events: asyncio.Queue[str] = asyncio.Queue()
        self._told = False
        self._started: asyncio.Future[None] | None = None
        self._stopped: asyncio.Future[None] | None = None
        self.state: dict[str, Any] = {}

    @property
    def active(self) -> bool:
        """
        Whether the application waits to be told of its end.
        """
        return self._task is not None and not self._task.done()

    async def startup(self) -> None:
        """
        Let the application get ready.

        @raise StartupFailed: If it can't; or, where it has to, if it takes no such event.
        """
        if self._mode == "off":
            return
        loop = asyncio.get_running_loop()
        self._started = loop.create_future()
        self._events.put_nowait(_STARTUP)
        self._task = loop.create_task(self._run())
        try:
            await self._started
        except BaseException:
            self._task.cancel()
            raise

    async def shutdown(self) -> None:
        """
        Let the application let go of everything. What goes wrong is logged.
        """
        task = self._task
        if task is None or not self.active:
            return
        self._stopped = asyncio.get_running_loop().create_future()
        self._events.put_nowait(_SHUTDOWN)
        try:
            await self._stopped
        finally:
            task.cancel()

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": dict(VERSIONS), "state": self.state}
        error: BaseException | None = None
        try:
            await self._application(scope, self._receive, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as raised:  # sys.exit() among them: it would end the loop
            error = raised
        self._ended(error)

    def _ended(self, error: BaseException | None) -> None:
        """
        The application's coroutine is over.
        """
        how = f"it raised {error!r}" if error is not None else "it returned"
        if self._started is not None and not self._started.done():
            if self._mode == "on":
                failed = StartupFailed(f"{self._name} did not take lifespan.startup: {how}")
                failed.__cause__ = error
                self._started.set_exception(failed)
                return
            if self._told and error is not None:
                # It knows the event, so this may well be a bug in its startup.
                self.log.warn(
                    "{app} failed on lifespan.startup and is served all the same, as the "
                    "specification asks for; lifespan=on makes this an error: {error!r}",
                    app=self._name,
                    error=error,
                )
            else:
                self.log.info(
                    "{app} does not support lifespan events ({how}).",
                    app=self._name,
                    how=how,
                    error=error,
                )
            self._started.set_result(None)
            return
        if error is not None:
            self.log.error("the lifespan of {app} failed: {error!r}", app=self._name, error=error)
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)

    async def _receive(self) -> Message:
        event = await self._events.get()
        self._told = True
        return {"type": event}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        text = message.get("message", "")
        if self._started is None or not isinstance(kind, str):
            raise self._mistake(kind)
        if not self._started.done():
            if kind == "lifespan.startup.complete":
                self._started.set_result(None)
            elif kind == "lifespan.startup.failed":
                said = f": {text}" if text else ", and did not say why"
                self._started.set_exception(StartupFailed(f"{self._name} failed to start{said}"))
            else:
                raise self._mistake(kind)
        elif self._stopped is not None and not self._stopped.done():
            if kind == "lifespan.shutdown.failed":
                self.log.error("{app} failed to shut down: {text}", app=self._name, text=text)
            elif kind != "lifespan.shutdown.complete":
                raise self._mistake(kind)
            self._stopped.set_result(None)
        else:
            raise self._mistake(kind)

    def _mistake(self, kind: object) -> InvalidResponse:
        return InvalidResponse(
            f"{self._name} sent {kind!r:.80}, which answers no event of its lifespan (ASGI, "
            "Lifespan Protocol)"
        )
