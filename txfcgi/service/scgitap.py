"""
C{twistd scgi}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..client.scgi import SCGIClient
from ..server.scgi import SCGIServerFactory
from .options import ServerOptions, makeService

__all__ = ["Options", "makeService"]


class Options(ServerOptions):
    """
    The command line of C{twistd scgi}.
    """

    clientFactory = SCGIClient
    serverFactory = SCGIServerFactory

    optFlags: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "lenient",
            None,
            "Take requests that leave the header SCGI out (nginx without its scgi_params), and "
            "those with an HTTP header that is there several times (nginx before 1.23)",
        ],
        ["status-line", None, "Start answers with an HTTP status line in place of a Status header"],
        [
            "abort-on-eof",
            None,
            "Take a web server that closes its direction of a connection for one that has given "
            "its request up",
        ],
    ]

    command = "scgi"
    protocol = "SCGI"

    def ownOptions(self) -> dict[str, Any]:
        """
        @return: What the factory is told beside what all are told.
        """
        return {
            "lenient": bool(self["lenient"]),
            "statusLine": bool(self["status-line"]),
            "abortOnEOF": bool(self["abort-on-eof"]),
        }
