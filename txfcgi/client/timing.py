"""
L{CallTrace}: when each step of a request happened.
"""

from __future__ import annotations

from collections.abc import Callable


class CallTrace:
    """
    When each step of a request happened, in seconds of the client's clock; L{None} for a step that
    did not come about. If a request is made again, it tells of the last attempt, but for C{asked}.

    Give one to C{request(..., trace=CallTrace())}, or take one of each request with
    C{ClientOptions(onTrace=function)}.

    @ivar asked: When the request was asked for.
    @ivar connecting: When a connection began to be made for it; L{None} for a kept connection.
    @ivar started: When it had its connection, and was begun to be sent.
    @ivar firstByte: When the first byte of the answer was there, be it of stderr.
    @ivar head: When the head of the response was whole.
    @ivar ended: When the answer was whole, or the request failed or was given up.
    @ivar attempts: How many attempts it took.
    @ivar error: What it failed with, if it did.
    """

    __slots__ = (
        "_seconds",
        "asked",
        "attempts",
        "connecting",
        "ended",
        "error",
        "firstByte",
        "head",
        "started",
    )

    def __init__(self) -> None:
        self._seconds: Callable[[], float] | None = None
        self.asked: float | None = None
        self.attempts = 0
        self.error: Exception | None = None
        self._again()

    def _again(self) -> None:
        self.connecting: float | None = None
        self.started: float | None = None
        self.firstByte: float | None = None
        self.head: float | None = None
        self.ended: float | None = None

    def __repr__(self) -> str:
        steps = (
            ("wait", self.wait),
            ("connect", self.connect),
            ("first byte", self.untilFirstByte),
            ("head", self.untilHead),
            ("total", self.total),
        )
        said = ", ".join(f"{name} {took:.6f}" for name, took in steps if took is not None)
        return f"<{type(self).__name__} {said or 'of nothing'}>"

    # How long the steps took

    @property
    def wait(self) -> float | None:
        """
        Seconds until there was a connection for it, or one began to be made: the preparation of
        its body, and the wait for the pool.
        """
        return _between(self.asked, self.started if self.connecting is None else self.connecting)

    @property
    def connect(self) -> float | None:
        """
        Seconds for a new connection.
        """
        return _between(self.connecting, self.started)

    @property
    def untilFirstByte(self) -> float | None:
        """
        Seconds from the beginning of its way out to the first byte of the answer.
        """
        return _between(self.started, self.firstByte)

    @property
    def untilHead(self) -> float | None:
        """
        Seconds from the beginning of its way out to the whole head.
        """
        return _between(self.started, self.head)

    @property
    def total(self) -> float | None:
        """
        Seconds from the call to the end.
        """
        return _between(self.asked, self.ended)

    # For the call

    def begin(self, seconds: Callable[[], float]) -> None:
        """
        The request is asked for.

        @param seconds: The clock.
        """
        self._seconds = seconds
        self.asked = seconds()
        self.attempts = 0
        self.error = None
        self._again()

    def note(self, step: str) -> None:
        """
        A step happens. Only the first of its kind counts.
        """
        if self._seconds is not None and getattr(self, step) is None:
            setattr(self, step, self._seconds())

    def attempt(self) -> None:
        """
        The request is sent, for the first time or once more.
        """
        self.attempts += 1
        self.note("started")

    def again(self) -> None:
        """
        An attempt failed, and another one follows.
        """
        self._again()


def _between(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else second - first
