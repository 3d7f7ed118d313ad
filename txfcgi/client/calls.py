"""
L{Calls}: the calls on one connection, and whether the back end is held back because nobody reads
what it answers.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.interfaces import IPushProducer, ITransport

from ..transport.outlet import Outlet
from ..transport.timers import NEVER
from ..wire.events import DataReceived, RequestEnded
from .call import Call


class Calls:
    """
    The calls on one connection.

    @ivar byID: All of them; L{None} in the place of one that nobody waits for any more, until the
        back end ends it.
    @ivar held: Those whose responses wait to be read.
    @ivar paused: Whether the connection is not read at the moment.
    """

    __slots__ = ("_limit", "_transport", "byID", "held", "paused")

    def __init__(self, limit: int) -> None:
        """
        @param limit: How many bytes may wait altogether, if the connection is shared.
        """
        self.byID: dict[int, Call | None] = {}
        self.held: dict[Call, None] = {}
        self.paused = False
        self._limit = limit
        self._transport: IPushProducer

    def begin(self, transport: ITransport) -> None:
        """
        The connection is there.
        """
        self._transport = cast(IPushProducer, transport)

    def take(self, event: DataReceived | RequestEnded) -> Call | None:
        """
        Give a call what is its own.

        @return: The call, or L{None} if nobody waits for it.
        """
        if isinstance(event, DataReceived):
            call = self.byID[event.requestID]
            if call is not None:
                call.receive(event.stream, event.data)
        else:
            call = self.byID.pop(event.requestID)
            if call is not None:
                call.end(event.appStatus, event.protocolStatus)
        return call

    def wanted(self) -> list[Call]:
        """
        Those that somebody waits for.
        """
        return [call for call in self.byID.values() if call is not None]

    def drop(self, reason: Exception) -> list[Call]:
        """
        Let all of them fail.

        @return: Those that somebody waits for, who hears of it from whoever asks here.
        """
        calls = self.wanted()
        self.byID.clear()
        self.held.clear()
        for call in calls:
            call.interrupt(reason)
        return calls

    def overdue(self, now: float, outlet: Outlet) -> tuple[list[tuple[Call, Exception]], float]:
        """
        Look at the deadlines.

        @return: The calls that are late, with the reasons, and when the next deadline is.
        """
        late: list[tuple[Call, Exception]] = []
        soon = NEVER
        for call in self.wanted():
            reason = call.overdue(now, outlet, self.paused)
            if reason is None:
                soon = min(soon, call.due, call.expires)
            else:
                late.append((call, reason))
        return late, soon

    # Holding the peer back

    def hold(self, call: Call) -> None:
        """
        Too much of a call's response waits to be read.
        """
        self.held[call] = None
        self.balance()

    def resume(self, call: Call) -> bool:
        """
        A call's response is being read again, or not wanted any more.

        @return: Whether the connection is read again from now on.
        """
        self.held.pop(call, None)
        if not self.paused or self.held:
            return False
        self.paused = False
        self._transport.resumeProducing()
        return True

    def balance(self) -> None:
        """
        Pause when a response that nobody reads would fill the memory. Those that share the
        connection with it have to wait then, too: FastCGI holds back all or nobody.
        """
        if self.paused:
            return
        if len(self.byID) > 1:
            buffered = sum(call.buffered for call in self.wanted())
            if buffered <= self._limit:
                return
        self.paused = True
        self._transport.pauseProducing()
