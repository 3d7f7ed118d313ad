"""
Log files that another program may rename: logrotate, or a person.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable, MutableMapping
from types import FrameType
from typing import Any, Protocol, TextIO

from twisted.application.service import IService, IServiceCollection, MultiService
from twisted.logger import FileLogObserver, ILogObserver, Logger, textFileLogObserver
from twisted.python.components import Componentized

#: The permissions of a log that is made: it is for its owner, and a group of administrators.
LOG_MODE = 0o640


def openLog(path: str) -> TextIO:
    """
    Open a log to write at its end, wherever that is by then. One that is made has L{LOG_MODE}; one
    that is there keeps the permissions that it has.

    @param path: Where it is.

    @raise OSError: It can't be written.
    """
    # What is done with it, is done line by line: nothing is lost when the process is killed.
    return open(
        path,
        "a",
        buffering=1,
        encoding="utf-8",
        errors="backslashreplace",
        opener=lambda name, flags: os.open(name, flags | os.O_CLOEXEC, LOG_MODE),
    )


class LogFile:
    """
    A log that is opened again under its name when it was renamed.

    @ivar path: Its absolute path.
    """

    _log = Logger()

    def __init__(self, path: str) -> None:
        """
        @param path: Where it is.

        @raise OSError: It can't be written.
        """
        self.path = os.path.abspath(path)
        self._file = openLog(self.path)

    def write(self, text: str) -> None:
        """
        Write to it.

        @param text: Whole lines.
        """
        self._file.write(text)

    def flush(self) -> None:
        """
        Hand all of it to the system.
        """
        self._file.flush()

    def reopen(self) -> None:
        """
        Go on in the file that has the name now, or in a new one. Where there is none to be had, it
        goes on where it is.
        """
        try:
            new = openLog(self.path)
        except OSError as error:
            self._log.error(
                "The log {path} can't be reopened: {reason}. Logging goes on to the old file. "
                "Allow the user of this process to write to the new one.",
                path=self.path,
                reason=error.strerror,
            )
            return
        old, self._file = self._file, new
        old.close()

    def close(self) -> None:
        """
        Write no more.
        """
        self._file.close()


class Reopened(Protocol):
    """
    Something that can be opened again.
    """

    def reopen(self) -> None:
        """
        Open it again.
        """


class Logs:
    """
    The logs of a process, which are opened again at SIGUSR1.
    """

    def __init__(self) -> None:
        self._logs: list[Reopened] = []

    def add(self, path: str) -> LogFile:
        """
        Open one, and open it again from now on. A signal that is put to use already keeps that.

        @param path: Where it is.

        @raise OSError: It can't be written.
        """
        file = LogFile(path)
        self.adopt(file)
        return file

    def adopt(self, log: Reopened) -> None:
        """
        Open one again from now on, which is open already.
        """
        self._logs.append(log)
        if signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL:
            signal.signal(signal.SIGUSR1, self._received)

    def takeOver(self, options: MutableMapping[str, Any]) -> None:
        """
        Write what C{twist --log-file} would. It has opened that already, for everyone to read if it
        is new.

        @param options: Those of C{twist}, or of another program that has no such file.
        """
        opened = options.get("logFile")
        if opened is None or opened in (sys.stdout, sys.stderr):
            return
        info = os.fstat(opened.fileno())
        if not stat.S_ISREG(info.st_mode):
            return
        if info.st_size == 0:
            os.fchmod(opened.fileno(), stat.S_IMODE(info.st_mode) & LOG_MODE)
        options["logFile"] = self.add(opened.name)
        opened.close()

    def observer(self, path: str) -> FileLogObserver:
        """
        @param path: Where a log is.

        @return: An observer that writes into it what Twisted logs.
        """
        file: Any = self.add(path)
        return textFileLogObserver(file)

    def _received(self, number: int, frame: FrameType | None) -> None:
        """
        Called by Python, between any two instructions of the program.

        @param number: The signal.
        @param frame: Where the program was.
        """
        from twisted.internet import reactor

        run: Any = reactor
        run.callFromThread(self.reopen)

    def reopen(self) -> None:
        """
        Open all of them again.
        """
        for log in self._logs:
            log.reopen()


class Logged(MultiService):
    """
    A service whose process writes its log by an observer of its own, in the place of C{twistd}'s:
    a log file of that can be read by everyone, and C{twistd} renames it by itself whenever it has a
    megabyte, and at SIGUSR1.
    """

    def __init__(self, service: IService, makeObserver: Callable[[], Any]) -> None:
        """
        @param service: The service.
        @param makeObserver: Makes what writes the log, such as L{Logs.observer}.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        service.setServiceParent(self)
        self._makeObserver = makeObserver

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """
        Become a part of the application, which C{twistd} asks for an observer before it makes its
        own.

        @param parent: The application.
        """
        if isinstance(parent, Componentized):
            observer = self._makeObserver()
            parent.setComponent(ILogObserver, observer)  # type: ignore[no-untyped-call]
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]
