"""
Tests of L{txfcgi.server.events}: events for a browser.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Event, EventStream, Request, Response
from txfcgi.errors import InvalidResponse
from txfcgi.testing import MemoryFrontEnd


@pytest.mark.parametrize(
    ("event", "encoded"),
    [
        pytest.param(Event(data="a"), b"data: a\n\n", id="data"),
        pytest.param(
            Event(data="a\nb\r\nc\rd\n"),
            b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n",
            id="lines",
        ),
        pytest.param(
            Event(data="ä", name="n", id="7", retry=500, comment="x\ny"),
            b": x\n: y\nevent: n\nid: 7\nretry: 500\ndata: \xc3\xa4\n\n",
            id="all",
        ),
        pytest.param(Event(comment=""), b": \n\n", id="comment"),
        pytest.param(Event(data=""), b"data: \n\n", id="empty"),
    ],
)
def test_encode(event: Event, encoded: bytes) -> None:
    """
    Events as the specification has them.
    """
    assert event.encode() == encoded


@pytest.mark.parametrize("field", ["name", "id"])
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_forged(field: str, value: str) -> None:
    """
    A name or an id can't bring another field with it.
    """
    options: Any = {field: value}
    with pytest.raises(InvalidResponse):
        Event(**options).encode()


class EventStreamTests(SynchronousTestCase):
    """
    A response of events.
    """

    def test_sent(self) -> None:
        """
        Each goes out as it comes, and the stream is ended where the browser goes away.
        """
        waiting: Deferred[str] = Deferred()
        ended: list[bool] = []

        async def events() -> AsyncIterator[Event | str]:
            try:
                yield "first"
                yield Event(data=await waiting, name="second")
                await Deferred()
            finally:
                ended.append(True)

        def app(request: Request) -> Response:
            return EventStream(events(), {"X-A": "1"})

        frontEnd = MemoryFrontEnd(app, testCase=self)
        exchange = frontEnd.start("GET", length=0)
        exchange.close()
        frontEnd.pump()
        head, _, body = exchange.stdout.partition(b"\r\n\r\n")
        for line in (
            b"Content-Type: text/event-stream; charset=utf-8",
            b"Cache-Control: no-cache",
            b"X-Accel-Buffering: no",
            b"X-A: 1",
        ):
            self.assertIn(line, head)
        self.assertEqual(body, b"data: first\n\n")
        waiting.callback("x")
        frontEnd.pump()
        self.assertEqual(
            exchange.stdout.partition(b"\r\n\r\n")[2][13:], b"event: second\ndata: x\n\n"
        )
        exchange.leave()
        frontEnd.pump()
        exchange.response.addErrback(lambda _: None)
        self.assertEqual(ended, [True])

    def test_iterable(self) -> None:
        """
        They may come from a list, and a stream may be asked for with HEAD.
        """
        frontEnd = MemoryFrontEnd(lambda request: EventStream(["a", "b"]), testCase=self)
        answer = self.successResultOf(frontEnd.get())
        self.assertEqual(answer.body, b"data: a\n\ndata: b\n\n")
        self.assertEqual(self.successResultOf(frontEnd.request("HEAD")).body, b"")

    def test_notEvents(self) -> None:
        """
        One event, or the Deferred of events, in place of several.
        """
        wrong: Any = ("abc", Event(data="a"), succeed(["a"]), 5)
        for events in wrong:
            error = self.assertRaises(InvalidResponse, EventStream, events)
            self.assertIn(f"not {type(events).__name__}", str(error))
        error = self.assertRaises(InvalidResponse, EventStream, "abc")
        self.assertIn("write EventStream(['abc'])", str(error))

    def test_mistake(self) -> None:
        """
        What is not an event is an error of the app's.
        """
        wrong: Any = [b"bytes"]

        def app(request: Request) -> Response:
            return EventStream(wrong)

        frontEnd = MemoryFrontEnd(app, testCase=self)
        self.assertEqual(self.successResultOf(frontEnd.get()).code, 500)
        (failure,) = self.flushLoggedErrors(InvalidResponse)
        self.assertIn("not bytes", failure.getErrorMessage())
