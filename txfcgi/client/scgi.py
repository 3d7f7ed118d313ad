"""
L{SCGIClient}: requests to SCGI back ends, asked for as those to FastCGI back ends are.
"""

from __future__ import annotations

from ..wire.events import Event
from ..wire.scgiclient import ClientConnection
from ..wire.scgiserver import REQUEST_ID
from .call import Call
from .client import Client
from .connection import ClientProtocol


class SCGIClientProtocol(ClientProtocol):
    """
    One connection to an SCGI back end, for one request.
    """

    connectionFactory = ClientConnection

    def _take(self, events: list[Event]) -> list[Call]:
        """
        Take what came; the end of the answer too, if its length was declared and is there. Not
        every back end closes the connection then.
        """
        touched = super()._take(events)
        call = self._calls.get(REQUEST_ID)
        if call is not None and call.satisfied:
            super()._take(self._connection.receiveEnd())
        return touched


class SCGIClient(Client):
    """
    Makes requests to SCGI back ends: C{client = SCGIClient(reactor, "unix:/run/app.sock")}

    It has a connection for each request. There are no roles but the Responder's, no stderr and no
    statuses; a body whose length is not known is spooled, or refused.
    """

    protocol = SCGIClientProtocol
