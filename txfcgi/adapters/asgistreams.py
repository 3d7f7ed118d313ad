"""
The two streams of a call of an ASGI application: the body of its request, on its way in, and that
of its answer, on its way out. What is told and asked of them is L{txfcgi.adapters.asgicall}'s.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IProducer, IPushProducer
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from ..errors import BodyTooLarge
from .lifespan import Message

if TYPE_CHECKING:
    from .asgicall import Call

# Bytes of a request body that may wait for the application to receive them.
_WAITING: Final = 65_536


class Bell:
    """
    Wakes all that wait for a change.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """
        Wait until it rings.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)

    def ring(self) -> None:
        """
        Wake them.
        """
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


@implementer(IConsumer)
class Input:
    """
    The body of a request on its way to the application.

    @ivar complete: Whether all of it was delivered.
    """

    __slots__ = (
        "_changed",
        "_chunks",
        "_limit",
        "_paused",
        "_producer",
        "_received",
        "_size",
        "complete",
    )

    def __init__(self, changed: Callable[[], None], limit: int) -> None:
        """
        @param changed: Called when there is more.
        @param limit: The most bytes that a body may have.
        """
        self._changed = changed
        self._chunks: deque[bytes] = deque()
        self._limit = limit
        self._paused = False
        self._producer: IPushProducer | None = None
        self._received = 0
        self._size = 0
        self.complete = False

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        The body begins.
        """
        self._producer = producer  # type: ignore[assignment]

    def unregisterProducer(self) -> None:
        """
        The body has ended.
        """
        self._producer = None

    def write(self, data: bytes) -> None:
        """
        Take some of it.

        @raise BodyTooLarge: If that is more than may be.
        """
        self._received += len(data)
        if self._received > self._limit:
            raise BodyTooLarge(f"the body has more than {self._limit} bytes")
        self._chunks.append(data)
        self._size += len(data)
        if self._size > _WAITING and not self._paused and self._producer is not None:
            self._paused = True
            self._producer.pauseProducing()
        self._changed()

    @property
    def ready(self) -> bool:
        """
        Whether there is something to tell the application.
        """
        return bool(self._chunks) or self.complete

    def take(self) -> Message:
        """
        What is there, as a message.
        """
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            if self._producer is not None:
                self._producer.resumeProducing()
        more = bool(self._chunks) or not self.complete
        return {"type": "http.request", "body": body, "more_body": more}


@implementer(IBodyProducer)
class Answer:
    """
    The body of an answer, sent while the application makes it.

    @ivar paused: Whether the application has to wait before it sends more.
    """

    length = UNKNOWN_LENGTH

    def __init__(self, call: Call) -> None:
        self._call = call
        self._consumer: IConsumer | None = None
        self._held: list[bytes] = []
        self._finished: Deferred[None] = Deferred()
        self.paused = True

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Begin with what was sent before.
        """
        self._consumer = consumer
        self.paused = False
        held, self._held = self._held, []
        for piece in held:
            consumer.write(piece)
        # An application whose first steps ran at once may already wait for this.
        self._call.changed()
        return self._finished

    def write(self, data: bytes) -> None:
        """
        Send a piece.
        """
        if self._consumer is None:
            self._held.append(data)
        elif data:
            self._consumer.write(data)

    def end(self, failure: Failure | None = None) -> None:
        """
        End the stream.

        @param failure: Why, if that is before the end.
        """
        if not self._finished.called:
            if failure is None:
                self._finished.callback(None)
            else:
                self._finished.errback(failure)

    def pauseProducing(self) -> None:
        """
        The web server takes no more for now.
        """
        self.paused = True

    def resumeProducing(self) -> None:
        """
        The web server takes more.
        """
        self.paused = False
        self._call.changed()

    def stopProducing(self) -> None:
        """
        The body is not wanted.
        """
        self._call.unwanted()
