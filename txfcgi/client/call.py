"""
L{Call}: one request from the moment it is asked for to the last byte of its answer, over as many
attempts as that takes.

It knows nothing of transports: a connection sends it and feeds it the response, and a pool
decides whether to try again when an attempt fails. What its caller gets is for its subclasses to
say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import (
    BadResponse,
    BrokenOff,
    CantMultiplex,
    HeadTooLarge,
    NoResponse,
    Overloaded,
    RemoteProtocolError,
    RequestAborted,
    RequestFailed,
    RequestNotSent,
    RequestRefused,
    RequestSentInPart,
    ResponseCutOff,
    UnknownRole,
)
from ..transport.timers import NEVER
from ..wire.records import ProtocolStatus, Stream
from .deadlines import SENDING, WAITING, Deadlines
from .options import ClientOptions, Context, Timeouts
from .prepare import Prepared
from .stderr import Stderr
from .timing import CallTrace

if TYPE_CHECKING:
    from .connection import ClientProtocol
    from .pool import Pool

_STDOUT: Final = Stream.STDOUT
_STDERR: Final = Stream.STDERR

_REFUSALS: Final[dict[int, Exception]] = {
    ProtocolStatus.CANT_MPX_CONN: CantMultiplex("the back end takes one request at a time"),
    ProtocolStatus.OVERLOADED: Overloaded("the back end is overloaded"),
    ProtocolStatus.UNKNOWN_ROLE: UnknownRole("the back end does not serve this role"),
}


class Call(Deadlines):
    """
    One request.

    @ivar began: When it was asked for.
    @ivar pool: Looks after it between attempts; without one there is one attempt.
    @ivar connection: The connection that it is on.
    @ivar deferred: What the caller waits for.
    @ivar where: The endpoint that it went to, as errors name it.
    @ivar tried: The endpoints that could not be reached.
    @ivar ended: Whether nothing more is to come.
    @ivar attempts: How many attempts were made and failed.
    @ivar full: Whether it found the queue of a socket full.
    @ivar fresh: Whether it has to go over a new connection.
    @ivar trace: Notes when each step happens, if anybody wants to know.
    @ivar chosenID: The request id that the caller wants it to have, or L{None}.
    """

    # Defaults that most calls never change are on the class, where they cost nothing.
    pool: Pool | None = None
    connection: ClientProtocol | None = None
    requestID = 0
    where = ""
    attempts = 0
    tried: frozenset[object] = frozenset()
    full = fresh = fired = ended = held = False
    appStatus: int | None = None
    protocolStatus: int | None = None
    _stderr: Stderr | None = None
    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        prepared: Prepared,
        options: ClientOptions,
        timeouts: Timeouts,
        began: float,
        context: Context | None = None,
        chosenID: int | None = None,
        trace: CallTrace | None = None,
    ) -> None:
        """
        @param began: When it was asked for.
        """
        self.timeouts = timeouts
        self.prepared = prepared
        self.options = options
        self.began = began
        total = timeouts.total
        if total is not None:
            self.expires = began + total
        self.deferred: Deferred[Any] = Deferred(self._cancelled)
        self.chosenID = chosenID
        self.trace = trace
        self.error: Exception | None = None
        self._context = context

    def reset(self) -> None:
        """
        Be ready for another attempt: nothing of a response was seen.
        """
        self.connection = None
        self.requestID = 0
        self.phase = WAITING
        self.ended = False
        self.due = NEVER
        self.error = None
        self.appStatus = self.protocolStatus = None
        if self.trace is not None:
            self.trace.again()

    @property
    def context(self) -> Context:
        """
        What the caller gave along with the request.
        """
        if self._context is None:
            self._context = {}
        return self._context

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.requestID} of {self.connection!r}>"

    @property
    def stderr(self) -> bytes:
        """
        What is kept of the back end's messages.
        """
        return b"" if self._stderr is None else self._stderr.kept

    @property
    def stderrDropped(self) -> int:
        """
        How many bytes of them are not.
        """
        return 0 if self._stderr is None else self._stderr.dropped

    # The response, as it arrives; nothing here runs the caller's code

    def receive(self, stream: Stream, data: bytes) -> None:
        """
        Take a piece of the output.
        """
        self.seen = True
        if self.trace is not None:
            self.trace.note("firstByte")
        if stream is _STDERR:
            if self._stderr is None:
                assert self.connection is not None
                self._stderr = Stderr(self.options, self.connection.sparing)
            self._stderr.receive(data, self.context)
        elif self.error is None:
            self.receiveOutput(data)

    def receiveOutput(self, data: bytes) -> None:
        """
        Take a piece of STDOUT.
        """
        raise NotImplementedError

    def receiveWhole(self, output: bytes) -> None:
        """
        Take all of the output at once: the application has ended the request, and all went well.
        """
        self.receive(_STDOUT, output)
        self.end(0, 0)

    def end(self, appStatus: int, protocolStatus: int) -> None:
        """
        The application ended the request.
        """
        self.ended = True
        self.appStatus = appStatus
        self.protocolStatus = protocolStatus
        if self._stderr is not None:
            failed = bool(appStatus or protocolStatus or self.wentWrong)
            self._stderr.log(self.requestID, self.connection, failed)
        if self.error is None:
            if protocolStatus:
                self.refused(protocolStatus)
            else:
                self.checkEnd()

    def checkEnd(self) -> None:
        """
        See whether what came is whole.
        """

    @property
    def wentWrong(self) -> bool:
        """
        Whether the answer speaks of an error.
        """
        return False

    def interrupt(self, reason: Exception) -> None:
        """
        The attempt ends here: the connection is of no use any more, or was never made.
        """
        if self.ended:
            return
        self.ended = True
        broken = isinstance(reason, (RemoteProtocolError, HeadTooLarge))
        if broken and not isinstance(reason, BrokenOff):
            self.fail(BadResponse, reason)
        elif self.seen:
            self.fail(ResponseCutOff, reason)
        elif self.connection is None or not self.connection.tookAny(self):
            self.fail(RequestNotSent, reason)
        elif self.phase == SENDING or self.connection.unsent:
            self.fail(RequestSentInPart, reason)
        else:
            self.fail(NoResponse, reason)

    def refused(self, protocolStatus: int) -> None:
        """
        The application did not run the request.
        """
        reason = _REFUSALS.get(protocolStatus)
        self.fail(
            RequestRefused,
            reason or RemoteProtocolError(f"protocol status {protocolStatus} (section 5.5)"),
        )

    def refuse(self, error: Exception) -> None:
        """
        Fail the call before it is sent: its arguments do not make a request.
        """
        self.ended = True
        self.error = error

    def fail(self, kind: type[RequestFailed], reason: Exception) -> None:
        """
        There will be no answer, or not the rest of it. The first reason counts.
        """
        if self.error is not None:
            return
        self.error = kind(
            reason,
            stale=(
                not self.seen
                and self.connection is not None
                and self.connection.kept
                and isinstance(reason, (ConnectionDone, ConnectionLost))
            ),
            appStatus=self.appStatus,
            protocolStatus=self.protocolStatus,
            stderr=self.stderr,
            where=self.where if self.connection is None else self.connection.where,
        )
        if self.fired and self.pool is not None and not isinstance(reason, RequestAborted):
            self.pool.failures += 1
        self.drop(self.error)

    def drop(self, error: Exception) -> None:
        """
        Let go of what came, for the rest does not come.
        """

    # The caller's side

    def deliver(self) -> None:
        """
        Give the caller what there is. This runs the caller's code.
        """
        if self.fired:
            self.flush()
        elif self.error is not None:
            if self.pool is not None and isinstance(self.error, RequestFailed):
                if not self.seen and self.pool.retries(self, self.error):
                    return
                self.pool.failures += 1
            self.fire().errback(Failure(self.error))
        else:
            self.give()
        if self.trace is not None and self.ended:
            self._traced(self.trace)

    def give(self) -> None:
        """
        Give the caller what it waits for, if that is here, with L{fire}.
        """
        raise NotImplementedError

    def flush(self) -> None:
        """
        Let whoever reads go on. This runs the caller's code.
        """

    def _traced(self, trace: CallTrace) -> None:
        """
        Say when everything happened, if somebody wants to know of all requests.
        """
        trace.note("ended")
        trace.error = self.error
        self.trace = None
        if self.options.onTrace is not None:
            try:
                self.options.onTrace(trace, self.context)
            except Exception:
                said = "onTrace of the client failed"
                known = self.connection or self.pool
                if known is None:
                    self._log.failure(said)
                else:
                    known.sparing.failure(self._log, said)

    def fire(self) -> Deferred[Any]:
        """
        Let go of the Deferred, which refers to this call: without a cycle, both are freed at once.
        """
        self.fired = True
        deferred = self.deferred
        del self.deferred
        return deferred

    @property
    def brokeRule(self) -> bool:
        """
        Whether the back end broke a rule in its answer: this connection is then not used again. A
        refusal breaks no rule.
        """
        return self.error is not None and type(self.error) is not RequestRefused

    @property
    def buffered(self) -> int:
        """
        How many bytes of the answer wait to be read.
        """
        return 0

    @property
    def satisfied(self) -> bool:
        """
        Whether all of the answer is here that it has declared.
        """
        return False

    @property
    def unwanted(self) -> bool:
        """
        Whether whoever read the answer has stopped.
        """
        return False

    def abandon(self, reason: Exception | None = None) -> None:
        """
        The caller does not want the rest.
        """
        if self.ended:
            return
        self.ended = True
        self.fail(ResponseCutOff, reason or RequestAborted("the caller aborted the response"))
        if self.connection is not None:
            self.connection.abandon(self)
        elif self.pool is not None:
            self.pool.withdraw(self)
        self.flush()
        if self.trace is not None:
            self._traced(self.trace)

    def _cancelled(self, deferred: Deferred[Any]) -> None:
        """
        The caller cancelled what it waits for.
        """
        self.fired = True
        self.abandon(RequestAborted("the caller cancelled the request"))
