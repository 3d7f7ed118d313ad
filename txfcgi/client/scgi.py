"""
L{SCGIClient}: requests to SCGI back ends, made like those to FastCGI back ends.
"""

from __future__ import annotations

from ..wire.scgiclient import ClientConnection
from .client import Client
from .connection import ClientProtocol


class SCGIClientProtocol(ClientProtocol):
    """
    One connection to an SCGI back end, for one request.
    """

    # Not every back end closes the connection behind its answer.
    endsByLength = True

    def makeWire(self) -> ClientConnection:
        """
        This end of the wire.
        """
        return ClientConnection()


class SCGIClient(Client):
    """
    Makes requests to SCGI back ends: C{client = SCGIClient(reactor, "unix:/run/app.sock")}

    It makes a connection for each request. SCGI has the Responder's role only, and neither stderr
    nor an exit status; a body of unknown length is spooled, or refused (SCGI, section 3).
    """

    protocol = SCGIClientProtocol
