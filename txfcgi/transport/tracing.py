"""
L{TracedRecord}: FastCGI records, as C{onRecord} gets them. Without C{onRecord}, none of this costs
anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from ..errors import TxFCGIError
from ..masking import masked
from ..wire.framing import Buffer
from ..wire.pairs import decodePairs
from ..wire.records import RecordReader, nameOfType
from .outlet import Outlet
from .sparing import SparingLog

_PARAMS: Final = 4


@dataclass(frozen=True, slots=True)
class TracedRecord:
    """
    A record that was sent or received.

    @ivar peer: The address of the peer.
    @ivar sent: Whether it was sent; if not, it was received.
    @ivar requestID: The request that it belongs to; 0 for the connection itself.
    @ivar type: Its type, as the number on the wire.
    @ivar content: Its content, which may have secrets in it; L{shown} is fit for a log.
    """

    peer: IAddress
    sent: bool
    requestID: int
    type: int
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """
        The name of its type, such as C{STDOUT}.
        """
        return nameOfType(self.type)

    @property
    def size(self) -> int:
        """
        The length of its content, in bytes.
        """
        return len(self.content)

    def shown(self) -> str:
        """
        Its params, one to a line, with C{***} for the values of secrets; nothing for a record that
        is not PARAMS, or has only a part of them.
        """
        if self.type != _PARAMS:
            return ""
        try:
            pairs = decodePairs(self.content)
        except TxFCGIError:
            return ""
        texts = [[text.decode("utf-8", "backslashreplace") for text in pair] for pair in pairs]
        return "\n".join(f"{name}={masked(name, value)!r}" for name, value in texts)

    def __str__(self) -> str:
        way = "to" if self.sent else "from"
        return f"{way} {self.peer}: {self.name} id={self.requestID} {self.size} bytes"


OnRecord = Callable[[TracedRecord], None]


class _Direction:
    """
    What passes one way over one connection.
    """

    _log = Logger()

    def __init__(self, protocol: Any, sparing: SparingLog, onRecord: OnRecord, sent: bool) -> None:
        self._protocol = protocol
        self._sparing = sparing
        self._onRecord = onRecord
        self._sent = sent
        self._reader: RecordReader | None = RecordReader()

    def see(self, data: Buffer) -> None:
        """
        Tell of the records that are complete with this.
        """
        peer = self._protocol.transport.getPeer()
        data = bytes(data)
        while self._reader is not None:
            try:
                records = self._reader.receive(data)
            except TxFCGIError:
                self._reader = None  # the connection itself says what is wrong
                return
            if not records:
                return
            data = b""
            for record in records:
                seen = TracedRecord(peer, self._sent, record.requestID, record.type, record.content)
                try:
                    self._onRecord(seen)
                except Exception:
                    self._sparing.failure(self._log, "onRecord failed")


class _TracedOutlet(Outlet):
    """
    An outlet that tells what is written.
    """

    __slots__ = ("_direction", "_inside")

    def __init__(self, direction: _Direction, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._direction = direction
        self._inside = False

    def write(self, data: Buffer) -> None:
        """
        Tell of it, and write it.
        """
        self._telling([data], super().write, data)

    def writeSequence(self, parts: list[Buffer]) -> None:
        """
        Tell of them, and write them.
        """
        self._telling(parts, super().writeSequence, parts)

    def uncork(self) -> None:
        """
        Let go what was told of already.
        """
        self._telling([], super().uncork)

    def _telling(self, parts: list[Buffer], write: Callable[..., None], *args: Any) -> None:
        if self._inside:
            # From one of these to another.
            write(*args)
            return
        for part in parts:
            self._direction.see(part)
        self._inside = True
        try:
            write(*args)
        finally:
            self._inside = False


def trace(protocol: Any, sparing: SparingLog, onRecord: OnRecord) -> None:
    """
    Let all records of a connection be told that is not made yet.

    @param protocol: One that makes its outlet with C{self.makeOutlet}.
    @param sparing: Where it is said that the function failed.
    """
    received = _Direction(protocol, sparing, onRecord, False)
    takes = protocol.dataReceived

    def dataReceived(data: Buffer) -> None:
        received.see(data)
        takes(data)

    protocol.dataReceived = dataReceived
    sent = _Direction(protocol, sparing, onRecord, True)
    protocol.makeOutlet = partial(_TracedOutlet, sent)
