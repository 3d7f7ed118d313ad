"""
L{Turns}: one thing after the other, in memory as on a network: nobody is called back while it is
still calling.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Turns:
    """
    What is to be done, in its order.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queue: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._running = False
        self._later: IDelayedCall | None = None

    def soon(self, action: Callable[..., Any], *arguments: Any) -> None:
        """
        Do something when nobody is in the middle of something else: when L{run} is called, at the
        latest when the clock is advanced.
        """
        self._queue.append((action, arguments))
        if not self._running and self._later is None:
            self._later = self._clock.callLater(0, self.run)

    def run(self) -> None:
        """
        Do all that there is to do, unless it is being done.
        """
        if self._running:
            return
        self._running = True
        if self._later is not None:
            if self._later.active():
                self._later.cancel()
            self._later = None
        try:
            while self._queue:
                action, arguments = self._queue.popleft()
                action(*arguments)
        finally:
            self._running = False
