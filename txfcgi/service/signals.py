"""
The signals that ask a server to stop, SIGHUP, and those that mean something to other servers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

#: SIGTERM from an init system or lighttpd, SIGUSR1 from Apache (as libfcgi takes it), SIGINT from a
#: terminal, SIGQUIT from users of php-fpm.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGQUIT)

#: With SIGTTIN and SIGTTOU, a system also stops a background job that uses its terminal.
JOB_SIGNALS = (signal.SIGTTIN, signal.SIGTTOU)

#: Signals that other servers understand, and this one does not. The system would end or stop the
#: process.
FOREIGN_SIGNALS = (signal.SIGUSR2, *JOB_SIGNALS)

#: All handled signals.
SIGNALS = (*STOP_SIGNALS, signal.SIGHUP, *FOREIGN_SIGNALS)


def hasTerminal() -> bool:
    """
    @return: Whether this process was started from a terminal, and writes to it.
    """
    return any(os.isatty(fd) for fd in range(3))


def _caught() -> int:
    """
    @return: The signals that this process catches, as a mask; 0 where the system does not say.
        Python does not know the handlers of C{faulthandler}, which an app may have registered.
    """
    try:
        with open("/proc/self/status") as status:
            [mask] = [line.split()[1] for line in status if line.startswith("SigCgt:")]
    except (OSError, ValueError):
        return 0
    return int(mask, 16)


class Signals:
    """
    Stops the reactor on the first signal, and reports each further one. After the reactor has
    ended, signals are ignored until the process ends.

    Twisted's own handlers also stop the reactor, but then end the process by that signal, so the
    exit status is not 0 (MapServer, lighttpd and systemd take that for a failure).

    SIGHUP stops the reactor if the terminal that started the process is gone. A daemon only logs
    it: it has no configuration to reload.

    SIGUSR2, SIGTTIN and SIGTTOU are logged, and have no other effect. On a terminal, the last two
    belong to the shell.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        again: Callable[[], object],
        stopsAtHangUp: bool = False,
        *,
        reload: Callable[[], object] | None = None,
        pending: Callable[[], str] = lambda: "",
    ) -> None:
        """
        @param reactor: The reactor to stop.
        @param again: Called, in the reactor, on a signal while it is stopping.
        @param stopsAtHangUp: Whether SIGHUP stops it, with or without a terminal.
        @param reload: Called, in the reactor, on SIGHUP, which then does not stop it.
        @param pending: Returns what the stop has to wait for, for the log.
        """
        self._reload = reload
        self._reactor = reactor
        self._again = again
        self._pending = pending
        self._stopsAtHangUp = stopsAtHangUp
        self._stopping = False
        self._installed = False
        self._previous: dict[signal.Signals, Any] = {}
        self._mask: set[int] = set()

    def install(self) -> None:
        """
        Handle the signals from now on, and again after the reactor has installed its handlers.
        Signals at that moment are held back. A signal with another use keeps it: with a log file,
        SIGUSR1 reopens the log.
        """
        self._installed = True
        self._stopsAtHangUp = self._stopsAtHangUp or hasTerminal()
        self._take()
        if not self._reactor.running:
            self._reactor.addSystemEventTrigger("before", "startup", self._hold)
            self._reactor.addSystemEventTrigger("during", "startup", self._release)

    def restore(self) -> None:
        """
        Restore the former handlers, unless a signal has begun to stop this process: another signal
        would then kill it, with an exit status that is not 0.
        """
        self._installed = False
        if self._stopping:
            return
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _hold(self) -> None:
        """
        Called before the reactor installs its handlers.
        """
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def _release(self) -> None:
        """
        Called after the reactor has installed its handlers.
        """
        if self._installed:
            self._take()
        # Another service in this process may have done the same before, and have ended it already.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(SIGNALS) - self._mask)

    def _take(self) -> None:
        """
        Handle each signal that has no handler, or the reactor's; and SIGHUP, if it reloads, also
        under C{nohup}.
        """
        caught = _caught()
        for number in SIGNALS:
            if number in JOB_SIGNALS and hasTerminal():
                continue
            current = signal.getsignal(number)
            reloads = number == signal.SIGHUP and self._reload is not None
            default = current == signal.SIG_DFL and not caught >> (number - 1) & 1
            if (
                default
                or current is signal.default_int_handler
                or (reloads and current is signal.SIG_IGN)
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
        if number in FOREIGN_SIGNALS:
            self._reactor.callFromThread(self._foreign, signal.Signals(number))
        elif number != signal.SIGHUP:
            self._reactor.callFromThread(self._stop, signal.Signals(number))
        else:
            self._reactor.callFromThread(self._hangUp if self._reload is None else self._reload)

    def _foreign(self, received: signal.Signals) -> None:
        """
        Called by the reactor, after a signal that means something to other servers.
        """
        if received in JOB_SIGNALS:
            hint = "--workers sets the number of workers, at the start"
        elif self._reload is None:
            hint = "with --workers, SIGHUP reloads the app"
        else:
            hint = "SIGHUP reloads the app"
        self._log.info("{signal} is ignored: {hint}.", signal=received.name, hint=hint)

    def _hangUp(self) -> None:
        """
        Called by the reactor, after SIGHUP.
        """
        if not self._stopsAtHangUp:
            self._log.info("SIGHUP: nothing to reload without --workers. SIGTERM stops the server.")
        elif not self._stopping:
            self._stop(signal.SIGHUP)

    def _stop(self, received: signal.Signals) -> None:
        """
        Called by the reactor, after any other signal.
        """
        if self._stopping:
            self._again()
            return
        self._stopping = True
        self._log.info("{signal}: stops{pending}.", signal=received.name, pending=self._pending())
        self._reactor.addSystemEventTrigger("after", "shutdown", self._ignore)
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            # It is stopping already, for another reason.
            self._again()

    def _ignore(self) -> None:
        """
        Called between the end of the reactor and the end of the process.
        """
        for number in self._previous:
            signal.signal(number, signal.SIG_IGN)
