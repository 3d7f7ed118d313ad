"""
L{JournalObserver}: logs to systemd's journal.

On standard output, the journal makes an entry of each line. So this observer sends entries in the
journal's own protocol, if the journal's socket exists: a traceback is one entry. Without the
socket, as in a container, each line begins with its priority, and all lines of a traceback have the
same one. The journal adds the time.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText
from zope.interface import implementer

#: The journal's socket.
JOURNAL: Final = "/run/systemd/journal/socket"

# The levels of syslog.
_PRIORITIES: Final = {
    LogLevel.debug: 7,
    LogLevel.info: 6,
    LogLevel.warn: 4,
    LogLevel.error: 3,
    LogLevel.critical: 3,
}


def leadsToJournal(stream: Any, environ: Mapping[str, str]) -> bool:
    """
    Whether a stream leads to systemd's journal.

    @param stream: Such as C{sys.stdout}.
    @param environ: The environment, whose JOURNAL_STREAM has the device and the inode that the
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
    Writes log events to the journal.
    """

    def __init__(self, stream: TextIO, path: str = JOURNAL) -> None:
        """
        @param stream: Where lines go if the journal's socket can't be used.
        @param path: The journal's socket.
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
        Send an entry to the journal without waiting. If it is too long, or the socket is full, it
        is written line by line instead.
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
        Stop sending entries; lines are still written.
        """
        if self._socket is not None:
            self._socket.close()
            self._socket = None
