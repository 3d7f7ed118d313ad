"""
Events are values.
"""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from txfcgi.errors import NotFastCGI, Overloaded, UnknownRole, UnsupportedVersion
from txfcgi.wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestAborted,
    RequestEnded,
    RequestReceived,
    RequestRefused,
    StreamEnded,
    UnknownTypeReceived,
    ValuesReceived,
    ValuesRequested,
)
from txfcgi.wire.params import NameValueParams
from txfcgi.wire.records import Role, Stream

# In each line, no two events are equal.
DIFFERENT: list[list[Event]] = [
    [
        RequestReceived(1, Role.RESPONDER, True, NameValueParams(b"\1\1ab")),
        RequestReceived(2, Role.RESPONDER, True, NameValueParams(b"\1\1ab")),
        RequestReceived(1, Role.FILTER, True, NameValueParams(b"\1\1ab")),
        RequestReceived(1, Role.RESPONDER, False, NameValueParams(b"\1\1ab")),
        RequestReceived(1, Role.RESPONDER, True, NameValueParams(b"\1\1ac")),
    ],
    [
        RequestRefused(1, 1, Overloaded("a")),
        RequestRefused(1, 1, Overloaded("b")),
        RequestRefused(1, 1, UnknownRole("a")),
        RequestRefused(2, 1, Overloaded("a")),
    ],
    [
        DataReceived(1, Stream.STDIN, b"x"),
        DataReceived(1, Stream.DATA, b"x"),
        DataReceived(2, Stream.STDIN, b"x"),
        DataReceived(1, Stream.STDIN, b"y"),
    ],
    [StreamEnded(1, Stream.STDIN), StreamEnded(1, Stream.DATA), StreamEnded(2, Stream.STDIN)],
    [RequestAborted(1), RequestAborted(2)],
    [RequestEnded(1, 0, 0), RequestEnded(1, 1, 0), RequestEnded(1, 0, 1), RequestEnded(2, 0, 0)],
    [ValuesRequested((b"A",)), ValuesRequested(())],
    [ValuesReceived(((b"A", b"1"),)), ValuesReceived(())],
    [UnknownTypeReceived(12), UnknownTypeReceived(13)],
    [
        ConnectionFailed(NotFastCGI("a")),
        ConnectionFailed(NotFastCGI("b")),
        ConnectionFailed(UnsupportedVersion("a")),
    ],
]


def again(event: Event) -> Event:
    """
    The same event, made anew.
    """
    return replace(event)  # type: ignore[type-var]


@pytest.mark.parametrize("events", DIFFERENT, ids=lambda events: type(events[0]).__name__)
class TestEvents:
    """
    Each kind of event.
    """

    def test_equality(self, events: list[Event]) -> None:
        """
        Events are equal when their fields are.
        """
        for event in events:
            assert [other == event for other in events].count(True) == 1
            assert event == again(event)
            assert event != object()
            assert all(event != kind[0] for kind in DIFFERENT if kind is not events)

    def test_hash(self, events: list[Event]) -> None:
        """
        Equal events have equal hashes; those that carry params have none.
        """
        for event in events:
            if isinstance(event, RequestReceived):
                with pytest.raises(TypeError, match="unhashable"):
                    hash(event)
            else:
                assert len({event, again(event)}) == 1

    def test_representation(self, events: list[Event]) -> None:
        """
        An event shows its fields.
        """
        for event in events:
            assert repr(event).startswith(f"{type(event).__name__}(")
            assert all(f"{field.name}=" in repr(event) for field in fields(event))  # type: ignore[arg-type]
