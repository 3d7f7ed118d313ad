"""
What speaks each protocol: FastCGI and SCGI, by the names that this package takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..client.call import Call
from ..client.client import Client, FastCGIClient
from ..client.options import ClientOptions
from ..client.scgi import SCGIClient
from ..server.factory import ServerFactory
from ..server.fastcgi import FastCGIServerFactory
from ..server.scgi import SCGIServerFactory
from .leftovers import WatchedCalls


class _WatchedClient(Client):
    """
    A client whose requests are watched.
    """

    watch: Callable[[Call], None]
    submitted: Callable[[], None]

    def submit(self, call: Call) -> None:
        """
        Make a call, and remember it.
        """
        self.watch(call)
        super().submit(call)
        self.submitted()


class _FastCGI(_WatchedClient, FastCGIClient):
    """
    One that speaks FastCGI.
    """


class _SCGI(_WatchedClient, SCGIClient):
    """
    One that speaks SCGI.
    """


FACTORIES: Final[dict[str, Callable[..., ServerFactory]]] = {
    "fastcgi": FastCGIServerFactory,
    "scgi": SCGIServerFactory,
}
_CLIENTS: Final[dict[str, type[_WatchedClient]]] = {"fastcgi": _FastCGI, "scgi": _SCGI}


def watchedClient(
    reactor: Any,
    endpoint: Any,
    protocol: str,
    options: ClientOptions | None,
    watched: WatchedCalls,
    submitted: Callable[[], None] = lambda: None,
) -> Client:
    """
    A client whose requests are watched.

    @param submitted: Called behind each request.
    """
    client = _CLIENTS[protocol](reactor, endpoint, options)
    client.watch = watched.add
    client.submitted = submitted
    return client
