"""
What the parts of the client want of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..errors import RequestFailed

if TYPE_CHECKING:
    from .call import Call
    from .connection import ClientProtocol


class Carrier(Protocol):
    """
    The connection that a call is on.
    """

    @property
    def kept(self) -> bool:
        """
        Whether it has carried a whole request before.
        """

    @property
    def unsent(self) -> bool:
        """
        Whether some of what was written waits to be taken by the peer.
        """

    def hold(self, call: Call) -> None:
        """
        Too much of the call's response waits to be read.
        """

    def go(self, call: Call) -> None:
        """
        The call's response is being read again.
        """

    def abandon(self, call: Call) -> None:
        """
        Nobody wants the rest of the response.
        """


class Owner(Protocol):
    """
    Who looks after a call between its attempts.
    """

    def retries(self, call: Call, error: RequestFailed) -> bool:
        """
        An attempt failed, and nothing of a response was seen.

        @return: Whether the owner makes another one.
        """

    def withdraw(self, call: Call) -> None:
        """
        The caller does not want the answer any more, and the call is on no connection.
        """


class Keeper(Protocol):
    """
    Who wants to know what becomes of a connection: a pool.
    """

    def released(self, protocol: ClientProtocol) -> None:
        """
        A request ended, and the connection can take another.
        """

    def retired(self, protocol: ClientProtocol) -> None:
        """
        The connection takes no more requests.
        """

    def gone(self, protocol: ClientProtocol) -> None:
        """
        The connection is closed.
        """
