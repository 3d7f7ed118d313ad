"""
Reading from plain sockets: long reads go into one buffer, which all connections share.

From there, bytes are copied once, to where they stay. One read takes all that the operating system
has.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EWOULDBLOCK
from functools import partial
from typing import Final

from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.tcp import Connection

from .direct import DirectConnection, Reason

#: Consumes what was read before it returns: the buffer is overwritten afterwards.
Taker = Callable[[memoryview], None]

_buffer: Final = memoryview(bytearray(262_144))

# How much a read takes as bytes. A peer that sends more is read into the buffer, until it sends
# less again.
_SHORT: Final = 65_536
_LITTLE: Final = 16_384


def readInto(transport: Connection, take: Taker) -> None:
    """
    Make a transport read in this way, until L{readAsEver}.

    @param take: Called with each long read, in place of the protocol's C{dataReceived}.
    """
    if isinstance(transport, DirectConnection):
        transport.doRead = partial(transport.reading, _readShort, transport, take)  # type: ignore[method-assign]
    else:
        transport.doRead = partial(_readShort, transport, take)  # type: ignore[method-assign]


def readAsEver(transport: Connection) -> None:
    """
    Make a transport read as Twisted does.
    """
    vars(transport).pop("doRead", None)


def _readShort(transport: Connection, take: Taker) -> Reason:
    try:
        data = transport.socket.recv(_SHORT)
    except OSError as error:
        return _failed(error)
    if len(data) > _LITTLE:
        transport.doRead = partial(_readLong, transport, take)  # type: ignore[method-assign]
    return _give(transport, data)


def _readLong(transport: Connection, take: Taker) -> Reason:
    try:
        size = transport.socket.recv_into(_buffer)
    except OSError as error:
        return _failed(error)
    if size > _LITTLE:
        take(_buffer[:size])
        return None
    readInto(transport, take)
    return _give(transport, _buffer[:size].tobytes())


def _give(transport: Connection, data: bytes) -> Reason:
    """
    Give the protocol what was read: nothing is the end.
    """
    if not data:
        return CONNECTION_DONE
    transport.protocol.dataReceived(data)
    return None


def _failed(error: OSError) -> Reason:
    return None if error.errno == EWOULDBLOCK else CONNECTION_LOST
