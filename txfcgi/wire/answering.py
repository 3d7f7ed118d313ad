"""
The way out of an application's end of FastCGI (FastCGI 1.0): the requests that are active, the
states that they go through, in one table, and the bytes that answer them.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Final

from ..errors import LocalProtocolError, TxFCGIError
from .framing import FULL, Buffer, RecordLayer, endRequest, recordHeader, streamRecords
from .records import HEADER, HEADER_LENGTH, Role, Stream


class State(IntEnum):
    """
    What an active request waits for.
    """

    PARAMS = 0
    STDIN = 1
    FILTER_STDIN = 2
    DATA = 3
    COMPLETE = 4  # all of its input is there
    REFUSED = 5  # whatever follows is dropped
    REFUSED_EARLY = 6  # that too, and its params are not complete


# The state after the end of a stream. A stream that is not here may not come in that state.
NEXT: Final = {
    State.STDIN << 8 | Stream.STDIN: State.COMPLETE,
    State.FILTER_STDIN << 8 | Stream.STDIN: State.DATA,
    State.DATA << 8 | Stream.DATA: State.COMPLETE,
}


class ActiveRequest:
    """
    An active request, as far as the wire is concerned.
    """

    __slots__ = (
        "keepConnection",
        "params",
        "refusal",
        "role",
        "state",
        "stderrUsed",
        "stdoutUsed",
    )

    def __init__(self, role: int, keepConnection: bool, state: State) -> None:
        self.role = role
        self.keepConnection = keepConnection
        self.state = state
        self.params: bytearray | None = None
        self.refusal: TxFCGIError | None = None  # to be reported at the end of PARAMS
        self.stdoutUsed = False
        self.stderrUsed = False


# Requests whose input is complete and that have no output yet are alike, and share one of these.
KEPT: Final = ActiveRequest(1, True, State.COMPLETE)
LAST: Final = ActiveRequest(1, False, State.COMPLETE)


@lru_cache(256)
def inputEnd(requestID: int) -> bytes:
    """
    The end of PARAMS and the end of STDIN.
    """
    return recordHeader(4, requestID, 0, 0) + recordHeader(5, requestID, 0, 0)


@lru_cache(2048)
def outputEnd(requestID: int, padding: int) -> bytes:
    """
    What follows the content of the last STDOUT record of a request that went well.
    """
    return bytes(padding) + recordHeader(6, requestID, 0, 0) + endRequest(requestID, 0, 0)


_COMPLETE: Final = State.COMPLETE


class Answering(RecordLayer):
    """
    What an application's end of a connection sends. What it receives is
    L{ServerConnection<txfcgi.wire.fastcgiserver.ServerConnection>}'s.

    @ivar bodiless: Whether all of the input of every request that was answered was there, and none
        of them had a body.
    @ivar inputOpen: Whether a request was answered before all of its input was there: some more
        may come, for nobody.
    """

    __slots__ = ("_closing", "_collecting", "_requests", "bodiless", "inputOpen")

    hasStderr: Final = True
    #: Whether the end of a request can tell more than what its output says.
    hasStatus: Final = True

    def __init__(self) -> None:
        super().__init__()
        self._requests: dict[int, ActiveRequest] = {}
        self._collecting = 0  # bytes of params that are not complete, of all requests
        self._closing = False
        self.bodiless = True
        self.inputOpen = False

    @property
    def active(self) -> int:
        """
        How many requests are active: begun, and not ended by us.
        """
        return len(self._requests)

    @property
    def closing(self) -> bool:
        """
        Whether the connection has to be closed now: a request without KEEP_CONN was answered, or
        L{close} was called, and nothing is active.
        """
        return self._closing and not self._requests

    @property
    def inputOver(self) -> bool:
        """
        Whether the peer has nothing more to send, so that the connection can be closed at once.
        """
        return self.bodiless and self._error is None and not self.partial

    def close(self) -> None:
        """
        Let the connection end with the last request that is active.
        """
        self._closing = True

    def isActive(self, requestID: int) -> bool:
        """
        Whether a request has begun that we have not ended.
        """
        return requestID in self._requests

    def receivesInput(self, requestID: int) -> bool:
        """
        Whether more input is to come for a request.
        """
        request = self._requests.get(requestID)
        return request is not None and request.state is not _COMPLETE

    # Output

    def mayOutput(self, requestID: int) -> bool:
        """
        Whether the answer to an active request may have output in it: not before its params are
        complete (section 6.2).
        """
        return self._requests[requestID].state not in (State.PARAMS, State.REFUSED_EARLY)

    def respond(self, requestID: int, head: bytes, body: bytes, appStatus: int = 0) -> bytes:
        """
        A whole response: STDOUT, its end, and END_REQUEST.

        @param head: The response head, its blank line included. Together with the body it has
            L{FULL<txfcgi.wire.framing.FULL>} bytes at the most.
        """
        size = len(head) + len(body)
        if size > FULL or not size:
            raise LocalProtocolError(f"{size} bytes of a response do not fit into one record")
        padding = -size & 7
        request = self._requests.get(requestID)
        if (request is KEPT or request is LAST) and not appStatus:
            del self._requests[requestID]
            if request is LAST:
                self._closing = True
            tail = outputEnd(requestID, padding)
        else:
            request = self._pop(requestID)
            tail = bytes(padding) + self._ending(requestID, request, appStatus, 0)
        return HEADER.pack(1, 6, requestID, size, padding) + head + body + tail

    def send(self, requestID: int, stream: Stream, data: Buffer) -> list[Buffer]:
        """
        A piece of STDOUT or STDERR, as records.

        @return: What to write, in this order. The bytes of C{data} are not copied.
        """
        request = self._requests.get(requestID)
        if request is None:
            raise LocalProtocolError(f"request {requestID} is not active")
        if stream != Stream.STDOUT and stream != Stream.STDERR:
            raise LocalProtocolError(f"an application does not send {stream.name}")
        if not data:
            return []
        if request is KEPT or request is LAST:
            request = ActiveRequest(1, request.keepConnection, _COMPLETE)
            self._requests[requestID] = request
        if stream == Stream.STDOUT:
            request.stdoutUsed = True
        else:
            request.stderrUsed = True
        return streamRecords(stream, requestID, data)

    def end(self, requestID: int, appStatus: int = 0, protocolStatus: int = 0) -> bytes:
        """
        The end of the output, and END_REQUEST. The id is free from now on.

        @param appStatus: The application's exit status; wraps to 32 bits.
        @param protocolStatus: A L{ProtocolStatus<txfcgi.wire.records.ProtocolStatus>}.
        """
        request = self._pop(requestID)
        return self._ending(requestID, request, appStatus, protocolStatus)

    def breakOff(self, requestID: int) -> bytes:
        """
        Give up a request in the middle of its answer, which must not look complete.

        @return: The header of a record of version 0, to be written before the connection is
            closed. A mere close is not enough: nginx takes it for a proper end.
        """
        self._pop(requestID)
        self._closing = True
        return bytes(HEADER_LENGTH)

    def forget(self, requestID: int) -> None:
        """
        End a request without a word to the peer, which does not listen any more.
        """
        self._pop(requestID)
        self._closing = True

    def _pop(self, requestID: int) -> ActiveRequest:
        request = self._requests.pop(requestID, None)
        if request is None:
            raise LocalProtocolError(f"request {requestID} is not active")
        if not request.keepConnection:
            self._closing = True
        if request.state is not _COMPLETE:
            self._drop(request)
            self.bodiless = False
            if request.role != Role.AUTHORIZER:
                self.inputOpen = True
        return request

    def _ending(
        self, requestID: int, request: ActiveRequest, appStatus: int, protocolStatus: int
    ) -> bytes:
        ending = endRequest(requestID, appStatus, protocolStatus)
        if request.stderrUsed:
            ending = recordHeader(7, requestID, 0, 0) + ending
        if request.stdoutUsed or not protocolStatus:
            ending = recordHeader(6, requestID, 0, 0) + ending
        return ending

    def _drop(self, request: ActiveRequest) -> None:
        if request.params is not None:
            self._collecting -= len(request.params)
            request.params = None
