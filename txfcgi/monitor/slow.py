"""
L{SlowRequests}: logs each slow request once, with the place where its app is: what its coroutine
awaits, or what its thread runs.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator
from sys import _current_frames
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..server.observing import ServerObserver

if TYPE_CHECKING:
    from ..server.factory import ServerFactory
    from ..server.observing import Account
    from ..server.request import Request

# The iterator that awaits a Deferred.
_DEFERRED: Final = vars(Deferred)["__await__"].__code__

# The most calls to show, the last ones.
_CALLS: Final = 30


class SlowRequests(ServerObserver):
    """
    Logs each request that takes longer than it should, once, while it still runs.

    @ivar count: The number of slow requests so far.
    """

    log: ClassVar[Logger] = Logger()

    #: L{threaded<txfcgi.adapters.threads.threaded>} functions are to be found.
    tracksRequests = True

    def __init__(self, after: float) -> None:
        """
        @param after: Seconds after which a request is slow. It is checked once a second.
        """
        self._after = after
        self._told: set[Request] = set()
        self.count = 0

    def ticked(self, server: ServerFactory) -> None:
        """
        Check for slow requests.
        """
        now = server.clock.seconds()
        for request in server.running():
            account = request.account
            if account is None or now - account.began < self._after or request in self._told:
                continue
            self._told.add(request)
            self.count += 1
            self.log.warn(
                "{request} ({target}) has been running for {seconds:.1f} s: {place}",
                request=request,
                target=request.target,
                seconds=now - account.began,
                place=whereIs(request, account),
            )

    def requestEnded(self, request: Request, account: Account) -> None:
        """
        The request has ended.
        """
        self._told.discard(request)


def whereIs(request: Request, account: Account) -> str:
    """
    The place where the app of a request is now.
    """
    thread = account.thread
    frame = None if thread is None else _current_frames().get(thread)
    if frame is not None:
        return f"its thread runs\n{_shown(list(_calls(frame)))}"
    if account.coroutine is not None:
        calls, awaited = _awaits(account.coroutine)
        return f"its coroutine awaits {awaited}\n{_shown(calls)}"
    if request.pending is not None:
        return f"it waits for {request.pending}"
    return "where the app is can't be told"


def _calls(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """
    The calls on a frame's stack, the outermost first.
    """
    calls = list(traceback.walk_stack(frame))
    return reversed(calls)


def _awaits(coroutine: Any) -> tuple[list[tuple[FrameType, int]], str]:
    """
    Follow a coroutine to what it awaits.

    @return: The calls on the way, and the awaited object.
    """
    calls: list[tuple[FrameType, int]] = []
    seen: set[int] = set()
    while id(coroutine) not in seen:
        seen.add(id(coroutine))
        if isinstance(coroutine, asyncio.Task):
            coroutine = coroutine.get_coro()
        frame = _of(coroutine, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None and frame.f_code is _DEFERRED:
            coroutine = frame.f_locals["self"]
            break
        if frame is not None:
            calls.append((frame, frame.f_lineno))
        awaited = _of(coroutine, "cr_await", "gi_yieldfrom", "ag_await")
        if awaited is None:
            break
        coroutine = awaited
    if isinstance(coroutine, Deferred):
        return calls, f"a Deferred, {coroutine}"
    return calls, f"a {type(coroutine).__name__}"


def _of(coroutine: Any, *names: str) -> Any:
    """
    An attribute of a coroutine, a generator or an asynchronous generator, whose names differ by a
    prefix.
    """
    for name in names:
        found = getattr(coroutine, name, None)
        if found is not None:
            return found
    return None


def _shown(calls: list[tuple[FrameType, int]]) -> str:
    """
    Calls in the form of a traceback.
    """
    summary = traceback.StackSummary.extract(iter(calls[-_CALLS:]), lookup_lines=True)
    return "".join(summary.format()).rstrip()
