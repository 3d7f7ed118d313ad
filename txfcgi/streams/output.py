"""
L{OutputStream}: bytes that are written, and sent as fast as the peer takes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IConsumer, IProducer, IPullProducer, IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from ..errors import InvalidResponse, OutputTooLarge, RequestAborted, StreamClosed
from ..transport.outlet import Outlet
from ..transport.sparing import SparingLog
from ..wire.framing import Buffer

# How many bytes one writer may send before the others get a turn, however fast the peer reads.
TURN: Final = 1_048_576


@implementer(IConsumer)
class OutputStream:
    """
    A stream that a program writes. Bytes are sent at once, as far as the peer takes them.

    A writer of many bytes awaits L{drain} between them, or registers a producer.

    @ivar enough: Whether the declared length was written: further bytes are dropped.
    """

    __slots__ = (
        "_closed",
        "_failed",
        "_flushes",
        "_limit",
        "_outlet",
        "_producer",
        "_pulling",
        "_send",
        "_sparing",
        "_streaming",
        "_turn",
        "_unsent",
        "_waiters",
        "_wrote",
        "enough",
    )

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        outlet: Outlet,
        send: Callable[[Buffer], None],
        failed: Callable[[Exception], None],
        limit: int,
        sparing: SparingLog,
    ) -> None:
        """
        @param outlet: What is asked whether there is room.
        @param send: Takes the bytes.
        @param failed: Is told why the request has to fail.
        @param limit: How many bytes may be written while the transport is full.
        @param sparing: Where it is said that a producer failed.
        """
        self._outlet = outlet
        self._send = send
        self._failed = failed
        self._limit = limit
        self._sparing = sparing
        self._closed: Exception | None = None
        self._producer: IPushProducer | IPullProducer | None = None
        self._streaming = False
        self._pulling = False
        self._unsent = 0
        self._wrote = 0
        self._turn = 0  # what was written when others had their turn last
        self._waiters: list[Deferred[None]] = []
        self._flushes: dict[Callable[[], None], Deferred[None]] | None = None
        self.enough = False

    @property
    def full(self) -> bool:
        """
        Whether the writer is ahead of the peer, and should await L{drain}.
        """
        return self._outlet.full

    @property
    def closed(self) -> bool:
        """
        Whether nothing can be written any more.
        """
        return self._closed is not None

    def write(self, data: Buffer) -> None:
        """
        Send bytes.

        @param data: Bytes, or a view of bytes.
        @raise InvalidResponse: If C{data} is not bytes.
        @raise StreamClosed: If the stream is closed. After an abort nothing is raised, and nothing
            is sent: the app is cancelled instead.
        @raise OutputTooLarge: If more was written than C{outputBytes} while the peer took nothing.
            The request has failed.
        """
        if type(data) is not bytes:
            data = asBuffer(data)
        if self._closed is not None:
            if isinstance(self._closed, RequestAborted):
                return
            raise self._closed.with_traceback(None)
        if self._outlet.full:
            self._unsent += len(data)
            if self._unsent > self._limit:
                error = OutputTooLarge(
                    f"{self._unsent} bytes were written that the peer did not take, and at most "
                    f"{self._limit} may wait: wait for drain(), or register a producer"
                )
                self._failed(error)
                raise error
        elif self._unsent:
            self._unsent = 0
        self._send(data)
        self._wrote += len(data)
        if self._wrote - self._turn > TURN:
            self._turn = self._wrote
            self._outlet.giveTurn()
        if self._producer is not None:
            if not self._streaming:
                self._pull()
            elif self._outlet.full:
                self._outlet.whenDrained(self._resume)
                self._producer.pauseProducing()  # type: ignore[union-attr]

    def drain(self) -> Deferred[None]:
        """
        Wait until the peer has taken so many bytes that more may be written.

        @return: Fires at once if more may be written, or the stream is closed; fails with
            L{RequestAborted<txfcgi.errors.RequestAborted>} when the request ends before.
        """
        if isinstance(self._closed, RequestAborted):
            return fail(self._closed)
        if self._closed is not None or not self._outlet.full:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        self._outlet.whenDrained(self._resume)
        return waiter

    def flush(self) -> Deferred[None]:
        """
        Wait until all bytes that were written so far have left this program: to the operating
        system or, over TLS, to the encryption. Whether the web server has read them is not known.
        An incomplete response head stays here, and is not waited for.

        @return: Fires when they have, at once if none are left; fails with
            L{RequestAborted<txfcgi.errors.RequestAborted>} when the request ends before.
        """
        if isinstance(self._closed, RequestAborted):
            return fail(self._closed)
        if not self._outlet.flush():
            return succeed(None)
        flushes = self._flushes
        if flushes is None:
            flushes = self._flushes = {}

        def flushed() -> None:
            flushes.pop(flushed).callback(None)

        def cancelled(_: Deferred[None]) -> None:
            del flushes[flushed]
            self._outlet.forget(flushed)

        waiter = flushes[flushed] = Deferred(cancelled)
        self._outlet.whenTaken(flushed)
        return waiter

    def close(self) -> None:
        """
        Close the stream: nothing more will be written.
        """
        self._end(StreamClosed("the stream was closed before this was written"))

    def fail(self, error: Exception) -> None:
        """
        The request is over: waiting writers get the error, a producer is stopped.
        """
        producer, self._producer = self._producer, None
        self._end(error)
        self._outlet.forget(self._resume)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.errback(error)
        while self._flushes:
            flushed, waiter = self._flushes.popitem()
            self._outlet.forget(flushed)
            waiter.errback(error)
        if producer is not None:
            try:
                producer.stopProducing()
            except Exception:
                self._sparing.failure(
                    self.log, "{producer} failed when it was stopped", producer=producer
                )

    def _end(self, error: Exception) -> None:
        if self._closed is None or isinstance(error, RequestAborted):
            self._closed = error

    def _resume(self) -> None:
        """
        There is room again.
        """
        self._unsent = 0
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)
        if self._producer is None:
            return
        try:
            if self._streaming:
                self._producer.resumeProducing()
            else:
                self._pull()
        except Exception as error:
            self._failed(error)

    # IConsumer

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Let a producer write to the stream: a push producer is paused and resumed, a pull producer
        is asked for more whenever the peer has taken enough.

        @raise RuntimeError: If another producer is registered.
        """
        if self._producer is not None:
            raise RuntimeError(f"{self._producer!r} is registered already")
        if self._closed is not None:
            producer.stopProducing()
            return
        self._producer = cast("IPushProducer | IPullProducer", producer)
        self._streaming = streaming
        if not streaming:
            self._pull()
        elif self._outlet.full:
            self._outlet.whenDrained(self._resume)
            self._producer.pauseProducing()  # type: ignore[union-attr]

    def unregisterProducer(self) -> None:
        """
        Unregister the producer, which has no more to write.
        """
        self._producer = None
        if not self._waiters:
            self._outlet.forget(self._resume)

    def _pull(self) -> None:
        """
        Ask a pull producer for more until the transport is full, or the producer answers later.
        """
        if self._pulling:
            return
        self._pulling = True
        try:
            while self._producer is not None and not self._outlet.full:
                before = self._wrote
                self._producer.resumeProducing()
                if self._wrote == before:
                    return
        finally:
            self._pulling = False
        if self._producer is not None:
            self._outlet.whenDrained(self._resume)


def asBuffer(data: object) -> Buffer:
    """
    What was written, as bytes that will not change: a view of bytes stays one.

    @raise InvalidResponse: If it is something else, such as text.
    """
    if isinstance(data, bytes) or (isinstance(data, memoryview) and isinstance(data.obj, bytes)):
        return data
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    raise InvalidResponse(f"only bytes can be written, not {type(data).__name__}: {data!r:.80}")
