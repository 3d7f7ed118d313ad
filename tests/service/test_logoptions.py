"""
Tests of L{txfcgi.service.logoptions}: the access log of a program that really runs.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

from twisted.python.usage import UsageError

from txfcgi.service.fcgitap import Options

from .processes import Program, ProgramTests, ask, until
from .test_options import CommandLineTests, Twistd

FORMAT = "%r %>s %b %{worker}x"


class OptionsTests(CommandLineTests):
    """
    What is wrong is told at the start.
    """

    def mistake(self, *words: str) -> str:
        """
        The message for a command line that asks for what can't be had.
        """
        return str(self.assertRaises(UsageError, self.options, *words))

    def test_none(self) -> None:
        """
        Without the option, and with C{none}, there is no log.
        """
        for words in ((), ("--access-log", "none")):
            options = self.options(*words)
            self.assertEqual(options.logObservers(), [])

    def test_cannotBeWritten(self) -> None:
        """
        A file that can't be had.
        """
        path = self.path("missing/access.log")
        self.assertEqual(
            self.mistake("--access-log", path),
            f"--access-log {path} can't be written: No such file or directory",
        )

    def test_fifo(self) -> None:
        """
        A FIFO is opened once, as its reader ends with the first writer; without a reader, it can't
        be written.
        """
        path = self.path("access.log")
        os.mkfifo(path)
        self.assertIn("it is a FIFO that nobody reads", self.mistake("--access-log", path))
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        opened: list[str] = []
        reallyOpen = os.open

        def note(name: str, *rest: Any, **more: Any) -> int:
            opened.append(name)
            return reallyOpen(name, *rest, **more)

        self.patch(os, "open", note)
        self.options("--access-log", path)
        self.assertEqual(opened.count(path), 1)

    def test_badFormat(self) -> None:
        """
        A format that means nothing.
        """
        path = self.path("access.log")
        self.assertEqual(
            self.mistake("--access-log", path, "--access-log-format", "%h %Z"),
            "--access-log-format: unknown directive %Z",
        )

    def test_formatAlone(self) -> None:
        """
        A format without a log.
        """
        self.assertIn("without --access-log FILE", self.mistake("--access-log-format", "json"))

    def test_daemon(self) -> None:
        """
        A daemon has no standard output.
        """
        options = Options()
        parent = Twistd()
        parent["nodaemon"] = False
        options.parent = parent
        options["access-log"] = "-"
        error = self.assertRaises(UsageError, options.openLogs)
        self.assertIn("a daemon does not have", str(error))

    def test_forTheUserThatItBecomes(self) -> None:
        """
        A file that root makes belongs to the user that twistd is going to be; one that is there
        keeps its owner.
        """
        given: list[tuple[int, int]] = []
        self.patch(os, "geteuid", lambda: 0)
        self.patch(os, "fchown", lambda descriptor, uid, gid: given.append((uid, gid)))
        parent = Twistd()
        parent.update({"nodaemon": True, "uid": 1234, "gid": None})
        for _ in range(2):
            options = Options()
            options.parent = parent
            options["access-log"] = self.path("access.log")
            options.openLogs()
        self.assertEqual(given, [(1234, -1)])


class ProgramsTests(ProgramTests):
    """
    Programs that run.
    """

    def fcgi(self, *words: str, ready: str = "Listens on") -> Program:
        """
        Start a server, and wait until it serves.
        """
        program = self.start(
            *("twistd", "-n", "--pidfile=", "fcgi", "--port", f"unix:{self.socketPath}"),
            *("--app", "sample.hello", "--access-log-format", FORMAT, *words),
        )
        program.waitFor(ready)
        return program

    def ask(self, uri: str) -> None:
        """
        Make a request.
        """
        with self.connect(self.socketPath) as connection:
            ask(connection, {"REQUEST_URI": uri, "WHO": "me"})

    def lines(self, name: str = "access.log") -> list[str]:
        """
        The lines of a log.
        """
        return Path(self.path(name)).read_text().splitlines()

    def test_file(self) -> None:
        """
        Each request has its line when the server has ended; after SIGUSR1 it is in a new file.
        """
        program = self.fcgi("--access-log", "access.log")
        self.ask("/one")
        os.rename(self.path("access.log"), self.path("access.log.1"))
        program.kill(signal.SIGUSR1)
        until(lambda: os.path.exists(self.path("access.log")))
        self.ask("/two?password=x")
        self.assertEnds(program)
        self.assertEqual(self.lines("access.log.1"), ["GET /one 200 8 -"])
        self.assertEqual(self.lines(), ["GET /two?password=*** 200 8 -"])

    def test_standardOutput(self) -> None:
        """
        With C{-} the lines stand between those of the program's own log.
        """
        program = self.fcgi("--access-log", "-")
        self.ask("/one")
        program.waitFor("\nGET /one 200 8 -\n")
        self.assertEnds(program)

    def test_fullDisk(self) -> None:
        """
        Where nothing can be written, all are served, and the log says so once.
        """
        os.symlink("/dev/full", self.path("access.log"))
        program = self.fcgi("--access-log", "access.log")
        self.ask("/one")
        program.waitFor("can't be written: No space left")
        self.ask("/two")
        self.assertEnds(program)
        self.assertIn("access.log ends with 2 lines missing", program.said)

    def test_mistake(self) -> None:
        """
        A log that can't be written ends the start with status 1, with workers and without.
        """
        for words in ((), ("--workers", "1")):
            program = self.start(
                *("twistd", "-n", "--pidfile=", "fcgi", "--port", f"unix:{self.socketPath}"),
                *("--app", "sample.hello", "--access-log", "no/access.log", *words),
            )
            self.assertEqual(program.end(), 1)
            self.assertIn("--access-log no/access.log can't be written: No such file", program.said)

    def test_workers(self) -> None:
        """
        All workers write to one file, and open it again when their master is told to.
        """
        program = self.fcgi("--access-log", "access.log", "--workers", "2", ready="2 of 2 workers")
        for number in range(20):
            self.ask(f"/{number}")
        os.rename(self.path("access.log"), self.path("access.log.1"))
        program.kill(signal.SIGUSR1)
        program.waitFor("reopens the logs")
        until(lambda: os.path.exists(self.path("access.log")))
        self.ask("/last")
        self.assertEnds(program)
        before, after = self.lines("access.log.1"), self.lines()
        found = sorted(line[: line.index(" 200 8 ")] for line in [*before, *after])
        self.assertEqual(found, sorted([*(f"GET /{number}" for number in range(20)), "GET /last"]))
        self.assertLessEqual({line[-1] for line in before}, {"1", "2"})

    def test_workersAndLogFile(self) -> None:
        """
        Where the master has a log file, too, SIGUSR1 is for both.
        """
        self.write("app.log", "")
        program = self.start(
            *("twistd", "-n", "--pidfile=", "--logfile=app.log", "fcgi"),
            *("--port", f"unix:{self.socketPath}", "--app", "sample.hello"),
            *("--access-log", "access.log", "--workers", "1"),
        )
        until(lambda: "1 of 1 workers" in Path(self.path("app.log")).read_text())
        for name in ("app.log", "access.log"):
            os.rename(self.path(name), self.path(f"{name}.1"))
        program.kill(signal.SIGUSR1)
        until(lambda: all(os.path.exists(self.path(name)) for name in ("app.log", "access.log")))
        self.assertEnds(program)

    def test_workersToStandardOutput(self) -> None:
        """
        The lines of workers are on the standard output of their master as they are.
        """
        program = self.fcgi("--access-log", "-", "--workers", "2", ready="2 of 2 workers")
        self.ask("/one")
        program.waitFor("\nGET /one 200 8 ")
        self.assertEnds(program)

    def test_http(self) -> None:
        """
        Requests that come by C{--http} have their lines.
        """
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        program = self.start(
            *("twistd", "-n", "--pidfile=", "fcgi", "--app", "sample.hello", "--access-log", "-"),
            *("--http", f"tcp:{port}:interface=127.0.0.1"),
        )
        program.waitFor("See http://")
        with self.connect(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n")
            program.waitFor('"GET /here HTTP/1.1" 500')
        self.assertEnds(program)
