"""
L{Child}: a worker as the master sees it: a process, and the link to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from signal import SIGKILL
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import InvalidLogLevelError, Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from ..masking import visible
from .link import ILinkEnd, Link

if TYPE_CHECKING:
    from .master import Master

_STANDARD_OUTPUT: Final = 1
_STANDARD_ERROR: Final = 2

# The most bytes to keep of an incomplete line that a worker prints.
_LINE_BYTES: Final = 65_536

# Seconds to wait for a worker's last output after its end. A process that the worker left behind
# may keep its standard output open for ever.
_LAST_WORDS: Final = 1.0


class ChildState(IntEnum):
    """
    The state of a worker. It only moves forward.
    """

    STARTING = 0
    READY = 1  # it accepts connections
    ENDING = 2  # it was told to end
    GONE = 3


@implementer(ILinkEnd)
class Child(ProcessProtocol):
    """
    One worker.

    @ivar number: Its number, which its master never uses again.
    @ivar generation: The number of its generation.
    @ivar replaces: The worker that ends when this one is ready, if any.
    @ivar state: Its state.
    @ivar heardAt: When its last message arrived, in seconds of the master's clock.
    @ivar startedAt: When it was started.
    @ivar figures: The figures of its last report.
    @ivar files: The files of the app that it has loaded or failed to load, if it reports them.
    """

    log = Logger()

    def __init__(
        self, master: Master, number: int, generation: int, replaces: Child | None = None
    ) -> None:
        self._master = master
        self.number = number
        self.generation = generation
        self.replaces = replaces
        self.replaced = False
        self.state = ChildState.STARTING
        self.link = Link(self)
        self.startedAt = self.heardAt = master.clock.seconds()
        self.endBy: float | None = None
        self.why = ""
        self.figures: Mapping[str, Any] = {}
        self.files: list[str] = []
        self._pid: int | None = None
        self._lines: dict[int, bytes] = {}
        self._overdue: IDelayedCall | None = None

    def __repr__(self) -> str:
        return f"worker {self.number}" + (f" (process {self._pid})" if self._pid else "")

    def connectionMade(self) -> None:
        """
        The process is running. Keep its id for messages after its end.
        """
        self._pid = self.pid

    @property
    def pid(self) -> int | None:
        """
        The id of the process while it runs.
        """
        return None if self.transport is None else self.transport.pid

    def enter(self, state: ChildState) -> None:
        """
        Enter the next state.
        """
        assert state > self.state, f"{self} can't go from {self.state!r} to {state!r}"
        self.state = state

    # Orders

    def retire(self, within: float) -> None:
        """
        Stop it gracefully, as other workers accept on its sockets.
        """
        self._end("retire", within)

    def drain(self, within: float) -> None:
        """
        Stop it gracefully, as no other process will accept on its sockets.
        """
        self._end("drain", within)

    def _end(self, kind: str, within: float) -> None:
        if self.state < ChildState.ENDING:
            starting = self.state is ChildState.STARTING
            self.enter(ChildState.ENDING)
            self.endBy = self._master.clock.seconds() + within
            if starting:
                # It serves no request, and may run the app's own code for a long time.
                self.signal(SIGKILL)
            else:
                self.link.tell(kind)

    def hurry(self) -> None:
        """
        Abort its running requests.
        """
        self.link.tell("abort")

    def signal(self, number: int) -> None:
        """
        Send it a signal, if it is still running.
        """
        if self.transport is not None and self.transport.pid is not None:
            self.transport.signalProcess(number)

    # Messages

    def heard(self, kind: str, values: Mapping[str, Any]) -> None:
        """
        A message arrived, so the worker is alive.
        """
        self.heardAt = self._master.clock.seconds()
        if kind == "ready":
            if self.state is ChildState.STARTING:
                self.enter(ChildState.READY)
                self._master.childReady(self)
        elif kind == "figures":
            self.figures = values
        elif kind == "spent":
            self._master.childSpent(self)
        elif kind == "failed":
            self.why = str(values.get("why", ""))
        elif kind == "files":
            self.files = [str(path) for path in values.get("paths", ())]
            self._master.childLoaded(self)
        elif kind == "log":
            self._logged(values)

    def unlinked(self, why: str) -> None:
        """
        The link is closed: the worker ends, or wrote something else to the link.
        """
        if why:
            self.log.error("{child} is killed: {why}", child=self, why=why)
            self.signal(SIGKILL)

    def _logged(self, values: Mapping[str, Any]) -> None:
        try:
            level = LogLevel.levelWithName(str(values.get("level", "info")))
        except InvalidLogLevelError:
            level = LogLevel.info
        self._say(level, str(values.get("text", "")))

    def outReceived(self, data: bytes) -> None:
        """
        It printed something.
        """
        self._printed(_STANDARD_OUTPUT, data)

    def errReceived(self, data: bytes) -> None:
        """
        It printed something to its standard error. The level is error, as for the standard error
        of a single process.
        """
        self._printed(_STANDARD_ERROR, data)

    def _printed(self, descriptor: int, data: bytes) -> None:
        *lines, rest = (self._lines.pop(descriptor, b"") + data).split(b"\n")
        if len(rest) > _LINE_BYTES:
            lines.append(rest)
            rest = b""
        if rest:
            self._lines[descriptor] = rest
        for line in lines:
            self._print(descriptor, line)

    def _print(self, descriptor: int, line: bytes) -> None:
        level = LogLevel.error if descriptor == _STANDARD_ERROR else LogLevel.info
        self._say(level, visible(line.decode("utf-8", "backslashreplace")))

    def _say(self, level: Any, text: str) -> None:
        self.log.emit(level, "[worker {number}] {text}", number=self.number, text=text)

    def processExited(self, reason: Failure) -> None:
        """
        The process has ended; its last output may still arrive.
        """
        self._overdue = self._master.clock.callLater(_LAST_WORDS, self.gone, _ended(reason))

    def processEnded(self, reason: Failure) -> None:
        """
        The process has ended, and all of its output was read.
        """
        for descriptor, line in self._lines.items():
            self._print(descriptor, line)
        self._lines.clear()
        if self._overdue is not None and self._overdue.active():
            self._overdue.cancel()
        if self.state is not ChildState.GONE:
            self.gone(_ended(reason))

    def gone(self, how: str) -> None:
        """
        The worker has no process, or its process has ended.

        @param how: How it ended.
        """
        self.link.close()
        self.enter(ChildState.GONE)
        self._master.childGone(self, how)


def _ended(reason: Failure) -> str:
    """
    How a process ended, in words.
    """
    error: Any = reason.value
    signal = getattr(error, "signal", None)
    if signal is not None:
        return f"ended by signal {signal}"
    return f"ended with status {getattr(error, 'exitCode', None)}"
