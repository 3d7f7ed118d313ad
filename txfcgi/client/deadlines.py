"""
L{Deadlines}: the deadlines of a call, phase by phase.
"""

from __future__ import annotations

from typing import Final

from ..errors import BackendTimedOut
from ..transport.outlet import Outlet
from ..transport.timers import NEVER
from .options import Timeouts

# How far the request is on its way out.
WAITING: Final = 0
SENDING: Final = 1
SENT: Final = 2


class Deadlines:
    """
    The deadlines of a request.

    @ivar timeouts: How long each part of it may take.
    @ivar expires: When the total timeout is over.
    @ivar due: When the timeout for what is going on now is over.
    @ivar phase: How far the request is on its way out.
    @ivar progress: How far the connection's output was when C{due} was set, or -1 if that was not
        what it waited for.
    @ivar mark: Where in the connection's output the request begins.
    @ivar seen: Whether anything of a response came, be it on stderr.
    """

    timeouts: Timeouts
    expires = due = NEVER
    phase = WAITING
    mark = 0
    progress = -1
    seen = False

    def setDue(self, now: float, outlet: Outlet) -> float:
        """
        Set the deadline for what the call waits for now.

        @return: The earliest deadline that it has.
        """
        timeouts = self.timeouts
        if self.phase == SENDING or outlet.queued:
            wait = timeouts.write
            self.progress = outlet.progress
        else:
            wait = timeouts.betweenBytes if self.seen else timeouts.firstByte
            self.progress = -1
        due = self.due = NEVER if wait is None else now + wait
        return self.expires if self.expires < due else due

    def overdue(self, now: float, outlet: Outlet, paused: bool) -> BackendTimedOut | None:
        """
        Which of its timeouts the call has met, if any; without one, the next deadline is set.

        @param paused: Whether it is us who do not read.
        """
        timeouts = self.timeouts
        if now >= self.expires and timeouts.total is not None:
            return BackendTimedOut("total", timeouts.total)
        if now < self.due:
            return None
        if not paused:  # a peer that is held back may be unable to read, too
            if self.progress >= 0:
                taken = not outlet.queued or outlet.progress != self.progress
                if not taken and timeouts.write is not None:
                    return BackendTimedOut("write", timeouts.write)
            elif not self.seen and timeouts.firstByte is not None:
                return BackendTimedOut("firstByte", timeouts.firstByte)
            elif self.seen and timeouts.betweenBytes is not None:
                return BackendTimedOut("betweenBytes", timeouts.betweenBytes)
        self.setDue(now, outlet)
        return None


def timedOut(
    call: Deadlines, now: float, timer: str, seconds: float | None
) -> BackendTimedOut | None:
    """
    Which timeout a call has met that waits for its connection, if any.

    @param timer: What it waits for, and C{seconds} for how long it may.
    """
    total = call.timeouts.total
    if now >= call.expires and total is not None:
        return BackendTimedOut("total", total)
    if now >= call.due and seconds is not None:
        return BackendTimedOut(timer, seconds)
    return None
