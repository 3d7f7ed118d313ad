"""
The requests that are active on an application's end of a FastCGI connection: the states that they
go through, in one table.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

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
