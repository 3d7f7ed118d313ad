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
            "Accept requests without the header SCGI (nginx without its scgi_params), and "
            "requests with a repeated HTTP header (nginx before 1.23)",
        ],
        [
            "status-line",
            None,
            "Start responses with an HTTP status line instead of a Status header",
        ],
        [
            "abort-on-eof",
            None,
            "Cancel a request when the web server closes its direction of the connection",
        ],
    ]

    command = "scgi"
    protocol = "SCGI"

    def ownOptions(self) -> dict[str, Any]:
        """
        @return: The arguments of this protocol's factory.
        """
        return {
            "lenient": bool(self["lenient"]),
            "statusLine": bool(self["status-line"]),
            "abortOnEOF": bool(self["abort-on-eof"]),
        }
