"""
The connections that wait in the queue of a listening socket.
"""

from __future__ import annotations

import select
from typing import Final

from twisted.internet.interfaces import IListeningPort, IReadDescriptor

from .listener import UNIXListener

# How often a port is told to accept at the most; it takes one connection or more each time.
_ROUNDS: Final = 10_000


def acceptAll(port: IListeningPort) -> None:
    """
    Accept until nothing waits any more: closing a listening socket resets what does. What is in
    the filesystem goes first, so that nobody comes any more. Over TCP somebody may, between this
    and the close.

    @param port: A port that listens.
    """
    if isinstance(port, UNIXListener):
        port.unlink()
    if not (IReadDescriptor.providedBy(port) and hasattr(select, "poll")):
        return
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    for _ in range(_ROUNDS):
        if not poll.poll(0):
            break
        port.doRead()
