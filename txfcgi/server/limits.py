"""
L{Limits}: every bound of a server, in one place.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """
    What a server takes at the most, and how long it waits. All of it is on by default; L{None}
    switches off where it is allowed. What GET_VALUES tells a web server is what is enforced.

    @ivar connections: Connections at once. What comes on one more is answered with 503, and the
        connection is closed; at twice as many, it is closed at once.
    @ivar requests: Requests at once, over all connections. One more is answered with 503.
    @ivar requestsPerConnection: Requests at once on one connection. One more is answered with 503.
    @ivar requestsPerConnectionTotal: Requests that a connection may bring in its life. After the
        last, it is closed as soon as nothing is active on it.
    @ivar paramsBytes: Bytes of params of one request. More are answered with 431.
    @ivar paramsCount: Params of one request. More are answered with 431.
    @ivar bodyBytes: Bytes of body of one request, or L{None} for any number. More are answered
        with 413.
    @ivar collectBytes: Bytes that C{stdin.read()} and C{stdin.readline()} collect.
    @ivar streamBytes: Bytes of a stream that may wait to be read before its connection is paused.
    @ivar connectionBytes: Bytes that may wait to be read on a connection that several requests
        share, before it is paused in spite of the others.
    @ivar abortSlowReaders: Whether, on a connection that several requests share, the one that
        holds most unread bytes fails at C{connectionBytes} instead of holding up the others.
    @ivar outputBytes: Bytes that one request may write while the web server takes none.
    @ivar headBytes: Bytes of a response head that an app writes by itself.
    @ivar lingerBytes: Bytes of unread input that are taken, and dropped, before a connection is
        closed; without that, the answer could be lost.
    @ivar paramsTimeout: Seconds for a request to bring its params.
    @ivar bodyTimeout: Seconds in which some of a body that is wanted has to arrive.
    @ivar idleTimeout: Seconds that a connection may be open with no request.
    @ivar writeTimeout: Seconds in which the web server has to take some of what waits for it.
    @ivar requestTimeout: Seconds for an app to answer, or L{None} for any time. Over it, the app
        is cancelled and the request answered with 504.
    @ivar lingerTimeout: Seconds to wait for the rest of unread input before closing.
    @ivar closeTimeout: Seconds after which a connection that does not close is cut.
    """

    connections: int = 1_024
    requests: int = 1_024
    requestsPerConnection: int = 64
    requestsPerConnectionTotal: int = 100_000
    paramsBytes: int = 262_144
    paramsCount: int = 1_000
    bodyBytes: int | None = None
    collectBytes: int = 16_777_216
    streamBytes: int = 65_536
    connectionBytes: int = 1_048_576
    abortSlowReaders: bool = False
    outputBytes: int = 8_388_608
    headBytes: int = 65_535
    lingerBytes: int = 67_108_864
    paramsTimeout: float = 30.0
    bodyTimeout: float = 60.0
    idleTimeout: float = 300.0
    writeTimeout: float = 60.0
    requestTimeout: float | None = None
    lingerTimeout: float = 5.0
    closeTimeout: float = 5.0

    def __post_init__(self) -> None:
        """
        @raise ValueError: If one of them can't be a limit.
        """
        for name, value in vars(self).items():
            if value is None and getattr(type(self), name) is not None:
                raise ValueError(f"{name} can't be switched off")
            if value is not None and (isinstance(value, (int, float)) and value < 0):
                raise ValueError(f"{name} can't be {value!r}")
            if value == 0 and name not in ("lingerBytes", "abortSlowReaders"):
                raise ValueError(f"{name} can't be 0")
