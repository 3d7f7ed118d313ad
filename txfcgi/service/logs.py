"""
Log files that logrotate or a person may rename.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable, Mapping, MutableMapping
from types import FrameType
from typing import Any, Protocol, TextIO

from twisted.application.service import IService, IServiceCollection, MultiService
from twisted.logger import FileLogObserver, ILogObserver, Logger, textFileLogObserver
from twisted.python.components import Componentized

from ..monitor.lines import MODE, openToAppend


def openLog(path: str) -> TextIO:
    """
    Open a log for appending. A new file gets C{0640}; an existing one keeps its permissions.

    @param path: The path of the log.

    @raise OSError: The file can't be written (L{openToAppend}).
    """
    # The file is line-buffered, so no line is lost if the process is killed.
    return open(
        path,
        "a",
        buffering=1,
        encoding="utf-8",
        errors="backslashreplace",
        opener=lambda name, flags: openToAppend(name),
    )


def openedLog(options: Mapping[str, Any]) -> Any:
    """
    @param options: The options of C{twist}, or of another program without such a file.

    @return: The log that C{twist} has opened, if it is a file.
    """
    opened = options.get("logFile")
    if opened is None or opened in (sys.stdout, sys.stderr):
        return None
    return opened if stat.S_ISREG(os.fstat(opened.fileno()).st_mode) else None


class LogFile:
    """
    A log file that can be reopened after it was renamed.

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
        Write all buffered text to the file.
        """
        self._file.flush()

    def reopen(self) -> None:
        """
        Continue in the file that has the name now, or in a new one. If it can't be opened, continue
        in the old file.
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
    A log that can be reopened.
    """

    def reopen(self) -> None:
        """
        Open it again.
        """


class Logs:
    """
    The logs of a process, which are reopened on SIGUSR1.
    """

    def __init__(self) -> None:
        self._logs: list[Reopened] = []

    def add(self, path: str) -> LogFile:
        """
        Open a log, and reopen it on SIGUSR1 from now on, unless the signal already has another use.

        @param path: Where it is.

        @raise OSError: It can't be written.
        """
        file = LogFile(path)
        self.adopt(file)
        return file

    def adopt(self, log: Reopened) -> None:
        """
        Reopen an open log on SIGUSR1 from now on.
        """
        self._logs.append(log)
        self.expect()

    def expect(self) -> None:
        """
        There will be a log: let SIGUSR1 do nothing until then, unless the signal already has
        another use. It would end the process while the app is loaded.
        """
        if signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL:
            signal.signal(signal.SIGUSR1, self._received)

    def takeOver(self, options: MutableMapping[str, Any]) -> None:
        """
        Take over C{twist --log-file}. C{twist} has opened the file already; a new one is readable
        by everyone.

        @param options: The options of C{twist}, or of another program without such a file.
        """
        opened = openedLog(options)
        if opened is None:
            return
        info = os.fstat(opened.fileno())
        if info.st_size == 0:
            os.fchmod(opened.fileno(), stat.S_IMODE(info.st_mode) & MODE)
        options["logFile"] = self.add(opened.name)
        opened.close()

    def observer(self, path: str) -> FileLogObserver:
        """
        @param path: The path of a log.

        @return: An observer that writes Twisted's log events to it.
        """
        file: Any = self.add(path)
        return textFileLogObserver(file)

    def _received(self, number: int, frame: FrameType | None) -> None:
        """
        Called by Python, between any two instructions of the program.

        @param number: The signal.
        @param frame: Where the program was.
        """
        if self._logs:  # by then, this import installs no other reactor than the wanted one
            from twisted.internet import reactor

            run: Any = reactor
            run.callFromThread(self.reopen)

    def reopen(self) -> None:
        """
        Reopen all logs.
        """
        for log in self._logs:
            log.reopen()


class Logged(MultiService):
    """
    A service whose process logs through its own observer instead of C{twistd}'s: everyone can read
    a log file of C{twistd}, which also renames the file at each megabyte and on SIGUSR1.
    """

    def __init__(self, service: IService, makeObserver: Callable[[], Any]) -> None:
        """
        @param service: The service.
        @param makeObserver: Makes the observer that writes the log, such as L{Logs.observer}.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        service.setServiceParent(self)
        self._makeObserver = makeObserver

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """
        Become part of the application, and set its observer before C{twistd} makes one.

        @param parent: The application.
        """
        if isinstance(parent, Componentized):
            observer = self._makeObserver()
            parent.setComponent(ILogObserver, observer)  # type: ignore[no-untyped-call]
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]
