"""
L{Accepted}: a connection that was just accepted, and has no transport of the reactor's yet.

A web server that makes a connection for each request has usually sent the request by the time the
connection is accepted. A request that is read and answered on the spot needs neither a transport
nor the work that the reactor does for one. In any other case, a real transport takes over from the
L{Accepted}; the protocol stays the same, and nothing is lost or repeated.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IProducer,
    IProtocol,
    ISystemHandle,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

# The most bytes that are read at once.
_READ_BYTES: Final = 65_536

# Does not wait, whatever the socket does otherwise.
NOW: Final = getattr(socket, "MSG_DONTWAIT", 0)

_NOBODY: Final = UNIXAddress(None)


class IAnswersAtOnce(IProtocol, Interface):
    """
    A protocol that can begin on an L{Accepted}. One that does not provide this gets a real
    transport from the start.
    """

    def goOn(transport: tcp.Connection) -> None:
        """
        A real transport has taken the place of the L{Accepted}.

        @param transport: The transport from now on.
        """


class _UNIXConnection(unix.Server):
    """
    A connection on a Unix socket. It knows its host as its port does.
    """

    server: Any

    def getHost(self) -> IAddress:
        """
        @return: Where the port listens.
        """
        host: IAddress = self.server.getHost()
        return host


@implementer(ITransport, IConsumer, ISystemHandle)
class Accepted:
    """
    A connection that was just accepted. It has the socket and both addresses; for anything that
    takes more, it L{becomes<become>} a real transport.
    """

    __slots__ = ("_address", "_family", "_over", "_port", "_protocol", "_real", "_socket")

    def __init__(
        self, port: Any, connection: socket.socket, family: int, address: Any, protocol: Any
    ) -> None:
        """
        @param port: The L{Listener<txfcgi.transport.accept.Listener>} that accepted it.
        @param connection: The socket.
        @param family: Its family.
        @param address: The address of the peer, as the socket module has it.
        @param protocol: The protocol, not connected so far.
        """
        self._port = port
        self._socket = connection
        self._family = family
        self._address = address
        self._protocol = protocol
        self._real: tcp.Server | None = None
        self._over = False

    def begin(self, atOnce: bool = True) -> None:
        """
        Connect the protocol, and give it what the peer has sent by now.

        @param atOnce: Whether the protocol may answer at once.
        """
        protocol = self._protocol
        if not atOnce or not IAnswersAtOnce.providedBy(protocol):
            protocol.makeConnection(self._make(protocol))
            return
        connection = self._socket
        if not NOW:
            connection.setblocking(False)
        protocol.makeConnection(self)
        if self._real is None and not self._over:
            try:
                data = connection.recv(_READ_BYTES, NOW)
            except OSError:
                data = b""  # nothing yet, or the end, or an error: for a real transport
            if data:
                protocol.dataReceived(data)
        if self._over:
            self._close(connectionDone)
        elif self._real is None:
            self.become()

    def become(self) -> tcp.Server:
        """
        Let a real transport take over.

        @return: That transport.
        """
        real = self._real
        if real is None:
            protocol = self._protocol
            real = self._make(protocol)
            protocol.transport = real
            protocol.goOn(real)
        return real

    def _make(self, protocol: Any) -> tcp.Server:
        kind: Any = _UNIXConnection if self._family == socket.AF_UNIX else tcp.Server
        port = self._port
        real: tcp.Server = kind(
            self._socket, protocol, self._address, port, port.nextSession(), port.reactor
        )
        self._real = real
        self._protocol = None
        return real

    def hangUp(self) -> None:
        """
        Close the connection as soon as the protocol has returned. Nothing waits to be sent, and
        the peer has nothing more to send that could be in the way.
        """
        self._over = True

    def cut(self) -> None:
        """
        Something failed: end the connection, however far it came.
        """
        if self._real is not None:
            self._real.abortConnection()
        else:
            self._close(Failure())

    def _close(self, reason: Failure) -> None:
        protocol, self._protocol = self._protocol, None
        self._socket.close()
        if protocol is not None and protocol.transport is self:
            protocol.connectionLost(reason)

    # What it knows

    def getHandle(self) -> socket.socket:
        """
        @return: The socket.
        """
        return self._socket

    def getPeer(self) -> IAddress:
        """
        @return: The peer's address.
        """
        return addressOf(self._family, self._address)

    def getHost(self) -> IAddress:
        """
        @return: Our address.
        """
        if self._family == socket.AF_UNIX:
            host: IAddress = self._port.getHost()
            return host
        return addressOf(self._family, self._socket.getsockname())

    # What a real transport does

    def write(self, data: bytes) -> None:
        """
        Write bytes.
        """
        self.become().write(data)

    def writeSequence(self, data: Any) -> None:
        """
        Write bytes, one behind the other.
        """
        self.become().writeSequence(data)

    def startWriting(self) -> None:
        """
        Tell when the socket takes more.
        """
        self.become().startWriting()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Let a producer write.
        """
        self.become().registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """
        Let it go.
        """
        self.become().unregisterProducer()

    def pauseProducing(self) -> None:
        """
        Read no more for now.
        """
        self.become().pauseProducing()

    def resumeProducing(self) -> None:
        """
        Read again.
        """
        self.become().resumeProducing()

    def loseConnection(self) -> None:
        """
        Close the connection when all that was written is out.
        """
        self.become().loseConnection()

    def abortConnection(self) -> None:
        """
        Cut the connection.
        """
        self.become().abortConnection()


def addressOf(family: int, name: Any) -> IAddress:
    """
    @param family: The family of a socket.
    @param name: An address, as the socket module has it.

    @return: The address, as Twisted has it.
    """
    if family == socket.AF_UNIX:
        return UNIXAddress(name) if name else _NOBODY
    if family == socket.AF_INET6:
        return IPv6Address("TCP", *name)
    return IPv4Address("TCP", *name)
