"""
L{Pool}: the connections of a client. It gives each call a connection, in the order they came; keeps
connections, shares them and makes new ones; and decides whether a failed call is tried again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import (
    BackendTimedOut,
    CantMultiplex,
    ClientClosed,
    InvalidRequest,
    PoolFull,
    RequestFailed,
    RequestNotSent,
)
from ..transport.sparing import SparingLog
from ..transport.timers import NEVER, Timers
from .call import Call
from .connecting import QUEUE_FULL, connectAgain, queueFull
from .connection import ClientProtocol
from .deadlines import WAITING, timedOut
from .figures import ClientFigures
from .lifetime import Life
from .memory import Memory
from .options import ClientOptions, Timeouts, checkedTimeouts
from .questions import encodedNames
from .target import Target


class Pool:
    """
    All connections of a client.

    @ivar failures: How many calls have failed for good.
    @ivar sparing: Where to log what may come again and again.
    """

    _log = Logger()

    def __init__(
        self,
        timers: Timers,
        options: ClientOptions,
        endpoints: Sequence[IStreamClientEndpoint],
        make: type[ClientProtocol],
    ) -> None:
        """
        @param make: What is made for each connection.
        """
        self.timers = timers
        self.options = options
        self.memory = Memory()
        self.sparing = SparingLog(timers.clock)
        self.failures = 0
        self._requests = 0
        self._retries = 0
        self._targets = [Target(self, endpoint, make, options.multiplex) for endpoint in endpoints]
        self._only = self._targets[0] if len(self._targets) == 1 else None
        self._waiting: deque[Call] = deque()
        self._delayed: dict[Call, float] = {}
        self._overdue: dict[Call, BackendTimedOut] = {}
        self._closing: list[Deferred[None]] | None = None
        self._serving = self._placing = False
        self._choosy = options.reuseFor != "all" and not options.retry.anyMethod

    # What there is

    @property
    def connections(self) -> int:
        """
        How many connections there are, those included that are being made.
        """
        return sum(len(target.open) + len(target.connecting) for target in self._targets)

    @property
    def idle(self) -> int:
        """
        How many of them nobody uses.
        """
        return sum(len(target.idle) for target in self._targets)

    @property
    def waiting(self) -> int:
        """
        How many calls wait for a connection.
        """
        return len(self._waiting)

    def figures(self) -> ClientFigures:
        """
        How it is doing.
        """
        return ClientFigures(
            open=sum(len(target.open) for target in self._targets),
            connecting=sum(len(target.connecting) for target in self._targets),
            idle=self.idle,
            waiting=self.waiting,
            requests=self._requests,
            retries=self._retries,
            failures=self.failures,
        )

    # Calls

    def submit(self, call: Call) -> None:
        """
        Give a call the next connection that there is for it.
        """
        call.pool = self
        self._requests += not call.attempts
        if self._choosy and not call.prepared.isIdempotent:
            call.fresh = True
        target = self._only
        if target is not None and target.idle and not self._waiting and not call.fresh:
            target.idle.pop().start(call)
        elif self._closing is not None:
            self._fail(call, ClientClosed("the client is closed"))
        elif (self._waiting and not call.attempts) or not self._place(call):
            self._wait(call)

    def _place(self, call: Call) -> bool:
        """
        Find a connection for a call, or make one.

        @return: Whether there was one, or room for one.
        """
        for target in self._choices(call):
            if not call.fresh:
                if target.idle:
                    target.idle.pop().start(call)
                    return True
                shared = self._shared(target) if target.multiplex else None
                if shared is not None:
                    shared.start(call)
                    return True
            room = self.options.maxConnections - len(target.open) - len(target.connecting)
            if room <= 0 and call.fresh:
                target.closeIdle()  # the call waits for its place
            if room > 0 and not self._willBeShared(target):
                self._connect(call, target)
                return True
        return False

    def _choices(self, call: Call) -> list[Target]:
        """
        The endpoints that a call may go to, the best first: those that work, before those that
        failed a moment ago; the least busy among them.
        """
        left = [target for target in self._targets if target not in call.tried]
        if len(left) > 1:
            now = self.timers.clock.seconds()
            left.sort(key=lambda target: (target.failedUntil > now, target.load))
        return left

    def _shared(self, target: Target) -> ClientProtocol | None:
        """
        The least busy connection that takes one more request.
        """
        found = [protocol for protocol in target.open if self._takes(protocol, target)]
        return min(found, key=lambda protocol: protocol.active, default=None)

    def _willBeShared(self, target: Target) -> bool:
        """
        Whether a connection that is being made will have room for the next call that waits.
        """
        more = self.options.requestsPerConnection - 1 if target.multiplex else 0
        return len(self._waiting) < len(target.connecting) * more

    def _takes(self, protocol: ClientProtocol, target: Target) -> bool:
        most = self.options.requestsPerConnection if target.multiplex else 1
        return protocol.active < most and protocol.usable

    def _wait(self, call: Call) -> None:
        if len(self._waiting) >= self.options.maxWaiting:
            number = len(self._waiting)
            said = f"{number} requests wait for a connection, as many as maxWaiting allows"
            self._fail(call, PoolFull(said))
            return
        wait = call.timeouts.poolWait
        call.due = NEVER if wait is None else self.timers.clock.seconds() + wait
        # One that was tried has waited before.
        (self._waiting.appendleft if call.attempts else self._waiting.append)(call)
        self._watch(call)

    def _fail(self, call: Call, reason: Exception) -> None:
        call.interrupt(reason)
        call.deliver()

    def withdraw(self, call: Call) -> None:
        """
        A call is not wanted any more, and on no connection.
        """
        if call in self._waiting:
            self._waiting.remove(call)
        self._delayed.pop(call, None)
        for target in self._targets:
            if call in target.connecting:
                target.connecting[call].cancel()
        self._unwatch()

    # Trying again

    def retries(self, call: Call, error: RequestFailed) -> bool:
        """
        An attempt failed, and nothing of a response was seen.

        @return: Whether another one is made.
        """
        if self._closing is not None or not (call.prepared.replayable or call.phase == WAITING):
            return False
        policy = self.options.retry
        if error.mayHaveRun and not (policy.anyMethod or call.prepared.isIdempotent):
            return False
        refused = isinstance(error.reason, CantMultiplex)
        if refused:
            if call.attempts or not self._unshare(call):
                return False
        else:
            if call.attempts >= policy.attempts:
                return False
            try:
                if not policy.when(error):
                    return False
            except Exception:
                self.sparing.failure(self._log, "the client's retry policy failed")
                return False
        call.reset()
        call.attempts += 1
        self._retries += 1
        if not refused:
            call.tried = frozenset()
            call.fresh = True
            if policy.delay:
                self._delayed[call] = call.due = self.timers.clock.seconds() + policy.delay
                self._watch(call)
                return True
        self.submit(call)
        return True

    def _unshare(self, call: Call) -> bool:
        """
        A back end refused to share a connection: do not ask it to again.

        @return: Whether it was asked to.
        """
        for target in self._targets:
            if call.connection in target.open:
                if target.multiplex:
                    self._log.info("{endpoint} does not multiplex", endpoint=target.name)
                    target.multiplex = False
                # Others may have been refused in the same moment.
                return target.multiplex is False and self.options.multiplex is not False
        return False

    # Connections

    def _connect(self, call: Call, target: Target) -> None:
        if call.trace is not None:
            call.trace.note("connecting")
        protocol = target.connectAtOnce()
        if protocol is not None:
            self._connected(protocol, call, target)
            return
        wait = call.timeouts.connect
        call.due = NEVER if wait is None else self.timers.clock.seconds() + wait
        self._watch(call)
        self._await(cast("Deferred[ClientProtocol]", target.endpoint.connect(target)), call, target)

    def _await(self, connecting: Deferred[ClientProtocol], call: Call, target: Target) -> None:
        target.connecting[call] = connecting
        connecting.addCallbacks(
            self._connected,
            self._notConnected,
            callbackArgs=(call, target),
            errbackArgs=(call, target),
        )

    def _connected(self, protocol: ClientProtocol, call: Call, target: Target) -> None:
        if protocol.lifetime.life is Life.LOST:
            self._notConnected(Failure(ConnectionLost()), call, target)
            return
        target.failedUntil = 0.0
        target.open.add(protocol)
        if target.connecting.pop(call, None) is not None:
            self._overdue.pop(call, None)
            self._unwatch()
        if self._closing is not None:
            protocol.abort()
            if not call.ended:
                self._fail(call, ClientClosed("the client is closed"))
        elif call.ended:
            # The attempt was given up, but the connection was made nevertheless.
            self.released(protocol, target)
        else:
            protocol.start(call)
            keeps = self.options.keepConnections and not target.multiplex
            if keeps and protocol.active and protocol.usable:
                target.claims.opened(protocol)
            self._serve()

    def _notConnected(self, failure: Failure, call: Call, target: Target) -> None:
        target.connecting.pop(call, None)
        overdue = self._overdue.pop(call, None)
        reason = cast(Exception, failure.value)
        full = queueFull(reason)
        if full is not None:
            reason = full
            if not call.ended and self._closing is None and len(self._choices(call)) == 1:
                # Nothing was sent, and there will be room: try until the timeout.
                call.full = True
                again = connectAgain(target.endpoint, target, self.timers.clock)
                self._await(again, call, target)
                return
        if overdue is not None:
            reason = overdue.during(QUEUE_FULL) if call.full else overdue
        self._unwatch()
        if not call.ended:
            target.failedUntil = self.timers.clock.seconds() + self.options.failTime
            call.tried |= {target}
            call.where = target.name
            self.sparing.info(
                self._log,
                "no connection to {endpoint}: {error!r}",
                (target, type(reason)),
                endpoint=target.name,
                error=reason,
            )
            if self._closing is not None:
                self._fail(call, ClientClosed("the client is closed"))
            elif (overdue and overdue.timer == "total") or not self._choices(call):
                self._fail(call, reason)
            elif not self._place(call):
                self._wait(call)
        self._serve()
        self._finish()

    def released(self, protocol: ClientProtocol, target: Target) -> None:
        """
        A connection takes another request.
        """
        if self._serving:
            # From within the loop below, which goes on with it.
            return
        if target.claims.unmet and protocol.kept and not protocol.active and target.claims.take():
            protocol.close()
            return
        if self._waiting:
            self._serving = True
            try:
                while self._waiting and self._takes(protocol, target):
                    call = self._waiting.popleft()
                    self._unwatch()
                    if not call.fresh:
                        protocol.start(call)
                    else:
                        # It has to go over a new connection, in the place of this one.
                        self._waiting.appendleft(call)
                        if not protocol.active:
                            protocol.close()
                        break
            finally:
                self._serving = False
            if not protocol.usable:
                return
        if not protocol.active:
            target.idle.append(protocol)

    def _serve(self) -> None:
        """
        Give the calls that wait what there is: new connections, and shared ones.
        """
        if not self._waiting or self._placing or self._serving:
            return  # from within the loop below, or the one above, which goes on
        self._placing = True
        try:
            while self._waiting and self._closing is None:
                call = self._waiting.popleft()
                if not self._place(call):
                    self._waiting.appendleft(call)
                    return
        finally:
            self._placing = False
        self._unwatch()

    def gone(self) -> None:
        """
        There is one connection less.
        """
        self._serve()
        self._finish()

    # Deadlines

    def _watch(self, call: Call) -> None:
        self.timers.watch(self)
        self.timers.need(min(call.due, call.expires))

    def _unwatch(self) -> None:
        """
        Want no look at the clock when nothing waits.
        """
        connecting = any(target.connecting for target in self._targets)
        if not (connecting or self._waiting or self._delayed):
            self.timers.forget(self)

    def check(self, now: float) -> float:
        """
        Do what is due.

        @return: When the next deadline is.
        """
        soon = NEVER
        for call in list(self._waiting):
            overdue = timedOut(call, now, "poolWait", call.timeouts.poolWait)
            if overdue is None:
                soon = min(soon, call.due, call.expires)
            elif call in self._waiting:
                self._waiting.remove(call)
                self._fail(call, overdue)
        for target in self._targets:
            for call, connecting in list(target.connecting.items()):
                overdue = timedOut(call, now, "connect", call.timeouts.connect)
                if overdue is None:
                    soon = min(soon, call.due, call.expires)
                else:
                    self._overdue[call] = overdue
                    connecting.cancel()
        for call, due in list(self._delayed.items()):
            if now >= due and call in self._delayed:
                del self._delayed[call]
                self.submit(call)
            else:
                soon = min(soon, due)
        self._unwatch()
        return soon

    # The variables of the application

    async def askValues(
        self, names: Iterable[str], index: int, timeouts: Timeouts
    ) -> dict[str, str]:
        """
        Ask one endpoint.
        """
        encoded = encodedNames(names)
        if self._closing is not None:
            raise RequestNotSent(ClientClosed("the client is closed"))
        if index not in range(len(self._targets)):
            raise InvalidRequest(f"endpoint is 0 to {len(self._targets) - 1}, not {index!r}")
        return await self._targets[index].askValues(encoded, checkedTimeouts(timeouts))

    # The end

    def close(self) -> Deferred[None]:
        """
        Take no more calls, let all fail that are under way, and close all connections.

        @return: Fires when they are closed.
        """
        closed: Deferred[None] = Deferred()
        if self._closing is not None:
            self._closing.append(closed)
            self._finish()
            return closed
        self._closing = [closed]
        reason = ClientClosed("the client is closed")
        calls = [*self._waiting, *self._delayed]
        self._waiting.clear()
        self._delayed.clear()
        for call in calls:
            self._fail(call, reason)
        for target in self._targets:
            for connecting in list(target.connecting.values()):
                connecting.cancel()
            for protocol in list(target.open):
                if protocol.active:
                    protocol.abort(reason)
                else:
                    protocol.close()
        self._finish()
        return closed

    def _finish(self) -> None:
        if self._closing and not self.connections:
            self._unwatch()
            self.sparing.flush()
            closing, self._closing = self._closing, []
            for closed in closing:
                closed.callback(None)
