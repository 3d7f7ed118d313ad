"""
L{connectAtOnce}: a connection to a socket on this machine, made at once.

A Unix socket accepts or refuses a connection immediately, and so does a port of the loopback
interface. So connecting needs no turn of the reactor, and a request can be written at once.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from errno import EINPROGRESS, EISCONN
from typing import Any, Final

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import UNIXAddress
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection

from .atonce import addressOf

# Why a read was the last one; None, if it was not.
Reason = ConnectionDone | ConnectionLost | None

# Where we are, as far as a socket has a name that was not bound.
_NOWHERE: Final = UNIXAddress(None)

# Where the system can make a socket that does not block, that takes one call.
_STREAM: Final = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)

_CONNECTED: Final = (0, EISCONN)


class DirectConnection(Connection):
    """
    Our end of a connection that was made so. All that is written to it goes through an
    L{Outlet<txfcgi.transport.outlet.Outlet>}, so that nothing ever waits here.

    @ivar inRead: Whether the protocol is being given what was read. If it closes the connection
        then, that happens at L{hangUp}, or else behind the read, without a turn of the reactor.
    """

    inRead = False

    def __init__(
        self,
        reactor: Any,
        connected: socket.socket,
        protocol: IProtocol,
        family: int,
        peer: IAddress,
    ) -> None:
        # What Connection does, but for the call that lets the socket not block: it does not.
        FileDescriptor.__init__(self, reactor)
        self.socket = connected
        self.fileno = connected.fileno
        self.protocol = protocol
        self._family = family
        self._peer = peer
        self.logstr = type(protocol).__name__
        self.connected = 1

    def getPeer(self) -> IAddress:
        """
        @return: The socket that was connected to.
        """
        return self._peer

    def getHost(self) -> IAddress:
        """
        @return: Our end: over a Unix socket, an address without a name.
        """
        if self._family == socket.AF_UNIX:
            return _NOWHERE
        return addressOf(self._family, self.socket.getsockname())

    def loseConnection(self) -> None:
        """
        Close the connection.
        """
        if self.inRead:
            self.disconnecting = True
        else:
            super().loseConnection()  # type: ignore[no-untyped-call]

    def hangUp(self) -> None:
        """
        End the connection now if its protocol has closed it since the read began. Nothing waits to
        be sent, and nobody else has the socket, so closing it is enough.
        """
        if not (self.inRead and self.disconnecting and self.connected):
            return
        if self.producer is not None:
            self.connectionLost(connectionDone)
            return
        self.connected, self.disconnected = 0, 1
        self.stopReading()  # type: ignore[no-untyped-call]
        self.stopWriting()  # type: ignore[no-untyped-call]
        protocol, connection = self.protocol, self.socket
        del self.protocol, self.socket, self.fileno
        connection.close()
        protocol.connectionLost(connectionDone)

    def doRead(self) -> Reason:  # type: ignore[override]
        """
        Give the protocol what there is.

        @return: Why this was the last read, if it was.
        """
        return self.reading(super().doRead)

    def reading(self, read: Callable[..., Reason], *args: Any) -> Reason:
        """
        Read, and end the connection behind that if its protocol wants it.

        @param read: Reads, and gives the protocol what there is; called with C{args}.
        @return: Why this was the last read, if the connection did not end in it.
        """
        self.inRead = True
        try:
            reason = read(*args)
            if reason is None and self.disconnecting:
                self.hangUp()
        finally:
            self.inRead = False
        return reason

    def doWrite(self) -> Any:
        """
        The socket takes more: of interest only as long as the connection was not ended by a read
        of the same moment.
        """
        return super().doWrite() if self.connected else None  # type: ignore[no-untyped-call]

    def writeSomeData(self, data: bytes) -> Any:
        """
        Send what is in the transport's own buffer: nothing.
        """
        return super().writeSomeData(data) if data else 0


def connectAtOnce(
    reactor: Any, family: int, name: Any, peer: IAddress, factory: IProtocolFactory
) -> IProtocol | None:
    """
    Connect.

    @param reactor: An C{IReactorFDSet}.
    @param family: The family of the socket to connect to.
    @param name: What the system calls that socket. It is on this machine.
    @param peer: The same, as Twisted has it.
    @return: The protocol, which is connected; L{None} if that could not be done at once, for
        whatever reason: it then has to be tried in the usual way, which tells the reason.
    """
    try:
        connecting = socket.socket(family, _STREAM)
    except OSError:
        return None
    try:
        if connecting.gettimeout() != 0:
            connecting.setblocking(False)
        failed = connecting.connect_ex(name)
        if failed == EINPROGRESS:
            # On the loopback interface the other end has answered by now, unless its queue is full.
            failed = connecting.connect_ex(name)
        if family != socket.AF_UNIX and failed in _CONNECTED:
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, OverflowError, ValueError):
        failed = -1
    protocol = factory.buildProtocol(peer) if failed in _CONNECTED else None
    if protocol is None:
        connecting.close()
        return None
    transport = DirectConnection(reactor, connecting, protocol, family, peer)
    transport.startReading()  # type: ignore[no-untyped-call]
    protocol.makeConnection(transport)
    return protocol
