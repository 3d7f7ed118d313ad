"""
The state of a socket that its transport has not noticed yet.
"""

from __future__ import annotations

import select
from typing import Any, Final

from twisted.internet.interfaces import ISystemHandle
from twisted.protocols.policies import ProtocolWrapper

_READABLE: Final = getattr(select, "POLLIN", 0)
_GONE: Final = getattr(select, "POLLHUP", 0)
_GONE_OR_HALF: Final = getattr(select, "POLLRDHUP", 0) | _GONE


def hasInput(transport: object) -> bool:
    """
    Whether the peer has sent bytes, or closed the connection, and that has not been read.

    @param transport: The transport. L{False} for one without a socket.
    """
    return _polled(transport, _READABLE)


def isGone(transport: object, halfCloses: bool = False) -> bool:
    """
    Whether the peer has closed a connection that is not being read: a transport that is paused, or
    whose input has ended, does not notice that.

    @param halfCloses: Whether a peer may close its own direction only, and still read.
    """
    return _polled(transport, _GONE if halfCloses else _GONE_OR_HALF)


def _polled(transport: Any, events: int) -> bool:
    while isinstance(transport, ProtocolWrapper):  # TLS
        transport = transport.transport
    if not events or not ISystemHandle.providedBy(transport):
        return False
    poll = select.poll()
    handle: Any = ISystemHandle(transport).getHandle()
    poll.register(handle, events)
    return bool(poll.poll(0))
