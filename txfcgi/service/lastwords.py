"""
What a worker says at SIGUSR2, which its master sends when it hangs: its stack, and the requests
that it has.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from types import FrameType
from typing import Final

from ..server.factory import ServerFactory

_STANDARD_ERROR: Final = 2

# The most requests that are named, the oldest ones.
_REQUESTS: Final = 20


def sayStack() -> None:
    """
    Write the stacks of all threads at SIGUSR2, wherever they are.
    """
    faulthandler.register(signal.SIGUSR2, file=_STANDARD_ERROR, all_threads=True)


def nameRequests(server: ServerFactory) -> None:
    """
    Name the requests of a server, too. That takes Python: where the hang is in code that never
    returns to it, there are the stacks alone.
    """

    def received(number: int, frame: FrameType | None) -> None:
        now = server.clock.seconds()
        running = server.running()
        lines = [
            f"It was running request {request.requestID} ({request.target}), for "
            f"{now - (request.started if request.account is None else request.account.began):.1f} s"
            for request in running[:_REQUESTS]
        ]
        if len(running) > _REQUESTS:
            lines.append(f"It was running {len(running) - _REQUESTS} more requests")
        os.write(_STANDARD_ERROR, "".join(f"{line}\n" for line in lines).encode())

    faulthandler.unregister(signal.SIGUSR2)
    signal.signal(signal.SIGUSR2, received)
    # It writes the stacks first, and then lets the other one have the signal.
    faulthandler.register(signal.SIGUSR2, file=_STANDARD_ERROR, all_threads=True, chain=True)
