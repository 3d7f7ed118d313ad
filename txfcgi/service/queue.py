"""
The end of a listening socket: closing it resets the connections that wait in its queue, so they are
accepted first, and nobody is to join them meanwhile.

A Unix socket is taken out of the filesystem for that. A TCP socket gets a filter that drops the
first packet of a connection (on Linux). A client sends that again after a second, and is refused
then: so a web server asks another one, of which it knows that nothing has reached the first.
"""

from __future__ import annotations

import array
import os
import select
import socket
import struct
import sys
from contextlib import suppress
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime, IReadDescriptor
from twisted.internet.task import deferLater

from ..transport.accept import Listener
from .listener import UNIXListener

# How often a port is told to accept at the most; it takes one connection or more each time.
_ROUNDS: Final = 10_000

#: Seconds that a connection which has begun before the filter gets to be complete.
HANDSHAKE: Final = 0.2

# SO_ATTACH_FILTER, and a program for it (linux/filter.h): load the flags of the TCP header, look at
# SYN and ACK; drop SYN alone, take all else.
_ATTACH_FILTER: Final = 26
_NO_SYN: Final = (
    (0x30, 0, 0, 13),
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFF_FFFF),
)


def acceptAll(port: IListeningPort) -> None:
    """
    Accept until nothing waits any more. Nothing is answered meanwhile: who has an answer comes
    again, and where nobody is turned away that would have no end.

    @param port: A port that listens.
    """
    if not (IReadDescriptor.providedBy(port) and hasattr(select, "poll")):
        return
    if isinstance(port, Listener):
        port.answersAtOnce = False
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    for _ in range(_ROUNDS):
        if not poll.poll(0):
            break
        port.doRead()


def turnAway(port: IListeningPort) -> bool:
    """
    Let nobody connect any more, over TCP; what is connected is not touched. There is no way back,
    and it holds for all processes that have the socket.

    @param port: A port that listens.

    @return: Whether that was possible.
    """
    if not (sys.platform == "linux" and IReadDescriptor.providedBy(port)):
        return False
    program = array.array("B", b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
    value = struct.pack("HP", len(_NO_SYN), program.buffer_info()[0])
    with suppress(OSError), socket.socket(fileno=os.dup(port.fileno())) as listening:
        if listening.family in (socket.AF_INET, socket.AF_INET6):
            listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, value)
            return True
    return False


def endQueue(port: IListeningPort, clock: IReactorTime) -> Deferred[Any]:
    """
    Stop a port whose socket ends with it, when all that connected is accepted.

    @param port: A port that listens.
    @param clock: Where the time comes from.

    @return: Fires when it has stopped.
    """
    if isinstance(port, UNIXListener):
        port.unlink()
    turnedAway = turnAway(port)
    acceptAll(port)
    if not turnedAway:
        return maybeDeferred(port.stopListening)

    def stop() -> Any:
        acceptAll(port)
        return port.stopListening()

    return deferLater(clock, HANDSHAKE, stop)
