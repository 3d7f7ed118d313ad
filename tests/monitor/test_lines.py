"""
Tests of L{txfcgi.monitor.lines}.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.monitor import lines
from txfcgi.monitor.lines import LineWriter

from ..folders import folderFor
from ..service.processes import until


class Reactor:
    """
    As much of a reactor as a writer wants: what it is to call is called when it is told to.
    """

    def __init__(self) -> None:
        self.triggers: list[tuple[str, str, Callable[[], object]]] = []
        self._calls: list[tuple[Callable[..., object], tuple[object, ...]]] = []
        self.asked = threading.Event()

    def addSystemEventTrigger(self, phase: str, event: str, function: Any) -> None:
        """
        Remember it.
        """
        self.triggers.append((phase, event, function))

    def callFromThread(self, function: Callable[..., object], *args: object) -> None:
        """
        Remember it.
        """
        self._calls.append((function, args))
        self.asked.set()

    def turn(self) -> None:
        """
        Wait until something is to be called, and call it.
        """
        assert self.asked.wait(60)
        self.asked.clear()
        while self._calls:
            function, args = self._calls.pop(0)
            function(*args)


class LineWriterTests(SynchronousTestCase):
    """
    Tests of L{LineWriter}.
    """

    def setUp(self) -> None:
        self.folder = folderFor(self)
        self.patch(lines, "_PAUSE", 0.0)

    def path(self, name: str = "access.log") -> str:
        """
        A path in the folder of this test.
        """
        return os.path.join(self.folder, name)

    def read(self, name: str = "access.log") -> str:
        """
        What is in a file.
        """
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def said(self, events: Sequence[LogEvent]) -> list[str]:
        """
        What was logged.
        """
        return [formatEvent(event) for event in events]

    def test_writes(self) -> None:
        """
        Lines stand in the file in their order, behind what was there, when it is closed.
        """
        with open(self.path(), "w") as file:
            file.write("before\n")
        writer = LineWriter(self.path())
        for number in range(3000):
            writer.write(f"line {number}")
        writer.close()
        written = self.read().splitlines()
        self.assertEqual(written, ["before", *(f"line {number}" for number in range(3000))])
        self.assertEqual(writer.lost, 0)

    def test_together(self) -> None:
        """
        Lines that come while others are written wait for more, as those did.
        """
        writer = LineWriter(self.path())
        steps: list[str] = []
        write = os.write

        def written(descriptor: int, data: memoryview) -> int:
            steps.append(bytes(data).decode())
            if len(steps) == 2:
                writer.write("three")
            return write(descriptor, data)

        def gather(writer: LineWriter) -> None:
            if len(steps) == 0:
                writer.write("two")
            steps.append("waits")

        self.patch(os, "write", written)
        self.patch(LineWriter, "_gather", gather)
        writer.write("one")
        until(lambda: "three\n" in steps)
        writer.close()
        self.assertEqual(steps[:4], ["waits", "one\ntwo\n", "waits", "three\n"])

    def test_permissions(self) -> None:
        """
        A file that is made is not for everyone.
        """
        self.addCleanup(os.umask, os.umask(0o022))
        LineWriter(self.path()).close()
        self.assertEqual(stat.S_IMODE(os.stat(self.path()).st_mode), 0o640)

    def test_noFile(self) -> None:
        """
        A file that can't be had is known at once.
        """
        self.assertRaises(FileNotFoundError, LineWriter, self.path("missing/access.log"))

    def test_noThreadBeforeTheFirstLine(self) -> None:
        """
        There is no thread before there is a line, as none survives a fork.
        """
        before = threading.active_count()
        writer = LineWriter(self.path())
        self.assertEqual(threading.active_count(), before)
        writer.write("one")
        self.assertEqual(threading.active_count(), before + 1)
        writer.close()
        self.assertEqual(threading.active_count(), before)

    def test_standardOutput(self) -> None:
        """
        What is open already is written to, and stays open.
        """
        reading, writing = os.pipe()
        writer = LineWriter("-", writing)
        writer.write("one")
        writer.reopen()
        writer.close()
        os.close(writing)
        with open(reading) as file:
            self.assertEqual(file.read(), "one\n")

    def test_reopen(self) -> None:
        """
        After the file was renamed it goes on in a new one; what was written before is in the old.
        """
        writer = LineWriter(self.path())
        writer.write("one")
        os.rename(self.path(), self.path("access.log.1"))
        writer.reopen()
        until(lambda: os.path.exists(self.path()))
        writer.write("two")
        writer.close()
        self.assertEqual((self.read("access.log.1"), self.read()), ("one\n", "two\n"))

    def test_reopenBeforeTheFirstLine(self) -> None:
        """
        The same before anything was written.
        """
        writer = LineWriter(self.path())
        os.rename(self.path(), self.path("access.log.1"))
        writer.reopen()
        writer.write("two")
        writer.close()
        self.assertEqual((self.read("access.log.1"), self.read()), ("", "two\n"))

    def test_notReopened(self) -> None:
        """
        Where no new file can be had, it goes on in the old one.
        """
        writer = LineWriter(self.path())
        os.rename(self.path(), self.path("access.log.1"))
        os.mkdir(self.path())
        with capturedLogs() as events:
            writer.reopen()
        writer.write("one")
        writer.close()
        self.assertEqual(self.read("access.log.1"), "one\n")
        self.assertIn("can't be reopened: Is a directory", self.said(events)[0])

    def test_attached(self) -> None:
        """
        It is closed when the reactor has stopped.
        """
        reactor = Reactor()
        writer = LineWriter(self.path())
        writer.attach(reactor)
        writer.write("one")
        [(phase, event, function)] = reactor.triggers
        self.assertEqual((phase, event), ("after", "shutdown"))
        function()
        self.assertEqual(self.read(), "one\n")

    def test_fullDisk(self) -> None:
        """
        Lines that find no room are counted; that is told once, and once when there is room again.
        """
        reactor = Reactor()
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        writer = LineWriter("-", full)
        writer.attach(reactor)
        with capturedLogs() as events:
            for _ in range(2):
                writer.write("lost")
                reactor.turn()
            file = os.open(self.path(), os.O_WRONLY | os.O_CREAT)
            os.dup2(file, writer._descriptor)
            os.close(file)
            writer.write("kept")
            reactor.turn()
        writer.close()
        self.assertEqual(writer.lost, 2)
        self.assertEqual(self.read(), "kept\n")
        first, second = self.said(events)
        self.assertIn("can't be written: No space left on device", first)
        self.assertIn("can be written again. 2 lines are missing", second)

    def test_fullAtTheEnd(self) -> None:
        """
        What is missing at the end is told.
        """
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        writer = LineWriter("-", full)
        writer.write("lost")
        with capturedLogs() as events:
            writer.close()
        self.assertIn("ends with 1 lines missing", self.said(events)[-1])

    def test_stuck(self) -> None:
        """
        Where nothing is taken, lines wait up to a number; those beyond it are counted. At the end
        nobody waits for them for long.
        """
        self.patch(lines, "_LAST", 0.1)
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        writer = LineWriter("-", writing, waitingLines=5)
        os.close(writing)
        with capturedLogs() as events:
            writer.write("x" * 1_000_000)  # more than a pipe holds
            until(lambda: not writer._waiting)
            for number in range(8):
                writer.write(f"line {number}")
            self.assertEqual(writer.lost, 3)
            writer.close()
        self.assertEqual(writer.lost, 9)
        first, second = self.said(events)
        self.assertIn("5 lines are waiting", first)
        self.assertIn("ends with 9 lines missing", second)
        # It is let go, and the thread ends.
        left = 1_000_001 + 5 * len("line 0\n")
        while left:
            left -= len(os.read(reading, 1_000_000))

    def test_stuckLongLines(self) -> None:
        """
        Long lines wait up to a number of bytes, not of lines alone: URIs are as long as a browser
        likes.
        """
        reading, writing = os.pipe()
        writer = LineWriter("-", writing, waitingBytes=3_000_000)
        os.close(writing)
        with capturedLogs() as events:
            for _ in range(5):
                writer.write("x" * 1_000_000)
            self.assertEqual(writer.lost, 2)
            left = 3 * 1_000_001
            while left:
                left -= len(os.read(reading, left))
            writer.close()
        os.close(reading)
        self.assertEqual(writer.lost, 2)
        self.assertIn("3000000 bytes of lines are waiting", self.said(events)[0])

    def test_slowDisk(self) -> None:
        """
        A disk that is a little too slow is told of once, not each time that it has taken a few
        lines: they can be written again when half of the room is free.
        """
        reactor = Reactor()
        reading, writing = os.pipe()
        writer = LineWriter("-", writing, waitingLines=10)
        os.close(writing)
        writer.attach(reactor)
        self.patch(lines, "_TOGETHER", 1)
        with capturedLogs() as events:
            writer.write("x" * 1_000_000)  # more than a pipe holds
            until(lambda: not writer._waiting)
            for number in range(12):
                writer.write(f"line {number}")
            left = 1_000_001
            while left:
                left -= len(os.read(reading, left))
            until(lambda: not writer._waiting)
            reactor.turn()
            writer.close()
        os.close(reading)
        first, second = self.said(events)
        self.assertIn("10 lines are waiting", first)
        self.assertIn("can be written again. 2 lines are missing", second)

    def test_failsAtTheEnd(self) -> None:
        """
        The reason why the last lines are missing is told, though the reactor has stopped.
        """
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        writer = LineWriter("-", full)
        writer.attach(Reactor())
        writer.write("lost")
        with capturedLogs() as events:
            writer.close()
        [said] = self.said(events)
        self.assertIn("ends with 1 lines missing: No space left on device", said)

    def test_fifoThatNobodyReads(self) -> None:
        """
        A FIFO without a reader is an error at once, at the start and when it is reopened; with one,
        it takes lines.
        """
        os.mkfifo(self.path())
        error = self.assertRaises(OSError, LineWriter, self.path())
        self.assertEqual(error.strerror, "it is a FIFO that nobody reads")
        reading = os.open(self.path(), os.O_RDONLY | os.O_NONBLOCK)
        writer = LineWriter(self.path())
        self.assertTrue(os.get_blocking(writer._descriptor))
        writer.write("one")
        writer.close()
        self.assertEqual(os.read(reading, 100), b"one\n")
        again = LineWriter(self.path())
        os.close(reading)
        with capturedLogs() as events:
            again.reopen()
        again.close()
        self.assertIn("can't be reopened: it is a FIFO that nobody reads", self.said(events)[0])

    def test_tornLine(self) -> None:
        """
        A line of which a part was written before the disk was full stays by itself.
        """
        writer = LineWriter(self.path())
        given: list[bytes] = []
        results: list[Any] = [4, OSError(28, "No space left on device"), None]

        def write(descriptor: int, data: memoryview) -> int:
            result = results.pop(0)
            if isinstance(result, OSError):
                raise result
            given.append(bytes(data)[:result])
            return len(given[-1])

        self.patch(os, "write", write)
        with capturedLogs():
            writer.write("number one")
            until(lambda: len(results) == 1)
            writer.write("number two")
            writer.close()
        self.assertEqual(b"".join(given), b"numb\nnumber two\n")
        self.assertEqual(writer.lost, 1)
