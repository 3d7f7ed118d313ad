"""
L{LineWriter}: writes lines to a file in its own thread, so that a slow disk never delays a request.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from threading import Condition, Thread
from time import monotonic
from typing import Any, ClassVar, Final

from twisted.logger import Logger

#: The most lines that may wait to be written, and the most bytes of them.
WAITING_LINES: Final = 20_000
WAITING_BYTES: Final = 16_777_216

#: The permissions of a new file.
MODE: Final = 0o640

# The most lines that are written at once.
_TOGETHER: Final = 500

# Seconds for which lines are collected, so that many are written at once.
_PAUSE: Final = 0.1

# Seconds for waiting lines to be written at the end.
_LAST: Final = 5.0


def openToAppend(path: str) -> int:
    """
    Open a file for appending, and create it if it does not exist.

    @return: Its descriptor.
    @raise OSError: It can't be written; for a FIFO, also that nobody reads it. To wait for a reader
        would stop the server without a word.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK, MODE)
    except OSError as error:
        if error.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(path).st_mode):
            raise OSError(errno.ENXIO, "it is a FIFO that nobody reads", path) from error
        raise
    os.set_blocking(descriptor, True)
    return descriptor


class LineWriter:
    """
    Appends lines to a file.

    A line that can't be written (a full disk), or that finds too many others waiting, is dropped
    and counted. The log says when that begins and when it is over; requests are served meanwhile.
    Several processes may write to one file: each write has whole lines.

    @ivar path: The file, or C{"-"} for standard output.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        path: str,
        descriptor: int | None = None,
        waitingLines: int = WAITING_LINES,
        waitingBytes: int = WAITING_BYTES,
    ) -> None:
        """
        Open the file.

        @param descriptor: An open descriptor to use instead, such as standard output. It is never
            reopened.
        @param waitingLines: The most lines that may wait to be written.
        @param waitingBytes: With this many bytes of lines waiting, no more are accepted.
        @raise OSError: It can't be written.
        """
        self.path = path if descriptor is not None or path == "-" else os.path.abspath(path)
        self._descriptor = openToAppend(path) if descriptor is None else os.dup(descriptor)
        self._isOurs = descriptor is None
        self._most = waitingLines
        self._mostBytes = waitingBytes
        self._waiting: deque[str] = deque()
        self._wakes = Condition()
        self._reopening = False
        self._closing = False
        self._failing = ""
        self._lastFailure = ""  # which the reactor's thread may not know of yet
        self._told = 0  # how many lines are known to be lost
        self._refused = 0  # lines that found no room, which only the reactor's thread counts
        self._unwritten = 0  # and those that were not written, which only the other one counts
        self._inHand = 0  # those that it writes at this moment
        self._given = 0  # bytes of lines so far, which only the reactor's thread counts
        self._taken = 0  # and those that wait no more, which only the other one counts
        self._torn = False
        self._reactor: Any = None
        self._thread: Thread | None = None

    @property
    def lost(self) -> int:
        """
        How many lines were dropped so far.
        """
        return self._refused + self._unwritten

    def attach(self, reactor: Any) -> None:
        """
        Write waiting lines when the reactor stops, and log only in the reactor's thread.
        """
        self._reactor = reactor
        reactor.addSystemEventTrigger("after", "shutdown", self.close)

    # In the reactor's thread

    def write(self, line: str) -> None:
        """
        Append a line.

        @param line: Without its end.
        """
        waiting = self._waiting
        if len(waiting) >= self._most or self._given - self._taken >= self._mostBytes:
            self._refused += 1
            self._failed(
                f"{self._most} lines are waiting"
                if len(waiting) >= self._most
                else f"{self._mostBytes} bytes of lines are waiting"
            )
            return
        self._given += len(line)
        waiting.append(line)
        if len(waiting) == 1:
            self._wake()

    def _wake(self) -> None:
        if self._thread is None:
            # Not before there is something to write: a daemon has forked by then, and a thread
            # would not have been taken along.
            self._thread = Thread(target=self._run, name="access log", daemon=True)
            self._thread.start()
        with self._wakes:
            self._wakes.notify()

    def reopen(self) -> None:
        """
        Reopen the file, as the old one may have been renamed. Earlier lines go to the old file.
        """
        if not self._isOurs:
            return
        if self._thread is None:
            self._openAnew()
            return
        with self._wakes:
            self._reopening = True
            self._wakes.notify()

    def close(self) -> None:
        """
        Write waiting lines, and close the file. Lines that a stuck disk has not accepted after some
        seconds are lost.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            with self._wakes:
                self._closing = True
                self._wakes.notify()
            thread.join(_LAST)
            if thread.is_alive():
                self._refused += len(self._waiting) + self._inHand
                self._failing = self._failing or f"the file accepted nothing for {_LAST:g} s"
        if self.lost > self._told:
            self.log.error(
                "The access log {path} ends with {lost} lines missing: {reason}",
                path=self.path,
                lost=self.lost - self._told,
                reason=self._failing or self._lastFailure,
            )
        if self._descriptor >= 0 and not (thread is not None and thread.is_alive()):
            os.close(self._descriptor)
            self._descriptor = -1

    def _failed(self, reason: str) -> None:
        """
        Lines are being lost: say so once.
        """
        if not self._failing:
            self._failing = reason
            self.log.error(
                "The access log {path} can't be written: {reason}. Requests are served without "
                "an access log.",
                path=self.path,
                reason=reason,
            )

    def _recovered(self) -> None:
        """
        Lines are written again: say how many were not.
        """
        if self._failing:
            lost, self._told = self.lost - self._told, self.lost
            self._failing = ""
            self.log.warn(
                "The access log {path} can be written again. {lost} lines are missing.",
                path=self.path,
                lost=lost,
            )

    # In the thread

    def _tell(self, method: Any, *values: object) -> None:
        """
        Call something in the reactor's thread.
        """
        if self._reactor is None:
            method(*values)
        elif not self._closing:
            self._reactor.callFromThread(method, *values)

    def _run(self) -> None:
        while True:
            with self._wakes:
                while not (self._waiting or self._reopening or self._closing):
                    self._wakes.wait()
                self._gather()
                reopening, self._reopening = self._reopening, False
                closing = self._closing
            # Lines that arrive meanwhile wait for the next turn. The reactor's thread would be held
            # up by this one for each line if it were written at once.
            left = len(self._waiting)
            while left:
                left -= self._append(left)
            if reopening:
                self._openAnew()
            if closing and not self._waiting:
                return

    def _gather(self) -> None:
        """
        Wait a moment for more lines. Writing each line alone would cost more than making it.
        """
        due = monotonic() + _PAUSE
        while not (self._reopening or self._closing):
            left = due - monotonic()
            if left <= 0:
                break
            self._wakes.wait(left)

    def _append(self, most: int) -> int:
        """
        Write the lines that have waited longest.

        @return: How many: those that could not be written are among them.
        """
        count = self._inHand = min(most, _TOGETHER)
        lines = [self._waiting.popleft() for _ in range(count)]
        text = "\n".join(lines) + "\n"
        data = memoryview((f"\n{text}" if self._torn else text).encode("utf-8", "replace"))
        try:
            while data:
                written = os.write(self._descriptor, data)
                data = data[written:]
                self._torn = bool(data)
            failure = ""
        except OSError as error:
            self._unwritten += min(bytes(data).count(b"\n"), count)
            failure = self._lastFailure = error.strerror or str(error)
        self._taken += len(text) - count
        self._inHand = 0
        if failure:
            self._tell(self._failed, failure)
        elif self._failing and self._hasRoom():
            self._tell(self._recovered)
        return count

    def _hasRoom(self) -> bool:
        """
        Whether so few lines wait that it will be a while before there are too many again.
        """
        waitingBytes = self._given - self._taken
        return 2 * len(self._waiting) <= self._most and 2 * waitingBytes <= self._mostBytes

    def _openAnew(self) -> None:
        try:
            descriptor = openToAppend(self.path)
        except OSError as error:
            self._tell(self._notReopened, error.strerror or str(error))
            return
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._torn = False

    def _notReopened(self, reason: str) -> None:
        self.log.error(
            "The access log {path} can't be reopened: {reason}. Logging goes on to the old "
            "file. Allow the user of this process to write to the new one.",
            path=self.path,
            reason=reason,
        )
