"""
A web server's end of the wire: the project's own, put into the records that the web server makes.
"""

from __future__ import annotations

from ..errors import RemoteProtocolError
from ..wire import fastcgiclient, scgiclient
from ..wire.events import Event
from ..wire.framing import Buffer
from ..wire.records import RecordReader, Role, encodeRecord
from .manners import Ending, Manners

Pairs = list[tuple[bytes, bytes]]


class Speaker:
    """
    The web server's end of a connection.

    @ivar wire: What it speaks by.
    @ivar manners: How it speaks.
    """

    def __init__(
        self, wire: fastcgiclient.ClientConnection | scgiclient.ClientConnection, manners: Manners
    ) -> None:
        self.wire = wire
        self.manners = manners

    @property
    def reusable(self) -> bool:
        """
        Whether another request may be made.
        """
        return self.wire.reusable

    @property
    def failed(self) -> RemoteProtocolError | None:
        """
        The error that ended this connection.
        """
        return self.wire.failed

    def open(self, params: Pairs, role: int) -> tuple[int, bytes]:
        """
        The beginning of a request: all that comes before its body.

        @return: The request's id, and what to write.
        """
        raise NotImplementedError

    def send(self, requestID: int, stream: int, data: Buffer) -> list[Buffer]:
        """
        A piece of STDIN or DATA.
        """
        return self.wire.send(requestID, stream, data)

    def endStream(self, requestID: int, stream: int) -> bytes:
        """
        The end of STDIN or DATA.
        """
        return self.wire.endStream(requestID, stream)

    def ends(self, role: int, hasBody: bool) -> bool:
        """
        Whether the end of STDIN is sent.
        """
        return False

    def abort(self, requestID: int) -> bytes:
        """
        What tells the application that the answer is not wanted.
        """
        return self.wire.abort(requestID)

    def question(self) -> bytes:
        """
        What a new connection is asked.
        """
        return b""

    def receive(self, data: bytes) -> list[Event]:
        """
        Take what the application sent.
        """
        return self.wire.receive(data)

    def receiveEnd(self) -> list[Event]:
        """
        The application closed the connection.
        """
        return self.wire.receiveEnd()


class FastCGISpeaker(Speaker):
    """
    FastCGI, as one of the web servers speaks it.
    """

    wire: fastcgiclient.ClientConnection

    def __init__(self, manners: Manners) -> None:
        super().__init__(fastcgiclient.ClientConnection(), manners)
        self._next: int | None = None

    def open(self, params: Pairs, role: int) -> tuple[int, bytes]:
        """
        BEGIN_REQUEST and all of PARAMS.
        """
        manners = self.manners
        keep = manners.keepsFor(role)
        requestID, plain = self.wire.begin(params, role, keep, self._next)
        if manners.step:
            self._next = requestID + manners.step
        begin, *block = RecordReader().receive(plain)
        parts = [encodeRecord(begin.type, requestID, begin.content, 0)]
        parts += (self._encoded(each.type, requestID, each.content) for each in block)
        return requestID, b"".join(parts)

    def send(self, requestID: int, stream: int, data: Buffer) -> list[Buffer]:
        """
        A piece of STDIN or DATA, as the web server's records.
        """
        super().send(requestID, stream, data)  # which knows whether it may be sent now
        size = self.manners.recordBytes
        return [
            self._encoded(stream, requestID, bytes(data[start : start + size]))
            for start in range(0, len(data), size)
        ]

    def ends(self, role: int, hasBody: bool) -> bool:
        """
        Whether the end of STDIN is sent.
        """
        ending = self.manners.authorizerStdin
        return (
            role != Role.AUTHORIZER
            or ending is Ending.ALWAYS
            or (ending is Ending.WITHOUT_BODY and not hasBody)
        )

    def question(self) -> bytes:
        """
        What a new connection is asked.
        """
        return self.wire.getValues(self.manners.asks) if self.manners.asks else b""

    def _encoded(self, kind: int, requestID: int, content: bytes) -> bytes:
        return encodeRecord(kind, requestID, content, -1 if self.manners.pads else 0)


class SCGISpeaker(Speaker):
    """
    SCGI, as one of the web servers speaks it: its own order of headers, that may leave SCGI out and
    repeat others.
    """

    def __init__(self, manners: Manners) -> None:
        super().__init__(scgiclient.ClientConnection(), manners)

    def open(self, params: Pairs, role: int) -> tuple[int, bytes]:
        """
        The headers of a request.
        """
        length = dict(params)[b"CONTENT_LENGTH"]
        requestID, _ = self.wire.begin([(b"CONTENT_LENGTH", length)], role)
        block = b"".join(b"%b\0%b\0" % pair for pair in params)
        return requestID, b"%d:%b," % (len(block), block)
