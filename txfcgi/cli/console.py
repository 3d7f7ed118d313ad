"""
L{Console}: where a command writes to, and how what came from elsewhere is made fit for a terminal.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import BinaryIO, Final, TextIO

# Statuses that a command ends with.
OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
APP_FAILED: Final = 3
CLIENT_ERROR: Final = 4
SERVER_ERROR: Final = 5

_control: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]").sub


@dataclass
class Console:
    """
    The two outputs of a command.

    @ivar out: Takes what was asked for.
    @ivar err: Takes what is said about it.
    """

    out: BinaryIO = field(default_factory=lambda: sys.stdout.buffer)
    err: TextIO = field(default_factory=lambda: sys.stderr)

    def write(self, data: bytes) -> None:
        """
        Write some of what was asked for, at once.
        """
        self.out.write(data)
        self.out.flush()

    def line(self, text: str) -> None:
        """
        Write a line of what was asked for.
        """
        self.write(text.encode("utf-8", "backslashreplace") + b"\n")

    def say(self, text: str) -> None:
        """
        Write a line about it.
        """
        self.err.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
        self.err.flush()


def readable(data: bytes | str) -> str:
    """
    Text from elsewhere on one line, with nothing in it that would drive a terminal.
    """
    text = data if isinstance(data, str) else data.decode("utf-8", "backslashreplace")
    return _control(lambda found: ascii(found[0])[1:-1], text)


class Lines:
    """
    Shows what comes in pieces line by line.
    """

    def __init__(self, console: Console, prefix: str) -> None:
        self._console = console
        self._prefix = prefix
        self._rest = b""

    def receive(self, data: bytes) -> None:
        """
        Take a piece.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._console.say(self._prefix + readable(line))

    def drop(self) -> None:
        """
        Forget what is there without the end of its line.
        """
        self._rest = b""

    def end(self) -> None:
        """
        Show what is there without the end of its line.
        """
        if self._rest:
            self._console.say(self._prefix + readable(self._rest))
            self._rest = b""
