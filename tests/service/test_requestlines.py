"""
Tests of L{txfcgi.service.requestlines}.
"""

from __future__ import annotations

import io
import sys

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.requestlines import Lines


class LinesTests(SynchronousTestCase):
    """
    Tests of L{Lines}.
    """

    def line(self, *request: object, **environ: str) -> str:
        """
        What a terminal shows of a request.
        """
        terminal = io.StringIO()
        Lines(terminal, environ).add(*request)  # type: ignore[arg-type]
        return terminal.getvalue()

    def test_colours(self) -> None:
        """
        The status has a colour, by its first digit.
        """
        for code, colour in ((200, 32), (304, 36), (404, 33), (500, 31)):
            line = self.line("GET", "/a", code, 0.0123)
            self.assertEqual(line, f"GET /a \x1b[{colour}m{code}\x1b[0m 12 ms\n")

    def test_noColours(self) -> None:
        """
        None where they are not wanted, or not known.
        """
        for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertEqual(self.line("GET", "/a", 200, 1.5, **environ), "GET /a 200 1500 ms\n")
        self.assertIn("\x1b", self.line("GET", "/a", 200, 1.5, NO_COLOR=""))

    def test_harmless(self) -> None:
        """
        What a browser sends does not drive the terminal, and is cut.
        """
        line = self.line("GET", "/\x1b[2J\x9b\n" + "x" * 1_000, 200, 0, NO_COLOR="1")
        self.assertTrue(line.startswith("GET /\\x1b[2J\\x9b\\x0axxx"), line)
        self.assertTrue(line.endswith("x... 200 0 ms\n"), line)
        self.assertLess(len(line), 400)

    def logged(self, lines: Lines) -> list[str | None]:
        """
        What goes to the log.
        """
        with capturedLogs() as events:
            lines.add("GET", "/a{b}", 200, 0.001)
        return [formatEvent(event) for event in events]

    def test_noTerminal(self) -> None:
        """
        Without a terminal the lines are in the log; so they are when the terminal is gone.
        """
        self.patch(sys, "__stdout__", io.StringIO())
        self.assertEqual(self.logged(Lines.ofTerminal()), ["GET /a{b} 200 1 ms"])
        self.patch(sys, "__stdout__", None)
        self.assertEqual(self.logged(Lines.ofTerminal()), ["GET /a{b} 200 1 ms"])
        terminal = io.StringIO()
        terminal.close()
        self.patch(sys, "__stdout__", terminal)
        self.assertEqual(self.logged(Lines.ofTerminal()), ["GET /a{b} 200 1 ms"])
        lines = Lines(terminal, {})
        lines.add("GET", "/", 200, 0)
        self.assertEqual(self.logged(lines), ["GET /a{b} 200 1 ms"])
