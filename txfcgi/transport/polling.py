"""
What a socket has to say that its transport did not hear so far.
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
    Whether the peer has sent something, be it the end, that was not read so far.

    @param transport: A connection. One that has no socket never has.
    """
    return _polled(transport, _READABLE)


def isGone(transport: object, halfCloses: bool = False) -> bool:
    """
    Whether the peer closed a connection that is not read at the moment: a transport that is
    paused, or whose input is over, does not notice.

    @param halfCloses: Whether the peer may close its own direction only, and is still there.
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
