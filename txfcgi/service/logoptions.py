"""
The options of C{twistd fcgi} and C{twistd scgi} for logging requests.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import Any, ClassVar

from twisted.logger import globalLogPublisher
from twisted.python.usage import UsageError

from ..monitor.accesslog import AccessLog
from ..monitor.formats import BadFormat
from ..monitor.lines import LineWriter, openToAppend
from ..monitor.slow import SlowRequests
from ..monitor.stderr import StderrLog
from ..server.observing import IServerObserver
from .commandline import CommandOptions, numberOption


class LogOptions(CommandOptions):
    """
    The options for logging requests.

    @ivar workerName: The name of this worker in the access log.
    @ivar standardOutput: The descriptor of the standard output that C{-} means.
    """

    optParameters: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "access-log",
            None,
            None,
            "Where to write a line for each request: a file (reopened on SIGUSR1), - for "
            "standard output, or none [default: none]",
        ],
        [
            "access-log-format",
            None,
            None,
            "The format of the access log: common, combined, json, or Apache's letters, "
            "such as "
            "'%h %t \"%r\" %>s %b %D' [default: combined]",
        ],
        numberOption(
            "slow-after",
            None,
            "Log each request that runs longer than this, once, with the code that its "
            "coroutine awaits or its thread runs",
            float,
            none=True,
        ),
    ]

    optFlags: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "log-to-stderr",
            None,
            "Also send what is logged during a request to the web server's error log (FCGI_STDERR)",
        ],
    ]

    workerName = ""
    standardOutput = 1
    _lines: LineWriter | None = None
    _accessLog: AccessLog | None = None
    _stderrLog: StderrLog | None = None
    # What --slow-after logs.
    slow: SlowRequests | None = None

    @property
    def hasMaster(self) -> bool:
        """
        Whether this process becomes a master, which leaves the access log to its workers.
        """
        raise NotImplementedError

    def openLogs(self) -> None:
        """
        Open the access log, if one is wanted.

        @raise UsageError: The file can't be written, or the format is invalid.
        """
        path = self["access-log"]
        if path in (None, "none"):
            if self["access-log-format"] is not None:
                raise UsageError("--access-log-format has no effect without --access-log FILE")
            return
        if path == "-" and self.parent is not None and not self.parent.get("nodaemon", True):
            raise UsageError(
                "--access-log - is standard output, which a daemon does not have: name a file, "
                "or stay in the foreground with twistd -n"
            )
        try:
            self._open(path)
        except OSError as error:
            raise UsageError(f"--access-log {path} can't be written: {error.strerror}") from error
        except BadFormat as error:
            raise UsageError(f"--access-log-format: {error}") from error

    def _open(self, path: str) -> None:
        """
        @raise OSError: The file can't be written.
        @raise BadFormat: The format is invalid.
        """
        writing = AccessLog(self._write, self["access-log-format"] or "combined", self.workerName)
        if path != "-":
            self._giveAway(path)
        if not self.hasMaster:
            self._accessLog = writing
            self._lines = LineWriter(path, self.standardOutput if path == "-" else None)

    def _giveAway(self, path: str) -> None:
        """
        Check that the log can be written. A new log is given to the user that C{twistd} changes to,
        who may have to reopen it.
        """
        isNew = not os.path.exists(path)
        if not isNew and stat.S_ISFIFO(os.stat(path).st_mode) and not self.hasMaster:
            return  # its reader would take the end of this check for the end of the log
        descriptor = openToAppend(path)
        try:
            if isNew and self.parent is not None and os.geteuid() == 0:
                uid, gid = (self.parent.get(name) for name in ("uid", "gid"))
                os.fchown(descriptor, -1 if uid is None else uid, -1 if gid is None else gid)
        finally:
            os.close(descriptor)

    def _write(self, line: str) -> None:
        assert self._lines is not None
        self._lines.write(line)

    def logObservers(self) -> list[IServerObserver]:
        """
        @return: The observers that write the wanted logs.
        """
        wanted: list[IServerObserver] = []
        if self._accessLog is not None:
            wanted.append(self._accessLog)
        if self["slow-after"] is not None:
            self.slow = SlowRequests(self["slow-after"])
            wanted.append(self.slow)
        if self._stderrLog is not None:
            wanted.append(self._stderrLog)
        return wanted

    def attachLogs(self, reactor: Any) -> None:
        """
        Reopen the logs on SIGUSR1, and close them with the reactor.
        """
        if self["log-to-stderr"]:
            self._stderrLog = StderrLog(reactor)
            globalLogPublisher.addObserver(self._stderrLog)
        if self._lines is not None:
            self._lines.attach(reactor)
            if self["access-log"] != "-":
                self.logs.adopt(self._lines)
