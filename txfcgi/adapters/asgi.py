"""
L{ASGIApp}: an ASGI application (ASGI 3) as an app.

It runs in asyncio's loop, so it needs the asyncio reactor, which C{twistd fcgi --asgi} installs.
"""

from __future__ import annotations

import asyncio
import inspect
from types import CoroutineType
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import InvalidResponse, StartupFailed, UnknownRole
from ..server.application import IStartsAndStops
from ..server.eager import startTask
from ..server.files import SendFile
from ..server.request import Request
from ..server.response import Response
from ..wire.records import Role
from .asgicall import Call
from .asgiscope import Scopes
from .lifespan import ASGIApplication, Lifespan, LifespanMode

MAX_BODY_BYTES: Final = 1_073_741_824
SHUTDOWN_TIMEOUT: Final = 30.0

_RESPONDER: Final = Role.RESPONDER

NO_LOOP = (
    "an ASGI application runs in asyncio's loop, and none is running: install the asyncio reactor "
    "first, as twistd fcgi --asgi does: from twisted.internet import asyncioreactor; "
    "asyncioreactor.install()"
)


@implementer(IStartsAndStops)
class ASGIApp:
    """
    An ASGI application as an app::

        serve(ASGIApp(application))
        FastCGIServerFactory(ASGIApp(application))

    FastCGI and SCGI do not carry WebSockets: the application is called with C{http} and C{lifespan}
    scopes only.

    @ivar name: What the application is called in messages.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        application: ASGIApplication,
        *,
        lifespan: LifespanMode = "auto",
        maxBodyBytes: int = MAX_BODY_BYTES,
        sendFile: SendFile | None = None,
        shutdownTimeout: float = SHUTDOWN_TIMEOUT,
        name: str | None = None,
    ) -> None:
        """
        @param application: The application.
        @param lifespan: Whether the lifespan protocol is used: C{"on"}, C{"off"}, or C{"auto"},
            which serves the application even if it does not support that.
        @param maxBodyBytes: The most bytes of the body of a request. A request with more is
            answered with 413.
        @param sendFile: How the web server is asked to send the file of a pathsend message; if not
            given, the file is sent by the app's server.
        @param shutdownTimeout: Seconds at shutdown for work that continues after responses, such as
            background tasks; and as many again for the lifespan's end.
        @param name: The application's name in messages.
        @raise TypeError: If it can't be an ASGI application.
        @raise ValueError: If C{lifespan} has any other value.
        """
        if lifespan not in ("auto", "on", "off"):
            raise ValueError(f"lifespan is 'auto', 'on' or 'off', not {lifespan!r}")
        _check(application)
        self.name = name or _nameOf(application)
        self._application = application
        self._maxBodyBytes = maxBodyBytes
        self._sendFile = sendFile
        self._shutdownTimeout = shutdownTimeout
        self._scopes = Scopes(self.name)
        self._lifespan = Lifespan(application, self.name, lifespan)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting: asyncio.Task[None] | None = None
        self._started = lifespan == "off"
        # asyncio holds tasks by weak references only.
        self._running: dict[Call, asyncio.Task[None]] = {}

    def __repr__(self) -> str:
        return f"ASGIApp({self.name})"

    # The lifespan

    def startup(self) -> Deferred[None]:
        """
        Let the application get ready. In asyncio's own coroutines, wait for
        C{asFuture(app.startup())}.

        @return: Fires when it is ready, at once if it has been started already; fails with
            L{StartupFailed<txfcgi.errors.StartupFailed>} if the application reports a failure.
        @raise StartupFailed: If no asyncio loop is running.
        """
        if self._started:
            return succeed(None)
        loop = _runningLoop()
        if self._starting is None:
            self._starting = startTask(self._start(), loop)
        return Deferred.fromFuture(asyncio.shield(self._starting))

    def shutdown(self) -> Deferred[None]:
        """
        Wait for work that continues after responses, then let the application release its
        resources.

        @return: Fires when both are done.
        """
        if not self._running and not self._lifespan.active:
            return succeed(None)
        loop = _runningLoop()
        return Deferred.fromFuture(startTask(self._stop(), loop))

    async def _start(self) -> None:
        await self._lifespan.startup()
        self._started = True

    async def _stop(self) -> None:
        await self._endTasks()
        ended = asyncio.ensure_future(self._lifespan.shutdown())
        _, late = await asyncio.wait([ended], timeout=self._shutdownTimeout)
        if late:
            ended.cancel()
            self.log.error(
                "{app} did not shut down in {seconds:g} s",
                app=self.name,
                seconds=self._shutdownTimeout,
            )

    async def _endTasks(self) -> None:
        tasks = list(self._running.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._shutdownTimeout)
            for task in late:
                task.cancel()
            if late:
                self.log.warn(
                    "{count} tasks of {app} did not end in {seconds:g} s and were cancelled",
                    count=len(late),
                    app=self.name,
                    seconds=self._shutdownTimeout,
                )

    # Requests

    def __call__(self, request: Request) -> Response | Deferred[Response]:
        """
        Answer a request.

        @raise StartupFailed: If no asyncio loop is running.
        """
        if request.role is not _RESPONDER:
            raise UnknownRole("an ASGI application serves the Responder role only")
        if self._started:
            return self._begin(request)
        # The program did not wait for startup() before it listened, so the first requests wait.
        return self.startup().addCallback(lambda _: self._begin(request))

    def _begin(self, request: Request) -> Response | Deferred[Response]:
        loop = self._loop
        if loop is None or not loop.is_running():
            loop = self._loop = _runningLoop()
        scope = self._scopes.scopeOf(request, self._lifespan.state)
        call = Call(request, self.name, self._maxBodyBytes, self._sendFile)
        task = startTask(self._run(call, scope), loop)
        if not call.ended:
            self._running[call] = task
        return call.outcome()

    async def _run(self, call: Call, scope: dict[str, Any]) -> None:
        try:
            running = self._application(scope, call.receive, call.send)
            if type(running) is not CoroutineType and not inspect.isawaitable(running):
                raise InvalidResponse(
                    f"{self.name} returned {type(running).__name__}: an ASGI application is called "
                    "with scope, receive and send, and is a coroutine function (ASGI 3)"
                )
            await running
        except asyncio.CancelledError:
            call.failed(Failure())
            raise
        except BaseException:  # as a Deferred does: sys.exit() ends only the request
            call.failed(Failure())
        else:
            call.returned()
        finally:
            self._running.pop(call, None)


def _runningLoop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise StartupFailed(NO_LOOP) from None


def _nameOf(application: Any) -> str:
    name = getattr(application, "__qualname__", None)
    return name if isinstance(name, str) else type(application).__qualname__


def _check(application: Any) -> None:
    """
    Refuse what can't be an ASGI application.

    @raise TypeError: With what it may be instead.
    """
    rule = "an ASGI application is called with scope, receive and send (ASGI 3)"
    if not callable(application):
        raise TypeError(f"{rule}, and {application!r} can't be called")
    try:
        signature = inspect.signature(application)
    except (TypeError, ValueError):  # it keeps that to itself
        return
    try:
        signature.bind(None, None, None)
    except TypeError:
        taken = f"{rule}, and {_nameOf(application)} takes {signature}"
        for arguments, hint in (
            ((None, None), "is it a WSGI application? Serve it with --wsgi, or WSGIApp"),
            ((None,), "is it an app of txfcgi's own (--app), or an ASGI 2 application?"),
        ):
            try:
                signature.bind(*arguments)
            except TypeError:
                continue
            raise TypeError(f"{taken}: {hint}") from None
        raise TypeError(taken) from None
