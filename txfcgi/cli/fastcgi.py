"""
L{RecordPrinter}: FastCGI records as lines of text.
"""

from __future__ import annotations

from ..errors import TxFCGIError
from ..wire.pairs import decodePairs
from ..wire.records import (
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
from .printer import HELD, Listing, OutputPrinter, Printer


class RecordPrinter(Printer):
    """
    Shows the records of one direction of a connection. Params, and the head of a response, are
    shown when they are complete; of bodies, the size, and as much content as is wanted.
    """

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self._reader = RecordReader()
        self._started = False
        self._params: dict[int, bytearray | None] = {}
        self._outputs: dict[int, OutputPrinter] = {}

    def _receive(self, data: bytes) -> None:
        if not self._started and data[:1].isdigit():
            self._stop("this is SCGI, not FastCGI: --scgi shows it")
            return
        self._started = True
        try:
            records = self._reader.receive(data)
            while records:
                for record in records:
                    self._show(record)
                # Valid records before a malformed one are returned first.
                records = self._reader.receive(b"")
        except TxFCGIError as error:
            self._stop(f"this is not FastCGI: {error}")

    def _end(self) -> None:
        if self._reader.held:
            self._cutOff(f"the end, in the middle of a record: {self._reader.held} bytes of it")

    def _show(self, record: Record) -> None:
        name = nameOfType(record.type)
        start = f"{name} id={record.requestID}" if record.requestID else name
        try:
            known = interpret(record)
        except TxFCGIError as error:
            self._listing.line(f"{start} is malformed: {error}")
            return
        self._listing.line(f"{start} {self._summary(known, record.content)}".rstrip())
        if isinstance(known, Params):
            self._showParams(known)
        elif isinstance(known, Stdout):
            self._showOutput(known)
        elif isinstance(known, EndRequest):
            self._outputs.pop(known.requestID, None)
        elif isinstance(known, BeginRequest):
            self._params.pop(known.requestID, None)
        elif not isinstance(known, (GetValues, GetValuesResult)):
            self._listing.content(record.content)

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

    def _showParams(self, record: Params) -> None:
        """
        Show all params when the last of them has arrived.
        """
        held = self._params.setdefault(record.requestID, bytearray())
        if held is None:
            return
        if record.content:
            held += record.content
            if len(held) > HELD:
                self._params[record.requestID] = None
                self._listing.line(f"    more than {HELD} bytes, which are not shown")
            return
        del self._params[record.requestID]
        try:
            self._listing.params(decodePairs(bytes(held)))
        except TxFCGIError as error:
            self._listing.line(f"    the params can't be read: {error}")

    def _showOutput(self, record: Stdout) -> None:
        output = self._outputs.setdefault(record.requestID, OutputPrinter(self._listing))
        if record.content:
            output.receive(record.content)
        else:
            output.end()
