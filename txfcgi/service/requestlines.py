"""
A line for each request of a developer's browser: C{GET /path 200 3 ms}.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

from twisted.logger import Logger

from ..web import StreamingSite
from ..web.accesslog import shownURI
from ..web.request import StreamingRequest

# Green, cyan, yellow, red: for statuses from 200, 300, 400 and 500 on.
_COLOURS: Final = {2: "32", 3: "36", 4: "33", 5: "31"}
_MOST: Final = 300


class Lines:
    """
    Writes the lines: to a terminal, in colours if it has them, or to the log.
    """

    log = Logger()

    def __init__(self, terminal: TextIO | None, environ: Mapping[str, str] = os.environ) -> None:
        """
        @param terminal: The terminal; L{None} for the log.
        @param environ: The environment. NO_COLOR in it, unless empty, turns colours off
            (https://no-color.org).
        """
        self._terminal = terminal
        self._colours = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"

    @classmethod
    def ofTerminal(cls) -> Lines:
        """
        Lines for the terminal of this process, if it has one; else for the log.
        """
        # Under twistd, sys.stdout becomes the log.
        output = sys.__stdout__
        try:
            return cls(output if output is not None and output.isatty() else None)
        except ValueError:
            return cls(None)  # it is closed

    def add(self, method: str, uri: str, code: int, seconds: float) -> None:
        """
        Write a line.

        @param seconds: How long the request took.
        """
        target = _printable(f"{method} {uri}")
        took = f"{1000 * seconds:.0f} ms"
        if self._terminal is None:
            self.log.info("{target} {code} {took}", target=target, code=code, took=took)
            return
        status = str(code)
        if self._colours:
            status = f"\x1b[{_COLOURS.get(code // 100, '0')}m{code}\x1b[0m"
        try:
            self._terminal.write(f"{target} {status} {took}\n")
            self._terminal.flush()
        except (OSError, ValueError):
            self._terminal = None  # it is gone


class TimedRequest(StreamingRequest):
    """
    A request with the time when it began.
    """

    def __init__(self, channel: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(channel, *args, **kwargs)  # type: ignore[no-untyped-call]
        self.began: float = channel.site.reactor.seconds()


class DevelopmentSite(StreamingSite):
    """
    A site whose access log is for a developer at a terminal.
    """

    requestFactory = TimedRequest

    def __init__(self, *args: Any, lines: Lines, **kwargs: Any) -> None:
        """
        @param args: As for L{StreamingSite}.
        @param lines: Where the lines go.
        """
        super().__init__(*args, **kwargs)
        self._lines = lines

    def log(self, request: Any) -> None:
        """
        Write the line for a request.
        """
        self._lines.add(
            request.method.decode("latin-1"),
            shownURI(request.uri).decode("latin-1"),
            request.code,
            max(0.0, self.reactor.seconds() - request.began),
        )


def _printable(text: str) -> str:
    """
    Text from a browser, shortened, and without control characters that could drive a terminal.
    """
    shown = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text[:_MOST])
    return shown if len(text) <= _MOST else f"{shown}..."
