"""
L{CoalescingOutlet}: all output of one turn of the reactor is sent together, at the end of the turn.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITransport

from ..wire.framing import Buffer
from .inlet import Taker
from .outlet import Outlet


class CoalescingOutlet(Outlet):
    """
    An outlet for apps that write in many small pieces. It makes fewer system calls, and sends
    everything a turn of the reactor later.
    """

    __slots__ = ("_leaving", "_pushing")

    def __init__(
        self,
        transport: ITransport,
        clock: IReactorTime,
        broken: Callable[[OSError], None] | None = None,
        take: Taker | None = None,
    ) -> None:
        super().__init__(transport, clock, broken, take)
        self._leaving: IDelayedCall | None = None
        self._pushing = False

    def write(self, data: Buffer) -> None:
        """
        Write bytes, behind all that was written before, at the end of this turn.
        """
        if data:
            self._gather()
        super().write(data)

    def writeSequence(self, parts: list[Buffer]) -> None:
        """
        Write buffers one behind the other, at the end of this turn.
        """
        self._gather()
        super().writeSequence(parts)

    def _gather(self) -> None:
        """
        Keep together what is written from now on.
        """
        if self._corked is not None or self._pushing or self._lost:
            return
        self.cork()
        if self._leaving is None:
            self._leaving = self._clock.callLater(0, self._leave)

    def _push(self) -> None:
        self._pushing = True
        super()._push()
        self._pushing = False

    def _leave(self) -> None:
        self._leaving = None
        self.uncork()

    def lost(self) -> None:
        """
        Drop all output that waits, as the connection is lost.
        """
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        super().lost()
