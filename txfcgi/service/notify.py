"""
L{Notifier}: reports the state of the service to the service manager (systemd), as sd_notify(3),
without its library.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger


class Notifier:
    """
    Reports to the service manager that started this process, if any.

    A failure to send is logged once; serving goes on without a service manager.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, environ: Mapping[str, str] = os.environ) -> None:
        """
        @param environ: The environment: NOTIFY_SOCKET is the address of the service manager;
            WATCHDOG_USEC and WATCHDOG_PID are set if it expects regular messages from this process.
        """
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._failed = False
        self._watchdog: LoopingCall | None = None
        seconds = _watchdogSeconds(environ)
        if self._address and seconds:
            self._watchdog = LoopingCall(self._tell, "WATCHDOG=1")
            self._watchdog.clock = clock
            self._every = seconds / 2

    def ready(self, status: str) -> None:
        """
        The service is ready. From now on, the watchdog gets its messages.

        @param status: One line for people.
        """
        self._tell("READY=1", f"MAINPID={os.getpid()}", f"STATUS={_line(status)}")
        if self._watchdog is not None and not self._watchdog.running:
            self._watchdog.start(self._every)

    def reloading(self, status: str) -> None:
        """
        A reload begins. L{ready} reports its end.
        """
        monotonic = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={monotonic}", f"STATUS={_line(status)}")

    def status(self, status: str) -> None:
        """
        Report the state of the service.
        """
        self._tell(f"STATUS={_line(status)}")

    def stopping(self, status: str) -> None:
        """
        The service is stopping.
        """
        self._tell("STOPPING=1", f"STATUS={_line(status)}")

    def close(self) -> None:
        """
        Send nothing more.
        """
        if self._watchdog is not None and self._watchdog.running:
            self._watchdog.stop()
        self._address = ""

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode("utf-8"), self._address)
        except OSError as error:
            if not self._failed:
                self._failed = True
                self.log.warn(
                    "The service manager can't be told ({lines}): {error}",
                    lines=", ".join(lines),
                    error=error.strerror,
                )


def _address(text: str) -> str:
    """
    The address of a socket: a path, or a name in the abstract namespace.
    """
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else ""


def _watchdogSeconds(environ: Mapping[str, str]) -> float:
    """
    Seconds between watchdog messages; 0 if the service manager expects none.
    """
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() else 0


def _line(text: str) -> str:
    return text.replace("\n", " ")
