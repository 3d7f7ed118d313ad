"""
How a client connects: again, as long as the queue of a Unix socket is full.

A Unix socket refuses connections (EAGAIN) when as many wait as its queue holds. Nothing was sent
then, and there is room as soon as the back end accepts one. Twisted tells it as a connection that
was closed cleanly while it was being made.
"""

from __future__ import annotations

from errno import EAGAIN
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.interfaces import IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

#: Seconds until the next attempt.
PAUSE: Final = 0.02

QUEUE_FULL: Final = (
    "the queue of the socket is full (EAGAIN): the back end accepts connections more slowly than "
    "they come"
)


def queueFull(error: BaseException) -> ConnectError | None:
    """
    Whether an attempt to connect has found the queue full.

    @return: The error in words, or L{None} if it is another.
    """
    if type(error) is not ConnectError:
        return None
    reason = error.args[0] if error.osError is None else error.osError
    if error.osError != EAGAIN and not (
        isinstance(reason, Failure) and reason.check(ConnectionDone)
    ):
        return None
    return ConnectError(EAGAIN, QUEUE_FULL)


def connectAgain(
    endpoint: IStreamClientEndpoint, factory: IProtocolFactory, clock: IReactorTime
) -> Deferred[Any]:
    """
    Connect after a pause.

    @return: Fires with the protocol. It can be cancelled all the time.
    """
    return deferLater(clock, PAUSE, endpoint.connect, factory)
