"""
Running an app: its result or exception becomes output, and the end of a request cancels it.

This module knows neither the bytes of a protocol nor connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable
from contextvars import copy_context
from types import CoroutineType
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import (
    CantMultiplex,
    InvalidResponse,
    LimitExceeded,
    LocalProtocolError,
    OutputTooLarge,
    Overloaded,
    RemoteProtocolError,
    RequestAborted,
    UnknownRole,
)
from ..masking import REMEMBERED
from ..streams import InputStream
from ..streams.bodies import SLICE, Body, knownLength, releaseBody, sendBody
from ..wire.cgi import HeaderLines, Text, formatHead
from ..wire.framing import FULL
from ..wire.records import Role, Stream
from .apps import App as App
from .apps import IStartsAndStops as IStartsAndStops
from .apps import checkApp, nameOf, placeOf
from .apps import roles as roles
from .channel import Channel
from .observing import Observers
from .output import CGIOutput
from .refusal import Overload as Overload
from .refusal import refuse
from .request import Request
from .response import Allow, Deny, Response, asResponse
from .tasks import Tasks, asCoroutine, continued, runningLoop

_AUTHORIZER: Final = Role.AUTHORIZER

# The exceptions of an app that was told that its request has ended. asyncio has a CancelledError of
# its own, which is not an Exception. Too much output was reported when it was written.
_QUIET: Final = (CancelledError, asyncio.CancelledError, RequestAborted, OutputTooLarge)

# Exceptions by which an app refuses a request.
_NOT_TAKEN: Final = (CantMultiplex, Overloaded, UnknownRole)


class Application:
    """
    An app, and how its requests are run.

    @ivar name: The app's name in messages.
    @ivar lines: The headers that are remembered from one response to the next.
    @ivar observers: The observers of its requests, or L{None}.
    @ivar failurePage: Makes the response to a request that failed, or L{None} for the usual one.
    """

    failurePage: Callable[[BaseException | None, Request], bytes | None] | None = None

    log = Logger()

    def __init__(
        self, app: App, overload: Overload = "http", observers: Observers | None = None
    ) -> None:
        """
        @param overload: How a Responder's overload is told: C{"http"}, by a 503; C{"protocol"}, by
            FCGI_OVERLOADED.
        @raise NotAnApp: If it can't be called with a request.
        """
        self.app = checkApp(app)
        self.overload = overload
        self.observers = observers
        self.name = nameOf(app)
        self.lines = HeaderLines(REMEMBERED)
        self._tasks = Tasks()
        # Whether the reactor runs in an asyncio loop, which is known at the first request.
        self._inLoop: bool | None = None

    def run(self, request: Request) -> None:
        """
        Call the app, and send its result.
        """
        if self.observers is not None:
            self.observers.began(request)
            if self.observers.track:
                self.observers.inContext(request, self._run)
                return
        self._run(request)

    def _run(self, request: Request) -> None:
        try:
            result = self.app(request)
            if type(result) is Response:
                self._respond(request, result)
            elif type(result) is CoroutineType:
                self._step(request, result)
            else:
                self._settle(request, result)
        except BaseException:  # as a Deferred does: sys.exit() ends only the request
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
            self._finish(request, result)
        elif isinstance(result, Allow):
            self._allow(request, result)
        elif isinstance(result, Deny):
            self._deny(request, result)
        elif isinstance(result, Awaitable):
            self._step(request, asCoroutine(result))
        else:
            raise InvalidResponse(
                f"{self.name} returned {type(result).__name__}: an app returns a Response, None, "
                "an int, Allow or Deny, or a Deferred or coroutine of one"
                f"{asResponse(result)}"
            )

    def _finish(self, request: Request, result: int | None) -> None:
        """
        The app wrote its answer by itself.
        """
        output = request.openOutput()
        if output.untouched:
            hint = (
                f"; an int is an exit status, and what a browser gets is a Response({result})"
                if result
                else ": return a Response, or write an answer to request.stdout"
            )
            raise InvalidResponse(
                f"{self.name} returned {result} and wrote nothing to stdout{hint}"
            )
        output.finish()
        self._end(request, result or 0)

    def _step(self, request: Request, coroutine: Coroutine[Any, Any, object]) -> None:
        """
        Take the first step of a coroutine; it may be the only one, and then nothing else is made.
        In an asyncio loop, it becomes a task.
        """
        if self._inLoop is None:
            self._inLoop = runningLoop() is not None
        if request.account is not None:
            request.account.coroutine = coroutine
        if self._inLoop:
            self._wait(request, self._tasks.run(coroutine), self._outcome)
            return
        context = copy_context()
        try:
            awaited = context.run(coroutine.send, None)
        except StopIteration as stop:
            result: object = stop.value
        else:
            rest = continued(coroutine, awaited)
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
        if then is None:
            deferred.addErrback(self.failed, request)
        else:
            deferred.addCallbacks(then, self.failed, (request,), {}, (request,))

    def _outcome(self, result: object, request: Request) -> None:
        """
        A result that was waited for is there.
        """
        try:
            if not request.ended:
                self._settle(request, result)
            else:
                result = result.response if isinstance(result, Deny) else result
                if isinstance(result, Response):
                    releaseBody(result.body)
        except BaseException:
            self.failed(Failure(), request)

    def _respond(self, request: Request, response: Response) -> None:
        if type(response) is not Response:
            response = response.forRequest(request)
        if request.role is _AUTHORIZER and response.code in (200, None):
            raise InvalidResponse(
                f"{self.name} answered as an Authorizer with a Response of 200: it returns Allow "
                "or Deny"
            )
        try:
            self.send(
                request,
                response.code,
                response.pairs(),
                response.body,
                response.appStatus,
                response.reason,
            )
        except Exception:
            releaseBody(response.body)
            raise

    def _allow(self, request: Request, decision: Allow) -> None:
        if request.role is not _AUTHORIZER:
            raise InvalidResponse(
                f"{self.name} returned Allow, which is for Authorizer requests only"
            )
        headers = [(f"Variable-{name}", value) for name, value in decision.variables.items()]
        self.send(request, 200, headers, b"")

    def _deny(self, request: Request, decision: Deny) -> None:
        if request.role is not _AUTHORIZER:
            raise InvalidResponse(
                f"{self.name} returned Deny, which is for Authorizer requests only"
            )
        if decision.response.code == 200:
            raise InvalidResponse(f"{self.name} denied with 200, which means yes")
        self._respond(request, decision.response)

    # Output

    def send(
        self,
        request: Request,
        code: int | None,
        headers: Iterable[tuple[Text, Text]],
        body: Body,
        appStatus: int = 0,
        reason: bytes | None = None,
    ) -> None:
        """
        Send a response: at once, and in one piece, if it is small and whole.
        """
        mistake = request.mistake()
        if mistake is not None:
            raise mistake
        output = request.output
        if output is not None and not output.untouched:
            raise InvalidResponse(
                f"{self.name} returned a response after it had written to stdout: one or the other"
            )
        isHead = request.isHead()
        length = len(body) if type(body) is bytes else knownLength(body)
        head, declared = formatHead(code, headers, length, isHead, self.lines, reason)
        if declared is not None and type(body) is bytes and len(body) > declared:
            request.warnOfExcess()
            body = body[:declared]
        suppressed = isHead or code == 204 or code == 304
        if suppressed:
            releaseBody(body)
            body = b""
        account = request.account
        if account is not None:
            account.code = code or 302
            account.appStatus = appStatus
        if type(body) is bytes and len(body) <= SLICE and request.mayWrite():
            if account is not None:
                account.bodyBytes = len(body)
            channel = request.channel
            wire, requestID = channel.wire, request.requestID
            if len(head) + len(body) <= FULL:
                channel.outlet.write(wire.respond(requestID, head, body, appStatus))
            else:
                parts = wire.send(requestID, Stream.STDOUT, head)
                parts += wire.send(requestID, Stream.STDOUT, body)
                parts.append(wire.end(requestID, appStatus))
                channel.outlet.writeSequence(parts)
            self.answered(request)
        elif request.mayWrite():
            self._stream(request, head, declared, suppressed, body, appStatus)
        else:
            waiting = self._afterInput(request, head, declared, suppressed, body, appStatus)
            self._wait(request, Deferred.fromCoroutine(waiting))

    async def _afterInput(
        self,
        request: Request,
        head: bytes,
        declared: int | None,
        suppressed: bool,
        body: Body,
        appStatus: int,
    ) -> None:
        """
        Send a response when all of a Filter's stdin was taken, not before (section 6.4).
        """
        request.stdin.discard()
        try:
            await request.stdin.read()
        except BaseException:
            releaseBody(body)
            raise
        self._stream(request, head, declared, suppressed, body, appStatus)

    def _stream(
        self,
        request: Request,
        head: bytes,
        declared: int | None,
        suppressed: bool,
        body: Body,
        appStatus: int,
    ) -> None:
        """
        Send a response that is large, or not all there yet. Its head waits for the first piece of
        the body, as what fails before that can still be told. It leaves without one when the body
        gives way to the reactor, which may be for long.
        """
        output = request.openOutput()
        output.hold(head, declared, suppressed)
        sending = self._sendBody(request, output, body, appStatus)
        loop = runningLoop() if isinstance(body, AsyncIterable) else None
        if loop is None or isinstance(body, InputStream):
            self._wait(request, Deferred.fromCoroutine(sending))
            output.release()
        else:
            self._wait(request, self._tasks.start(sending, loop))
            # A task may take its first step in the next turn only.
            loop.call_soon(output.release)

    async def _sendBody(
        self, request: Request, output: CGIOutput, body: Body, appStatus: int
    ) -> None:
        await sendBody(body, output.stream)
        output.finish()
        self._end(request, appStatus)

    def _end(self, request: Request, appStatus: int) -> None:
        channel = request.channel
        channel.outlet.write(channel.wire.end(request.requestID, appStatus))
        if request.account is not None:
            request.account.appStatus = appStatus
        self.answered(request)

    def answered(self, request: Request) -> None:
        """
        Note that a request was answered.
        """
        if self.observers is not None:
            self.observers.ended(request)
        request.conclude(None)
        request.channel.requestEnded(request)

    # Failure

    def failed(self, failure: Failure, request: Request) -> None:
        """
        End a request whose app failed, or that failed for another reason. The browser gets an error
        page, if nothing of a response was sent; the log has the details.
        """
        error, channel = failure.value, request.channel
        if request.ended:
            if not isinstance(error, _QUIET):
                channel.sparing.failure(
                    self.log,
                    "{app} failed after {request} ({target}) was over",
                    failure,
                    app=self.name,
                    request=request,
                    target=request.target,
                )
            return
        self.report(failure, request)
        if not request.headSent and not isinstance(error, _NOT_TAKEN):
            mistake = request.mistake()
            if mistake is not None and mistake is not error:
                self.report(Failure(mistake), request)
                error = mistake
        pending = request.giveUp()
        headSent = request.headSent
        if self.observers is not None:
            self.observers.failed(request, error)
        if not headSent and not request.mayWrite():
            channel.outlet.write(channel.wire.end(request.requestID, 1))
        elif not headSent:
            page = None if self.failurePage is None else self.failurePage(error, request)
            if page is None:
                self.refuse(channel, request.requestID, request.role, error, request.isHead)
            else:
                channel.outlet.writeSequence(
                    channel.wire.send(request.requestID, Stream.STDOUT, page)
                )
                channel.outlet.write(channel.wire.end(request.requestID, 1))
        elif channel.wire.active > 1:
            channel.outlet.write(channel.wire.end(request.requestID, 1))
        else:
            channel.breakOff(request.requestID)
        self._cancel(request, pending)
        request.conclude(RequestAborted(f"{self.name} failed") if headSent else None)
        channel.requestEnded(request)

    def abort(self, request: Request, error: RequestAborted) -> None:
        """
        End a request that was not answered. The web server has been told already.
        """
        if self.observers is not None:
            self.observers.brokenOff(request, error)
        self._cancel(request, request.giveUp(error))
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
        Answer a request with an error, without calling the app.
        """
        channel.outlet.writeSequence(
            refuse(channel.wire, requestID, role, error, self.overload, isHead)
        )

    def _cancel(self, request: Request, pending: Deferred[Any] | None) -> None:
        if pending is not None:
            try:
                pending.cancel()
            except Exception:
                request.channel.sparing.failure(
                    self.log, "{app} failed while it was cancelled", app=self.name
                )

    def report(self, failure: Failure, request: Request) -> None:
        """
        Log why a request failed.
        """
        error = failure.value
        target = request.target
        sparing = request.channel.sparing
        if isinstance(error, _NOT_TAKEN):
            sparing.info(
                self.log,
                "{app} did not take {request} ({target}): {error}",
                type(error),
                app=self.name,
                request=request,
                target=target,
                error=error,
            )
        elif isinstance(error, (RemoteProtocolError, LimitExceeded)):
            sparing.warn(
                self.log,
                "{request} ({target}) to {app} failed: {error}",
                type(error),
                app=self.name,
                request=request,
                target=target,
                error=error,
            )
        else:
            # The traceback of a mistake in the app's result shows no line of the app.
            place = placeOf(self.app) if isinstance(error, LocalProtocolError) else ""
            sparing.failure(
                self.log,
                "{app} failed on {request} ({target}): {error}{place}",
                failure,
                app=self.name,
                place=f" (in {place})" if place else "",
                request=request,
                target=target,
                error=error,
            )
