"""
L{Console}: the output of a command, with text from elsewhere made safe for a terminal.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import BinaryIO, Final, TextIO

# Exit statuses.
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

    @ivar out: Takes the result.
    @ivar err: Takes messages about it.
    """

    out: BinaryIO = field(default_factory=lambda: sys.stdout.buffer)
    err: TextIO = field(default_factory=lambda: sys.stderr)

    def write(self, data: bytes) -> None:
        """
        Write a part of the result, unbuffered.
        """
        self.out.write(data)
        self.out.flush()

    def line(self, text: str) -> None:
        """
        Write a line of the result.
        """
        self.write(text.encode("utf-8", "backslashreplace") + b"\n")

    def say(self, text: str) -> None:
        """
        Write a message.
        """
        self.err.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
        self.err.flush()


def readable(data: bytes | str) -> str:
    """
    Text from elsewhere on one line, without control characters that would drive a terminal.
    """
    text = data if isinstance(data, str) else data.decode("utf-8", "backslashreplace")
    return _control(lambda found: ascii(found[0])[1:-1], text)


class Lines:
    """
    Shows text that arrives in pieces, line by line.
    """

    def __init__(self, console: Console, prefix: str) -> None:
        self._console = console
        self._prefix = prefix
        self._rest = b""

    def receive(self, data: bytes) -> None:
        """
        Add a piece.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._console.say(self._prefix + readable(line))

    def drop(self) -> None:
        """
        Drop an incomplete line.
        """
        self._rest = b""

    def end(self) -> None:
        """
        Show an incomplete line.
        """
        if self._rest:
            self._console.say(self._prefix + readable(self._rest))
            self._rest = b""
