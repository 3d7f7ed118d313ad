"""
Closing a listening socket without losing connections. Closing resets the connections that wait in
its queue, so they are accepted first, and new ones are kept out meanwhile.

A Unix socket is removed from the filesystem for that. A TCP socket gets a filter that drops the
first packet of each connection (on Linux). A client sends that packet again after a second, and is
then refused, so a web server knows that the request has not started, and can choose another server.
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

# The most times that a port is told to accept; each time it accepts at least one connection.
_ROUNDS: Final = 10_000

#: Seconds for a connection that began before the filter to be established.
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
    Accept until no connection waits. Send no responses meanwhile: a client with a response would
    connect again, and if new connections are not kept out, that would never end.

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
    Keep out new TCP connections; existing ones are not affected. This can't be undone, and affects
    all processes that have the socket.

    @param port: A listening port.

    @return: Whether the system supports it.
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
    Stop a port whose socket ends with it, after accepting all waiting connections.

    @param port: A listening port.
    @param clock: The source of time.

    @return: Fires when the port has stopped.
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
