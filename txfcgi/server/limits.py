"""
L{Limits} and L{HTTPLimits}: every bound of a server, in one place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TypeVar

T = TypeVar("T")


def _limit(default: T, help: str) -> T:
    """
    A field, and what its option is for.
    """
    made: T = field(default=default, metadata={"help": help})
    return made


@dataclass(frozen=True, kw_only=True)
class Limits:
    """
    How much a server accepts at most, and how long it waits. All limits are on by default, except
    those whose default is L{None}. The answer to GET_VALUES (FastCGI 1.0, section 4.1) has the
    limits that are enforced.

    Each limit is an option of the command line, too.
    """

    connections: int = _limit(
        1_024,
        "Connections at once. A request on one more gets a 503; at twice as many, a connection "
        "is closed at once",
    )
    requests: int = _limit(1_024, "Requests at once, over all connections. One more gets a 503")
    requestsPerConnection: int = _limit(
        64, "Requests at once on one connection. One more gets a 503"
    )
    requestsPerConnectionTotal: int = _limit(
        100_000, "Requests in the life of one connection. The connection is closed after the last"
    )
    paramsBytes: int = _limit(262_144, "Bytes of params of one request. More get a 431")
    paramsCount: int = _limit(1_000, "Params of one request. More get a 431")
    bodyBytes: int | None = _limit(
        None,
        "Bytes of body of one request; WSGI and ASGI applications, twisted.web resources and files "
        "have 1073741824 (1 GiB) by default. More get a 413",
    )
    spoolBytes: int = _limit(
        4_294_967_296,
        "Bytes of stored bodies of all requests together, in memory and in temporary "
        "files, for programs that read bodies as files. More get a 503",
    )
    collectBytes: int = _limit(16_777_216, "Bytes that stdin.read() and stdin.readline() collect")
    streamBytes: int = _limit(65_536, "Unread bytes of one stream before its connection is paused")
    connectionBytes: int = _limit(
        1_048_576,
        "Unread bytes of all requests that share a connection before the connection is paused",
    )
    abortSlowReaders: bool = _limit(
        False,
        "If requests that share a connection leave too many bytes unread, fail the one "
        "with the most, so that the others need not wait for it",
    )
    outputBytes: int = _limit(
        8_388_608, "Bytes of output of one request that may wait for the web server"
    )
    headBytes: int = _limit(65_535, "Bytes of a response head that the app writes itself")
    lingerBytes: int = _limit(
        67_108_864,
        "Bytes of unread input that are accepted and dropped before a connection is "
        "closed, so that the response is not lost",
    )
    paramsTimeout: float = _limit(30.0, "Seconds for the params of a request to arrive")
    bodyTimeout: float = _limit(
        60.0, "Seconds to wait for more bytes of a body while the app reads it"
    )
    idleTimeout: float = _limit(300.0, "Seconds that a connection stays open without a request")
    writeTimeout: float = _limit(
        60.0, "Seconds in which the web server accepts none of the waiting output"
    )
    requestTimeout: float | None = _limit(
        None,
        "Seconds for the app to answer. Then the app is cancelled, and the request gets a 504",
    )
    lingerTimeout: float = _limit(
        5.0, "Seconds to wait for the rest of unread input before a connection is closed"
    )
    closeTimeout: float = _limit(5.0, "Seconds for a connection to close before it is cut")

    def __post_init__(self) -> None:
        """
        @raise ValueError: If a value can't be that limit; the message names it.
        """
        _check(self)


@dataclass(frozen=True, kw_only=True)
class HTTPLimits:
    """
    How much a site accepts from browsers at most, and how long it waits for them.
    """

    headBytes: int = _limit(
        65_536,
        "Bytes of the request line and the headers of an HTTP request. More get a 431; a longer "
        "request line gets a 414",
    )
    headerCount: int = _limit(200, "Headers of an HTTP request. More get a 431")
    writeTimeout: float | None = _limit(
        60.0, "Seconds in which a browser accepts none of its response"
    )
    lingerBytes: int = _limit(
        1_048_576,
        "Bytes of a body that are still read, and dropped, after its request was answered or "
        "refused, before the connection is closed",
    )
    lingerTimeout: float = _limit(
        5.0, "Seconds for the rest of a request that was refused, before the connection is closed"
    )

    def __post_init__(self) -> None:
        """
        @raise ValueError: If a value can't be that limit; the message names it.
        """
        _check(self)


def _check(limits: Limits | HTTPLimits) -> None:
    """
    @raise ValueError: If a limit has a value that it can't have.
    """
    for each in fields(limits):
        name, value = each.name, getattr(limits, each.name)
        kind, _, optional = str(each.type).partition(" | ")
        if value is None:
            if optional:
                continue
            raise ValueError(f"{name} can't be switched off")
        if kind == "bool":
            if value not in (True, False):
                raise ValueError(f"{name} is True or False, not {value!r:.80}")
        elif kind == "int" and type(value) is not int:
            raise ValueError(f"{name} is a whole number, not {value!r:.80}")
        elif type(value) is bool or not isinstance(value, (int, float)):
            raise ValueError(f"{name} is a number of seconds, not {value!r:.80}")
        elif not value >= 0:
            raise ValueError(f"{name} can't be {value!r}")
        elif value == 0 and name != "lingerBytes":
            raise ValueError(f"{name} can't be 0")
