"""
Tests of L{txfcgi.service.files}.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from txfcgi.errors import CannotServe
from txfcgi.service.files import checkFiles

from .processes import FolderTests


class CheckFilesTests(FolderTests):
    """
    Tests of L{checkFiles}.
    """

    def options(self, **given: Any) -> dict[str, Any]:
        """
        Options of C{twistd}.
        """
        return {
            "nodaemon": False,
            "logfile": self.path("app.log"),
            "syslog": False,
            "logger": None,
            "pidfile": "app.pid",
            "rundir": self.folder,
            "chroot": None,
            **given,
        }

    def check(self, **given: Any) -> str | None:
        """
        Check files.

        @return: The path of the log.
        """
        return checkFiles(self.options(**given))

    def mistake(self, **given: Any) -> str:
        """
        What is said of files that can't be written.
        """
        return str(self.assertRaises(CannotServe, self.check, **given))

    def mode(self) -> int:
        """
        The permissions of the log.
        """
        return stat.S_IMODE(os.stat(self.path("app.log")).st_mode)

    def test_log(self) -> None:
        """
        A log is made for its owner and its group, and not for everyone.
        """
        self.addCleanup(os.umask, os.umask(0o022))
        self.check()
        self.assertEqual(self.mode(), 0o640)

    def test_logThatIsThere(self) -> None:
        """
        One that is there keeps its permissions and what is in it.
        """
        self.write("app.log", "before")
        os.chmod(self.path("app.log"), 0o604)
        self.check()
        self.assertEqual((self.mode(), os.stat(self.path("app.log")).st_size), (0o604, 6))

    def test_defaultLog(self) -> None:
        """
        A daemon has a log if it was not told otherwise.
        """
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.check(logfile=None)
        self.assertEqual(os.listdir(self.folder), ["twistd.log"])

    def test_noLog(self) -> None:
        """
        In the foreground it has none, nor where it logs elsewhere.
        """
        elsewhere: list[dict[str, Any]] = [
            {"nodaemon": True, "logfile": None},
            {"nodaemon": True, "logfile": "-"},
            {"syslog": True},
            {"logger": "a.b"},
        ]
        for given in elsewhere:
            self.assertIsNone(self.check(**given))
        self.assertIsNone(checkFiles({}))
        self.assertEqual(os.listdir(self.folder), [])

    def test_logThatCannotBeWritten(self) -> None:
        """
        It is named, with the reason and the option.
        """
        log = self.path("no/app.log")
        self.assertEqual(
            self.mistake(logfile=log),
            f"the log {log} can't be written: No such file or directory. Choose another one with "
            "--logfile, before the command",
        )

    def test_pidFileThatCannotBeWritten(self) -> None:
        """
        So is the pid file.
        """
        said = self.mistake(pidfile="no/app.pid")
        self.assertIn(f"{self.path('no/app.pid')} can't be written: the directory does not", said)
        self.patch(os, "access", lambda path, mode: False)
        self.assertIn("app.pid can't be written: Permission denied. Choose another", self.mistake())
        for given in ({"pidfile": ""}, {"chroot": "/jail"}):
            self.check(**given)
