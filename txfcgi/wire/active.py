"""
The requests that are active on an application's end of a FastCGI connection: the states that they
go through, in one table, and the bytes that are the same for all of an id.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from .events import StreamEnded
from .framing import endRequest, recordHeader
from .records import Stream


class State(IntEnum):
    """
    What an active request waits for.
    """

    PARAMS = 0
    STDIN = 1
    FILTER_STDIN = 2
    DATA = 3
    COMPLETE = 4  # all of its input is there
    REFUSED = 5  # whatever still comes is dropped
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
        self.refusal: Exception | None = None  # to be reported at the end of PARAMS
        self.stdoutUsed = False
        self.stderrUsed = False


# Requests whose input is complete and that have no output yet are alike, and share one of these.
KEPT: Final = ActiveRequest(1, True, State.COMPLETE)
LAST: Final = ActiveRequest(1, False, State.COMPLETE)


# What is the same for every request of an id: made once for the ids that come again and again.
COMMON_IDS: Final = 256
ENDS: Final[dict[int, tuple[bytes, StreamEnded]]] = {}
TAILS: Final[dict[int, bytes]] = {}


def inputEnd(requestID: int) -> tuple[bytes, StreamEnded]:
    """
    The end of PARAMS and the end of STDIN, as bytes, and what the latter means. Look into L{ENDS}
    first.
    """
    end = (
        recordHeader(4, requestID, 0, 0) + recordHeader(5, requestID, 0, 0),
        StreamEnded(requestID, Stream.STDIN),
    )
    if requestID < COMMON_IDS:
        ENDS[requestID] = end
    return end


def outputEnd(requestID: int, padding: int) -> bytes:
    """
    What follows the content of the last STDOUT record of a request that went well. Look into
    L{TAILS} first, by id and padding.
    """
    tail = bytes(padding) + recordHeader(6, requestID, 0, 0) + endRequest(requestID, 0, 0)
    if requestID < COMMON_IDS:
        TAILS[requestID << 3 | padding] = tail
    return tail
