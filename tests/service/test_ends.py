"""
Tests of how a server ends: signals that come late, and those that come when the terminal is gone.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

from .processes import STDIN, Program, ProgramTests, answer, beginning, record, until

TWISTD = ("twistd", "--nodaemon", "--pidfile=", "fcgi")

#: An app in a process that takes its time to end, in two places: while Python still takes signals,
#: and when it has given them back to the system.
LATE = """
import atexit, os
from sample import hello, echo

def wait(said, write=os.write, read=os.read):
    write(1, said)
    read({fd}, 1)

class Late:
    def __del__(self, wait=wait):
        wait(b"is almost over")

late = Late()
atexit.register(wait, b"is leaving")
"""


#: An app that sends SIGUSR1 to this process, or to its parent, as it is loaded.
EARLY = """
import os, signal
from sample import hello

os.kill(os.{process}(), signal.SIGUSR1)
"""


class LateSignalTests(ProgramTests):
    """
    Signals after the one that ended it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.holding, self.letGo = os.pipe()
        self.addCleanup(os.close, self.holding)
        self.addCleanup(os.close, self.letGo)
        self.write("late.py", LATE.format(fd=self.holding))

    def assertIgnored(self, program: Program) -> None:
        """
        Signals that come in the last moments of a program must not change its exit status.
        """
        program.kill(signal.SIGTERM)
        for moment in ("is leaving", "is almost over"):
            program.waitFor(moment)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
                program.kill(number)
            os.write(self.letGo, b".")
        self.assertEqual(program.end(), 0, program.said)

    def test_command(self) -> None:
        """
        Under C{twistd} the exit status stays 0, and the socket is removed.
        """
        port = f"unix:{self.socketPath}"
        program = self.start(
            *TWISTD, "--port", port, "--app", "late.hello", pass_fds=[self.holding]
        )
        program.waitFor("Listens on unix")
        self.assertServes(self.socketPath)
        self.assertIgnored(program)
        self.assertFalse(os.path.exists(self.socketPath))

    def test_serve(self) -> None:
        """
        So it does in a program of its own.
        """
        listening = self.listener(socket.AF_UNIX, self.socketPath)
        self.write("script.py", "from txfcgi import serve\nimport late\nserve(late.hello)\n")
        program = self.start("python", "script.py", stdin=listening, pass_fds=[self.holding])
        self.assertServes(self.socketPath)
        self.assertIgnored(program)

    def test_rightAfterTheFirst(self) -> None:
        """
        However close the second one is, the exit status stays 0.
        """
        for _ in range(3):
            program = self.start(
                *(*TWISTD, "--port", f"unix:{self.socketPath}", "--app", "sample.hello")
            )
            program.waitFor("Listens on unix")
            program.kill(signal.SIGTERM)
            self.assertEnds(program)


class LogTests(ProgramTests):
    """
    SIGUSR1 where there is a log file.
    """

    def test_twist(self) -> None:
        """
        The log of C{twist} is opened again, as that of C{twistd}, and is not for everyone.
        """
        self.addCleanup(os.umask, os.umask(0o022))
        log, old = Path(self.path("app.log")), Path(self.path("old.log"))
        program = self.start(
            *("twist", f"--log-file={log}", "--log-format=text", "fcgi"),
            *("--port", f"unix:{self.socketPath}", "--app", "sample.hello"),
        )
        until(lambda: log.exists() and "Listens on unix" in log.read_text())
        log.rename(old)
        program.kill(signal.SIGUSR1)
        until(log.exists)
        self.assertServes(self.socketPath)
        self.assertEnds(program)
        self.assertIn("Stops listening", log.read_text())
        for file in (log, old):
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o640)

    def test_whileLoading(self) -> None:
        """
        While the app is loaded, it does not end a process that will have a log, or workers.
        """
        for sender, before, words in (
            ("getpid", ("twistd", "-n", "--pidfile=", "--logfile=app.log", "fcgi"), ()),
            ("getpid", ("twist", "--log-file=app.log", "--log-format=text", "fcgi"), ()),
            ("getppid", TWISTD, ("--workers", "1")),
        ):
            self.write("early.py", EARLY.format(process=sender))
            program = self.start(
                *(*before, "--port", f"unix:{self.socketPath}", "--app", "early.hello", *words)
            )
            until(lambda: os.path.exists(self.socketPath))
            self.assertServes(self.socketPath)
            self.assertEnds(program)

    def test_withoutLog(self) -> None:
        """
        Without one it stops the server, as Apache means it.
        """
        program = self.start(
            *(*TWISTD, "--port", f"unix:{self.socketPath}", "--app", "sample.hello")
        )
        program.waitFor("Listens on unix")
        self.assertEnds(program, signal.SIGUSR1)


class HangUpTests(ProgramTests):
    """
    SIGHUP.
    """

    def serve(self, *words: str, app: str = "sample.echo", stdin: int | None = None) -> Program:
        """
        Serve an app.

        @param stdin: Standard input, if it is not C{/dev/null}.
        """
        command = (*TWISTD, "--port", f"unix:{self.socketPath}", "--app", app, *words)
        program = self.start(*command, stdin=subprocess.DEVNULL if stdin is None else stdin)
        program.waitFor("Listens on unix")
        return program

    def assertFinishes(self, program: Program) -> None:
        """
        At SIGHUP the request that runs is finished, then the program ends with status 0.
        """
        running = self.connect(self.socketPath)
        running.sendall(beginning({"REQUEST_METHOD": "POST"}))
        program.waitFor("echo has begun")
        program.kill(signal.SIGHUP)
        program.waitFor("Stops listening")
        running.sendall(record(STDIN, b"to the end") + record(STDIN, b""))
        self.assertEqual(answer(running), b"to the end")
        self.assertEqual(program.end(), 0, program.said)
        self.assertFalse(os.path.exists(self.socketPath))

    def test_withoutTerminal(self) -> None:
        """
        Without a terminal it is logged, and nothing else happens.
        """
        program = self.serve(app="sample.hello")
        program.kill(signal.SIGHUP)
        program.waitFor("SIGHUP: nothing to reload without --workers")
        self.assertServes(self.socketPath)
        self.assertEnds(program)

    def test_onTerminal(self) -> None:
        """
        In the foreground on a terminal, the terminal is gone: it ends as at SIGTERM.
        """
        ours, terminal = os.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, terminal)
        self.assertFinishes(self.serve(stdin=terminal))

    def test_development(self) -> None:
        """
        So does what answers HTTP for development.
        """
        self.assertFinishes(self.serve("--http", "tcp:0:interface=127.0.0.1"))
