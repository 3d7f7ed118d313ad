"""
Tests of L{txfcgi.cli.main} and L{txfcgi.cli.arguments}: the command line itself, and the program as
it is run.
"""

from __future__ import annotations

import contextlib
import io
import shlex
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txfcgi.cli.arguments import endpoint, header, pair, seconds
from txfcgi.cli.main import makeParser
from txfcgi.cli.ping import statuses
from txfcgi.service.version import versionLine


class ArgumentTests(SynchronousTestCase):
    """
    What arguments mean.
    """

    def test_endpoints(self) -> None:
        """
        Short forms become endpoints; what can't be one is refused.
        """
        self.assertEqual(endpoint("/run/a:b.sock"), r"unix:/run/a\:b.sock")
        self.assertRaises(ArgumentTypeError, endpoint, "nonsense")

    def test_values(self) -> None:
        """
        What is none of what belongs there is refused.
        """
        self.assertEqual(pair("A=b=c"), ("A", "b=c"))
        self.assertEqual(header("X-A:  b: c"), ("X-A", "b: c"))
        self.assertEqual(seconds("0.5"), 0.5)
        self.assertEqual((statuses("200"), statuses("200-204")), (range(200, 201), range(200, 205)))
        wrong: tuple[tuple[Callable[[str], object], tuple[str, ...]], ...] = (
            (pair, ("A", "=b")),
            (header, ("A", ": b")),
            (seconds, ("0", "-1", "x", "inf", "nan")),
            (statuses, ("20", "200-", "abc")),
        )
        for function, texts in wrong:
            for text in texts:
                self.assertRaises(ArgumentTypeError, function, text)

    def test_paramsFile(self) -> None:
        """
        A file of params that is none, or not there, is a mistake in the command line.
        """
        for name in ("/no/such/file", __file__):
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                self.assertRaises(
                    SystemExit, makeParser().parse_args, ["call", "a:1", "--params", name]
                )
            self.assertIn(f"--params {name}: ", said.getvalue())

    def test_help(self) -> None:
        """
        Each command shows examples, and they are right.
        """
        for command in ("get", "post", "call", "ping", "values", "dump"):
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                self.assertRaises(SystemExit, makeParser().parse_args, [command, "--help"])
            _, _, examples = said.getvalue().replace("\\\n", "").partition("examples:\n")
            found = [line.split() for line in examples.splitlines() if "txfcgi" in line]
            self.assertTrue(found)
            for words in found:
                words = words[words.index("txfcgi") + 1 :]
                line = " ".join(words)
                if "--params" in words:
                    line = line.replace("params.txt", "/dev/null")
                args = makeParser().parse_args(shlex.split(line))
                self.assertEqual(args.command, command)


class ProgramTests(SynchronousTestCase):
    """
    The program as it is run.
    """

    def run_(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """
        Run C{python -m txfcgi}.
        """
        command = [sys.executable, "-m", "txfcgi", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)

    def test_status(self) -> None:
        """
        The exit status is the command's; a mistake in the command line is a 2.
        """
        done = self.run_("ping", "/no/such.sock")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertTrue(done.stdout.startswith("FAILED RequestNotSent"))
        done = self.run_("nonsense")
        self.assertEqual((done.returncode, "invalid choice" in done.stderr), (2, True))
        done = self.run_("--version")
        self.assertEqual(done.stdout, f"{versionLine()}\n")

    def test_stdin(self) -> None:
        """
        It works in a pipe.
        """
        done = self.run_("dump", "--hex", "-", input="0102000100000000")
        self.assertEqual((done.returncode, done.stdout), (0, "ABORT_REQUEST id=1\n"))

    def test_brokenPipe(self) -> None:
        """
        If nobody reads any more, it ends without a word.
        """
        command = [sys.executable, "-m", "txfcgi", "dump", "--hex", "-"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.close()
            process.stdout = None
            _, said = process.communicate(b"0102000100000000" * 10_000)
        self.assertEqual((process.returncode, said), (1, b""))
