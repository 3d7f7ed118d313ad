"""
Tests of the options of C{twistd fcgi --workers}: what is said of them, and where they come from.
"""

from __future__ import annotations

import os
import socket

from .processes import ProgramTests


class OptionsTests(ProgramTests):
    """
    What is said of options, and where they come from.
    """

    def test_check(self) -> None:
        """
        C{--check} loads everything, says what would be served where, and serves nothing.
        """
        program = self.start(
            *("twistd", "-n", "fcgi", "--app", "sample.hello", "--check", "--workers", "3"),
            *("--port", f"unix:{self.socketPath}"),
        )
        self.assertEqual(program.end(), 0, program.said)
        self.assertEqual(
            program.said,
            f"serves --app sample.hello\nlistens on unix:{self.socketPath} (FastCGI)\n"
            "with 3 workers\n",
        )
        self.assertFalse(os.path.exists(self.socketPath))

    def test_maxRequests(self) -> None:
        """
        C{--max-requests} is not what it is in gunicorn: C{--check} says so, and the log.
        """
        said = (
            "--max-requests 500 limits how many requests run at once in a worker. To replace a "
            "worker after 500 requests, as gunicorn's --max-requests does, use --worker-requests"
        )
        words = ("--app", "sample.hello", "--workers", "1", "--max-requests", "500")
        port = ("--port", f"unix:{self.socketPath}")
        program = self.start("twistd", "-n", "fcgi", *words, *port, "--check")
        self.assertEqual(program.end(), 0, program.said)
        self.assertIn(f"note: {said}\n", program.said)
        program = self.start("twistd", "-n", "--pidfile=", "fcgi", *words, *port)
        program.waitFor("1 of 1 workers ready")
        self.assertEnds(program)
        self.assertIn(f"{said}.", program.said)

    def test_checkEndpoints(self) -> None:
        """
        It fails if the server could not listen, and leaves nothing behind. An address that is in
        use, as by the running server, is a note.
        """
        check = ("twistd", "-n", "fcgi", "--app", "sample.hello", "--check", "--port")
        nowhere = self.path("no/app.sock")
        program = self.start(*check, f"unix:{nowhere}")
        self.assertEqual(program.end(), 1, program.said)
        self.assertEqual(
            program.said,
            f"twistd fcgi: --port unix:{nowhere}: the directory {self.path('no')} does not exist\n",
        )
        self.listener(socket.AF_UNIX, self.socketPath)
        listening = self.listener(socket.AF_INET, ("127.0.0.1", 0))
        port = f"tcp:{listening.getsockname()[1]}:interface=127.0.0.1"
        program = self.start(*check, f"unix:{self.socketPath}", "--port", port)
        self.assertEqual(program.end(), 0, program.said)
        held = rf"\(process {os.getpid()}, .*\)"
        self.assertRegex(
            program.said,
            rf"(?m)^note: --port unix:{self.socketPath}: {self.socketPath} is in use: another "
            rf"server answers there {held}\nnote: --port {port}: can't listen there: "
            rf"Address already in use {held}$",
        )
        self.assertEqual(set(os.listdir(self.folder)) - {"__pycache__"}, {"app.sock", "sample.py"})

    def test_environment(self) -> None:
        """
        TXFCGI_ARGS holds options that come before those of the command line, written as for a
        shell. Workers get them with all others.
        """
        program = self.start(
            *("twistd", "-n", "--pidfile=", "fcgi", "--workers", "1"),
            *("--port", f"unix:{self.socketPath}"),
            env={"TXFCGI_ARGS": "--app 'sample.hello' --workers 2"},
        )
        program.waitFor("1 of 1 workers ready")
        self.assertServes(self.socketPath)
        self.assertEnds(program)

    def test_mistakes(self) -> None:
        """
        Each mistake ends the start with one line that says what to do.
        """
        port = f"unix:{self.socketPath}"
        for words, said in (
            (["--workers", "0"], "--workers takes auto, or a whole number of at least 1, not '0'"),
            (["--workers", "many"], "--workers takes auto, or a whole number of at least 1"),
            (
                ["--worker-requests", "5"],
                "--worker-requests is for workers: use it with --workers N",
            ),
            (
                ["--worker-timeout", "5"],
                "--worker-timeout is for workers: use it with --workers N",
            ),
            (
                ["--workers", "2", "--worker-timeout", "0"],
                "--worker-timeout takes a number above 0",
            ),
            (
                ["--workers", "2", "--http", "tcp:0:interface=127.0.0.1"],
                "does not go with --workers",
            ),
            (["--workers", "2", "--port", "ssl:0"], "workers share unix:, tcp:, tcp6:, systemd:"),
        ):
            program = self.start(
                *("twistd", "-n", "fcgi", "--app", "sample.hello", "--port", port, *words)
            )
            self.assertEqual(program.end(), 1, program.said)
            self.assertIn(said, program.said)
            self.assertNotIn("Traceback", program.said)
        program = self.start("twistd", "-n", "fcgi", env={"TXFCGI_ARGS": "--app 'sample"})
        self.assertEqual(program.end(), 1)
        self.assertIn("TXFCGI_ARGS in the environment: No closing quotation", program.said)

    def test_mistakeInTheEnvironment(self) -> None:
        """
        Where the options of the environment and those of the command line do not go together, or
        one is misspelt, the message says which are those of the environment.
        """
        for held, said in (
            ("--prot unix:a", "option --prot not recognized"),
            ("--port unix:a --app sample.hello", "a server serves one app"),
        ):
            words = "twistd", "-n", "fcgi", "--app", "sample.echo"
            program = self.start(*words, env={"TXFCGI_ARGS": held})
            self.assertEqual(program.end(), 1)
            self.assertIn(said, program.said)
            self.assertIn(f"TXFCGI_ARGS in the environment holds: {held}", program.said)
