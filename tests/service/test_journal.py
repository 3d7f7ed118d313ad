"""
Tests of L{txfcgi.service.journal}.
"""

from __future__ import annotations

import io
import os
import socket
import sys
from typing import Any

from twisted.logger import ILogObserver, LogLevel
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from txfcgi.service.journal import JournalObserver, leadsToJournal

from .processes import FolderTests, ProgramTests, which

# Says that its standard output leads to the journal, and becomes another program.
UNDER_SYSTEMD = """
import os, sys
output = os.fstat(1)
os.environ["JOURNAL_STREAM"] = f"{output.st_dev}:{output.st_ino}"
os.execv(sys.argv[1], sys.argv[1:])
"""


def event(level: Any, format: str, **fields: Any) -> dict[str, Any]:
    """
    Something that was logged.
    """
    return {
        "log_level": level,
        "log_format": format,
        "log_namespace": "mod",
        "log_time": 1.0,
        **fields,
    }


def failed() -> Failure:
    """
    Something that failed.
    """
    try:
        raise ZeroDivisionError("gone wrong")
    except ZeroDivisionError:
        return Failure()


class JournalTests(FolderTests):
    """
    Tests of L{JournalObserver}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(sys, "argv", ["/usr/bin/twistd", "fcgi"])
        self.stream = io.StringIO()

    def test_leads(self) -> None:
        """
        The environment says what leads to the journal.
        """
        with open(self.path("a"), "w") as file:
            info = os.fstat(file.fileno())
            own = {"JOURNAL_STREAM": f"{info.st_dev}:{info.st_ino}"}
            self.assertTrue(leadsToJournal(file, own))
            self.assertFalse(leadsToJournal(file, {"JOURNAL_STREAM": "1:2"}))
            self.assertFalse(leadsToJournal(file, {}))
        self.assertFalse(leadsToJournal(file, own))
        self.assertFalse(leadsToJournal(None, own))
        self.assertFalse(leadsToJournal(io.StringIO(), own))

    def observer(self, name: str) -> JournalObserver:
        """
        An observer for a journal that has its socket in this test's folder.
        """
        observer = JournalObserver(self.stream, self.path(name))
        self.addCleanup(observer.close)
        return observer

    def test_entries(self) -> None:
        """
        The journal is given entries, whole, with their priority.
        """
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(journal.close)
        journal.bind(self.path("journal"))
        observer = self.observer("journal")
        verifyObject(ILogObserver, observer)
        observer(event(LogLevel.warn, "one\ntwo"))
        self.assertEqual(
            journal.recv(1000),
            b"PRIORITY=4\nSYSLOG_IDENTIFIER=twistd\nMESSAGE\n"
            b"\x12\0\0\0\0\0\0\0[mod#warn] one\ntwo\n",
        )
        observer(event(LogLevel.critical, "it failed", log_failure=failed()))
        entry = journal.recv(10_000)
        self.assertTrue(entry.startswith(b"PRIORITY=3\n"))
        self.assertIn(b"ZeroDivisionError: gone wrong", entry)
        self.assertEqual(self.stream.getvalue(), "")

    def test_lines(self) -> None:
        """
        Where there is no journal to give entries to, each line has its priority.
        """
        observer = self.observer("none")
        observer(event(LogLevel.info, "hello"))
        observer(event(LogLevel.critical, "it failed", log_failure=failed()))
        first, *rest = self.stream.getvalue().splitlines()
        self.assertEqual(first, "<6>[mod#info] hello")
        self.assertGreater(len(rest), 3)
        for line in rest:
            self.assertTrue(line.startswith("<3>"), line)

    def test_tooLong(self) -> None:
        """
        What the journal does not take at once is written in lines, and the next entry is not.
        """
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(journal.close)
        journal.bind(self.path("journal"))
        observer = self.observer("journal")
        observer(event(LogLevel.info, "x" * 2_000_000))
        observer(event(LogLevel.info, "short"))
        self.assertTrue(self.stream.getvalue().startswith("<6>[mod#info] xxx"))
        self.assertIn(b"[mod#info] short", journal.recv(1000))

    def test_nothing(self) -> None:
        """
        What has no text has no entry.
        """
        observer = self.observer("none")
        observer({"log_level": LogLevel.info, "log_time": 1.0})
        self.assertEqual(self.stream.getvalue(), "")


class ProgramsTests(ProgramTests):
    """
    Programs whose standard output leads to the journal.
    """

    def assertNoTime(self, *words: str) -> None:
        """
        Check that what a program logs has priorities, and no time.
        """
        program = self.start(
            *("python", "-c", UNDER_SYSTEMD, which(words[0]), *words[1:]),
            *("fcgi", "--port", f"unix:{self.socketPath}", "--app", "sample.hello"),
        )
        program.waitFor("Listens on")
        self.assertEnds(program)
        lines = program.said.splitlines()
        self.assertTrue(all(line.startswith("<6>[") for line in lines), program.said)

    def test_twistd(self) -> None:
        """
        C{twistd -n}.
        """
        self.assertNoTime("twistd", "-n", "--pidfile=")

    def test_twist(self) -> None:
        """
        C{twist}, which writes JSON otherwise.
        """
        self.assertNoTime("twist")

    def test_chosen(self) -> None:
        """
        A format that was asked for stays.
        """
        program = self.start(
            *("python", "-c", UNDER_SYSTEMD, which("twist"), "--log-format=text"),
            *("fcgi", "--port", f"unix:{self.socketPath}", "--app", "sample.hello"),
        )
        program.waitFor("Listens on")
        self.assertEnds(program)
        self.assertNotIn("<6>", program.said)
