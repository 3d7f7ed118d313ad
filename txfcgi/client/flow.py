"""
L{Flow}: what a connection to a back end carries, by when it is due, and when it is held back.
"""

from __future__ import annotations

from typing import ClassVar, cast

from twisted.internet.interfaces import IPushProducer, ITransport
from twisted.internet.protocol import Protocol as BaseProtocol

from ..transport.outlet import Outlet
from ..transport.timers import NEVER, Timers
from ..wire.fastcgiclient import ClientConnection
from .call import Call
from .contracts import Keeper
from .options import ClientOptions
from .questions import Questions
from .sending import Sending
from .wire import ClientWire


class Flow(BaseProtocol):
    """
    The calls that are on one connection. What is done with them is
    L{ClientProtocol<txfcgi.client.connection.ClientProtocol>}'s.

    @ivar keeper: The pool that the connection belongs to, if any.
    @ivar lost: Whether the connection is gone.
    @ivar served: How many requests have ended on it.
    @ivar openedAt: When it was made.
    @ivar idleSince: Since when it carries no request.
    """

    connectionFactory: ClassVar[type[ClientWire]] = ClientConnection

    def __init__(
        self, timers: Timers, options: ClientOptions, keeper: Keeper | None = None
    ) -> None:
        self.options = options
        self.keeper = keeper
        self.served = 0
        self.openedAt = self.idleSince = 0.0
        self._timers = timers
        self._seconds = timers.clock.seconds
        self._connection = self.connectionFactory()
        self._calls: dict[int, Call | None] = {}
        self._sending: dict[Call, Sending] = {}
        self._held: dict[Call, None] = {}
        self._questions = Questions()
        self._outlet: Outlet
        self._transport: ITransport
        self._reason: Exception | None = None
        self._paused = False
        self._retired = False
        self._unread = False
        self._shaking = False
        self._closing = False
        self._closeBy = NEVER
        self.lost = False

    def __repr__(self) -> str:
        peer = self._transport.getPeer() if hasattr(self, "_transport") else "nobody yet"
        return f"<{type(self).__name__} to {peer} with {len(self._calls)} requests>"

    # What it can be asked

    @property
    def active(self) -> int:
        """
        How many requests it carries, those that were given up included.
        """
        return len(self._calls)

    @property
    def usable(self) -> bool:
        """
        Whether it may carry another request.
        """
        return self._usableAt(self._seconds())

    def _usableAt(self, now: float) -> bool:
        options = self.options
        return (
            not self._closing
            and not self._retired
            and self._connection.reusable
            and self.served + len(self._calls) < options.maxRequests
            and now - self.openedAt < options.maxAge
        )

    @property
    def kept(self) -> bool:
        """
        Whether it has carried a whole request before.
        """
        return self.served > 0

    @property
    def unsent(self) -> bool:
        """
        Whether some of what was written waits to be taken by the peer.
        """
        return self._outlet.queued > 0

    def _live(self) -> bool:
        """
        Whether there is a call that somebody waits for.
        """
        return any(call is not None for call in self._calls.values())

    def _setDue(self, call: Call, now: float) -> None:
        due = call.setDue(now, self._outlet)
        if due < self._timers.next:
            self._timers.need(due)

    # Holding the peer back

    def hold(self, call: Call) -> None:
        """
        Too much of a call's response waits to be read.
        """
        self._held[call] = None
        self._balance()

    def go(self, call: Call) -> None:
        """
        A call's response is being read again, or over.
        """
        self._held.pop(call, None)
        if self._paused and not self._held and not self._closing:
            self._paused = False
            cast(IPushProducer, self._transport).resumeProducing()
            now = self._seconds()
            for waiting in self._calls.values():
                if waiting is not None:
                    self._setDue(waiting, now)

    def _balance(self) -> None:
        """
        Pause when a response that nobody reads would fill the memory. Those that share the
        connection with it have to wait then, too: FastCGI holds back all or nobody.
        """
        if self._paused or self._closing:
            return
        if len(self._calls) > 1:
            buffered = sum(call.buffered for call in self._calls.values() if call is not None)
            if buffered <= self.options.connectionBytes:
                return
        self._paused = True
        cast(IPushProducer, self._transport).pauseProducing()
