"""
The timeouts of a server. One clock tick serves all connections of a factory, and no request sets a
timer of its own: a timeout is noticed at the next tick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import TimedOut
from ..transport.polling import isGone

if TYPE_CHECKING:
    from .protocol import ServerProtocol
    from .request import Request

# Seconds between two checks of the connections.
TICK: Final = 1.0

# The least seconds that a connection has for its first bytes.
FIRST_READ: Final = 2 * TICK


class Watch:
    """
    When things happened on a connection, in seconds of the factory's clock.

    @ivar heard: When bytes last arrived.
    @ivar closing: When closing began; negative before.
    @ivar lingering: Whether input is still taken and dropped before the connection is closed.
    """

    __slots__ = (
        "_awaited",
        "_bodies",
        "_busy",
        "_params",
        "_progress",
        "_stalled",
        "closing",
        "heard",
        "lingering",
    )

    log = Logger()

    def __init__(self) -> None:
        self.heard = 0.0
        self.closing = -1.0
        self.lingering = False
        self._busy = 0.0
        self._awaited: object = None
        self._bodies: dict[Request, tuple[int, float]] | None = None
        self._params = 0.0
        self._progress = -1
        self._stalled = 0.0

    def check(self, protocol: ServerProtocol, now: float) -> None:
        """
        Enforce the timeouts that have expired.
        """
        limits = protocol.limits
        if protocol.wire.active:
            self._busy = now
        if self._stalledFor(protocol, now) > limits.writeTimeout:
            self._cut(
                protocol,
                "writeTimeout",
                f"took nothing that waits for it, for {limits.writeTimeout} s",
            )
        elif self.closing >= 0:
            self._checkClosing(protocol, now)
        elif self._incompleteFor(protocol, now) > limits.paramsTimeout:
            self._cut(
                protocol,
                "paramsTimeout",
                f"sent no complete params in {limits.paramsTimeout} s",
            )
        elif not protocol.wire.active:
            if self._isIdle(protocol, now):
                protocol.closeIdle()
        elif (protocol.paused or protocol.halfClosed) and isGone(
            protocol.transport, protocol.halfCloses
        ):
            protocol.tcp.abortConnection()
        else:
            self._checkRequests(protocol, now)

    def _isIdle(self, protocol: ServerProtocol, now: float) -> bool:
        """
        Whether a connection that has no request has had its time. When the server ends, that is
        less; but one that has just been accepted is to be read first.
        """
        heard = max(self.heard, self._busy)
        if not protocol.retired or protocol.wire.awaited is not None:
            return now - heard > protocol.limits.idleTimeout
        lastCall = protocol.server.lastCall
        return now >= (lastCall if protocol.total else max(lastCall, heard + FIRST_READ))

    def _stalledFor(self, protocol: ServerProtocol, now: float) -> float:
        outlet = protocol.outlet
        if not outlet.queued or outlet.progress != self._progress:
            self._progress = outlet.progress if outlet.queued else -1
            self._stalled = now
        return now - self._stalled

    def _incompleteFor(self, protocol: ServerProtocol, now: float) -> float:
        awaited = None if protocol.paused else protocol.wire.awaited
        if awaited is True:
            awaited = protocol.total
        if awaited is None or awaited != self._awaited:
            self._awaited = awaited
            self._params = now
        return now - self._params

    def _checkClosing(self, protocol: ServerProtocol, now: float) -> None:
        limits = protocol.limits
        if self.lingering:
            if now - self.closing > limits.lingerTimeout:
                protocol.finishClosing()
        elif not protocol.outlet.queued and now - self.closing > limits.closeTimeout:
            protocol.tcp.abortConnection()

    def _checkRequests(self, protocol: ServerProtocol, now: float) -> None:
        limits = protocol.limits
        silent = self._silentBodies(protocol, now)
        for request in list(protocol.requests.values()):
            if limits.requestTimeout is not None and now - request.started > limits.requestTimeout:
                error = TimedOut(
                    f"the app did not answer in {limits.requestTimeout} s", 504, "requestTimeout"
                )
                protocol.application.failed(Failure(error), request)
            elif request in silent:
                late = TimedOut(
                    f"no byte of the body arrived in {limits.bodyTimeout} s", limit="bodyTimeout"
                )
                for stream in request.inputStreams():
                    stream.fail(late)
                request.flush()

    def _silentBodies(self, protocol: ServerProtocol, now: float) -> list[Request]:
        """
        The requests of whose bodies too little comes. Each has a time of its own, for on a shared
        connection the others say nothing of it.
        """
        before = self._bodies or {}
        bodies: dict[Request, tuple[int, float]] = {}
        for request in protocol.requests.values():
            streams = request.inputStreams()
            if streams and protocol.wire.receivesInput(request.requestID):
                received = sum(stream.received for stream in streams)
                last, since = before.get(request, (-1, now))
                if protocol.paused or received != last:
                    since = now
                bodies[request] = received, since
        self._bodies = bodies or None
        limit = protocol.limits.bodyTimeout
        return [request for request, (_, since) in bodies.items() if now - since > limit]

    def _cut(self, protocol: ServerProtocol, limit: str, reason: str) -> None:
        if protocol.server.observers is not None:
            protocol.server.observers.limitReached(limit)
        protocol.sparing.warn(
            self.log,
            "{peer} {reason}; the connection is cut",
            reason,
            peer=protocol.peer,
            reason=reason,
        )
        protocol.tcp.abortConnection()
