"""
L{ClientFigures}: the state of a client's pool, for monitoring.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClientFigures:
    """
    The figures at one moment. The last three are counters, which only increase.

    @ivar open: Open connections.
    @ivar connecting: Connections that are being made.
    @ivar idle: Open connections without a request.
    @ivar waiting: Requests that wait for a connection.
    @ivar requests: Requests so far; one that is retried counts once.
    @ivar retries: Retries of requests.
    @ivar failures: Requests that failed for good, even if after the head of the response. Those
        that the caller cancelled do not count.
    """

    open: int
    connecting: int
    idle: int
    waiting: int
    requests: int
    retries: int
    failures: int
