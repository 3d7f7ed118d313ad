"""
The FastCGI rules (FastCGI 1.0) at the end that calls: bytes to events at a web server's place
(L{ClientConnection}), and the bytes that ask.

It is patient with applications that leave out what nobody needs (the empty record at the end of
STDOUT or STDERR), and strict with everything that could make one request's answer pass for
another's: a record for an id that is not active ends the connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from ..errors import (
    BrokenOff,
    EndedTwice,
    InactiveRequestID,
    InvalidRequestID,
    LocalProtocolError,
    ParamTooLarge,
    RemoteProtocolError,
    UnexpectedRecord,
)
from .answering import outputEnd
from .encoding import AnyParams, Shapes, encodeParams
from .events import (
    DataReceived,
    Event,
    RequestEnded,
    UnknownTypeReceived,
    ValuesReceived,
)
from .firstbytes import protocolOf
from .framing import (
    FULL,
    Buffer,
    RecordLayer,
    beginRequest,
    recordHeader,
    streamRecords,
)
from .pairs import decodePairs, encodePair, packPairs
from .records import END_BODY, HEADER, Role, Stream, encodeRecord, nameOfType, wrongLength

MAX_REQUEST_ID: Final = 65535

_STDIN: Final = 5
_DATA: Final = 8
_COMPLETE: Final = 0

# The size of a whole answer without output: three headers, and the body of END_REQUEST.
_SHORTEST: Final = 32

# The stream that a request has to send after one of its streams has ended.
_AFTER: Final = {
    (Role.FILTER.value, _STDIN): _DATA,
}

_STDOUT: Final = Stream.STDOUT
_OUTPUT: Final = {6: Stream.STDOUT, 7: Stream.STDERR}

_PADDING: Final = tuple(bytes(size) for size in range(8))


@lru_cache(1024)
def _aroundParams(requestID: int, role: int, keepConnection: bool) -> tuple[bytes, bytes]:
    """
    What goes before the params of a request without a body: BEGIN_REQUEST; and what goes behind
    them: the end of PARAMS and the ends of the streams that this role has.
    """
    begin = beginRequest(requestID, role, keepConnection)
    end = recordHeader(4, requestID, 0, 0) + recordHeader(_STDIN, requestID, 0, 0)
    if role == Role.FILTER:
        end += recordHeader(_DATA, requestID, 0, 0)
    return begin, end


class _Request:
    """
    An active request, as far as the wire is concerned.

    @ivar sending: The stream that is being sent, or 0 when all of its input was.
    @ivar ended: The output streams that have ended.
    """

    __slots__ = ("ended", "keepConnection", "role", "sending")

    def __init__(self, role: int, keepConnection: bool, sending: int) -> None:
        self.role = role
        self.keepConnection = keepConnection
        self.sending = sending
        self.ended = 0


# Requests that were sent whole, and of whose answer nothing has ended, are alike, and share one of
# these.
_KEPT: Final = _Request(1, True, _COMPLETE)
_LAST: Final = _Request(1, False, _COMPLETE)


class ClientConnection(RecordLayer):
    """
    A caller's end of a connection.

    Start a request with L{request}, if it has no body, or with L{begin}, L{send} and
    L{endStream}. It is active until it is reported as ended.
    """

    __slots__ = ("_allowSplit", "_asked", "_closing", "_highest", "_lowest", "_requests", "_shapes")

    #: Whether several requests may be active at once, and one follow another.
    multiplexes: Final = True
    hasStderr: Final = True

    def __init__(self, shapes: Shapes | None = None, allowSplit: bool = False) -> None:
        """
        @param shapes: What the caller remembers of the params that it has sent, on any connection.
        @param allowSplit: Whether a param that fits into no record goes into several.
        """
        super().__init__()
        self._allowSplit = allowSplit
        self._shapes = Shapes() if shapes is None else shapes
        self._requests: dict[int, _Request] = {}
        self._lowest = 1  # each id below is active
        self._highest = 0  # each id up to here was used
        self._asked = 0  # answers to GET_VALUES that are due
        self._closing = False

    @property
    def active(self) -> int:
        """
        How many requests are active.
        """
        return len(self._requests)

    @property
    def reusable(self) -> bool:
        """
        Whether another request may follow those that are active: none of them asked the
        application to close, nothing went wrong, and nothing lies here that nobody asked for.
        """
        return (
            not self._closing
            and self._error is None
            and not self._held
            and (self._left <= 0 or bool(self._requests))
        )

    # Asking

    def request(
        self,
        params: AnyParams,
        role: int = Role.RESPONDER,
        keepConnection: bool = True,
        requestID: object = None,
    ) -> tuple[int, bytes]:
        """
        A whole request without a body. The end of STDIN is there in every role: Go's net/http/fcgi
        runs nothing before it saw a STDIN record, and nobody minds it.

        @param requestID: An id of one's own choice, 1 to 65535.
        @return: The id, which is the lowest that is free (section 3.3) unless one was chosen, and
            what to write.
        @raise InvalidParam: If the params can't be sent.
        @raise ParamTooLarge: If one of them fits into no record.
        @raise LocalProtocolError: If the chosen id is active, or none.
        """
        block = self._shapes.block(params)
        size = 0 if block is None else len(block)
        if block is not None and 0 < size <= FULL:
            taken = self._take(role, keepConnection, _COMPLETE, requestID)
            begin, end = _aroundParams(taken, role, keepConnection)
            padding = -size & 7
            header = HEADER.pack(1, 4, taken, size, padding)
            return taken, b"".join((begin, header, block, _PADDING[padding], end))
        contents = list(packPairs(encodeParams(params), self._allowSplit))
        taken = self._take(role, keepConnection, _COMPLETE, requestID)
        begin, end = _aroundParams(taken, role, keepConnection)
        records = [encodeRecord(4, taken, content) for content in contents]
        return taken, b"".join((begin, *records, end))

    def begin(
        self,
        params: AnyParams,
        role: int = Role.RESPONDER,
        keepConnection: bool = True,
        requestID: object = None,
    ) -> tuple[int, bytes]:
        """
        The beginning of a request: BEGIN_REQUEST and all of PARAMS. STDIN follows, and then, for
        a Filter, DATA.

        @param requestID: An id of one's own choice, 1 to 65535.
        @return: The id, which is the lowest that is free (section 3.3) unless one was chosen, and
            what to write.
        @raise InvalidParam: If the params can't be sent.
        @raise ParamTooLarge: If one of them fits into no record.
        @raise LocalProtocolError: If the chosen id is active, or none.
        """
        block = self._shapes.block(params)
        if block is not None and 0 < len(block) <= FULL:
            contents = [block]
        else:
            contents = list(packPairs(encodeParams(params), self._allowSplit))
        taken = self._take(role, keepConnection, _STDIN, requestID)
        parts = [encodeRecord(4, taken, content) for content in contents]
        parts.insert(0, beginRequest(taken, role, keepConnection))
        parts.append(recordHeader(4, taken, 0, 0))
        return taken, b"".join(parts)

    def send(self, requestID: int, stream: int, data: Buffer) -> list[Buffer]:
        """
        A piece of STDIN or DATA, as records.

        @return: What to write, in this order. The bytes of C{data} are not copied.
        @raise LocalProtocolError: If the request does not send this stream now.
        """
        self._sending(requestID, stream)
        return streamRecords(stream, requestID, data) if data else []

    def endStream(self, requestID: int, stream: int) -> bytes:
        """
        The end of STDIN or DATA.

        @raise LocalProtocolError: If the request does not send this stream now.
        """
        request = self._sending(requestID, stream)
        request.sending = _AFTER.get((request.role, stream), _COMPLETE)
        return recordHeader(stream, requestID, 0, 0)

    def abort(self, requestID: int) -> bytes:
        """
        ABORT_REQUEST (section 5.4). The request stays active until the application ended it.

        @raise LocalProtocolError: If the request is not active.
        """
        if requestID not in self._requests:
            raise LocalProtocolError(f"request {requestID} is not active")
        return recordHeader(2, requestID, 0, 0)

    def getValues(self, names: Iterable[bytes]) -> bytes:
        """
        GET_VALUES (section 4.1).

        @raise ParamTooLarge: If the names do not fit into one record.
        """
        content = b"".join(encodePair(name, b"") for name in names)
        if len(content) > FULL:
            raise ParamTooLarge("the names do not fit into one record (section 4.1)")
        self._asked += 1
        return b"".join(streamRecords(9, 0, content))

    def _take(self, role: int, keepConnection: bool, sending: int, chosen: object = None) -> int:
        requests = self._requests
        if chosen is None:
            requestID = self._lowest
            while requestID in requests:
                requestID += 1
            if requestID > MAX_REQUEST_ID:
                raise LocalProtocolError("every request id is in use on this connection")
            self._lowest = requestID + 1
        elif not isinstance(chosen, int) or chosen in requests or not 0 < chosen <= MAX_REQUEST_ID:
            active = isinstance(chosen, int) and chosen in requests
            why = "active already" if active else f"not 1 to {MAX_REQUEST_ID}"
            raise LocalProtocolError(f"request {chosen!r:.80} can't begin: its id is {why}")
        else:
            requestID = chosen
        if requestID > self._highest:
            self._highest = requestID
        if sending:
            requests[requestID] = _Request(role, keepConnection, sending)
        else:
            requests[requestID] = _KEPT if keepConnection else _LAST
        return requestID

    def _sending(self, requestID: int, stream: int) -> _Request:
        request = self._requests.get(requestID)
        if request is None or not stream or request.sending != stream:
            raise LocalProtocolError(f"request {requestID} sends no {nameOfType(stream)} now")
        return request

    # Answers

    def _noRecord(self, header: bytes) -> RemoteProtocolError:
        if self._seen and not any(header):
            return BrokenOff("the back end broke off its response: its application failed")
        return super()._noRecord(header)

    def _mistakenFor(self, start: bytes) -> str | None:
        name = protocolOf(start)
        if name is None:
            return None
        return (
            f"the answer starts with {start!r}, which is {name}, and the client speaks FastCGI: "
            "is this the port of another server, or of another protocol of this one?"
        )

    def receiveEnd(self) -> list[Event]:
        """
        The peer closed the connection. In FastCGI that ends no request: it only cuts it off.
        """
        return []

    def receiveResponse(self, data: bytes) -> tuple[int, bytes] | None:
        """
        Take a read that is the whole answer to one request, and nothing else: what nearly every
        short answer is. The request has ended with it, and all went well.

        @return: The request, and its STDOUT. L{None} if the read is anything else: nothing of it
            was taken, and it is for C{receive}.
        """
        size = len(data)
        if size < _SHORTEST or self._left >= 0 or self._held or self._error is not None:
            return None
        requestID: int
        version, kind, requestID, length, padding = HEADER.unpack_from(data)
        request = self._requests.get(requestID)
        if version != 1 or kind != 6 or request is None or request.ended or not length:
            return None
        stop = 8 + length
        end = outputEnd(requestID, 0)
        if stop + padding + len(end) != size or not data.endswith(end):
            return None
        self._seen = True
        self._forget(requestID, request)
        return requestID, data[8:stop]

    def _forget(self, requestID: int, request: _Request) -> None:
        del self._requests[requestID]
        if requestID < self._lowest:
            self._lowest = requestID
        if not request.keepConnection:
            self._closing = True

    def _record(self, kind: int, requestID: int, content: bytes) -> None:
        request = self._requests.get(requestID)
        if request is None:
            self._elsewhere(kind, requestID, content)
        elif kind == 6 or kind == 7:
            stream = _OUTPUT[kind]
            if content:
                if request.ended & 1 << kind:
                    raise UnexpectedRecord(
                        f"{stream.name} for request {requestID} after its end (section 3.3)"
                    )
                self._events.append(DataReceived(requestID, stream, content))
            else:
                # Not every application sends it; the end of the request is what counts.
                if request is _KEPT or request is _LAST:
                    request = _Request(request.role, request.keepConnection, _COMPLETE)
                    self._requests[requestID] = request
                request.ended |= 1 << kind
        elif kind == 3:
            if len(content) != 8:
                raise wrongLength(3, len(content))
            appStatus, protocolStatus = END_BODY.unpack(content)
            self._forget(requestID, request)
            self._events.append(RequestEnded(requestID, appStatus, protocolStatus))
        else:
            self._wrongType(kind, requestID)

    def _elsewhere(self, kind: int, requestID: int, content: bytes) -> None:
        """
        A record that belongs to no active request.
        """
        if kind == 10 or kind == 11:
            if requestID:
                raise InvalidRequestID(
                    f"{nameOfType(kind)} with request id {requestID} (section 3.3)"
                )
            self._management(kind, content)
        elif kind != 3 and kind != 6 and kind != 7:
            self._wrongType(kind, requestID)
        elif not requestID:
            raise InvalidRequestID(f"{nameOfType(kind)} with request id 0 (section 3.3)")
        elif requestID <= self._highest:
            raise EndedTwice(
                f"{nameOfType(kind)} for request {requestID}, which has ended (section 3.3)"
            )
        else:
            raise InactiveRequestID(
                f"{nameOfType(kind)} for request {requestID}, which was never made (section 3.3)"
            )

    def _wrongType(self, kind: int, requestID: int) -> None:
        if kind in (1, 2, 4, 5, 8, 9):
            raise UnexpectedRecord(
                f"{nameOfType(kind)}, which only a web server sends (appendix A)"
            )
        if kind == 10 or kind == 11:
            raise InvalidRequestID(f"{nameOfType(kind)} with request id {requestID} (section 3.3)")
        raise UnexpectedRecord(f"a record of {nameOfType(kind)} (section 8)")

    def _management(self, kind: int, content: bytes) -> None:
        if not self._asked:
            raise UnexpectedRecord(f"{nameOfType(kind)}, which was not asked for (section 4)")
        self._asked -= 1
        if kind == 10:
            self._events.append(ValuesReceived(tuple(decodePairs(content))))
        elif len(content) != 8:
            raise wrongLength(11, len(content))
        else:
            self._events.append(UnknownTypeReceived(content[0]))
