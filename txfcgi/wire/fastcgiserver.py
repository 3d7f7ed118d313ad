"""
The FastCGI rules (FastCGI 1.0): bytes to events at an application (L{ServerConnection}). The bytes
that answer them are in L{txfcgi.wire.answering}.

Which input may come in which state of a request stands in one table,
L{NEXT<txfcgi.wire.answering.NEXT>}. A request starts at the end of its PARAMS, for an Authorizer
may never see a STDIN record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from struct import Struct
from typing import Final

from ..errors import (
    CantMultiplex,
    InvalidRequestID,
    MalformedRecord,
    Overloaded,
    ParamsTooLarge,
    RequestAlreadyActive,
    TxFCGIError,
    UnexpectedRecord,
    UnknownRole,
)
from .answering import KEPT, LAST, NEXT, ActiveRequest, Answering, State, inputEnd
from .duplicates import DUPLICATES
from .events import (
    DataReceived,
    RequestAborted,
    RequestReceived,
    RequestRefused,
    StreamEnded,
    ValuesRequested,
)
from .framing import FULL, recordHeader, streamRecords
from .pairs import decodePairs, encodePair
from .params import NameValueParams
from .records import (
    BEGIN_BODY,
    KEEP_CONN,
    Role,
    Stream,
    nameOfType,
    wrongLength,
)

_ROLES: Final = {role.value: role for role in Role}
_FILTER: Final = Role.FILTER
_STDIN: Final = Stream.STDIN
_INPUT: Final = tuple(Stream(kind) if kind in (5, 8) else _STDIN for kind in range(9))
_INPUTS: Final = (Stream.STDIN, Stream.DATA)
_COMPLETE: Final = State.COMPLETE

# BEGIN_REQUEST whole, and the header of the PARAMS record behind it: version and type of each are
# read as one number, and so are the length of the first, its padding and its reserved byte.
_START: Final = Struct(">HHIHB5xHHHBx")
_BEGIN: Final = 0x0101
_EIGHT: Final = 0x00080000
_PARAMS: Final = 0x0104
_BODILESS: Final = {1: Role.RESPONDER, 2: Role.AUTHORIZER}


#: The rules that a web server may be allowed to break, and what is done then: C{lengths},
#: a BEGIN_REQUEST of more than 8 bytes, or an ABORT_REQUEST with content, of which what is too much
#: is dropped; C{streams}, content behind the end of a stream, which is dropped; C{ids}, records of
#: a request with id 0, which are dropped, and GET_VALUES with another id, which is answered. A
#: BEGIN_REQUEST for id 0 is an error in any case.
RULES: Final = ("lengths", "streams", "ids")


def checkRules(lenient: object) -> None:
    """
    @param lenient: Rules that a web server may break.
    @raise ValueError: If one of them is none of L{RULES}.
    """
    if not isinstance(lenient, (list, tuple, set, frozenset)):
        raise ValueError(f"lenient is a list of rules, not {lenient!r:.80}")
    for rule in lenient:
        if rule not in RULES:
            raise ValueError(f"the rules are {', '.join(RULES)}, and none of them is {rule!r:.80}")


class ServerConnection(Answering):
    """
    An application's end of a connection.

    After each C{receive}, send what L{takeReplies} returns. Answer each request that was reported
    with C{respond}, or with any number of C{send} and one C{end} (see
    L{Answering<txfcgi.wire.answering.Answering>}). Close when C{closing} is true, and also after
    the event C{ConnectionFailed}: C{failed} is then the error, whatever C{closing} is.

    @ivar replies: The answers that the protocol itself gives (GET_VALUES_RESULT, UNKNOWN_TYPE).
    @ivar ignored: How many records came for ids that are not active (they cost nothing else). The
        content of one that comes in several reads counts with each.
    """

    __slots__ = (
        "_activeLimit",
        "_anyIDs",
        "_collectingBytes",
        "_lateStreams",
        "_longLengths",
        "_makeParams",
        "_multiplex",
        "_paramsBytes",
        "_paramsCount",
        "_values",
        "ignored",
        "replies",
    )

    def __init__(
        self,
        *,
        multiplex: bool = True,
        requests: int = 64,
        paramsBytes: int = 262_144,
        paramsCount: int = 1_000,
        collectingBytes: int = 1_048_576,
        values: Mapping[bytes, bytes] | None = None,
        lenient: Collection[str] = (),
        duplicates: object = "last",
    ) -> None:
        """
        @param multiplex: Whether several requests may be active at once; if not, the second one
            is refused with CANT_MPX_CONN.
        @param requests: How many may be active at once; one more is refused as overload.
        @param paramsBytes: Most bytes of params in a request.
        @param paramsCount: Most pairs in a request.
        @param collectingBytes: Most bytes of params that are not complete yet, of all requests.
        @param values: What GET_VALUES is answered with, by name.
        @param lenient: Which of L{RULES} a web server may break. What is broken otherwise ends the
            connection.
        @param duplicates: Which param counts where a name comes several times: C{"last"} or
            C{"first"}; or C{"reject"}, and then the params can't be read.
        @raise ValueError: If C{lenient} has an unknown rule, or C{duplicates} another value.
        """
        checkRules(lenient)
        if not isinstance(duplicates, str) or duplicates not in DUPLICATES:
            raise ValueError(f"duplicates are last, first or reject, not {duplicates!r:.80}")
        super().__init__()
        self._multiplex = multiplex
        self._activeLimit = requests
        self._paramsBytes = paramsBytes
        self._paramsCount = paramsCount
        self._collectingBytes = collectingBytes
        self._values: Mapping[bytes, bytes] = {} if values is None else values
        self._longLengths = "lengths" in lenient
        self._lateStreams = "streams" in lenient
        self._anyIDs = "ids" in lenient
        self._makeParams = DUPLICATES[duplicates] if duplicates != "last" else None
        self.replies = bytearray()
        self.ignored = 0

    @property
    def awaited(self) -> object:
        """
        What has been waited for the longest: a request whose params are not complete, or, as
        L{True}, the rest of a record when no request is active; L{None} if there is neither. The
        rest of a body is something else, also in the middle of a record.
        """
        for request in self._requests.values():
            if request.state is State.PARAMS or request.refusal is not None:
                return request
        if self._requests or not self.partial or (self._left >= 0 and self._kind in _INPUTS):
            return None
        return True

    def takeReplies(self) -> bytes:
        """
        What is in L{replies}, once.
        """
        if not self.replies:
            return b""
        replies, self.replies = bytes(self.replies), bytearray()
        return replies

    # Input

    def _whole(self, data: bytes, position: int) -> int:
        """
        The way in for what every web server sends first: a request without a body, whole, in one
        read. Whatever is not exactly that takes the general way, and gives the same events.
        """
        if len(data) - position < 40:
            return 0
        begin, requestID, size, number, flags, params, sameID, length, padding = _START.unpack_from(
            data, position
        )
        start: int = position + 24
        stop: int = start + length
        after: int = stop + padding + 16
        role = _BODILESS.get(number)
        requests = self._requests
        if (
            begin != _BEGIN
            or size != _EIGHT
            or params != _PARAMS
            or sameID != requestID
            or role is None
            or not length
            or not requestID
            or length > self._paramsBytes
            or length + self._collecting > self._collectingBytes
            or not data.startswith(inputEnd(requestID), after - 16)
            or (
                requests
                and (
                    requestID in requests
                    or not self._multiplex
                    or len(requests) >= self._activeLimit
                )
            )
        ):
            return 0
        keepConnection = flags & KEEP_CONN == KEEP_CONN
        requests[requestID] = KEPT if keepConnection else LAST
        received = self._params(data[start:stop])
        events = self._events
        events.append(RequestReceived(requestID, role, keepConnection, received))
        events.append(StreamEnded(requestID, _STDIN))
        return after

    def _record(self, kind: int, requestID: int, content: bytes) -> None:
        if kind == 5 or kind == 8 or kind == 4 or kind == 2:
            request = self._requests.get(requestID)
            if request is None:
                if not requestID and not self._anyIDs:
                    raise InvalidRequestID(f"{nameOfType(kind)} with request id 0 (section 3.3)")
                self.ignored += 1
                return
            following = NEXT.get(request.state << 8 | kind)
            if following is None:
                self._other(request, kind, requestID, content)
            elif content:
                self.bodiless = False
                self._events.append(DataReceived(requestID, _INPUT[kind], content))
            else:
                request.state = following
                self._events.append(StreamEnded(requestID, _INPUT[kind]))
        elif kind == 1:
            self._begin(requestID, content)
        elif kind in (3, 6, 7, 10, 11):
            raise UnexpectedRecord(
                f"{nameOfType(kind)}, which only an application sends (appendix A)"
            )
        elif requestID and kind == 9 and not self._anyIDs:
            raise InvalidRequestID(f"GET_VALUES with request id {requestID} (section 3.3)")
        elif kind == 9:
            self._getValues(content)
        elif requestID:
            self.ignored += 1
        else:
            self.replies += recordHeader(11, 0, 8, 0) + bytes((kind, 0, 0, 0, 0, 0, 0, 0))

    def _other(self, request: ActiveRequest, kind: int, requestID: int, content: bytes) -> None:
        """
        Take a record of an active request that is not input for the app now.
        """
        if kind == 2:
            self._abort(requestID, content)
        elif request.state >= State.REFUSED:
            if kind == 4 and not content and request.refusal is not None:
                reason, request.refusal = request.refusal, None
                self._events.append(RequestRefused(requestID, request.role, reason))
        elif kind == 4:
            self._takeParams(request, requestID, content)
        else:
            self._late(request, requestID, Stream(kind), content)

    def _begin(self, requestID: int, content: bytes) -> None:
        if not requestID:
            raise InvalidRequestID("BEGIN_REQUEST with request id 0 (section 3.3)")
        if len(content) != 8 and (len(content) < 8 or not self._longLengths):
            raise wrongLength(1, len(content))
        if requestID in self._requests:
            raise RequestAlreadyActive(
                f"BEGIN_REQUEST for id {requestID}, which is active (section 3.3)"
            )
        number, flags = BEGIN_BODY.unpack_from(content)
        request = ActiveRequest(number, flags & KEEP_CONN == KEEP_CONN, State.PARAMS)
        others = len(self._requests)
        self._requests[requestID] = request
        if number not in _ROLES:
            reason: TxFCGIError = UnknownRole(f"role {number} is not one of section 6")
        elif others and not self._multiplex:
            reason = CantMultiplex("one request at a time on a connection")
        elif others >= self._activeLimit:
            reason = Overloaded(
                f"{others} requests are active on this connection", limit="requestsPerConnection"
            )
            if others < 2 * self._activeLimit:
                self._refuse(request, reason)
                return
        else:
            return
        request.state = State.REFUSED_EARLY
        self._events.append(RequestRefused(requestID, number, reason))

    def _refuse(self, request: ActiveRequest, reason: TxFCGIError) -> None:
        """
        Drop what still comes for a request. If the answer may have output in it, it is due at the
        end of PARAMS, not before (section 6.2). A peer that leaves too many of them waiting for
        that end hears of the others at once, for each that waits takes memory.
        """
        request.state = State.REFUSED
        request.refusal = reason
        self._drop(request)

    def _abort(self, requestID: int, content: bytes) -> None:
        if content and not self._longLengths:
            raise wrongLength(2, len(content))
        self._events.append(RequestAborted(requestID))

    def _params(self, block: bytes) -> NameValueParams:
        make = self._makeParams
        if make is None:
            return NameValueParams(block, self._paramsCount)
        return make(block, self._paramsCount)

    def _takeParams(self, request: ActiveRequest, requestID: int, content: bytes) -> None:
        if request.state is not State.PARAMS:
            self._late(request, requestID, Stream.PARAMS, content)
        elif content:
            if request.params is None:
                request.params = bytearray()
            own = self._paramsBytes - len(request.params)
            shared = self._collectingBytes - self._collecting
            if len(content) <= own and len(content) <= shared:
                request.params += content
                self._collecting += len(content)
            elif own <= shared:
                self._refuse(
                    request, ParamsTooLarge(f"more than {self._paramsBytes} bytes of params")
                )
            else:
                self._refuse(
                    request,
                    Overloaded(
                        f"more than {self._collectingBytes} bytes of incomplete params",
                        limit="connectionBytes",
                    ),
                )
        else:
            block = b"" if request.params is None else bytes(request.params)
            self._drop(request)
            request.state = State.FILTER_STDIN if request.role == _FILTER else State.STDIN
            self._events.append(
                RequestReceived(
                    requestID,
                    _ROLES[request.role],
                    request.keepConnection,
                    self._params(block),
                )
            )

    def _late(self, request: ActiveRequest, requestID: int, stream: Stream, content: bytes) -> None:
        """
        Take a record of a stream that has ended, or that this request does not have. A second empty
        record does no harm, and some web servers send one. A record that comes too early is never
        passed over: it would be missing later.
        """
        state = request.state
        early = state is State.PARAMS or (state is State.FILTER_STDIN and stream is Stream.DATA)
        if early or (content and not self._lateStreams):
            raise UnexpectedRecord(
                f"{stream.name} for request {requestID} in state {state.name} (sections 3.3 and 6)"
            )
        self.ignored += 1

    def _getValues(self, content: bytes) -> None:
        names = tuple(dict.fromkeys(name for name, _ in decodePairs(content)))
        values = self._values
        result = b"".join(encodePair(name, values[name]) for name in names if name in values)
        if len(result) > FULL:
            raise MalformedRecord(
                "GET_VALUES whose answer does not fit into one record (section 4.1)"
            )
        self.replies += b"".join(streamRecords(10, 0, result))
        self._events.append(ValuesRequested(names))
