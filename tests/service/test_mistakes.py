"""
Tests of what the commands say of mistakes that can be seen at the start: what was wrong, where, and
what to do.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from .processes import Program, ProgramTests, which

#: Starts a program that may have few file descriptors.
FEW = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
os.execv(sys.argv[1], sys.argv[1:])
"""


class MistakeTests(ProgramTests):
    """
    Tests of C{twistd}, C{twist} and what systemd starts.
    """

    def serve(self, *words: str, before: tuple[str, ...] = (), **options: Any) -> Program:
        """
        Start C{twistd fcgi}.

        @param words: What follows C{fcgi} beside where to listen and what to serve.
        @param before: What goes before it.
        """
        port = ("--port", f"unix:{self.socketPath}", "--app", "sample.hello")
        return self.start("twistd", *before, "fcgi", *port, *words, **options)

    def assertSays(self, program: Program, *said: str) -> None:
        """
        It has to end with status 1, and say this in one line.
        """
        self.assertEqual(program.end(), 1, program.said)
        for text in said:
            self.assertIn(text, program.said)
        self.assertEqual(len(program.said.splitlines()), 1, program.said)

    def test_optionOfTwistd(self) -> None:
        """
        An option of the command itself goes before C{fcgi}, the short ones too.
        """
        for words, name in ((["--uid", "www-data"], "--uid"), (["-n"], "-n")):
            self.assertSays(
                self.serve(*words),
                f"twistd fcgi: option {name} not recognized: it is an option of twistd, and goes "
                f"before fcgi, as in twistd {name} ... fcgi",
            )

    def test_optionOfGunicorn(self) -> None:
        """
        C{-b}, which C{twistd} has too, is taken for what it is in gunicorn.
        """
        self.assertSays(
            self.serve("-b", "127.0.0.1:8000"),
            "twistd fcgi: option -b not recognized: here, --port says where to listen",
        )

    def test_misspelt(self) -> None:
        """
        The nearest option is named.
        """
        self.assertSays(self.serve("--drain-timout=3"), "did you mean --drain-timeout?")

    def test_log(self) -> None:
        """
        A log that can't be written is told in one line.
        """
        log = self.path("no/app.log")
        self.assertSays(
            self.serve(before=(f"--logfile={log}",)),
            f"twistd fcgi: the log {log} can't be written: No such file or directory.",
        )

    def test_pidFile(self) -> None:
        """
        So is a pid file.
        """
        pidFile = self.path("no/app.pid")
        self.assertSays(
            self.serve(before=("-n", f"--pidfile={pidFile}")),
            f"twistd fcgi: the pid file {pidFile} can't be written: the directory does not exist.",
        )

    def test_fewDescriptors(self) -> None:
        """
        Where there are too few file descriptors for the connections that are allowed, the log says
        so; the server starts.
        """
        program = self.start(
            *("python", "-c", FEW, which("twistd"), "-n", "--pidfile=", "fcgi"),
            *("--port", f"unix:{self.socketPath}", "--app", "sample.hello"),
        )
        program.waitFor("Listens on unix")
        self.assertIn("this process may have 300", program.said)
        self.assertIn("or lower --max-connections to 118.", program.said)
        self.assertServes(self.socketPath)
        self.assertEnds(program)

    def test_publicPort(self) -> None:
        """
        A port that is open to other machines is told with one that is not.
        """
        self.assertSays(
            self.serve("--port", "tcp:9000"),
            "Listen on this machine only (tcp:9000:interface=127.0.0.1),",
        )


class SocketActivateTests(ProgramTests):
    """
    Tests of C{systemd-socket-activate}, with which one tries what systemd will do.
    """

    def activate(self, *words: str) -> None:
        """
        Start a server by it; the first connection does.
        """
        program = self.start(
            *("systemd-socket-activate", "-l", self.socketPath, *words),
            *(which("twistd"), "-n", "--pidfile=", "fcgi"),
            *("--port", "systemd:index=0", "--app", "sample.hello"),
        )
        program.waitFor("Listening on")
        self.assertServes(self.socketPath)
        self.assertEnds(program)

    def test_withoutName(self) -> None:
        """
        The socket is taken by its index, with a name or without.
        """
        self.activate()
        os.unlink(self.socketPath)
        self.activate("--fdname=app")

    def test_port(self) -> None:
        """
        Where it was started in another way, that is said.
        """
        listening = self.listener(socket.AF_UNIX, self.socketPath)
        program = self.start(
            *("twistd", "-n", "--pidfile=", "fcgi", "--port", "systemd:index=0"),
            *("--app", "sample.hello"),
            stdin=listening,
        )
        self.assertEqual(program.end(), 1)
        self.assertIn("systemd passed no such socket to this process: it passed none", program.said)
