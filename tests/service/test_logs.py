"""
Tests of L{txfcgi.service.logs}.
"""

from __future__ import annotations

import os
import signal
import stat
from typing import Any

from twisted.application.service import Application, MultiService, Service
from twisted.logger import ILogObserver, LogLevel, capturedLogs
from twisted.python.failure import Failure

from txfcgi.service.logs import LogFile, Logged, Logs

from .processes import FolderTests


class LogsTests(FolderTests):
    """
    Tests of L{Logs} and L{LogFile}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        self.logs = Logs()

    def added(self) -> LogFile:
        """
        A log.
        """
        return self.closed(self.logs.add(self.path("a.log")))

    def closed(self, file: LogFile) -> LogFile:
        """
        A log that is closed when the test is over.
        """
        self.addCleanup(file.close)
        return file

    def read(self, name: str) -> str:
        """
        What is in a log.
        """
        with open(self.path(name)) as file:
            return file.read()

    def test_appends(self) -> None:
        """
        It is written at its end, and each line is there at once, also after another program has cut
        it.
        """
        self.addCleanup(os.umask, os.umask(0o022))
        self.write("a.log", "before\n")
        file = self.added()
        file.write("one\n")
        self.assertEqual(self.read("a.log"), "before\none\n")
        os.truncate(self.path("a.log"), 0)
        file.write("two\udcff\n")
        self.assertEqual(self.read("a.log"), "two\\udcff\n")

    def test_reopened(self) -> None:
        """
        When it was renamed it goes on in a new file, which is not for everyone.
        """
        self.addCleanup(os.umask, os.umask(0o022))
        file = self.added()
        file.write("one\n")
        os.rename(self.path("a.log"), self.path("a.log.1"))
        file.write("two\n")
        self.logs.reopen()
        file.write("three\n")
        self.assertEqual((self.read("a.log.1"), self.read("a.log")), ("one\ntwo\n", "three\n"))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("a.log")).st_mode), 0o640)

    def test_notReopened(self) -> None:
        """
        Where no new file can be had, nothing is lost, and the reason is logged.
        """
        file = self.added()
        os.rename(self.path("a.log"), self.path("a.log.1"))
        os.mkdir(self.path("a.log"))
        with capturedLogs() as events:
            self.logs.reopen()
        file.write("one\n")
        self.assertEqual(self.read("a.log.1"), "one\n")
        self.assertEqual(
            (events[0]["log_level"], events[0]["reason"]), (LogLevel.error, "Is a directory")
        )

    def test_signal(self) -> None:
        """
        From the first log on, SIGUSR1 opens them again, unless it is put to another use.
        """
        self.added()
        self.assertNotEqual(signal.getsignal(signal.SIGUSR1), signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        self.added()
        self.assertEqual(signal.getsignal(signal.SIGUSR1), signal.SIG_IGN)

    def test_observer(self) -> None:
        """
        What Twisted logs is written, tracebacks too, where the service is a part of an application.
        """
        add = self.logs.add
        self.patch(self.logs, "add", lambda path: self.closed(add(path)))
        service = Logged(Service(), lambda: self.logs.observer(self.path("a.log")))
        application: Any = Application("test")
        service.setServiceParent(application)
        observer = ILogObserver(application)
        try:
            raise ZeroDivisionError("gone wrong")
        except ZeroDivisionError:
            failure = Failure()
        observer(
            {
                "log_level": LogLevel.error,
                "log_format": "{what}",
                "what": "an app failed",
                "log_time": 0.0,
                "log_failure": failure,
            }
        )
        self.assertIn("an app failed\n\tTraceback", self.read("a.log"))
        service.disownServiceParent()
        another = MultiService()
        service.setServiceParent(another)
        self.assertEqual(list(another), [service])
