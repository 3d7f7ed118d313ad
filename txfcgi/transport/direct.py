"""
L{connectUNIX}: a connection to a Unix socket, made at once.

A Unix socket accepts or refuses a connection immediately. So connecting needs no turn of the
reactor, and a request can be written at once.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.tcp import Connection

# Where we are, as far as a socket has a name that was not bound.
_NOWHERE: Final = UNIXAddress(None)


class DirectConnection(Connection):
    """
    Our end of a connection that was made so. All that is written to it goes through an
    L{Outlet<txfcgi.transport.outlet.Outlet>}, so that nothing ever waits here.

    @ivar inRead: Whether the protocol is being given what was read. If it closes the connection
        then, that happens behind the read, and without a turn of the reactor.
    """

    inRead = False

    def __init__(
        self, reactor: Any, connected: socket.socket, protocol: IProtocol, peer: UNIXAddress
    ) -> None:
        super().__init__(connected, protocol, reactor)
        self._peer = peer
        self.logstr = type(protocol).__name__
        self.connected = 1

    def getPeer(self) -> UNIXAddress:
        """
        @return: The socket that was connected to.
        """
        return self._peer

    def getHost(self) -> UNIXAddress:
        """
        @return: An address without a name.
        """
        return _NOWHERE

    def loseConnection(self) -> None:
        """
        Close the connection.
        """
        if self.inRead:
            self.disconnecting = True
        else:
            super().loseConnection()  # type: ignore[no-untyped-call]


def connectUNIX(reactor: Any, path: str, factory: IProtocolFactory) -> IProtocol | None:
    """
    Connect.

    @param reactor: An C{IReactorFDSet}.
    @return: The protocol, which is connected; L{None} if that could not be done at once, for
        whatever reason: it then has to be tried in the usual way, which tells the reason.
    """
    address = UNIXAddress(path)
    try:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        connecting.setblocking(False)
        connecting.connect(path)
    except (OSError, ValueError):
        connecting.close()
        return None
    protocol = factory.buildProtocol(address)
    if protocol is None:
        connecting.close()
        return None
    transport = DirectConnection(reactor, connecting, protocol, address)
    transport.startReading()  # type: ignore[no-untyped-call]
    protocol.makeConnection(transport)
    return protocol
