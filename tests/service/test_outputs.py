"""
Tests of L{txfcgi.service.outputs}.
"""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import socket
import sys
from pathlib import Path

from twisted.logger import LogLevel, STDLibLogObserver
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.outputs import CurrentOutput, currentOutputs

from ..wire.scgi import asked
from .processes import ProgramTests, ask, until

APP = """
import logging

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("app")

def app(environ, start):
    log.info("all is well")
    try:
        raise ValueError("too hot")
    except ValueError:
        log.exception("failed")
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"logged"]
"""


def askSCGI(connection: socket.socket) -> bytes:
    """
    Make an SCGI request.

    @return: The body of the response.
    """
    connection.sendall(asked((b"REQUEST_METHOD", b"GET")))
    with connection.makefile("rb") as response:
        return response.read().partition(b"\r\n\r\n")[2]


class CurrentOutputTests(SynchronousTestCase):
    """
    Tests of L{CurrentOutput} and L{currentOutputs}.
    """

    def setUp(self) -> None:
        self.first, self.second = io.StringIO(), io.StringIO()
        self.patch(sys, "stderr", self.first)
        with currentOutputs():
            self.kept = sys.stderr
            self.record = logging.StreamHandler()

    def test_follows(self) -> None:
        """
        A stream that was kept writes to the present stream, and has its attributes.
        """
        self.assertIs(sys.stderr, self.first)
        self.assertEqual(self.kept.write("one\n"), 4)
        sys.stderr = self.second
        self.kept.writelines(["two\n", "three\n"])
        self.kept.flush()
        self.assertEqual(self.first.getvalue(), "one\n")
        self.assertEqual(self.second.getvalue(), "two\nthree\n")
        self.assertFalse(self.kept.isatty())
        self.assertRaises(io.UnsupportedOperation, self.kept.fileno)

    def test_whileLoading(self) -> None:
        """
        What is printed meanwhile goes to the stream that was there.
        """
        with currentOutputs():
            print("loading", file=sys.stderr)
        self.assertEqual(self.first.getvalue(), "loading\n")

    def test_closedLater(self) -> None:
        """
        If there is no stream any more, the first one is used.
        """
        self.patch(sys, "stderr", None)
        self.kept.write("still here")
        self.assertEqual(self.first.getvalue(), "still here")

    def test_closedBefore(self) -> None:
        """
        A stream that is closed stays so.
        """
        self.patch(sys, "stderr", None)
        with currentOutputs():
            self.assertIsNone(sys.stderr)
            self.assertIsInstance(sys.stdout, CurrentOutput)
        self.assertIsNone(sys.stderr)

    def test_replacedByTheApp(self) -> None:
        """
        A stream that the app puts there itself stays.
        """
        with currentOutputs():
            self.patch(sys, "stderr", self.second)
        self.assertIs(sys.stderr, self.second)

    def test_circle(self) -> None:
        """
        A log whose observer writes to C{logging}, which writes to that log, ends.
        """
        log = logging.getLogger("circle")
        log.propagate = False
        log.addHandler(self.record)
        self.addCleanup(log.removeHandler, self.record)
        observer = STDLibLogObserver("circle")
        case = self

        class Log(io.StringIO):
            """
            Stands for Twisted's stream, which leads to its log.
            """

            def write(self, text: str) -> int:
                if text.strip():
                    observer({"log_format": text.strip(), "log_level": LogLevel.error})
                return case.second.write(text)

        sys.stderr = Log()
        log.error("round")
        self.assertEqual(self.second.getvalue(), "round\n")
        self.assertIn("round", self.first.getvalue())


class LoggingTests(ProgramTests):
    """
    What an app sends to Python's C{logging}, in servers that really run.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("lg.py", APP)

    def assertLogged(self, log: str) -> None:
        """
        Both records and the traceback are in a log, at level error.
        """
        for text in ("INFO all is well", "ERROR failed", "ValueError: too hot"):
            self.assertRegex(log, rf"#error\] .*{text}\n")

    def inTheForeground(self, *words: str) -> str:
        """
        Serve one request in the foreground.

        @return: What the server printed.
        """
        port = f"unix:{self.socketPath}"
        program = self.start(*words, "--port", port, "--wsgi", "lg:app")
        if "--workers" in words:
            program.waitFor("workers ready")
        until(lambda: os.path.exists(self.socketPath))
        connection = self.connect(self.socketPath)
        answer = askSCGI(connection) if "scgi" in words else ask(connection, {})
        self.assertEqual(answer, b"logged")
        self.assertEnds(program)
        return program.said

    def test_daemon(self) -> None:
        """
        A daemon's log has them.
        """
        program = self.start(
            *("twistd", "fcgi", "--port", f"unix:{self.socketPath}", "--wsgi", "lg:app")
        )
        self.assertEqual(program.end(), 0, program.said)
        pidFile = Path(self.path("twistd.pid"))
        self.addCleanup(until, lambda: not pidFile.exists())
        self.addCleanup(os.kill, int(pidFile.read_text()), signal.SIGTERM)
        self.assertEqual(ask(self.connect(self.socketPath), {}), b"logged")
        self.assertLogged(Path(self.path("twistd.log")).read_text())

    def test_logFileInTheForeground(self) -> None:
        """
        So has C{--logfile} in the foreground, and the terminal has nothing.
        """
        said = self.inTheForeground("twistd", "-n", "--pidfile=", "--logfile", "one.log", "fcgi")
        self.assertEqual(said, "")
        self.assertLogged(Path(self.path("one.log")).read_text())

    def test_foreground(self) -> None:
        """
        Without a log file, and under C{twist}, the terminal has them once, over SCGI as well.
        """
        for words in (
            ("twistd", "-n", "--pidfile=", "fcgi"),
            ("twist", "--log-format=text", "fcgi"),
            ("twistd", "-n", "--pidfile=", "scgi"),
        ):
            said = self.inTheForeground(*words)
            self.assertEqual(len(re.findall("INFO all is well", said)), 1, said)
            self.assertEqual(len(re.findall("too hot", said)), 2, said)

    def test_worker(self) -> None:
        """
        What a worker sends to its standard error has level error in the master's log.
        """
        self.assertLogged(
            self.inTheForeground("twistd", "-n", "--pidfile=", "fcgi", "--workers", "1")
        )
