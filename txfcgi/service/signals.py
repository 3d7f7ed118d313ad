"""
The signals that ask a server to stop.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

#: SIGTERM from an init system or lighttpd, SIGUSR1 from Apache (as libfcgi takes it), SIGINT from a
#: terminal.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class StopSignals:
    """
    Stops the reactor at the first signal, and says so at each one after it.

    Twisted's own handlers stop the reactor too, but then make the process end by that signal: its
    exit status would not be 0 (MapServer, lighttpd and systemd take that for a failure).
    """

    def __init__(self, reactor: Any, again: Callable[[], object]) -> None:
        """
        @param reactor: The reactor to stop.
        @param again: Called, in the reactor, when a signal comes while it is stopping.
        """
        self._reactor = reactor
        self._again = again
        self._stopping = False
        self._previous: dict[signal.Signals, Any] = {}

    def install(self) -> None:
        """
        Take the signals over from nobody, or from the reactor, which takes them when it begins to
        run: so it takes two calls. One that is put to another use keeps it: under C{twistd} with a
        log file, SIGUSR1 rotates the log.
        """
        for number in STOP_SIGNALS:
            current = signal.getsignal(number)
            if (
                current in (signal.SIG_DFL, signal.default_int_handler)
                or getattr(current, "__self__", None) is self._reactor
            ):
                self._previous.setdefault(number, current)
                signal.signal(number, self._received)

    def restore(self) -> None:
        """
        Put everything back as it was found.
        """
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _received(self, number: int, frame: FrameType | None) -> None:
        """
        Called by Python, between any two instructions of the program.

        @param number: The signal.
        @param frame: Where the program was.
        """
        self._reactor.callFromThread(self._stop)

    def _stop(self) -> None:
        """
        Called by the reactor.
        """
        if self._stopping:
            self._again()
        else:
            self._stopping = True
            self._reactor.stop()
