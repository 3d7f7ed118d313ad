"""
C{twistd fcgi}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..client.client import FastCGIClient
from ..server.fastcgi import FastCGIServerFactory
from .options import ServerOptions, makeService

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
    serverFactory = FastCGIServerFactory

    def ownOptions(self) -> dict[str, Any]:
        """
        @return: What the factory is told beside what all are told.
        """
        return {"multiplex": not self["no-multiplex"]}
