"""
Running an app: what it returns or raises becomes output, and the end of a request cancels it.

Nothing about bytes on the wire is here, and nothing about connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextvars import copy_context
from functools import partial
from http import HTTPStatus
from types import CoroutineType
from typing import Any, Final, Literal

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from ..errors import (
    CantMultiplex,
    InvalidResponse,
    LimitExceeded,
    OutputTooLarge,
    Overloaded,
    RemoteProtocolError,
    RequestAborted,
    TxFCGIError,
    UnknownRole,
)
from ..masking import REMEMBERED
from ..streams.bodies import SLICE, Body, knownLength, releaseBody, sendBody
from ..wire.cgi import HeaderLines, Text, formatHead
from ..wire.framing import FULL
from ..wire.records import ProtocolStatus, Role, Stream
from .channel import Channel
from .request import Request
from .response import Allow, Deny, Response
from .roles import FilterRequest

# A function of one request. It returns a Response, None, an int, Allow or Deny, or a Deferred or
# coroutine of one of them.
App = Callable[[Any], Any]


class IStartsAndStops(Interface):
    """
    An app that has to do something before its first request, and after its last one. C{twistd},
    L{serve<txfcgi.serve>} and the test kit call both; a program that listens by itself does so too.
    """

    def startup() -> object:
        """
        Get ready. Nothing is accepted before this has ended; where it fails, the start fails.

        @return: Anything, or a Deferred or coroutine that ends when the app is ready.
        """

    def shutdown() -> object:
        """
        Let go of everything. No request is running any more, and none will come.

        @return: Anything, or a Deferred or coroutine that ends when that is done.
        """


def roles(
    *, responder: App | None = None, authorizer: App | None = None, filter: App | None = None
) -> App:
    """
    One app out of one for each role, which starts and stops those that do
    (L{IStartsAndStops}). A role that has none is refused with UNKNOWN_ROLE.
    """
    apps = {
        Role.RESPONDER: responder,
        Role.AUTHORIZER: authorizer,
        Role.FILTER: filter,
    }
    return _Roles({role: app for role, app in apps.items() if app is not None})


@implementer(IStartsAndStops)
class _Roles:
    """
    An app for each role.
    """

    def __init__(self, apps: dict[Role, App]) -> None:
        self._apps = apps
        named = ", ".join(f"{role.name.lower()}={nameOf(app)}" for role, app in apps.items())
        self.__qualname__ = f"roles({named})"

    def __call__(self, request: Request) -> object:
        app = self._apps.get(request.role)
        if app is None:
            raise UnknownRole(f"the app is no {request.role.name.capitalize()}")
        return app(request)

    async def startup(self) -> None:
        """
        Let each app get ready, in turn.
        """
        for app in self._starting():
            await _awaited(app.startup())

    async def shutdown(self) -> None:
        """
        Let each app let go of everything; those that began first come last.
        """
        for app in reversed(self._starting()):
            await _awaited(app.shutdown())

    def _starting(self) -> list[IStartsAndStops]:
        # An app that has several roles is there once.
        apps: dict[int, Any] = {id(app): app for app in self._apps.values()}
        return [app for app in apps.values() if IStartsAndStops.providedBy(app)]


def nameOf(app: App) -> str:
    """
    What an app is called in messages.
    """
    return getattr(app, "__qualname__", None) or repr(app)


Overload = Literal["http", "protocol"]

# What an app ends with when it is told that its request is over. asyncio has a CancelledError of
# its own, which is no Exception. What was too much output was said already, when it was written.
_QUIET: Final = (CancelledError, asyncio.CancelledError, RequestAborted, OutputTooLarge)

# The most characters of a method and a URI that are logged.
_TARGET: Final = 1000


class Application:
    """
    An app, and how its requests are run.

    @ivar name: What the app is called in messages.
    @ivar lines: The headers that are remembered from one response to the next.
    """

    log = Logger()

    def __init__(self, app: App, overload: Overload = "http") -> None:
        """
        @param overload: How a Responder's overload is told: C{"http"}, by a 503; C{"protocol"}, by
            FCGI_OVERLOADED.
        """
        self.app = app
        self.overload = overload
        self.name = nameOf(app)
        self.lines = HeaderLines(REMEMBERED)

    def run(self, request: Request) -> None:
        """
        Call the app, and see to its result.
        """
        try:
            result = self.app(request)
            if type(result) is Response:
                self._respond(request, result)
            elif type(result) is CoroutineType:
                self._step(request, result)
            else:
                self._settle(request, result)
        except BaseException:  # as a Deferred takes it: sys.exit() ends the request, no more
            self.failed(Failure(), request)

    # Results

    def _settle(self, request: Request, result: object) -> None:
        """
        Turn a result into output, or wait for it.

        @raise InvalidResponse: If it is none.
        """
        if isinstance(result, Response):
            self._respond(request, result)
        elif isinstance(result, Deferred):
            self._wait(request, result, self._outcome)
        elif result is None or (isinstance(result, int) and not isinstance(result, bool)):
            request.openOutput().finish()
            self._end(request, result or 0)
        elif isinstance(result, Allow):
            self._allow(request, result)
        elif isinstance(result, Deny):
            self._deny(request, result)
        elif isinstance(result, Awaitable):
            self._wait(request, Deferred.fromCoroutine(_awaited(result)), self._outcome)
        else:
            raise InvalidResponse(
                f"{self.name} returned {type(result).__name__}: an app returns a Response, None, "
                "an int, Allow or Deny, or a Deferred or coroutine of one"
            )

    def _step(self, request: Request, coroutine: CoroutineType[Any, Any, Any]) -> None:
        """
        Take the first step of a coroutine; it may be the only one, and then nothing else is made.
        """
        context = copy_context()
        try:
            awaited = context.run(coroutine.send, None)
        except StopIteration as stop:
            result: object = stop.value
        else:
            rest = _continued(coroutine, awaited)
            self._wait(request, context.run(Deferred.fromCoroutine, rest), self._outcome)
            return
        if type(result) is Response:
            self._respond(request, result)
        else:
            self._settle(request, result)

    def _wait(
        self,
        request: Request,
        deferred: Deferred[Any],
        then: Callable[[Any, Request], None] | None = None,
    ) -> None:
        request.pending = deferred
        if then is not None:
            deferred.addCallback(then, request)
        deferred.addErrback(self.failed, request)

    def _outcome(self, result: object, request: Request) -> None:
        """
        A result that was waited for is there.
        """
        if not request.ended:
            self._settle(request, result)
        elif isinstance(result, Response):
            releaseBody(result.body)

    def _respond(self, request: Request, response: Response) -> None:
        if request.role is Role.AUTHORIZER and response.code in (200, None):
            raise InvalidResponse(
                f"{self.name} answered as an Authorizer with a Response of 200: it returns Allow "
                "or Deny"
            )
        try:
            self.send(request, response.code, response.pairs(), response.body)
        except Exception:
            releaseBody(response.body)
            raise

    def _allow(self, request: Request, decision: Allow) -> None:
        if request.role is not Role.AUTHORIZER:
            raise InvalidResponse(f"{self.name} returned Allow, and the request is no Authorizer's")
        headers = [(f"Variable-{name}", value) for name, value in decision.variables.items()]
        self.send(request, 200, headers, b"")

    def _deny(self, request: Request, decision: Deny) -> None:
        if request.role is not Role.AUTHORIZER:
            raise InvalidResponse(f"{self.name} returned Deny, and the request is no Authorizer's")
        if decision.response.code == 200:
            raise InvalidResponse(f"{self.name} denied with 200, which means yes")
        self._respond(request, decision.response)

    # Output

    def send(
        self, request: Request, code: int | None, headers: Iterable[tuple[Text, Text]], body: Body
    ) -> None:
        """
        Send a response: at once, and in one piece, if it is small and whole.
        """
        output = request.output
        if output is not None and not output.untouched:
            raise InvalidResponse(
                f"{self.name} returned a response after it had written to stdout: one or the other"
            )
        isHead = request.isHead()
        head, declared = formatHead(
            code,
            headers,
            len(body) if type(body) is bytes else knownLength(body),
            isHead,
            self.lines,
        )
        suppressed = isHead or code == 204 or code == 304
        if suppressed:
            releaseBody(body)
            body = b""
        if type(body) is bytes and len(body) <= SLICE and request.mayWrite():
            channel = request.channel
            wire, requestID = channel.wire, request.requestID
            if len(head) + len(body) <= FULL:
                channel.outlet.write(wire.respond(requestID, head, body))
            else:
                parts = wire.send(requestID, Stream.STDOUT, head)
                parts += wire.send(requestID, Stream.STDOUT, body)
                parts.append(wire.end(requestID))
                channel.outlet.writeSequence(parts)
            self.answered(request)
        else:
            sending = self._stream(request, head, declared, suppressed, body)
            self._wait(request, Deferred.fromCoroutine(sending))

    async def _stream(
        self, request: Request, head: bytes, declared: int | None, suppressed: bool, body: Body
    ) -> None:
        """
        Send a response that is large, or not all there yet.
        """
        if isinstance(request, FilterRequest):
            # Its output must not start before all of its stdin was taken (section 6.4).
            request.stdin.discard()
            try:
                await request.stdin.read()
            except BaseException:
                releaseBody(body)
                raise
        output = request.openOutput()
        output.begin(head, declared, suppressed)
        await sendBody(body, output.stream)
        output.finish()
        self._end(request, 0)

    def _end(self, request: Request, appStatus: int) -> None:
        channel = request.channel
        channel.outlet.write(channel.wire.end(request.requestID, appStatus))
        self.answered(request)

    def answered(self, request: Request) -> None:
        """
        A request was answered, and the web server told so.
        """
        request.conclude(None)
        request.channel.requestEnded(request)

    # Failure

    def failed(self, failure: Failure, request: Request) -> None:
        """
        An app failed, or something failed it: the browser is told as much as can be told, and the
        log the rest.
        """
        error = failure.value
        if request.ended:
            if not isinstance(error, _QUIET):
                self.log.failure(
                    "{app} failed after {request} was over", failure, app=self.name, request=request
                )
            return
        self._report(failure, request)
        pending = request.giveUp()
        headSent = request.headSent
        channel = request.channel
        if not headSent and not request.mayWrite():
            channel.outlet.write(channel.wire.end(request.requestID, 1))
        elif not headSent:
            self.refuse(channel, request.requestID, request.role, error, request.isHead)
        elif channel.wire.active > 1:
            channel.outlet.write(channel.wire.end(request.requestID, 1))
        else:
            channel.breakOff(request.requestID)
        self._cancel(pending)
        request.conclude(RequestAborted(f"{self.name} failed") if headSent else None)
        channel.requestEnded(request)

    def abort(self, request: Request, error: RequestAborted) -> None:
        """
        The request is over before it was answered. Whatever must be said to the web server was
        said.
        """
        self._cancel(request.giveUp(error))
        request.conclude(error)

    def refuse(
        self,
        channel: Channel,
        requestID: int,
        role: int,
        error: BaseException | None,
        isHead: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        Answer a request with an error in place of what was asked for.

        Overload is told to a browser by a 503, for not every web server looks at FCGI_OVERLOADED,
        and HAProxy gives up the connection at it, with all that is on it. An Authorizer's refusal
        has a page whatever the reason, even before its params are complete: lighttpd takes the
        end of a request that has no HTTP status for a yes.
        """
        wire, outlet = channel.wire, channel.outlet
        status = None
        if isinstance(error, CantMultiplex):
            status = ProtocolStatus.CANT_MPX_CONN
        elif isinstance(error, UnknownRole):
            status = ProtocolStatus.UNKNOWN_ROLE
        elif isinstance(error, Overloaded) and (
            self.overload == "protocol" or role != Role.RESPONDER or not wire.mayOutput(requestID)
        ):
            status = ProtocolStatus.OVERLOADED
        if not wire.hasStatus:
            status = None
        if status is not None and role != Role.AUTHORIZER:
            outlet.write(wire.end(requestID, 0, status))
            return
        code: int = getattr(error, "code", 500) if isinstance(error, TxFCGIError) else 500
        page = b"%d %s\n" % (code, HTTPStatus(code).phrase.encode("ascii"))
        headers: list[tuple[Text, Text]] = [("Content-Type", "text/plain; charset=utf-8")]
        if isinstance(error, Overloaded) and error.retryAfter is not None:
            headers.append(("Retry-After", str(error.retryAfter)))
        head, _ = formatHead(code, headers, len(page))
        try:
            answer = head if isHead() else head + page
        except TxFCGIError:
            answer = head + page  # the params that would tell can't be read
        if status is None:
            outlet.write(wire.respond(requestID, answer, b"", 1))
        else:
            parts = wire.send(requestID, Stream.STDOUT, answer)
            outlet.writeSequence([*parts, wire.end(requestID, 0, status)])

    def _cancel(self, pending: Deferred[Any] | None) -> None:
        if pending is not None:
            try:
                pending.cancel()
            except Exception:
                self.log.failure("{app} failed while it was cancelled", app=self.name)

    def _report(self, failure: Failure, request: Request) -> None:
        error = failure.value
        try:
            # As repr() writes it, it forges no line of a log, and every log can take it.
            target = f"{request.method} {request.uri}"[:_TARGET]
            target = repr(target)[1:-1]
        except TxFCGIError:
            target = "params that can't be read"
        if isinstance(error, (Overloaded, UnknownRole)):
            self.log.info(
                "{app} did not take {request} ({target}): {error}",
                app=self.name,
                request=request,
                target=target,
                error=error,
            )
        elif isinstance(error, (RemoteProtocolError, LimitExceeded)):
            self.log.warn(
                "{request} ({target}) to {app} failed: {error}",
                app=self.name,
                request=request,
                target=target,
                error=error,
            )
        else:
            self.log.failure(
                "{app} failed on {request} ({target}): {error}",
                failure,
                app=self.name,
                request=request,
                target=target,
                error=error,
            )


async def _awaited(result: object) -> object:
    """
    A result, which may have to be waited for.
    """
    return await result if isinstance(result, Awaitable) else result


def _continued(
    coroutine: CoroutineType[Any, Any, Any], awaited: Any
) -> Generator[Any, Any, object]:
    """
    The rest of a coroutine whose first step was taken already, and gave what it awaits.
    """
    while True:
        try:
            value = yield awaited
        except GeneratorExit:
            # Nobody waits any more, and the coroutine may have been closed first.
            coroutine.close()
            raise
        except BaseException as error:
            awaited = None
            step: Callable[[], Any] = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, value)
        try:
            awaited = step()
        except StopIteration as stop:
            return stop.value
