"""
Keeping a body of unknown length until its length is known: in memory, then in a temporary file
without a name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile
from typing import Final, NoReturn, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IConsumer, IProducer, IReactorTime
from zope.interface import implementer

from ..errors import BackendTimedOut, BodyTooLarge, ClientClosed, Overloaded, RequestNotSent
from ..wire.framing import Buffer
from .bodies import Body, sendBody
from .input import InputStream
from .output import TURN, OutputStream, asBuffer

_PIECE: Final = 65_536


class SpoolBudget:
    """
    How many bytes the bodies of all requests may take together, in memory and in files.

    @ivar spooled: How many bytes they take now.
    """

    def __init__(self, maxBytes: int) -> None:
        """
        @param maxBytes: The most bytes that they may take.
        """
        self._maxBytes = maxBytes
        self.spooled = 0

    def take(self, size: int) -> None:
        """
        Make room for so many bytes.

        @raise Overloaded: If the budget has less left.
        """
        if self.spooled + size > self._maxBytes:
            raise Overloaded(
                f"the bodies of all requests have more than {self._maxBytes} bytes together",
                limit="spoolBytes",
            )
        self.spooled += size

    def release(self, size: int) -> None:
        """
        So many bytes are gone.
        """
        self.spooled -= size


class SpooledBody:
    """
    A body in a temporary file, which can be sent as often as it is needed. The file is gone with
    this object.

    @ivar length: Its length in bytes.
    """

    def __init__(self, descriptor: int, length: int, budget: SpoolBudget) -> None:
        """
        @param descriptor: The file's, which is closed by this object.
        @param budget: What its bytes were taken from.
        """
        self._descriptor = descriptor
        self._budget = budget
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        position = 0
        while piece := os.pread(self._descriptor, _PIECE, position):
            position += len(piece)
            yield piece

    def __del__(self) -> None:
        os.close(self._descriptor)
        self._budget.release(self.length)


@implementer(IConsumer)
class _Spool:
    """
    Takes what L{sendBody} writes. There is always room, but other work has its turn now and then.

    @ivar full: Whether it is somebody else's turn.
    @ivar enough: Whether what is still to come is not wanted; it always is.
    """

    enough = False

    def __init__(
        self, clock: IReactorTime, budget: SpoolBudget, memory: int, limit: int | None
    ) -> None:
        self.file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(memory)
        self.length = 0
        self.full = False
        self._clock = clock
        self._budget = budget
        self._limit = limit
        self._turn = 0

    def write(self, data: Buffer) -> None:
        """
        Keep bytes.
        """
        data = asBuffer(data)
        if self._limit is not None and self.length + len(data) > self._limit:
            raise BodyTooLarge(
                f"a request body of unknown length has more than {self._limit} bytes"
            )
        self._budget.take(len(data))
        self.length += len(data)
        self.file.write(data)
        self.full = self.length - self._turn > TURN

    def drain(self) -> Deferred[None]:
        """
        Wait for the next turn of the reactor.
        """
        self._turn = self.length
        self.full = False
        waiter: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self._clock.callLater(0, waiter.callback, None)
        return waiter

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Take what a producer has, as it comes.
        """

    def unregisterProducer(self) -> None:
        """
        The producer has no more.
        """


class Spools:
    """
    The bodies that a client is collecting.
    """

    def __init__(
        self,
        clock: IReactorTime,
        budget: SpoolBudget,
        *,
        memoryBytes: int,
        maxBytes: int | None,
    ) -> None:
        """
        @param budget: What all bodies together may take.
        @param memoryBytes: How many bytes of a body are kept in memory; one that is longer is
            kept in a file.
        @param maxBytes: The most bytes that a body may have, or L{None}.
        """
        self._clock = clock
        self._budget = budget
        self._memoryBytes = memoryBytes
        self._maxBytes = maxBytes
        self._running: set[Deferred[bytes | SpooledBody]] = set()
        self._closed = False

    async def spool(
        self, body: Body, *, total: float | None, expires: float
    ) -> bytes | SpooledBody:
        """
        Read a body to its end.

        @param total: The total timeout of its request, and C{expires} is when that is over.
        @return: The body: as bytes if it is in memory.
        @raise BodyTooLarge: If it has more than C{maxBytes}.
        @raise Overloaded: If all bodies together are too much.
        @raise RequestNotSent: If it did not end in time, or the client was closed.
        """
        if self._closed:
            raise RequestNotSent(ClientClosed("the client is closed"))

        def late(_: object, seconds: float) -> NoReturn:
            assert total is not None
            raise RequestNotSent(BackendTimedOut("total", total))

        spooling = Deferred.fromCoroutine(self._read(body))
        self._running.add(spooling)
        if total is not None:
            spooling.addTimeout(max(0.0, expires - self._clock.seconds()), self._clock, late)
        try:
            return await spooling
        except CancelledError:
            if self._closed:
                raise RequestNotSent(ClientClosed("the client was closed")) from None
            raise
        finally:
            self._running.discard(spooling)

    async def _read(self, body: Body) -> bytes | SpooledBody:
        kept = _Spool(self._clock, self._budget, self._memoryBytes, self._maxBytes)
        with kept.file:
            try:
                await sendBody(body, cast(OutputStream, kept))
                if kept.length > self._memoryBytes:
                    kept.file.flush()
                    # It takes over what was taken from the budget.
                    return SpooledBody(os.dup(kept.file.fileno()), kept.length, self._budget)
            except BaseException:
                self._budget.release(kept.length)
                raise
            self._budget.release(kept.length)
            kept.file.seek(0)
            return kept.file.read()

    def close(self) -> None:
        """
        Collect no more.
        """
        self._closed = True
        for spooling in list(self._running):
            spooling.cancel()


@implementer(IConsumer)
class BoundedBody:
    """
    The body of a request on its way to where it is kept.

    @ivar length: Its bytes so far.
    """

    def __init__(
        self, keep: Callable[[bytes], object], budget: SpoolBudget, *, maxBytes: int
    ) -> None:
        """
        @param keep: Takes the next bytes.
        @param budget: What all bodies together may take.
        @param maxBytes: How many bytes this one may have.
        """
        self.length = 0
        self._keep = keep
        self._budget = budget
        self._maxBytes = maxBytes

    async def fill(self, stream: InputStream) -> None:
        """
        Read a stream to its end.

        @raise BodyTooLarge: If it has more than C{maxBytes}.
        @raise Overloaded: If all bodies together are too much.
        """
        if stream.length is not None and stream.length > self._maxBytes:
            raise self._tooLarge()
        await stream.deliverTo(self)

    def write(self, data: bytes) -> None:
        """
        Keep the next bytes.
        """
        if self.length + len(data) > self._maxBytes:
            raise self._tooLarge()
        self._budget.take(len(data))
        self.length += len(data)
        self._keep(data)

    def _tooLarge(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body has more than {self._maxBytes} bytes")

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Take what a producer has, as it comes.
        """

    def unregisterProducer(self) -> None:
        """
        The producer has no more.
        """

    def release(self) -> None:
        """
        It is not kept any more. To be called once, in the reactor's thread.
        """
        self._budget.release(self.length)
