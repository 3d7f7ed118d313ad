"""
Reading from plain sockets into one buffer, which all connections have in common.

What is long is handed over as it lies there, so that it is copied once, to where it stays, and as
much is read at once as the operating system has.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EWOULDBLOCK
from functools import partial
from typing import Any, Final

from twisted.internet.main import CONNECTION_LOST
from twisted.internet.tcp import Connection

#: Takes what was read, before it returns: the bytes are others afterwards.
Taker = Callable[[memoryview], None]

_buffer: Final = memoryview(bytearray(262_144))

# What is not longer is handed over as bytes.
_SHORT: Final = 16_384


def readInto(transport: Connection, take: Taker) -> None:
    """
    Let a transport read in this way, until L{readAsEver}.

    @param take: Is called with each long read, in the place of the protocol's C{dataReceived}.
    """
    transport.doRead = partial(_read, transport, take)  # type: ignore[method-assign]


def readAsEver(transport: Connection) -> None:
    """
    Let a transport read as it does by itself.
    """
    vars(transport).pop("doRead", None)


def _read(transport: Connection, take: Taker) -> Any:
    try:
        size = transport.socket.recv_into(_buffer)
    except OSError as error:
        return None if error.errno == EWOULDBLOCK else CONNECTION_LOST
    if size > _SHORT:
        return take(_buffer[:size])
    return transport._dataReceived(_buffer[:size].tobytes())
