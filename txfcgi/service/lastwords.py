"""
What a worker writes on SIGUSR2, which the master sends to a worker that hangs: its stack, and its
running requests.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from types import FrameType
from typing import Final

from ..server.factory import ServerFactory

_STANDARD_ERROR: Final = 2

# The most requests to name, the oldest first.
_REQUESTS: Final = 20


def sayStack() -> None:
    """
    On SIGUSR2, write the stacks of all threads.
    """
    faulthandler.register(signal.SIGUSR2, file=_STANDARD_ERROR, all_threads=True)


def nameRequests(server: ServerFactory) -> None:
    """
    Also name the requests of a server. That needs the Python interpreter: if the worker hangs in
    code that never returns to Python, only the stacks are written.
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
    # faulthandler writes the stacks first, then calls the other one.
    faulthandler.register(signal.SIGUSR2, file=_STANDARD_ERROR, all_threads=True, chain=True)
