"""
L{Output}: the bytes that a back end writes to its stdout and its stderr, in the order of arrival.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred

from ..wire.records import Stream
from .call import Call
from .options import ClientOptions, Context, Timeouts
from .prepare import Prepared
from .timing import CallTrace


class Output:
    """
    The output of one request, as an asynchronous iterator of pairs of a
    L{Stream<txfcgi.wire.records.Stream>} (STDOUT or STDERR) and bytes. The back end is held
    back while nobody reads. It fails as the request does.

    @ivar buffered: How many bytes wait to be read.
    @ivar aborted: Whether the rest was dropped.
    """

    def __init__(self, call: OutputCall) -> None:
        self._call = call
        self._pieces: deque[tuple[Stream, bytes]] = deque()
        self._waiter: Deferred[None] | None = None
        self.buffered = 0
        self.aborted = False

    @property
    def applicationStatus(self) -> int | None:
        """
        The application's exit status, or L{None} before the end.
        """
        return self._call.appStatus

    @property
    def protocolStatus(self) -> int | None:
        """
        The status of the protocol, or L{None} before the end.
        """
        return self._call.protocolStatus

    def abort(self) -> None:
        """
        Drop the rest, and abort the request.
        """
        self.aborted = True
        self._pieces.clear()
        self.buffered = 0
        self._call.abandon()

    def __aiter__(self) -> Output:
        return self

    async def __anext__(self) -> tuple[Stream, bytes]:
        while not self._pieces:
            if self._call.error is not None:
                raise self._call.error
            if self._call.ended:
                raise StopAsyncIteration
            waiter = self._waiter = Deferred(self._cancelled)
            await waiter
        stream, data = self._pieces.popleft()
        self.buffered -= len(data)
        if not self.buffered:
            self._call.drained()
        return stream, data

    def _cancelled(self, waiter: Deferred[None]) -> None:
        self._waiter = None
        self.abort()

    # For the call

    def put(self, stream: Stream, data: bytes) -> None:
        """
        Take a piece.
        """
        self._pieces.append((stream, data))
        self.buffered += len(data)

    def flush(self) -> None:
        """
        Let whoever waits go on. This runs the caller's code.
        """
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)


class OutputCall(Call):
    """
    A request whose caller wants its output as it comes; nothing of it is read as a response.
    """

    def __init__(
        self,
        prepared: Prepared,
        options: ClientOptions,
        timeouts: Timeouts,
        began: float,
        context: Context | None = None,
        trace: CallTrace | None = None,
    ) -> None:
        super().__init__(prepared, options, timeouts, began, context, trace=trace)
        self.output = Output(self)

    def receive(self, stream: Stream, data: bytes) -> None:
        """
        Take a piece of the output.
        """
        self.seen = True
        if self.trace is not None:
            self.trace.note("firstByte")
        if self.error is None and data:
            self.output.put(stream, data)
            if self.output.buffered > self.options.streamBytes and not self.ended:
                self.held = True
                if self.connection is not None:
                    self.connection.hold(self)

    def flush(self) -> None:
        """
        Let whoever reads go on. This runs the caller's code.
        """
        self.output.flush()

    def give(self) -> None:
        """
        Give the caller the iterator, as soon as it has something to give, or its end.
        """
        if self.seen or self.ended:
            self.fire().callback(self.output)

    def drained(self) -> None:
        """
        All of the output that is here has been read.
        """
        if self.held and self.connection is not None:
            self.held = False
            self.connection.resume(self)

    @property
    def buffered(self) -> int:
        """
        How many bytes of the output wait to be read.
        """
        return self.output.buffered

    @property
    def unwanted(self) -> bool:
        """
        Whether whoever read the output has stopped.
        """
        return self.output.aborted
