"""
L{Call}: one request from the moment it is asked for to the last byte of its answer, over as many
attempts as that takes.

It knows nothing of transports: a connection sends it and feeds it what comes back, and a pool
decides what becomes of it when an attempt fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from ..errors import (
    BadResponse,
    BodyTooLong,
    BodyTooShort,
    CantMultiplex,
    EmptyResponse,
    HeadTooLarge,
    IncompleteHead,
    MalformedHead,
    NoResponse,
    Overloaded,
    ReadTooLarge,
    RemoteProtocolError,
    RequestAborted,
    RequestFailed,
    RequestNotSent,
    RequestRefused,
    RequestSentInPart,
    ResponseCutOff,
    UnknownRole,
)
from ..streams import InputStream
from ..transport.timers import NEVER
from ..wire.cgi import HeadReader, ResponseHead, bodyAllowed
from ..wire.records import ProtocolStatus, Stream
from .deadlines import SENDING, WAITING, Deadlines
from .options import ClientOptions, Context, Timeouts
from .prepare import Prepared
from .response import ClientResponse, Result
from .stderr import Stderr

if TYPE_CHECKING:
    from .connection import ClientProtocol
    from .pool import Pool

_STDOUT: Final = Stream.STDOUT
_STDERR: Final = Stream.STDERR
_NONE: Final[frozenset[object]] = frozenset()

_REFUSALS: Final[dict[int, Exception]] = {
    ProtocolStatus.CANT_MPX_CONN: CantMultiplex("the back end takes one request at a time"),
    ProtocolStatus.OVERLOADED: Overloaded("the back end is overloaded"),
    ProtocolStatus.UNKNOWN_ROLE: UnknownRole("the back end does not serve this role"),
}


def _incomplete() -> IncompleteHead:
    return IncompleteHead("the response ended within its head")


class Call(Deadlines):
    """
    One request.

    @ivar began: When it was asked for.
    @ivar pool: Looks after it between attempts; without one there is one attempt.
    @ivar connection: The connection that it is on.
    @ivar deferred: What the caller waits for.
    @ivar tried: The endpoints that could not be reached.
    @ivar ended: Whether nothing more is to come.
    @ivar attempts: How many attempts were made and failed.
    @ivar full: Whether it found the queue of a socket full.
    @ivar fresh: Whether it has to go over a new connection.
    @ivar chosenID: The request id that the caller wants it to have, or L{None}.
    """

    __slots__ = (
        "_chunks",
        "_context",
        "_raw",
        "_reader",
        "_received",
        "_stderr",
        "_stream",
        "appStatus",
        "attempts",
        "began",
        "bodyLength",
        "chosenID",
        "connection",
        "deferred",
        "delivering",
        "ended",
        "error",
        "fired",
        "fresh",
        "full",
        "head",
        "held",
        "options",
        "pool",
        "prepared",
        "protocolStatus",
        "requestID",
        "tried",
    )

    def __init__(
        self,
        prepared: Prepared,
        options: ClientOptions,
        timeouts: Timeouts,
        began: float,
        context: Context | None = None,
        raw: bool = False,
        chosenID: int | None = None,
    ) -> None:
        """
        @param began: When it was asked for.
        @param raw: Whether the caller wants a L{Result} in place of a response.
        """
        super().__init__(timeouts)
        self.prepared = prepared
        self.options = options
        self.began = began
        total = timeouts.total
        if total is not None:
            self.expires = began + total
        self.deferred: Deferred[Any] = Deferred(self._cancelled)
        self.pool: Pool | None = None
        self.connection: ClientProtocol | None = None
        self.requestID = 0
        self.chosenID = chosenID
        self.attempts = 0
        self.tried: frozenset[object] = _NONE
        self.full = self.fresh = self.fired = self.ended = self.held = self.delivering = False
        self.error: Exception | None = None
        self.head: ResponseHead | None = None
        self.appStatus: int | None = None
        self.protocolStatus: int | None = None
        self.bodyLength: int | None = None
        self._raw = raw
        self._context = context
        self._received = 0
        self._chunks: list[bytes] = []
        self._reader: HeadReader | None = None
        self._stderr: Stderr | None = None
        self._stream: InputStream | None = None

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

    # What comes back; nothing here runs the caller's code

    def receive(self, stream: Stream, data: bytes) -> None:
        """
        Take a piece of the output.
        """
        self.seen = True
        if stream is _STDERR:
            if self._stderr is None:
                assert self.connection is not None
                self._stderr = Stderr(self.options, self.connection.sparing)
            self._stderr.receive(data, self.context)
        elif self.error is not None:
            return
        elif self._raw:
            self._received += len(data)
            self._chunks.append(data)
            if self._received > self.options.collectBytes:
                self._chunks.clear()
                self.fail(
                    ResponseCutOff,
                    ReadTooLarge(
                        f"more than {self.options.collectBytes} bytes of output; "
                        "ClientOptions(collectBytes=...) takes more"
                    ),
                )
        elif self.head is not None:
            self._receiveBody(data)
        else:
            self._readHead(data)

    def receiveWhole(self, output: bytes) -> None:
        """
        Take all of the output at once: the application has ended the request, and all went well.
        """
        if self.seen or self._raw or self.connection is None:
            self.receive(_STDOUT, output)
        else:
            self.seen = True
            try:
                found = self.connection.memory.heads.read(output, self.options.headBytes)
            except (MalformedHead, HeadTooLarge) as error:
                self.fail(BadResponse, error)
            else:
                if found is None:
                    self.fail(BadResponse, _incomplete())
                else:
                    head, body = found
                    self._setHead(head)
                    self._receiveBody(body)
        self.end(0, 0)

    def _readHead(self, data: bytes) -> None:
        """
        Take more of the head, and what lies behind it.
        """
        reader = self._reader
        if reader is None:
            lines = None if self.connection is None else self.connection.memory.heads.lines
            reader = self._reader = HeadReader(self.options.headBytes, lines, interim=True)
        try:
            head = reader.receive(data)
        except (MalformedHead, HeadTooLarge) as error:
            self.fail(BadResponse, error)
            return
        if head is not None:
            self._reader = None
            self._setHead(head)
            self._receiveBody(reader.rest)

    def _setHead(self, head: ResponseHead) -> None:
        self.head = head
        if (head.code != 200 and not bodyAllowed(head.code)) or self.prepared.isHead:
            self.bodyLength = 0
        else:
            self.bodyLength = head.contentLength

    def _receiveBody(self, data: bytes) -> None:
        if not data:
            return
        length = self.bodyLength
        if length is not None:
            self._received += len(data)
            if self._received > length:
                assert self.head is not None
                if self.prepared.isHead or not bodyAllowed(self.head.code):
                    return
                self.fail(
                    BadResponse,
                    BodyTooLong(f"the body is longer than the {length} bytes that it declared"),
                )
                return
        if self._stream is None:
            self._chunks.append(data)
        else:
            self._stream.receive(data)

    def end(self, appStatus: int, protocolStatus: int) -> None:
        """
        The application ended the request.
        """
        self.ended = True
        self.appStatus = appStatus
        self.protocolStatus = protocolStatus
        if self._stderr is not None:
            failed = self.head is not None and self.head.code >= 400
            failed = failed or bool(appStatus or protocolStatus)
            self._stderr.log(self.requestID, self.connection, failed)
        if self.error is not None:
            return
        if protocolStatus:
            self.refused(protocolStatus)
        elif self._raw:
            return
        elif self.head is None:
            self.fail(
                BadResponse,
                EmptyResponse("the request ended without a response")
                if self._reader is None
                else _incomplete(),
            )
        elif self.bodyLength is not None and self._received < self.bodyLength:
            self.fail(
                ResponseCutOff,
                BodyTooShort(
                    f"the body ended after {self._received} bytes, and {self.bodyLength} were "
                    "declared"
                ),
            )
        elif self._stream is not None:
            self._stream.finish()

    def interrupt(self, reason: Exception) -> None:
        """
        The attempt ends here: the connection is of no use any more, or was never made.
        """
        if self.ended:
            return
        self.ended = True
        if isinstance(reason, (RemoteProtocolError, HeadTooLarge)):
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
        This is no request; it can't be sent anywhere.
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
        )
        self._chunks.clear()
        if self.fired and self.pool is not None and not isinstance(reason, RequestAborted):
            self.pool.failures += 1
        if self._stream is not None:
            self._stream.fail(self.error)

    # The caller's side

    def deliver(self) -> None:
        """
        Give the caller what there is. This runs the caller's code.
        """
        if self.fired:
            if self._stream is not None:
                self._stream.flush()
        elif self.error is not None:
            if self.pool is not None and isinstance(self.error, RequestFailed):
                if not self.seen and self.pool.retries(self, self.error):
                    return
                self.pool.failures += 1
            self._fire().errback(Failure(self.error))
        elif self._raw:
            if self.ended:
                assert self.appStatus is not None and self.protocolStatus is not None
                self._fire().callback(
                    Result(
                        b"".join(self._chunks),
                        self.stderr,
                        self.appStatus,
                        self.protocolStatus,
                        0 if self._stderr is None else self._stderr.dropped,
                    )
                )
        elif self.head is not None:
            if not self.ended:
                # What comes from now on is counted, and held back when nobody reads it.
                self.bodyStream()
            self.fired = True
            deferred = self.deferred
            del self.deferred
            deferred.callback(ClientResponse(self, self.head))
            if not self.ended and self._stream is not None:
                self._stream.flush()

    def _fire(self) -> Deferred[Any]:
        """
        Let go of the Deferred, which knows this call too: what is no circle needs no collector.
        """
        self.fired = True
        deferred = self.deferred
        del self.deferred
        return deferred

    # The body

    def bodyStream(self) -> InputStream:
        """
        The body of the response.
        """
        stream = self._stream
        if stream is None:
            stream = self._stream = InputStream(
                self,
                streamBytes=self.options.streamBytes,
                collectBytes=self.options.collectBytes,
            )
            for chunk in self._chunks:
                stream.receive(chunk)
            self._chunks.clear()
            if self.error is not None:
                stream.fail(self.error)
            elif self.ended:
                stream.finish()
        return stream

    def whole(self) -> bytes | None:
        """
        Take the body at once, if all of it is here, nobody has begun to read it, and it is not more
        than may be collected.
        """
        if not self.ended or self.error is not None or self._stream is not None:
            return None
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        if len(body) > self.options.collectBytes:
            return None
        self._chunks = []
        return body

    def inputFull(self, stream: InputStream) -> None:
        """
        Too much of the response waits to be read.
        """
        if not self.ended and self.connection is not None:
            self.held = True
            self.connection.hold(self)

    def inputDrained(self, stream: InputStream) -> None:
        """
        The response is being read again.
        """
        if self.held and self.connection is not None:
            self.held = False
            self.connection.resume(self)

    @property
    def buffered(self) -> int:
        """
        How many bytes of the response wait to be read.
        """
        return 0 if self._stream is None else self._stream.buffered

    @property
    def satisfied(self) -> bool:
        """
        Whether all of the response is here that its head has declared.
        """
        return self.bodyLength is not None and self._received >= self.bodyLength

    @property
    def brokeRule(self) -> bool:
        """
        Whether the back end broke a rule in its answer: it is not asked for another then, not on
        this connection. To refuse a request is no such thing.
        """
        return self.error is not None and type(self.error) is not RequestRefused

    @property
    def unwanted(self) -> bool:
        """
        Whether whoever read the response has stopped.
        """
        return self._stream is not None and self._stream.error is not None

    def abandon(self, reason: Exception | None = None) -> None:
        """
        The caller does not want the rest.
        """
        if self.ended:
            return
        self.ended = True
        self.fail(ResponseCutOff, reason or RequestAborted("the caller gave the response up"))
        if self.connection is not None:
            self.connection.abandon(self)
        elif self.pool is not None:
            self.pool.withdraw(self)
        if self._stream is not None:
            self._stream.flush()

    def _cancelled(self, deferred: Deferred[Any]) -> None:
        """
        The caller cancelled what it waits for.
        """
        self.fired = True
        self.abandon(RequestAborted("the caller cancelled the request"))
