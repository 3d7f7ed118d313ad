"""
C{twistd fcgi}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from twisted.internet.interfaces import IAddress

from txfcgi.client.client import FastCGIClient
from txfcgi.server.factory import FastCGIServerFactory
from txfcgi.service.options import ServerOptions, makeService

__all__ = ["Options", "makeService"]


class Options(ServerOptions):
    """
    The command line of C{twistd fcgi}.
    """

    command = "fcgi"
    protocol = "FastCGI"

    optFlags: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "no-multiplex",
            None,
            "Refuse a second request on a connection while one runs (FCGI_CANT_MPX_CONN)",
        ],
    ]

    clientFactory = FastCGIClient

    def makeFactory(self, allowFrom: Callable[[IAddress], bool] | None) -> FastCGIServerFactory:
        """
        @param allowFrom: Says whether a peer may connect, or L{None} if all may.

        @return: A factory that serves the app.
        """
        return FastCGIServerFactory(
            self["application"],
            self["limits"],
            multiplex=not self["no-multiplex"],
            allowFrom=allowFrom,
        )
