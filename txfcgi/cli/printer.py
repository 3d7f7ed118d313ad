"""
One direction of a connection as lines of text: the part that does not depend on the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..errors import MalformedHead, TxFCGIError
from ..masking import masked
from ..wire.cgi import HeadReader, ResponseHead
from .console import readable

# The most bytes of params, and of a response's head, that are kept to show them whole.
HELD: Final = 262_144


class Listing:
    """
    The lines.
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
        @param prefix: The beginning of each line.
        @param secrets: Whether passwords, cookies and the like are shown.
        @param content: How many bytes of each piece of a body are shown.
        """
        self._write = write
        self._prefix = prefix
        self._secrets = secrets
        self._content = content

    def line(self, text: str) -> None:
        """
        Show a line.
        """
        self._write(self._prefix + readable(text))

    def content(self, data: bytes) -> None:
        """
        Show as much content of a piece of a body as is wanted.
        """
        if self._content and data:
            more = len(data) - self._content
            shown = readable(data[: self._content])
            self.line(f"    {shown}{f' ... {more} bytes more' if more > 0 else ''}")

    def params(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """
        Show params.
        """
        for name, value in pairs:
            self._pair(name, value, "=")

    def head(self, lines: bytes) -> None:
        """
        Show the head of a response.
        """
        for line in lines.splitlines():
            name, colon, value = line.partition(b":")
            if line:
                self._pair(name, value.strip(), ": " if colon else "")

    def _pair(self, name: bytes, value: bytes, between: str) -> None:
        text, shown = readable(name), readable(value)
        self.line(f"    {text}{between}{shown if self._secrets else masked(text, shown)}")


class Printer:
    """
    Shows one direction. Each protocol has its own.

    @ivar failed: Whether the bytes can't be read, or end too early.
    """

    failed = False

    def __init__(self, listing: Listing) -> None:
        """
        @param listing: Takes the lines.
        """
        self._listing = listing
        self._stopped = False

    def receive(self, data: bytes) -> None:
        """
        Take the next bytes.
        """
        if data and not self._stopped:
            self._receive(data)

    def end(self) -> None:
        """
        The connection is closed.
        """
        if not self._stopped:
            self._end()

    def _stop(self, reason: str) -> None:
        """
        Stop showing: the rest can't be read.
        """
        self._stopped = self.failed = True
        self._listing.line(f"{reason}; nothing more is shown")

    def _cutOff(self, how: str) -> None:
        """
        The bytes end too early.
        """
        self.failed = True
        self._listing.line(how)

    # What a protocol makes of it

    def _receive(self, data: bytes) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError


class OutputPrinter:
    """
    Shows CGI output: the head of a response when it is complete, then the body.

    @ivar head: The head, once it was read.
    @ivar bodyBytes: How many bytes of the body have arrived.
    @ivar failed: Whether the head can't be read, or is not complete.
    """

    failed = False

    def __init__(self, listing: Listing) -> None:
        """
        @param listing: Takes the lines.
        """
        self._listing = listing
        self._reader = HeadReader(HELD)
        self._held: bytearray | None = bytearray()  # the received part of the head
        self.head: ResponseHead | None = None
        self.bodyBytes = 0

    def receive(self, data: bytes) -> None:
        """
        Take the next piece.
        """
        held = self._held
        if held is not None:
            held += data
            try:
                self.head = self._reader.receive(data)
            except TxFCGIError as error:
                data = self._withoutHead(bytes(held), error)
            else:
                if self.head is None:
                    return
                data = self._reader.rest
                self._listing.head(bytes(held[: len(held) - len(data)]))
            self._held = None
        self.bodyBytes += len(data)
        self._listing.content(data)

    def end(self) -> None:
        """
        The output has ended.
        """
        if self._held:
            self.failed = True
            self._listing.head(bytes(self._held))
            self._listing.line(
                f"    the end, in the middle of the head: {len(self._held)} bytes of it"
            )
            self._held = None

    def _withoutHead(self, output: bytes, error: TxFCGIError) -> bytes:
        """
        Show the malformed head, and what is wrong with it.

        @return: The bytes after it.
        """
        self.failed = True
        if isinstance(error, MalformedHead):
            head, _, output = output.replace(b"\r\n", b"\n").partition(b"\n\n")
            self._listing.head(head)
        self._listing.line(f"    the head can't be read: {error}")
        return output
