"""
L{Outlet}: the way out of a connection, for everything that is written to it.

It writes at once when nothing is waiting, without a copy and without a turn of the reactor. Bytes
that the socket does not take wait here, and are counted; writers are told when they may go on.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import ENOBUFS, EWOULDBLOCK
from functools import partial
from socket import AF_INET, AF_INET6, SHUT_WR, socket
from typing import Any, Final, cast

from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IPullProducer,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.internet.tcp import Connection
from twisted.internet.unix import Client as UNIXClient
from twisted.internet.unix import Server as UNIXServer
from zope.interface import implementer

from ..wire.framing import Buffer
from .atonce import NOW, Accepted
from .direct import DirectConnection
from .inlet import Taker, readAsEver, readInto

# The size of a read: just under that from which the C library gives the memory of each one back.
_READ_BYTES: Final = 131_072 - 64
# A writer is asked to wait when this many bytes do.
HIGH_WATER: Final = 65_536
# A sequence that is not longer than this is joined: cheaper than handing over the pieces.
_JOINED: Final = 16_384
# The pieces that one call may hand to the operating system (IOV_MAX is 1024 on Linux).
_PIECES: Final = 512


def _writeSomeData(transport: Connection, data: bytes) -> Any:
    """
    Send what is in the transport's own buffer: mostly nothing. That takes no system call, which
    would fail where the peer takes nothing any more, before all that came from it is read.
    """
    return Connection.writeSomeData(transport, data) if data else 0


@implementer(IPushProducer, IPullProducer)
class Outlet:
    """
    The way out of one connection.

    A plain socket is written to directly while nothing waits. Any other transport (TLS, or a
    test's) is written to by C{transport.write}, and pauses the outlet as a producer.

    @ivar queued: How many bytes wait for the socket to take them.
    @ivar progress: Is incremented each time the peer takes some of the bytes that wait.
    @ivar taken: How many bytes have left the outlet: to the operating system, or to a transport
        such as TLS.
    """

    __slots__ = (
        "_broken",
        "_clock",
        "_closing",
        "_consumer",
        "_corked",
        "_flushes",
        "_handle",
        "_lost",
        "_paused",
        "_queue",
        "_registered",
        "_registering",
        "_transport",
        "_turn",
        "_waiting",
        "progress",
        "queued",
        "taken",
    )

    def __init__(
        self,
        transport: ITransport,
        clock: IReactorTime,
        broken: Callable[[OSError], None] | None = None,
        take: Taker | None = None,
    ) -> None:
        """
        @param broken: Called when the peer turns out to take nothing any more. What it has sent can
            still be read; output that waits is never sent. Without it, the connection is cut.
        @param take: Called with long reads, as views of a buffer; without it, reads are shorter,
            and are copied.
        """
        self._transport = transport
        self._clock = clock
        self._broken = broken
        self._turn: IDelayedCall | None = None
        self._consumer = cast(IConsumer, transport)
        self._queue: list[Buffer] | None = None
        self._waiting: dict[Callable[[], None], None] | None = None
        self._corked: list[Buffer] | None = None
        self._flushes: dict[Callable[[], None], int] | None = None
        self._registered = False
        self._registering = False
        self._paused = False
        self._closing: Callable[[], None] | None = None
        self._lost = False
        self.queued = 0
        self.progress = 0
        self.taken = 0
        self._handle: socket | None = None
        if type(transport) is Accepted:
            self._handle = transport.getHandle()
        elif isinstance(transport, Connection) and not getattr(transport, "TLS", False):
            self._handle = transport.getHandle()
            self._prepare(transport, take)
        else:
            self._registered = True
            self._consumer.registerProducer(self, True)

    def goOn(self, transport: Connection, take: Taker | None) -> None:
        """
        A real transport has taken the place of an L{Accepted}. What waits stays in its order.

        @param take: As for a new outlet.
        """
        self._transport = transport
        self._consumer = transport
        if self._handle is not None:
            self._prepare(transport, take)

    def _prepare(self, transport: Connection, take: Taker | None) -> None:
        """
        Let a plain socket's transport read in our way, and write nothing by itself.
        """
        transport.bufferSize = _READ_BYTES
        if isinstance(transport, DirectConnection):
            # It writes nothing by itself, and sends what is small at once.
            if take is not None:
                readInto(transport, take)
            return
        transport.writeSomeData = partial(_writeSomeData, transport)  # type: ignore[method-assign]
        if take is not None:
            readInto(transport, take)
        elif isinstance(transport, (UNIXServer, UNIXClient)):
            # What a Unix socket reads costs more there, for the sake of file descriptors that
            # may come with it. None is wanted here, and a plain read refuses them.
            transport.doRead = partial(Connection.doRead, transport)  # type: ignore[method-assign]
        if transport.getHandle().family in (AF_INET, AF_INET6):
            transport.setTcpNoDelay(True)  # what is small is to go out at once, too

    @property
    def full(self) -> bool:
        """
        Whether writers should wait now.
        """
        return self._paused or self.queued >= HIGH_WATER or self._turn is not None

    @property
    def direct(self) -> bool:
        """
        Whether this is a plain socket, open: it can be written to at once, and closed by halves.
        """
        return self._handle is not None

    @property
    def closed(self) -> bool:
        """
        Whether all that was written is with the operating system, if L{close} was called.
        """
        return self._closing is None

    def position(self) -> int:
        """
        The position in the output of the next byte to be written: when C{taken} is more, that byte
        has left the outlet.
        """
        return self.taken if self._handle is None else self.taken + self.queued

    # Writing

    def write(self, data: Buffer) -> None:
        """
        Write bytes after all that was written before. After the loss of the connection, this does
        nothing.
        """
        if not data:
            # Writing nothing would fail where the peer, which has all it wants, is gone.
            return
        if self._corked is not None:
            self._corked.append(data)
            self.queued += len(data)
            if self.queued >= HIGH_WATER:
                self._push()
        elif self._handle is None or self._registered or self._lost:
            self._enqueue((data,))
        else:
            try:
                sent = self._handle.send(data, NOW)
            except OSError as error:
                self._blocked(error)
                sent = 0
            self.taken += sent
            if sent != len(data):
                self._enqueue((memoryview(data)[sent:],))

    def writeSequence(self, parts: list[Buffer]) -> None:
        """
        Write buffers in a row, without joining large ones.
        """
        size = sum(map(len, parts))
        if size <= _JOINED:
            if size:
                self.write(b"".join(parts))
        elif self._corked is not None:
            self._corked += parts
            self.queued += size
            if self.queued >= HIGH_WATER:
                self._push()
        elif self._handle is None or self._registered or self._lost:
            self._enqueue(parts)
        else:
            self._enqueue(self._sendNow(parts))

    def cork(self) -> None:
        """
        Hold output back until L{uncork}, so that it is sent in one piece.
        """
        if self._queue is None and self._corked is None and not self._paused:
            self._corked = []

    def uncork(self) -> None:
        """
        Send the output that was held back since L{cork}.
        """
        if self._corked is not None:
            if self._corked:
                self._push()
            self._corked = None

    def _push(self) -> None:
        """
        Write what is corked; stay corked if the socket took all of it.
        """
        parts, self._corked = self._corked or [], None
        self.queued = 0
        if len(parts) == 1:
            self.write(parts[0])
        else:
            self.writeSequence(parts)
        self.cork()

    def _sendNow(self, parts: list[Buffer]) -> list[Buffer]:
        """
        Give buffers to the socket until it takes no more.

        @return: What it did not take.
        """
        assert self._handle is not None
        start = 0
        while start < len(parts):
            pieces = parts[start : start + _PIECES]
            try:
                sent = self._handle.sendmsg(pieces, (), NOW)
            except OSError as error:
                self._blocked(error)
                break
            self.taken += sent
            for piece in pieces:
                if sent < len(piece):
                    parts[start] = memoryview(piece)[sent:]
                    return parts[start:]
                sent -= len(piece)
                start += 1
        return parts[start:]

    def _blocked(self, error: OSError) -> None:
        """
        The socket took nothing: it is full, or it is broken, and then it takes nothing until the
        loss of the connection is known.
        """
        if error.errno in (EWOULDBLOCK, ENOBUFS):
            return
        if self._registered:
            self._registered = False
            self._consumer.unregisterProducer()
        broken = self._broken
        self.lost()
        self._paused = True
        if broken is None:
            cast(Connection, self._transport).abortConnection()
        else:
            self.queued = HIGH_WATER
            broken(error)

    def _enqueue(self, parts: list[Buffer] | tuple[Buffer, ...]) -> None:
        """
        Keep what could not be written.
        """
        if self._lost or not parts:
            return
        if self._handle is None:
            if self._paused:
                self.queued += sum(map(len, parts))
            data = b"".join(parts)
            self.taken += len(data)
            self._transport.write(data)
            return
        if self._queue is None:
            self._queue = []
        self._queue += parts
        self.queued += sum(map(len, parts))
        if not self._registered:
            self._registered = self._registering = True
            self._consumer.registerProducer(self, False)
            self._registering = False
            self._await()

    # What waits: the transport, whose own buffer stays empty, says when the socket takes more

    def resumeProducing(self) -> None:
        """
        The socket may take more, or a transport of another kind has taken all.
        """
        if self._registering:
            return
        if self._handle is None:
            self.progress += 1
            self._paused = False
            self.queued = 0
            if self._flushes:
                self._tellTaken()
            self._drained()
            return
        assert self._queue is not None
        before = self.queued
        rest = self._sendNow(self._queue)
        if self._lost:
            return
        self._queue = rest or None
        self.queued = sum(map(len, self._queue or ()))
        if self._flushes:
            self._tellTaken()
        if self.queued < before:
            self.progress += 1
        if self._queue is None:
            self._registered = False
            self._consumer.unregisterProducer()
        else:
            self._await()
        if self.queued < HIGH_WATER:
            self._drained()

    def _await(self) -> None:
        """
        Ask to be told when the socket takes more.
        """
        cast(Connection, self._transport).startWriting()

    def pauseProducing(self) -> None:
        """
        The transport's buffer is full.
        """
        self._paused = True
        self.queued = max(self.queued, HIGH_WATER)

    def stopProducing(self) -> None:
        """
        The connection is gone.
        """
        self.lost()

    def _drained(self) -> None:
        """
        Tell the writers in turn, as long as there is room; those that fill it wait behind the
        others the next time.
        """
        waiting = self._waiting
        while waiting and not self.full:
            callback = next(iter(waiting))
            del waiting[callback]
            callback()
        self._closeIfDone()

    # Waiting for room, and the end

    def giveTurn(self) -> None:
        """
        Let others go first: write nothing before the next turn of the reactor.
        """
        if self._turn is None and not self._lost:
            self._turn = self._clock.callLater(0, self._turnGiven)

    def _turnGiven(self) -> None:
        self._turn = None
        self._drained()

    def whenDrained(self, callback: Callable[[], None]) -> None:
        """
        Have a function called once when more may be written. If it is given twice, it is called
        once.
        """
        if self._waiting is None:
            self._waiting = {}
        self._waiting[callback] = None

    def flush(self) -> bool:
        """
        Write the output that is held back.

        @return: Whether some output waits because the transport did not take it.
        """
        if self._corked:
            self._push()
        return self._paused or self._queue is not None

    def whenTaken(self, callback: Callable[[], None]) -> None:
        """
        Have a function called once when all that was written so far has left the outlet.
        """
        if self._flushes is None:
            self._flushes = {}
        self._flushes[callback] = self.position()

    def _tellTaken(self) -> None:
        """
        Fire the Deferreds of all that the kernel has taken by now.
        """
        flushes = self._flushes or {}
        for callback in [each for each, position in flushes.items() if position <= self.taken]:
            if flushes.pop(callback, None) is not None:
                callback()

    def forget(self, callback: Callable[[], None]) -> None:
        """
        Don't call this function any more.
        """
        if self._flushes is not None:
            self._flushes.pop(callback, None)
        if self._waiting is not None:
            self._waiting.pop(callback, None)

    def close(self, half: bool = False) -> None:
        """
        Close the connection when all that was written is with the operating system.

        @param half: Whether only this direction is to be closed, where that is possible. It can
            be closed whole later.
        """
        self._closing = self._closeWriting if half and self.direct else self._closeAll
        self.uncork()
        self._closeIfDone()

    def _closeAll(self) -> None:
        self._transport.loseConnection()

    def _closeWriting(self) -> None:
        assert self._handle is not None
        try:
            self._handle.shutdown(SHUT_WR)
        except OSError:
            self._closeAll()

    def _closeIfDone(self) -> None:
        if self._closing is None or self._lost or self._paused or self._queue is not None:
            return
        close, self._closing = self._closing, None
        if self._registered:
            self._registered = False
            self._consumer.unregisterProducer()
        close()

    def lost(self) -> None:
        """
        Drop all output that waits, as the connection is lost.
        """
        self._lost = True
        if self._handle is not None and type(self._transport) is not Accepted:
            # These would keep the transport alive, as C{_broken} would its protocol.
            readAsEver(cast(Connection, self._transport))
            vars(self._transport).pop("writeSomeData", None)
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._handle = None
        self._broken = None
        self._queue = None
        self._waiting = None
        self._corked = None
        self._flushes = None
        self._closing = None
        self._paused = False
        self.queued = 0
