"""
L{Caller}: how a program makes requests, the same for a client with a pool and a single connection.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime

from ..errors import InvalidRequest, TxFCGIError
from ..streams.bodies import Body
from ..streams.spool import SpoolBudget, Spools
from ..transport.timers import NEVER
from ..wire.encoding import AnyParams
from ..wire.records import Role, Stream
from .call import Call
from .collected import CollectedCall
from .options import ClientOptions, Context, Timeouts, checkedTimeouts
from .output import Output, OutputCall
from .prepare import Prepared, prepare, prepareWithoutBody
from .reading import ResponseCall
from .response import ClientResponse, Result
from .timing import CallTrace


@dataclass(frozen=True)
class Authorization:
    """
    What an Authorizer decided.

    @ivar allowed: Whether the request is allowed.
    @ivar variables: Params to add to the request before it is served, if it is allowed.
    @ivar response: The Authorizer's response; if it refused, this is the page for the browser.
    """

    allowed: bool
    variables: dict[str, str]
    response: ClientResponse


class Caller:
    """
    Makes requests.
    """

    def __init__(self, clock: IReactorTime, options: ClientOptions) -> None:
        self.options = options
        self._clock = clock
        self._spools = Spools(
            clock,
            SpoolBudget(options.spoolTotalBytes),
            memoryBytes=options.spoolMemory,
            maxBytes=options.spoolBytes,
        )

    def submit(self, call: Call) -> None:
        """
        See to it that a call is made.
        """
        raise NotImplementedError

    def stopCollecting(self) -> None:
        """
        Give up the bodies that are being collected, and their requests with them.
        """
        self._spools.close()

    def request(
        self,
        params: AnyParams,
        body: Body | None = None,
        *,
        role: int = Role.RESPONDER,
        data: Body | None = None,
        dataLastModified: int | None = None,
        timeouts: Timeouts | None = None,
        context: Context | None = None,
        requestID: int | None = None,
        trace: CallTrace | None = None,
    ) -> Deferred[ClientResponse]:
        """
        Make a request.

        @param params: The CGI variables, as a mapping or as pairs, of text or bytes.
            CONTENT_LENGTH is added if the request has a body.
        @param body: STDIN: bytes, an C{IBodyProducer}, an
            L{InputStream<txfcgi.streams.InputStream>}, or an (asynchronous) iterable of bytes.
        @param role: A L{Role<txfcgi.wire.records.Role>}.
        @param data: DATA, for a Filter; a body of any kind.
        @param dataLastModified: When the Filter's file was modified, in seconds since 1970.
        @param timeouts: Used in place of the client's.
        @param context: A dictionary of any values that belong to the request; the response has it,
            too.
        @param requestID: Its id on the connection, 1 to 65535 (section 3.3); the lowest one that
            is free, if not given.
        @param trace: Records when each step of the request happens.
        @return: Fires as soon as the head of the response is there. It fails with a
            L{RequestFailed<txfcgi.errors.RequestFailed>} that tells how far the request came, or
            with an L{InvalidRequest<txfcgi.errors.InvalidRequest>}. Cancelling it aborts
            the request.
        """
        if (
            body is None
            and data is None
            and dataLastModified is None
            and role == 1
            and requestID is None
            and trace is None
            and self.options.onTrace is None
        ):
            # The shortest way, for the most common request.
            try:
                prepared = prepareWithoutBody(params, 1)
                timeouts = self.options.timeouts if timeouts is None else checkedTimeouts(timeouts)
            except TxFCGIError:
                return fail()
            call = ResponseCall(prepared, self.options, timeouts, self._clock.seconds(), context)
            deferred = call.deferred
            self.submit(call)
            return deferred
        kind = ResponseCall if requestID is None else partial(ResponseCall, chosenID=requestID)
        return Deferred.fromCoroutine(
            self._call(kind, params, body, role, data, dataLastModified, timeouts, context, trace)
        )

    def execute(
        self,
        params: AnyParams,
        body: Body | None = None,
        *,
        role: int = Role.RESPONDER,
        data: Body | None = None,
        dataLastModified: int | None = None,
        timeouts: Timeouts | None = None,
        context: Context | None = None,
        requestID: int | None = None,
        trace: CallTrace | None = None,
    ) -> Deferred[Result]:
        """
        Make a request as with L{request}, and collect all output unchanged, without reading a
        response head from it.

        @return: Fires with the L{Result<txfcgi.Result>} when the request has ended; fails as
            L{request} does.
        """
        kind = partial(CollectedCall, chosenID=requestID)
        return Deferred.fromCoroutine(
            self._call(kind, params, body, role, data, dataLastModified, timeouts, context, trace)
        )

    async def stream(
        self,
        params: AnyParams,
        body: Body | None = None,
        *,
        role: int = Role.RESPONDER,
        data: Body | None = None,
        dataLastModified: int | None = None,
        timeouts: Timeouts | None = None,
        context: Context | None = None,
        trace: CallTrace | None = None,
    ) -> AsyncGenerator[tuple[Stream, bytes], None]:
        """
        Make a request as with L{request}, and iterate over what the back end writes to its stdout
        and its stderr, in the order in which it arrives, without reading a response head from it::

            async for stream, data in client.stream(params):
                ...

        The request is made when the first piece is asked for, and aborted when the iterator is
        closed before its end.

        @return: Pairs of L{Stream.STDOUT<txfcgi.wire.records.Stream>} or C{Stream.STDERR} and
            bytes.
        """
        output: Output = await self._call(
            OutputCall, params, body, role, data, dataLastModified, timeouts, context, trace
        )
        try:
            async for piece in output:
                yield piece
        finally:
            output.abort()

    def authorize(
        self,
        params: AnyParams,
        *,
        timeouts: Timeouts | None = None,
        context: Context | None = None,
    ) -> Deferred[Authorization]:
        """
        Ask an Authorizer (section 6.3).

        @return: Fires with the decision when the Authorizer has ended the request. After any error,
            nothing is allowed.
        """
        return Deferred.fromCoroutine(self._authorize(params, timeouts, context))

    async def _authorize(
        self, params: AnyParams, timeouts: Timeouts | None, context: Context | None
    ) -> Authorization:
        response = await self.request(
            params, role=Role.AUTHORIZER, timeouts=timeouts, context=context
        )
        if response.code != 200:
            return Authorization(False, {}, response)
        # The body is dropped, but a response that is cut off must not count.
        response.stdout.discard()
        try:
            await response.stdout.read()
        except BaseException:
            response.abort()
            raise
        return Authorization(True, response.variables, response)

    async def _call(
        self,
        kind: Callable[..., Call],
        params: AnyParams,
        body: Body | None,
        role: int,
        data: Body | None,
        dataLastModified: int | None,
        timeouts: Timeouts | None,
        context: Context | None,
        trace: CallTrace | None,
    ) -> Any:
        if trace is None and self.options.onTrace is not None:
            trace = CallTrace()
        if trace is not None:
            if not isinstance(trace, CallTrace):
                raise InvalidRequest(f"trace is a CallTrace(), not {trace!r:.80}")
            trace.begin(self._clock.seconds)
        timeouts = self.options.timeouts if timeouts is None else checkedTimeouts(timeouts)
        # Preparing the body may take a while, which counts as part of the request.
        began = self._clock.seconds()
        total = timeouts.total
        expires = NEVER if total is None else began + total
        prepared: Prepared = await prepare(
            params,
            role,
            body,
            data,
            dataLastModified,
            self.options.unknownLength,
            partial(self._spools.spool, total=total, expires=expires),
        )
        call = kind(prepared, self.options, timeouts, began, context, trace=trace)
        deferred = call.deferred
        self.submit(call)
        return await deferred
