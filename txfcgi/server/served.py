"""
The part of a request that its connection and the
L{Application<txfcgi.server.application.Application>} use: its streams, its state, its end. Apps use
L{Request<txfcgi.server.request.Request>}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from ..errors import (
    BodyTooLarge,
    InvalidResponse,
    MalformedParams,
    MalformedValue,
    ParamsTooLarge,
    RequestAborted,
    StreamClosed,
    TxFCGIError,
)
from ..masking import masked
from ..streams import InputStream, OutputStream
from ..wire.params import Params
from ..wire.records import Role, Stream
from ..wire.variables import readContentLength
from .channel import Channel
from .observing import Account
from .output import CGIOutput

if TYPE_CHECKING:
    from .request import Request


# The most characters of a method and a URI that are logged.
_TARGET: Final = 1000

# Errors of a body that fail its request, whether or not the app reads it.
_REFUSED: Final = (BodyTooLarge, MalformedParams, MalformedValue, ParamsTooLarge)


class ServedRequest:
    """
    A request that is served. Nothing here runs the app's code but L{flush} and L{conclude}.

    @ivar channel: The connection.
    @ivar requestID: Its id on the connection, 1 to 65535.
    @ivar keepConnection: Whether the connection stays open after the answer.
    @ivar params: The variables that the web server sent.
    @ivar started: When it arrived, in seconds of the factory's clock.
    @ivar ended: Whether it was answered or given up: nothing more may be sent for it.
    @ivar pending: The Deferred of the app's result, which is cancelled with the request.
    @ivar output: Its STDOUT, once it is used.
    @ivar account: Its account, if the server is observed.
    """

    __slots__ = (
        "_inputEnded",
        "_outcome",
        "_stderr",
        "_stdin",
        "_touched",
        "_waiters",
        "_wrongLength",
        "account",
        "channel",
        "ended",
        "keepConnection",
        "output",
        "params",
        "pending",
        "requestID",
        "started",
    )

    role: ClassVar[Role]
    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        channel: Channel,
        requestID: int,
        keepConnection: bool,
        params: Params,
        started: float,
    ) -> None:
        self.channel = channel
        self.requestID = requestID
        self.keepConnection = keepConnection
        self.params = params
        self.started = started
        self.ended = False
        self.pending: Deferred[Any] | None = None
        self.output: CGIOutput | None = None
        self.account: Account | None = None
        self._outcome: RequestAborted | bool = False  # True for a good end
        self._touched = False  # whether the app may still have one of its objects
        self._inputEnded = False
        self._waiters: list[Deferred[None]] | None = None
        self._stdin: InputStream | None = None
        self._stderr: OutputStream | None = None
        self._wrongLength: MalformedValue | None = None

    # Input

    def mistake(self) -> TxFCGIError | None:
        """
        What is wrong with what the web server sent, so that no answer but a refusal may leave,
        whatever the app makes of it. That costs nothing where the app has looked at the params.
        """
        if self._inputEnded and self.params.checked:
            return self._wrongLength
        return self.findMistake()

    def findMistake(self) -> TxFCGIError | None:
        """
        Look for it where the app did not.
        """
        try:
            self.params.check()
        except (MalformedParams, ParamsTooLarge) as error:
            return error.with_traceback(None)
        return self._wrongLength

    def receive(self, stream: Stream, data: bytes) -> None:
        """
        Take input. A role that has no such stream does not see it.
        """

    def endInput(self, stream: Stream) -> bool:
        """
        A stream of input is complete.

        @return: Whether anyone has taken hold of it.
        """
        self._inputEnded = True
        return False

    @property
    def bodiless(self) -> bool:
        """
        Whether the body has ended, and nobody needs a stream to see that nothing of it came.
        """
        return self._inputEnded and self._stdin is None

    def opened(self, stream: Stream) -> InputStream | None:
        """
        A stream of input, if anyone has taken hold of it.
        """
        return self._stdin if stream is Stream.STDIN else None

    def inputStreams(self) -> list[InputStream]:
        """
        All streams of input that anyone has taken hold of.
        """
        return [] if self._stdin is None else [self._stdin]

    def flush(self) -> None:
        """
        Let the app go on with the input that arrived.
        """
        for stream in self.inputStreams():
            stream.flush()
            if isinstance(stream.error, _REFUSED) and not self.ended:
                self.fail(stream.error)

    def number(self, name: str) -> int | None:
        """
        A param that is a number, if it is there and says anything.

        @raise MalformedValue: If it is not a number.
        """
        return readContentLength(self.params.getBytes(name), name)

    def openInput(self, lengthParam: str) -> InputStream:
        """
        Make a stream of input, as long as a param says.
        """
        self._touched = True
        limits = self.channel.limits
        error: Exception | None = None
        length: int | None = None
        try:
            length = self.number(lengthParam)
        except MalformedValue as mistake:
            error = self._wrongLength = mistake.with_traceback(None)
        except (MalformedParams, ParamsTooLarge) as mistake:
            error = mistake
        stream = InputStream(
            self.channel,
            length,
            streamBytes=limits.streamBytes,
            collectBytes=limits.collectBytes,
            limit=limits.bodyBytes,
        )
        if error is not None:
            stream.fail(error)
        if self.ended:
            stream.close(self._reason())
        return stream

    # Output

    @property
    def target(self) -> str:
        """
        The method and the URI, as they may be logged.
        """
        try:
            request = cast("Request", self)
            method, uri = request.method, request.uri
        except TxFCGIError:
            return "params that can't be read"
        # As repr() writes it, it can't forge a line of a log, and any log can hold it.
        return repr(f"{method} {masked('REQUEST_URI', uri)}"[:_TARGET])[1:-1]

    @property
    def headSent(self) -> bool:
        """
        Whether the head of an answer is out, so that it can't be another any more.
        """
        return self.output is not None and self.output.headSent

    def mayWrite(self) -> bool:
        """
        Whether the protocol allows output now.
        """
        return True

    def isHead(self) -> bool:
        """
        Whether the method is HEAD: the answer has no body.
        """
        params = self.params
        return params.mayHold(b"REQUEST_METHODHEAD") and params.find(b"REQUEST_METHOD") == b"HEAD"

    def openOutput(self) -> CGIOutput:
        """
        Take hold of STDOUT.
        """
        if self.output is None:
            self._touched = True
            self.output = CGIOutput(self, self.channel)
            if self.ended:
                self.output.stream.fail(self._reason())
        return self.output

    def openError(self) -> OutputStream:
        """
        Take hold of STDERR.
        """
        if self._stderr is None:
            self._touched = True
            channel = self.channel
            self._stderr = OutputStream(
                channel.outlet,
                self._writeError,
                self.fail,
                channel.limits.outputBytes,
                channel.sparing,
            )
            if self.ended:
                self._stderr.fail(self._reason())
        return self._stderr

    def writeInterim(self, head: bytes) -> None:
        """
        Send the head of an interim response, if the web server passes it on.

        @raise InvalidResponse: If the response has begun, or there is none of this kind.
        """
        channel = self.channel
        if self.ended:
            return
        if self.headSent:
            raise InvalidResponse("an interim response goes before the response, which has begun")
        if self.role is Role.AUTHORIZER or not self.mayWrite():
            raise InvalidResponse("this request can't have an interim response now")
        if not channel.interim:
            channel.sparing.info(
                self.log,
                "an interim response to {request} is left out: not every web server passes it on "
                "(--interim, or interim=True, where it does)",
                InvalidResponse,
                request=self,
            )
            return
        channel.outlet.writeSequence(channel.wire.send(self.requestID, Stream.STDOUT, head))

    def warnOfExcess(self) -> None:
        """
        Log that a body is cut, for it is longer than its head declares.
        """
        self.channel.sparing.warn(
            self.log,
            "{request} ({target}): the body is longer than the Content-Length that the app "
            "declared, and is cut there",
            None,
            request=self,
            target=self.target,
        )

    def _writeError(self, data: bytes | memoryview) -> None:
        channel = self.channel
        if channel.wire.hasStderr:
            channel.outlet.writeSequence(channel.wire.send(self.requestID, Stream.STDERR, data))
        else:
            self.log.error("{request}: {text!r}", request=self, text=bytes(data))

    # The end

    def fail(self, error: Exception) -> None:
        """
        It can't go on, whatever its app does.
        """
        self.channel.requestFailed(cast("Request", self), error)

    def giveUp(self, error: RequestAborted | None = None) -> Deferred[Any] | None:
        """
        Send nothing more of it. Whoever still uses it is told when it is concluded.

        @param error: What it ends with, where that is known by now.
        @return: What its result is waited for in, to be cancelled.
        """
        self.ended = True
        if error is not None:
            self._outcome = error
        pending, self.pending = self.pending, None
        return pending

    def conclude(self, error: RequestAborted | None) -> None:
        """
        End it: close what the app may still use, and fire the Deferreds that wait for the end.
        """
        self.ended = True
        self._outcome = error or True
        if not self._touched:
            return
        reason = self._reason()
        if self.output is not None:
            self.output.stream.fail(reason)
        if self._stderr is not None:
            self._stderr.fail(reason)
        for stream in self.inputStreams():
            stream.close(reason)
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if error is None:
                waiter.callback(None)
            else:
                waiter.errback(error)

    def whenConcluded(self) -> Deferred[None]:
        """
        Wait for its end.

        @return: Fires with L{None} after an answer; fails with what kept it from one.
        """
        if self._outcome is not False:
            return succeed(None) if self._outcome is True else fail(self._outcome)
        if self._waiters is None:
            self._touched = True
            self._waiters = []
        waiter: Deferred[None] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        return waiter

    def _reason(self) -> RequestAborted | StreamClosed:
        """
        Why nothing can be read or written any more.
        """
        outcome = self._outcome
        return (
            outcome if isinstance(outcome, RequestAborted) else StreamClosed("the request is over")
        )
