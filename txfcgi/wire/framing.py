"""
What both ends of a FastCGI connection share: finding the records in what arrives, whatever the
pieces, and putting streams into records.

Nothing is allocated from a declared length. The content of a stream is passed on as it arrives;
only a record that means nothing until it is whole is held, at most 65535 bytes of one.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from ..errors import NotFastCGI, RemoteProtocolError, UnsupportedVersion
from .compiling import mypyc_attr
from .events import Connection, ConnectionFailed, Event
from .firstbytes import mistakenFor
from .records import BEGIN_BODY, END_BODY, HEADER, HEADER_LENGTH, KEEP_CONN, VERSION

Buffer = bytes | memoryview

#: Whether the wire was compiled by mypyc, or is interpreted.
COMPILED: Final = not __file__.endswith((".py", ".pyc"))

# Content of a full record: the most that is a multiple of eight, so that it needs no padding and
# content and padding never exceed what a careful reader holds.
FULL: Final = 65528

_PADDING: Final = tuple(bytes(size) for size in range(8))
_NO_EVENTS: Final[list[Event]] = []
_BEGIN: Final = 1  # BEGIN_REQUEST
_STREAMED: Final = frozenset((4, 5, 6, 7, 8))
_GATHERED: Final = frozenset((5, 6, 8))  # streams that can be long

# A header with version and type read as one number.
_NEXT_HEADER: Final = Struct(">HHHBx")


def recordHeader(type: int, requestID: int, length: int, padding: int) -> bytes:
    """
    The eight bytes before a record's content (section 3.3).
    """
    return HEADER.pack(VERSION, type, requestID, length, padding)


def beginRequest(requestID: int, role: int, keepConnection: bool) -> bytes:
    """
    A BEGIN_REQUEST record (section 5.1).
    """
    body = BEGIN_BODY.pack(role, KEEP_CONN if keepConnection else 0)
    return recordHeader(1, requestID, 8, 0) + body


def endRequest(requestID: int, appStatus: int, protocolStatus: int) -> bytes:
    """
    An END_REQUEST record (section 5.5). The status wraps to 32 bits, as an exit status does.
    """
    body = END_BODY.pack(appStatus & 0xFFFFFFFF, protocolStatus)
    return recordHeader(3, requestID, 8, 0) + body


def streamRecords(type: int, requestID: int, data: Buffer) -> list[Buffer]:
    """
    A piece of a stream as records, its bytes not copied.

    @return: Headers, slices of C{data} and paddings, in the order they go out.
    """
    size = len(data)
    if size <= FULL:
        padding = -size & 7
        header = HEADER.pack(VERSION, type, requestID, size, padding)
        return [header, data, _PADDING[padding]] if padding else [header, data]
    parts: list[Buffer] = []
    header = HEADER.pack(VERSION, type, requestID, FULL, 0)
    view = memoryview(data)
    whole = size - size % FULL
    for start in range(0, whole, FULL):
        parts.append(header)
        parts.append(view[start : start + FULL])
    if whole < size:
        padding = -size & 7
        parts.append(HEADER.pack(VERSION, type, requestID, size - whole, padding))
        parts.append(view[whole:])
        if padding:
            parts.append(_PADDING[padding])
    return parts


@mypyc_attr(allow_interpreted_subclasses=True)
class RecordLayer(Connection):
    """
    Bytes to records, and errors to one last event. The two ends of a connection inherit from it
    and say what each record means.
    """

    __slots__ = (
        "_collected",
        "_events",
        "_held",
        "_kind",
        "_left",
        "_padding",
        "_requestID",
        "_seen",
    )

    #: Whether long reads are better given to L{receive} as views of a buffer.
    takesViews: Final = True

    def __init__(self) -> None:
        super().__init__()
        self._events: list[Event] = _NO_EVENTS  # those of the read that is being taken
        self._held = b""  # the start of a header
        self._collected: bytearray | None = None  # the start of a record outside streams
        self._left = -1  # bytes of content still to come; -1: between records, or in a header
        self._padding = 0
        self._kind = 0
        self._requestID = 0
        self._seen = False  # whether any record was: until then it may be no FastCGI at all

    @property
    def partial(self) -> bool:
        """
        Whether a record has come in part.
        """
        return self._left >= 0 or bool(self._held)

    def receive(self, data: Buffer) -> list[Event]:
        """
        Take what the transport brought.

        @param data: Bytes; or, if it is long, a view of a buffer, of which nothing is kept.
        @return: What it meant, in order. When the peer broke a rule,
            L{ConnectionFailed<txfcgi.wire.events.ConnectionFailed>} is the last of it.
        @raise RemoteProtocolError: If the connection failed already, in an earlier call.
        """
        if self._error is not None:
            self._raiseAgain()
        events: list[Event] = []
        self._events = events
        try:
            if type(data) is not bytes:
                data = self._takeLong(memoryview(data))
            if data:
                self._walk(data, 0)
        except RemoteProtocolError as error:
            self._error = error.with_traceback(None)
            self._held = b""
            self._collected = None
            events.append(ConnectionFailed(error))
        self._events = _NO_EVENTS
        return events

    def _walk(self, data: bytes, position: int) -> None:
        """
        Go through all records of a read; keep what the next read has to complete.
        """
        if self._left > 0 and self._kind in _GATHERED:
            position = self._gather(data, 0)
        elif self._left >= 0 or self._held:
            position = self._resume(data)
        end = len(data)
        unpack = HEADER.unpack_from
        while end - position >= HEADER_LENGTH:
            if data[position + 1] == _BEGIN:
                after = self._whole(data, position)
                if after:
                    self._seen = True
                    position = after
                    continue
            version, kind, requestID, length, padding = unpack(data, position)
            if version != VERSION:
                raise self._noRecord(data[position : position + HEADER_LENGTH])
            self._seen = True
            start = position + HEADER_LENGTH
            if length and kind in _GATHERED:
                self._open(kind, requestID, length, padding)
                position = self._gather(data, start)
                continue
            position = start + length
            if position <= end:
                self._record(kind, requestID, data[start:position])
                position += padding
                if position > end:
                    self._left = 0
                    self._padding = position - end
                    return
            else:
                self._open(kind, requestID, length, padding)
                self._content(data, start)
                return
        if position < end:
            self._held = data[position:]

    def _takeLong(self, view: memoryview) -> bytes:
        """
        Take the stream with which a long read begins, without copying it twice.

        @return: The bytes behind it.
        """
        position = 0
        if self._left < 0 and not self._held and len(view) >= HEADER_LENGTH:
            version, kind, requestID, length, padding = HEADER.unpack_from(view)
            if version == VERSION and length and kind in _GATHERED:
                self._seen = True
                self._open(kind, requestID, length, padding)
                position = HEADER_LENGTH
        if self._left > 0 and self._kind in _GATHERED:
            position = self._gather(view, position)
        return view[position:].tobytes()

    def _gather(self, data: Buffer, position: int) -> int:
        """
        Take the content of a stream that lies in a read, of the open record and of all records of
        the stream that follow it at once: in one piece, copied once.

        @return: Where the next record starts in C{data}, or its end.
        """
        end = len(data)
        view = memoryview(data)
        kind, requestID = self._kind, self._requestID
        left, padding = self._left, self._padding
        following = VERSION << 8 | kind
        pieces: list[memoryview] = []
        while True:
            stop = position + left
            pieces.append(view[position:stop])
            position = stop + padding
            if position > end:
                self._left = max(0, stop - end)
                self._padding = position - end if stop <= end else padding
                position = end
                break
            self._left = -1
            if end - position < HEADER_LENGTH:
                break
            first, sameID, left, padding = _NEXT_HEADER.unpack_from(data, position)
            if first != following or sameID != requestID or not left:
                break
            position += HEADER_LENGTH
        content = b"".join(pieces)
        if content:
            self._record(kind, requestID, content)
        return position

    def _resume(self, data: bytes) -> int:
        """
        Go on with a record of which the last read brought a part.

        @return: Where the next record starts in C{data}, or its end.
        """
        position = 0
        if self._left < 0:
            position = HEADER_LENGTH - len(self._held)
            header = self._held + data[:position]
            self._held = header
            if len(header) < HEADER_LENGTH:
                return len(data)
            version, kind, requestID, length, padding = HEADER.unpack(header)
            if version != VERSION:
                raise self._noRecord(header)
            self._seen = True
            self._held = b""
            self._open(kind, requestID, length, padding)
            if not length:
                self._record(kind, requestID, b"")
        if self._left:
            position = self._content(data, position)
            if self._left:
                return position
        skipped = min(self._padding, len(data) - position)
        self._padding -= skipped
        if not self._padding:
            self._left = -1
        return position + skipped

    def _open(self, kind: int, requestID: int, length: int, padding: int) -> None:
        self._kind = kind
        self._requestID = requestID
        self._left = length
        self._padding = padding

    def _content(self, data: bytes, position: int) -> int:
        """
        Take content of the open record.

        @return: Where it ends in C{data}.
        """
        piece = data[position : position + self._left]
        self._left -= len(piece)
        if self._kind in _STREAMED:
            if piece:
                self._record(self._kind, self._requestID, piece)
        else:
            self._collect(piece)
        return position + len(piece)

    def _collect(self, piece: bytes) -> None:
        if self._collected is None:
            self._collected = bytearray()
        self._collected += piece
        if not self._left:
            content = bytes(self._collected)
            self._collected = None
            self._record(self._kind, self._requestID, content)

    def _noRecord(self, header: bytes) -> RemoteProtocolError:
        mistaken = None if self._seen else self._mistakenFor(header)
        if mistaken is not None:
            return NotFastCGI(mistaken)
        return UnsupportedVersion(
            f"a record of version {header[0]}: only version 1 exists (section 3.3)"
        )

    def _mistakenFor(self, start: bytes) -> str | None:
        """
        What the connection speaks in place of FastCGI, and what to do, by its first bytes.
        """
        return mistakenFor(start, "FastCGI")

    def _whole(self, data: bytes, position: int) -> int:
        """
        Take a whole request at once, if one lies there.

        @return: Where it ends, or 0.
        """
        return 0

    def _record(self, kind: int, requestID: int, content: bytes) -> None:
        """
        Take a record, or the next content of a stream. Empty content is the end of a stream.
        """
        raise NotImplementedError
