"""
L{RequestPrinter} and L{ResponsePrinter}: an SCGI request, and its response, as lines of text.
"""

from __future__ import annotations

from ..errors import MalformedParams
from ..wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestReceived,
    RequestRefused,
    StreamEnded,
)
from ..wire.params import Params, SCGIParams
from ..wire.records import VERSION
from ..wire.scgiserver import ServerConnection
from .printer import Listing, OutputPrinter, Printer


class _SCGIPrinter(Printer):
    """
    Recognizes FastCGI, which starts with the version of a record. SCGI starts with a digit in one
    direction and with a header's name in the other.
    """

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self._started = False

    def receive(self, data: bytes) -> None:
        """
        Take the next bytes.
        """
        if data and not self._started:
            self._started = True
            if data[0] == VERSION:
                self._stop("this is FastCGI, not SCGI: dump shows it without --scgi")
        super().receive(data)


class RequestPrinter(_SCGIPrinter):
    """
    Shows a request: its headers when they are complete; of its body, the size, and as much content
    as is wanted. A request that only a lenient server accepts is shown, with a message.
    """

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self._connection = ServerConnection(lenient=True)

    def _receive(self, data: bytes) -> None:
        wasForNobody = self._connection.inputOpen
        for event in self._connection.receive(data):
            self._show(event)
        if self._connection.inputOpen and not wasForNobody:
            self._listing.line("bytes after the body, which the app never sees")

    def _end(self) -> None:
        for event in self._connection.receiveEnd():
            if isinstance(event, ConnectionFailed):
                self._cutOff(f"the end: {event.error}")

    def _show(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._showHeaders(event.params)
        elif isinstance(event, DataReceived):
            self._listing.line(f"body {len(event.data)} bytes")
            self._listing.content(event.data)
        elif isinstance(event, StreamEnded):
            self._listing.line("body end")
        elif isinstance(event, ConnectionFailed):
            self._stop(f"this is not SCGI: {event.error}")
        elif isinstance(event, RequestRefused):
            self._stop(f"the headers can't be read: {event.reason}")

    def _showHeaders(self, params: Params) -> None:
        block = b"".join(b"%b\0%b\0" % pair for pair in params.raw)
        self._listing.line(f"headers {len(block)} bytes")
        self._listing.params(params.raw)
        try:
            SCGIParams(block)
        except MalformedParams as error:
            self._listing.line(f"    only a lenient server accepts this: {error}")


class ResponsePrinter(_SCGIPrinter):
    """
    Shows a response: its head when it is complete; of its body, the size, and as much content as is
    wanted.
    """

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self._output = OutputPrinter(listing)

    def _receive(self, data: bytes) -> None:
        self._listing.line(f"response {len(data)} bytes")
        self._output.receive(data)

    def _end(self) -> None:
        if not self._started:
            self._cutOff("the end, without a response")
            return
        self._output.end()
        self.failed = self._output.failed
        declared = self._output.head and self._output.head.contentLength
        of = "" if declared is None else f" of {declared}"
        self._listing.line(f"response end, {self._output.bodyBytes}{of} bytes of body")


class RecordedPrinter(Printer):
    """
    Shows either of the two: only a request starts with a digit.
    """

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self._printer: Printer | None = None

    def _receive(self, data: bytes) -> None:
        if self._printer is None:
            kind = RequestPrinter if data[:1].isdigit() else ResponsePrinter
            self._printer = kind(self._listing)
        self._printer.receive(data)
        self.failed = self._printer.failed

    def _end(self) -> None:
        if self._printer is not None:
            self._printer.end()
            self.failed = self._printer.failed
