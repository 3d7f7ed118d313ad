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
        self._installed = False
        self._previous: dict[signal.Signals, Any] = {}
        self._mask: set[int] = set()

    def install(self) -> None:
        """
        Take the signals over, now and from the reactor when it has taken them at its start. One
        that comes at that moment waits. One that is put to another use keeps it: under C{twistd}
        with a log file, SIGUSR1 rotates the log.
        """
        self._installed = True
        self._take()
        if not self._reactor.running:
            self._reactor.addSystemEventTrigger("before", "startup", self._hold)
            self._reactor.addSystemEventTrigger("during", "startup", self._release)

    def restore(self) -> None:
        """
        Put everything back as it was found.
        """
        self._installed = False
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _hold(self) -> None:
        """
        Called before the reactor takes the signals.
        """
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)

    def _release(self) -> None:
        """
        Called after the reactor took the signals.
        """
        if self._installed:
            self._take()
        # Another service in this process may have done the same before, and have ended it already.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(STOP_SIGNALS) - self._mask)

    def _take(self) -> None:
        """
        Take each signal over from nobody, or from the reactor.
        """
        for number in STOP_SIGNALS:
            current = signal.getsignal(number)
            if (
                current in (signal.SIG_DFL, signal.default_int_handler)
                or getattr(current, "__self__", None) is self._reactor
            ):
                self._previous.setdefault(number, current)
                signal.signal(number, self._received)

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
