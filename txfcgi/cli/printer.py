"""
L{RecordPrinter}: FastCGI records as lines of text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txfcgi.errors import TxFCGIError
from txfcgi.wire.pairs import decodePairs
from txfcgi.wire.records import (
    AbortRequest,
    AnyRecord,
    BeginRequest,
    EndRequest,
    GetValues,
    GetValuesResult,
    Params,
    ProtocolStatus,
    Record,
    RecordReader,
    Role,
    Stdout,
    UnknownType,
    interpret,
    nameOfType,
)

from .console import readable
from .secrets import masked

# What is held of params, and of a response's head, to show them whole.
_HELD: Final = 262_144


class RecordPrinter:
    """
    Shows the records that go one way over one connection. Params are shown when all of them are
    there, and so is the head of a response; of bodies, the size, and as much content as is wanted.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        prefix: str = "",
        secrets: bool = False,
        content: int = 0,
    ) -> None:
        """
        @param write: Takes each line.
        @param prefix: Stands before each.
        @param secrets: Whether passwords, cookies and the like are shown.
        @param content: How many bytes of each record of a body are shown.
        """
        self._write = write
        self._prefix = prefix
        self._secrets = secrets
        self._content = content
        self._reader: RecordReader | None = RecordReader()
        self._params: dict[int, bytearray | None] = {}
        self._heads: dict[int, bytearray | None] = {}

    def receive(self, data: bytes) -> None:
        """
        Take bytes as they come.
        """
        if self._reader is None:
            return
        try:
            records = self._reader.receive(data)
            while records:
                for record in records:
                    self._show(record)
                # Records before one that is none are returned first.
                records = self._reader.receive(b"")
        except TxFCGIError as error:
            self._reader = None
            self._line(f"this is no FastCGI: {error}; nothing more is shown")

    def end(self) -> None:
        """
        The connection is closed.
        """
        if self._reader is not None and self._reader.held:
            self._line(f"the end, within a record: {self._reader.held} bytes of it")

    def _line(self, text: str) -> None:
        self._write(self._prefix + readable(text))

    def _show(self, record: Record) -> None:
        name = nameOfType(record.type)
        start = f"{name} id={record.requestID}" if record.requestID else name
        try:
            known = interpret(record)
        except TxFCGIError as error:
            self._line(f"{start} is malformed: {error}")
            return
        self._line(f"{start} {self._summary(known, record.content)}".rstrip())
        if isinstance(known, Params):
            self._showParams(known)
        elif isinstance(known, Stdout):
            self._showHead(known)
        elif isinstance(known, EndRequest):
            self._heads.pop(known.requestID, None)
        elif isinstance(known, BeginRequest):
            self._params.pop(known.requestID, None)
        else:
            self._showContent(known, record.content)

    def _summary(self, record: AnyRecord, content: bytes) -> str:
        if isinstance(record, BeginRequest):
            role = Role(record.role).name if record.role in list(Role) else f"role {record.role}"
            return role + (" keep the connection" if record.keepConnection else "")
        if isinstance(record, EndRequest):
            status = record.protocolStatus
            known = status in list(ProtocolStatus)
            name = ProtocolStatus(status).name if known else f"protocolStatus {status}"
            return f"{name} appStatus={record.appStatus}"
        if isinstance(record, GetValues):
            return " ".join(readable(name) for name in record.names)
        if isinstance(record, GetValuesResult):
            return " ".join(f"{readable(name)}={readable(value)}" for name, value in record.values)
        if isinstance(record, UnknownType):
            return f"type {record.unknown}"
        if isinstance(record, AbortRequest):
            return ""
        if isinstance(record, Record):
            return f"{len(content)} bytes"
        return f"{len(content)} bytes" if content else "end"

    def _showContent(self, record: AnyRecord, content: bytes) -> None:
        if self._content and content and not isinstance(record, (GetValues, GetValuesResult)):
            more = len(content) - self._content
            shown = readable(content[: self._content])
            self._line(f"    {shown}{f' ... {more} bytes more' if more > 0 else ''}")

    def _showParams(self, record: Params) -> None:
        """
        Show all params when the last of them is there.
        """
        held = self._collect(self._params, record.requestID, record.content)
        if record.content or held is None:
            return
        self._params.pop(record.requestID, None)
        try:
            pairs = decodePairs(bytes(held))
        except TxFCGIError as error:
            self._line(f"    the params can't be read: {error}")
            return
        for name, value in pairs:
            self._pair(name, value, "=")

    def _showHead(self, record: Stdout) -> None:
        """
        Show the head of a response when all of it is there, and then the body.
        """
        requestID, content = record.requestID, record.content
        if requestID in self._heads and self._heads[requestID] is None:
            self._showContent(record, content)
            return
        held = self._collect(self._heads, requestID, content)
        if held is None:
            return
        head, blank, body = bytes(held).replace(b"\r\n", b"\n").partition(b"\n\n")
        if blank or not content:
            self._heads[requestID] = None
            for line in head.split(b"\n") if head else ():
                name, colon, value = line.partition(b":")
                self._pair(name, value.strip(), ": " if colon else "")
            self._showContent(record, body)

    def _collect(
        self, table: dict[int, bytearray | None], requestID: int, content: bytes
    ) -> bytearray | None:
        """
        Keep what has to be whole to be shown; L{None} when it is too much.
        """
        held = table.setdefault(requestID, bytearray())
        if held is not None:
            held += content
            if len(held) > _HELD:
                table[requestID] = held = None
                self._line(f"    more than {_HELD} bytes, which are not shown")
        return held

    def _pair(self, name: bytes, value: bytes, between: str) -> None:
        text, shown = readable(name), readable(value)
        self._line(f"    {text}{between}{shown if self._secrets else masked(text, shown)}")
