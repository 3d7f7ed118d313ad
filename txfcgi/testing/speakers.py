"""
A web server's end of the wire: the project's own, put into the records that the web server makes.
"""

from __future__ import annotations

from ..wire import fastcgiclient, scgiclient
from ..wire.framing import Buffer, beginRequest, recordHeader
from ..wire.pairs import encodePair, packPairs
from ..wire.records import Role, Stream, encodeRecord
from .manners import Ending, Manners

Pairs = list[tuple[bytes, bytes]]


class FastCGISpeaker(fastcgiclient.ClientConnection):
    """
    FastCGI, as one of the web servers speaks it.
    """

    __slots__ = ("_manners",)

    def __init__(self, manners: Manners) -> None:
        super().__init__()
        self._manners = manners

    def open(self, params: Pairs, role: int) -> tuple[int, bytes]:
        """
        The beginning of a request: BEGIN_REQUEST and all of PARAMS.

        @return: The request's id, and what to write.
        """
        manners = self._manners
        keep = manners.keepsFor(role)
        contents = list(packPairs(encodePair(*pair) for pair in params))
        if manners.step and self._highest:
            self._lowest = self._highest + manners.step
        requestID = self._take(role, keep, Stream.STDIN)
        parts = [beginRequest(requestID, role, keep)]
        parts += (self._encoded(Stream.PARAMS, requestID, each) for each in contents)
        parts.append(recordHeader(Stream.PARAMS, requestID, 0, 0))
        return requestID, b"".join(parts)

    def send(self, requestID: int, stream: int, data: Buffer) -> list[Buffer]:
        """
        A piece of STDIN or DATA, as the web server's records.
        """
        self._sending(requestID, stream)
        size = self._manners.recordBytes
        return [
            self._encoded(stream, requestID, bytes(data[start : start + size]))
            for start in range(0, len(data), size)
        ]

    def ends(self, role: int, hasBody: bool) -> bool:
        """
        Whether the end of STDIN is sent.
        """
        ending = self._manners.authorizerStdin
        return (
            role != Role.AUTHORIZER
            or ending is Ending.ALWAYS
            or (ending is Ending.WITHOUT_BODY and not hasBody)
        )

    def question(self) -> bytes:
        """
        What a new connection is asked.
        """
        return self.getValues(self._manners.asks) if self._manners.asks else b""

    def _encoded(self, kind: int, requestID: int, content: bytes) -> bytes:
        return encodeRecord(kind, requestID, content, -1 if self._manners.pads else 0)


class SCGISpeaker(scgiclient.ClientConnection):
    """
    SCGI, as one of the web servers speaks it: its own order of headers, that may leave SCGI out.
    """

    __slots__ = ()

    def __init__(self, manners: Manners) -> None:
        super().__init__()

    def open(self, params: Pairs, role: int) -> tuple[int, bytes]:
        """
        The headers of a request.

        @return: The request's id, and what to write.
        """
        requestID = self._take(role)
        self._remaining = int(dict(params)[b"CONTENT_LENGTH"])
        block = b"".join(b"%b\0%b\0" % pair for pair in params)
        return requestID, b"%d:%b," % (len(block), block)

    def ends(self, role: int, hasBody: bool) -> bool:
        """
        Whether the end of the body is sent: it has none.
        """
        return False

    def question(self) -> bytes:
        """
        What a new connection is asked: nothing.
        """
        return b""


Speaker = FastCGISpeaker | SCGISpeaker
