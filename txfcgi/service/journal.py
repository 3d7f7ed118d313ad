"""
L{JournalObserver}: what is logged, for systemd's journal.

A standard output that leads there has each line as an entry of its own. So the journal is given
entries in its own protocol, where it has a socket for that: a traceback is one entry. Elsewhere,
as in a container, each line has its priority before it, and a traceback is of one priority. The
journal knows the time by itself.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText
from zope.interface import implementer

#: Where the journal takes entries.
JOURNAL: Final = "/run/systemd/journal/socket"

# The levels as syslog has them.
_PRIORITIES: Final = {
    LogLevel.debug: 7,
    LogLevel.info: 6,
    LogLevel.warn: 4,
    LogLevel.error: 3,
    LogLevel.critical: 3,
}


def leadsToJournal(stream: Any, environ: Mapping[str, str]) -> bool:
    """
    Whether what is written to a stream becomes entries of systemd's journal.

    @param stream: Such as C{sys.stdout}.
    @param environ: The environment, where JOURNAL_STREAM has the device and the inode of what the
        journal reads.
    """
    try:
        info = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{info.st_dev}:{info.st_ino}"


@implementer(ILogObserver)
class JournalObserver:
    """
    Writes what is logged to the journal.
    """

    def __init__(self, stream: TextIO, path: str = JOURNAL) -> None:
        """
        @param stream: Where lines go, if the journal takes no entries.
        @param path: Where it takes them.
        """
        self._stream = stream
        self._path = path
        self._name = os.path.basename(sys.argv[0])
        self._socket: socket.socket | None = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        )

    def __call__(self, event: LogEvent) -> None:
        """
        Write an event.
        """
        text = eventAsText(event, includeTimestamp=False)
        if not text:
            return
        priority = _PRIORITIES.get(event.get("log_level", LogLevel.info), 6)
        if not self._sent(priority, text):
            lines = text.rstrip("\n").split("\n")
            self._stream.write("".join(f"<{priority}>{line}\n" for line in lines))
            self._stream.flush()

    def _sent(self, priority: int, text: str) -> bool:
        """
        Give an entry to the journal. It never waits: one that is too long, or finds no room, is
        written line by line.
        """
        if self._socket is None:
            return False
        message = text.encode("utf-8", "backslashreplace")
        fields = f"PRIORITY={priority}\nSYSLOG_IDENTIFIER={self._name}\nMESSAGE\n".encode()
        entry = fields + len(message).to_bytes(8, "little") + message + b"\n"
        try:
            self._socket.sendto(entry, socket.MSG_DONTWAIT, self._path)
        except (FileNotFoundError, ConnectionRefusedError, PermissionError):
            self.close()
            return False
        except OSError:
            return False
        return True

    def close(self) -> None:
        """
        Give the journal no more entries; lines are written as ever.
        """
        if self._socket is not None:
            self._socket.close()
            self._socket = None
