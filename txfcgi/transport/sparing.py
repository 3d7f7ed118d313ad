"""
L{SparingLog}: a log that a flood of the same message does not fill.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel, formatEvent
from twisted.python.failure import Failure

#: How many times a message is written in L{SECONDS} before the rest is only counted.
FEW: Final = 5
#: Seconds after which it is said how many there were.
SECONDS: Final = 5.0

# The kinds of message that are told apart at the most.
_KINDS: Final = 1_000


class _Kind:
    """
    Messages of one kind.
    """

    __slots__ = ("began", "fields", "format", "held", "level", "log", "written")

    def __init__(self, log: Logger, level: Any, format: str, began: float) -> None:
        self.log = log
        self.level = level
        self.format = format
        self.began = began
        self.written = 0
        self.held = 0
        self.fields: dict[str, Any] = {}


class SparingLog:
    """
    Writes the first few messages of each kind, and counts the others: every few seconds it logs
    how many there were, and the last one. So nothing is dropped silently, and no peer can fill a
    disk by repeating a mistake.

    Messages are of one kind when they have the same format and the same cause.
    """

    def __init__(self, clock: IReactorTime) -> None:
        """
        @param clock: Measures time. It has a delayed call only while messages are held back.
        """
        self._clock = clock
        self._kinds: dict[object, _Kind] = {}
        self._call: IDelayedCall | None = None

    def warn(self, log: Logger, format: str, cause: object = None, **fields: Any) -> None:
        """
        Write a warning.

        @param log: The log.
        @param format: The message, with the names of its fields.
        @param cause: Distinguishes messages of this format, such as the class of an error.
        """
        self._emit(log, LogLevel.warn, format, cause, fields)

    def info(self, log: Logger, format: str, cause: object = None, **fields: Any) -> None:
        """
        Write a note.
        """
        self._emit(log, LogLevel.info, format, cause, fields)

    def failure(
        self, log: Logger, format: str, failure: Failure | None = None, **fields: Any
    ) -> None:
        """
        Write a failure, with its traceback. Its cause is its class and the line that raised it.

        @param failure: The failure; the one that is being handled, if not given.
        """
        if failure is None:
            failure = Failure()
        frames = failure.frames
        cause = (failure.type, *frames[-1][1:3]) if frames else failure.type
        self._emit(log, LogLevel.critical, format, cause, {"log_failure": failure, **fields})

    def _emit(
        self, log: Logger, level: Any, format: str, cause: object, fields: dict[str, Any]
    ) -> None:
        now = self._clock.seconds()
        key = format, cause
        kind = self._kinds.get(key)
        if kind is None or (not kind.held and now - kind.began >= SECONDS):
            if len(self._kinds) >= _KINDS:
                self.flush()
            kind = self._kinds[key] = _Kind(log, level, format, now)
        if kind.written < FEW:
            kind.written += 1
            log.emit(level, format, **fields)
            return
        kind.held += 1
        fields.pop("log_failure", None)  # it would keep the objects in its frames alive
        kind.fields = fields
        if self._call is None:
            self._call = self._clock.callLater(SECONDS, self._sumUp)

    def _sumUp(self) -> None:
        self._call = None
        kinds, self._kinds = self._kinds, {}
        now = self._clock.seconds()
        for kind in kinds.values():
            if kind.held:
                kind.log.emit(
                    kind.level,
                    "{count} more messages like this in {seconds:.0f} s: {text}",
                    count=kind.held,
                    seconds=now - kind.began,
                    text=formatEvent({"log_format": kind.format, **kind.fields}),
                )

    def flush(self) -> None:
        """
        Log now how many messages were held back. No delayed call is left.
        """
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        if self._kinds:
            self._sumUp()
