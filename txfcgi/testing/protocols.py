"""
What speaks each protocol: FastCGI and SCGI, by the names that this package takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from ..client.call import Call
from ..client.client import Client, FastCGIClient
from ..client.options import ClientOptions
from ..client.scgi import SCGIClient
from ..server.application import App
from ..server.factory import ServerFactory
from ..server.fastcgi import FastCGIServerFactory
from ..server.limits import Limits
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


_FACTORIES: Final[dict[str, type[ServerFactory]]] = {
    "fastcgi": FastCGIServerFactory,
    "scgi": SCGIServerFactory,
}
_CLIENTS: Final[dict[str, type[_WatchedClient]]] = {"fastcgi": _FastCGI, "scgi": _SCGI}


def known(protocol: str) -> str:
    """
    A protocol, if it is one.

    @raise ValueError: If it is not.
    """
    if protocol not in _FACTORIES:
        raise ValueError(f"{protocol!r} is not a protocol: it is 'fastcgi' or 'scgi'")
    return protocol


def factoryFor(
    app: App | ServerFactory, protocol: str, limits: Limits | None, clock: IReactorTime | None
) -> ServerFactory:
    """
    What serves an app: a factory as it was given, or a new one.

    @raise ValueError: If the protocol is unknown, or a factory was given that speaks another one.
    @raise TypeError: If a factory was given along with what it has by itself.
    """
    kind = _FACTORIES[known(protocol)]
    if not isinstance(app, ServerFactory):
        return kind(app, limits, clock=clock)
    if limits is not None:
        raise TypeError("a factory has limits of its own: give them to the factory")
    if not isinstance(app, kind):
        spoken = next((name for name, each in _FACTORIES.items() if isinstance(app, each)), None)
        if spoken is not None:
            raise ValueError(
                f"{type(app).__name__} speaks {spoken}, not {protocol}: give protocol={spoken!r}"
            )
    return app


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
    client = _CLIENTS[known(protocol)](reactor, endpoint, options)
    client.watch = watched.add
    client.submitted = submitted
    return client
