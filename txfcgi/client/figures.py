"""
L{ClientFigures}: how a client's pool is doing, for a monitor that asks every now and then.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClientFigures:
    """
    The figures of one moment. The last three only go up.

    @ivar open: The connections that there are.
    @ivar connecting: Those that are being made.
    @ivar idle: The open ones that carry no request.
    @ivar waiting: The requests that wait for a connection.
    @ivar requests: The requests that were made so far; one that is made again is counted once.
    @ivar retries: How many more attempts were made for them.
    @ivar failures: The requests that failed for good, be it after the head of the response. One
        that the caller gave up is not among them.
    """

    open: int
    connecting: int
    idle: int
    waiting: int
    requests: int
    retries: int
    failures: int
