"""
The SCGI rules (protocol.txt of 2008-06-23) at the end that calls: bytes to events at a web
server's place (L{ClientConnection}), and the bytes that ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ..errors import (
    InactiveRequestID,
    InvalidParam,
    InvalidRequest,
    LengthRequired,
    LocalProtocolError,
    RequestBodyMismatch,
)
from .encoding import AnyParams, asBytes
from .events import (
    Connection,
    ConnectionFailed,
    DataReceived,
    Event,
    RequestEnded,
    StreamEnded,
)
from .framing import Buffer
from .records import Role, Stream
from .scgiserver import REQUEST_ID
from .variables import CONTENT_LENGTH

# Params that are parts of an HTTP request, beside the headers.
_OF_HTTP: Final = frozenset(
    (b"REQUEST_METHOD", b"REQUEST_URI", b"QUERY_STRING", b"SERVER_PROTOCOL", b"CONTENT_TYPE")
)
_lineEnd: Final = re.compile(rb"[\r\n\x00]").search

_OUTPUT_END: Final = StreamEnded(REQUEST_ID, Stream.STDOUT)


def _strings(params: AnyParams) -> list[tuple[bytes, bytes]]:
    """
    Params as bytes.

    @raise InvalidParam: If a name or a value is neither text nor bytes.
    """
    try:
        # As objects: they are looked at one by one, with a message for each mistake.
        pairs: list[tuple[object, object]] = list(
            params.items() if isinstance(params, Mapping) else params
        )
        return [(asBytes(name), asBytes(value, name)) for name, value in pairs]
    except (TypeError, ValueError):
        raise InvalidParam("params are a mapping, or pairs, of str or bytes") from None


def encodeHeaders(params: AnyParams, length: int) -> bytes:
    """
    The netstring with the headers of a request (SCGI, section 3): CONTENT_LENGTH first, then SCGI,
    then the params as they are; any CONTENT_LENGTH and SCGI among them are left out.

    @param length: How many bytes the body has.
    @raise InvalidParam: If a name or a value can't be sent, or a name is there twice; if the
        method, the URI, the query or a header has CR, LF or NUL in it.
    """
    strings: list[bytes] = [CONTENT_LENGTH, b"%d" % length, b"SCGI", b"1"]
    for name, value in _strings(params):
        if name != CONTENT_LENGTH and name != b"SCGI":
            strings += (name, value)
            if not name or b"=" in name:
                raise InvalidParam(
                    f"{name!r:.80} can't be the name of a variable: it is empty, or has = in it"
                )
            if name.startswith(b"HTTP_") or name in _OF_HTTP:
                found = _lineEnd(value)
                if found:
                    raise InvalidParam(
                        f"the param {name!r:.80} has {found[0]!r} at byte {found.start()}, which "
                        "no HTTP request can have"
                    )
    strings.append(b"")
    block = b"\0".join(strings)
    if block.count(b"\0") >= len(strings):
        raise InvalidParam("a param has NUL in it, which SCGI can't send (section 3)")
    if 2 * len(set(strings[:-1:2])) < len(strings) - 1:
        raise InvalidParam("two params have the same name (SCGI, section 3)")
    return b"%d:%b," % (len(block), block)


class ClientConnection(Connection):
    """
    A caller's end of a connection, for one request: L{request}, if it has no body, or L{begin},
    L{send} and L{endStream}. It is active until it is reported as ended.

    @ivar active: How many requests are active: none, or one.
    """

    __slots__ = ("_answered", "_remaining", "_used", "active")

    #: Whether several requests may be active at once, and one follow another.
    multiplexes: Final = False
    hasStderr: Final = False
    #: Whether long reads are better given to C{receive} as views of a buffer: all of them is kept.
    takesViews: Final = False

    def __init__(self) -> None:
        super().__init__()
        self._answered = False
        self._remaining = -1  # bytes of the body still to be sent; -1 once they are
        self._used = False
        self.active = 0

    @property
    def reusable(self) -> bool:
        """
        Whether a request may be made: the first, and no other.
        """
        return not self._used and self._error is None

    def request(
        self,
        params: AnyParams,
        role: int = Role.RESPONDER,
        keepConnection: bool = False,
        requestID: object = None,
    ) -> tuple[int, bytes]:
        """
        A whole request without a body.

        @param keepConnection: An SCGI connection is never kept.
        @param requestID: L{None}: there are no ids in SCGI.
        @return: The request's id, and what to write.
        @raise InvalidParam: If the params can't be sent.
        @raise InvalidRequest: If the role is another than a Responder's, or an id was chosen.
        """
        headers = encodeHeaders(params, 0)
        return self._take(role, requestID), headers

    def begin(
        self,
        params: AnyParams,
        role: int = Role.RESPONDER,
        keepConnection: bool = False,
        requestID: object = None,
    ) -> tuple[int, bytes]:
        """
        The headers of a request whose body follows.

        @param params: With CONTENT_LENGTH among them.
        @param keepConnection: An SCGI connection is never kept.
        @param requestID: L{None}: there are no ids in SCGI.
        @return: The request's id, and what to write.
        @raise InvalidParam: If the params can't be sent.
        @raise LengthRequired: If they do not say how long the body is.
        @raise InvalidRequest: If the role is another than a Responder's, or an id was chosen.
        """
        pairs = _strings(params)
        length = dict(pairs).get(CONTENT_LENGTH, b"")
        if not length.isdigit():
            raise LengthRequired("SCGI has to know how long a body is before it is sent")
        headers = encodeHeaders(pairs, int(length))
        taken = self._take(role, requestID)
        self._remaining = int(length)
        return taken, headers

    def send(self, requestID: int, stream: int, data: Buffer) -> list[Buffer]:
        """
        A piece of the body.

        @return: What to write. The bytes of C{data} are not copied.
        @raise LocalProtocolError: If the request does not send it now.
        @raise RequestBodyMismatch: If it is more than was declared.
        """
        self._sending(requestID, stream)
        if len(data) > self._remaining:
            raise RequestBodyMismatch("the body of a request is longer than its CONTENT_LENGTH")
        self._remaining -= len(data)
        return [data] if data else []

    def endStream(self, requestID: int, stream: int) -> bytes:
        """
        The end of the body, which takes no bytes.

        @raise LocalProtocolError: If the request does not send a body now.
        @raise RequestBodyMismatch: If it is shorter than was declared.
        """
        self._sending(requestID, stream)
        if self._remaining:
            raise RequestBodyMismatch("the body of a request is shorter than its CONTENT_LENGTH")
        self._remaining = -1
        return b""

    def abort(self, requestID: int) -> bytes:
        """
        Abort the request. Only closing the connection tells an SCGI application.

        @return: No bytes.
        @raise LocalProtocolError: If the request is not active.
        """
        if not self.active or requestID != REQUEST_ID:
            raise LocalProtocolError(f"request {requestID} is not active")
        return b""

    def getValues(self, names: Iterable[bytes]) -> bytes:
        """
        An SCGI application can't be asked for variables.

        @raise InvalidRequest: Always.
        """
        raise InvalidRequest("SCGI can't ask for variables: GET_VALUES is FastCGI's")

    def _take(self, role: int, chosenID: object) -> int:
        if chosenID is not None:
            raise InvalidRequest("an SCGI request has no id")
        if role != Role.RESPONDER:
            raise InvalidRequest("SCGI has the Responder role only")
        if not self.reusable:
            raise LocalProtocolError("an SCGI connection carries one request")
        self._used = True
        self.active = 1
        return REQUEST_ID

    def _sending(self, requestID: int, stream: int) -> None:
        if self._remaining < 0 or requestID != REQUEST_ID or stream != Stream.STDIN:
            raise LocalProtocolError(f"request {requestID} sends no stream {stream} now")

    # Answers

    def receiveResponse(self, data: bytes) -> tuple[int, bytes] | None:
        """
        SCGI has no shorter way: every read is for L{receive}.
        """
        return None

    def receive(self, data: Buffer) -> list[Event]:
        """
        Take the bytes that the transport has read, all of which are output.

        @raise RemoteProtocolError: If the connection failed already, in an earlier call.
        """
        self._raiseAgain()
        if not self.active:
            self._error = InactiveRequestID("a response without a request")
            return [ConnectionFailed(self._error)]
        self._answered = True
        return [DataReceived(REQUEST_ID, Stream.STDOUT, bytes(data))] if data else []

    def receiveEnd(self) -> list[Event]:
        """
        Note that the peer closed the connection, which ends its response.
        """
        if not self.active or not self._answered:
            return []
        self.active = 0
        self._remaining = -1
        return [_OUTPUT_END, RequestEnded(REQUEST_ID, 0, 0)]
