"""
L{Timers}: one delayed call for all deadlines of a client or a server.

A deadline is set for each request, and hardly ever reached, so setting one must cost next to
nothing: the reactor has a call for the earliest only; the others are checked when it fires.
"""

from __future__ import annotations

from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

NEVER: Final = float("inf")


class Timed(Protocol):
    """
    Something that has deadlines.
    """

    def check(self, now: float) -> float:
        """
        Do what is due.

        @return: When the next deadline is; L{NEVER} if there is none.
        """


class Timers:
    """
    The deadlines of everything that was told to L{watch}.

    @ivar clock: Measures time.
    @ivar next: When the delayed call fires.
    """

    __slots__ = ("_call", "_watched", "clock", "next")

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.next = NEVER
        self._call: IDelayedCall | None = None
        self._watched: dict[Timed, None] = {}

    def watch(self, timed: Timed) -> None:
        """
        Look after this one from now on.
        """
        self._watched[timed] = None

    def forget(self, timed: Timed) -> None:
        """
        Do not look after this one any more. No delayed call is left when it was the last.
        """
        self._watched.pop(timed, None)
        if not self._watched and self._call is not None:
            call, self._call = self._call, None
            self.next = NEVER
            if call.active():
                call.cancel()

    def need(self, due: float) -> None:
        """
        Make sure that deadlines are checked at C{due}.
        """
        if due < self.next and self._watched:
            self._schedule(due)

    def _schedule(self, due: float) -> None:
        delay = max(0.0, due - self.clock.seconds())
        self.next = due
        if self._call is not None and self._call.active():
            self._call.reset(delay)
        else:
            self._call = self.clock.callLater(delay, self._look)

    def _look(self) -> None:
        self._call = None
        self.next = NEVER
        now = self.clock.seconds()
        # A deadline that was set meanwhile has been scheduled, so the earlier one is kept.
        soon = min([timed.check(now) for timed in list(self._watched)], default=NEVER)
        if soon < self.next and self._watched:
            self._schedule(soon)
