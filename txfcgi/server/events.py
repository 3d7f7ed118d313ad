"""
Events for a browser's C{EventSource} (HTML, section 9.2, server-sent events).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass
from typing import Final

from ..errors import InvalidResponse
from .response import Headers, Response

_lineEnd: Final = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class Event:
    """
    An event (HTML, section 9.2.5).

    @ivar data: Its text, of any number of lines.
    @ivar name: What kind of event it is; the browser's default is C{message}.
    @ivar id: What a browser sends as Last-Event-ID when it connects again after this event.
    @ivar retry: Milliseconds after which a browser that lost the connection connects again.
    @ivar comment: Text that browsers ignore. An event of nothing else keeps the connection open:
        web servers cut one that is silent for a minute or so.
    """

    data: str | None = None
    name: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def encode(self) -> bytes:
        """
        The event as it is sent.

        @raise InvalidResponse: If a name or an id has a line end in it.
        """
        lines = [f": {line}" for line in _lines(self.comment)]
        for field, value in (("event", self.name), ("id", self.id)):
            if value is not None:
                if _lineEnd.search(value) or "\0" in value:
                    raise InvalidResponse(f"the {field} of an event is one line, not {value!r:.80}")
                lines.append(f"{field}: {value}")
        if self.retry is not None:
            lines.append(f"retry: {self.retry:d}")
        lines += [f"data: {line}" for line in _lines(self.data)]
        return ("\n".join(lines) + "\n\n").encode("utf-8")


def _lines(text: str | None) -> list[str]:
    return [] if text is None else _lineEnd.split(text)


class EventStream(Response):
    """
    A response that sends each event as soon as it is there::

        async def app(request):
            return EventStream(ticks())

    Headers tell nginx not to buffer the events, and caches not to keep them.
    """

    __slots__ = ()

    def __init__(
        self, events: AsyncIterable[Event | str] | Iterable[Event | str], headers: Headers = ()
    ) -> None:
        """
        @param events: The events; a string is the data of an event. When the browser goes away, an
            asynchronous generator is cancelled where it waits.
        @param headers: More headers.
        """
        single = isinstance(events, (str, bytes, Event))
        several = isinstance(events, AsyncIterable) or (
            isinstance(events, Iterable) and not isinstance(events, Awaitable)
        )
        if single or not several:
            hint = f": write EventStream([{events!r:.80}])" if single else ""
            raise InvalidResponse(
                "the events are an iterable or asynchronous iterable, such as a generator, not "
                f"{type(events).__name__}{hint}"
            )
        pairs = [
            ("Content-Type", "text/event-stream; charset=utf-8"),
            ("Cache-Control", "no-cache"),
            ("X-Accel-Buffering", "no"),
            *Response(200, headers).pairs(),
        ]
        super().__init__(200, pairs, _encoded(events))


async def _encoded(
    events: AsyncIterable[Event | str] | Iterable[Event | str],
) -> AsyncIterator[bytes]:
    iterator = events.__aiter__() if isinstance(events, AsyncIterable) else None
    try:
        if iterator is not None:
            async for event in iterator:
                yield _bytesOf(event)
        else:
            assert isinstance(events, Iterable)
            for event in events:
                yield _bytesOf(event)
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


def _bytesOf(event: object) -> bytes:
    if isinstance(event, str):
        return Event(data=event).encode()
    if isinstance(event, Event):
        return event.encode()
    raise InvalidResponse(
        f"an event is an Event, or text for its data, not {type(event).__name__}: {event!r:.80}"
    )
