"""
What a web server sends over SCGI, as bytes, and what it is reported as.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import strategies as st

from txfcgi.wire.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    RequestReceived,
    RequestRefused,
    StreamEnded,
)
from txfcgi.wire.params import SCGIParams
from txfcgi.wire.records import Role, Stream
from txfcgi.wire.scgiserver import ServerConnection

from .conversations import receiveAll

# Section 4 of the specification, to the letter.
EXAMPLE = (
    b"70:"
    b"CONTENT_LENGTH\x0027\x00"
    b"SCGI\x001\x00"
    b"REQUEST_METHOD\x00POST\x00"
    b"REQUEST_URI\x00/deepthought\x00"
    b","
    b"What is the answer to life?"
)
EXAMPLE_PAIRS = [
    (b"CONTENT_LENGTH", b"27"),
    (b"SCGI", b"1"),
    (b"REQUEST_METHOD", b"POST"),
    (b"REQUEST_URI", b"/deepthought"),
]
EXAMPLE_ANSWER = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n42"
HEAD = EXAMPLE_ANSWER[:-2]

ENDED = StreamEnded(1, Stream.STDIN)


def netstring(content: bytes) -> bytes:
    """
    A netstring, and whatever is in it.
    """
    return str(len(content)).encode("ascii") + b":" + content + b","


def block(*pairs: tuple[bytes, bytes]) -> bytes:
    """
    Headers as they are in the netstring.
    """
    return b"".join(name + b"\0" + value + b"\0" for name, value in pairs)


def asked(*pairs: tuple[bytes, bytes], length: bytes = b"0", version: bytes = b"1") -> bytes:
    """
    The headers of a request as they are sent, with the two that must be there in front.
    """
    return netstring(block((b"CONTENT_LENGTH", length), (b"SCGI", version), *pairs))


def received(content: bytes, lenient: bool = False) -> RequestReceived:
    """
    What a request is reported as.
    """
    return RequestReceived(1, Role.RESPONDER, False, SCGIParams(content, lenient=lenient))


def body(data: bytes) -> DataReceived:
    """
    What some of a body is reported as.
    """
    return DataReceived(1, Stream.STDIN, data)


def kinds(events: Iterable[Event]) -> list[str]:
    """
    Each event by its class, or by the class of its error.
    """
    return [
        type(event.reason).__name__
        if isinstance(event, RequestRefused)
        else type(event.error).__name__
        if isinstance(event, ConnectionFailed)
        else type(event).__name__
        for event in events
    ]


def everyWay(data: bytes, **options: bool | int) -> list[list[Event]]:
    """
    What comes of some bytes: whole, byte by byte, and cut once at every place.
    """
    cuts = [
        [0, len(data)],
        list(range(len(data) + 1)),
        *([0, at, len(data)] for at in range(1, len(data))),
    ]
    return [
        receiveAll(ServerConnection(**options), [data[a:b] for a, b in pairwise(places)])  # type: ignore[arg-type]
        for places in cuts
    ]


names = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"\0" not in name and name not in (b"SCGI", b"CONTENT_LENGTH")
)
values = st.binary(max_size=60).filter(lambda value: b"\0" not in value)
