"""
L{SCGIClient}: requests to SCGI back ends, asked for as those to FastCGI back ends are.
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

    It has a connection for each request. There are no roles but the Responder's, no stderr and no
    statuses; a body whose length is not known is spooled, or refused.
    """

    protocol = SCGIClientProtocol
