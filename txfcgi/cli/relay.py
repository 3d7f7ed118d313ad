"""
A connection that this process relays and shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    INegotiated,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from .console import readable
from .printer import Printer


class Half(Protocol):
    """
    One end of a relayed connection.

    @ivar other: The other end, once it is connected.
    @ivar closed: Fires when this end is closed.
    """

    other: Half | None = None

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self.closed: Deferred[None] = Deferred()

    @property
    def tcp(self) -> Connection:
        """
        The transport. Every kind has the methods of a TCP connection.
        """
        return cast(Connection, self.transport)

    def joinTo(self, other: Half) -> None:
        """
        Relay this end's bytes to the other end, no faster than it accepts them.
        """
        self.other = other
        other.tcp.registerProducer(self.tcp, True)

    def dataReceived(self, data: bytes) -> None:
        """
        Pass bytes on, and show them.
        """
        assert self.other is not None
        self.other.tcp.write(data)
        self._printer.receive(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Close the other end, too.
        """
        self._printer.end()
        if self.other is not None:
            self.other.tcp.unregisterProducer()
            self.other.tcp.loseConnection()
        self.closed.callback(None)


class RelayFactory(Factory):
    """
    Relays each connection to an endpoint.
    """

    noisy = False

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        makePrinter: Callable[[int, bool], Printer],
        say: Callable[[str], None],
    ) -> None:
        """
        @param makePrinter: Makes the printer of one direction, from the number of the connection
            and whether the direction is to the app.
        @param say: Takes messages.
        """
        self._endpoint = endpoint
        self._makePrinter = makePrinter
        self._say = say
        self._number = 0
        self._open: set[Half] = set()
        self._connecting: set[Deferred[Any]] = set()

    def buildProtocol(self, addr: IAddress | None) -> Half:
        """
        Make the end of a web server's connection.
        """
        self._number += 1
        return self._track(Accepted(self, self._makePrinter(self._number, True), self._number))

    def _track(self, half: Half) -> Half:
        self._open.add(half)
        half.closed.addCallback(lambda _: self._open.discard(half))
        return half

    def connect(self, half: Accepted) -> None:
        """
        Connect the other end.
        """
        ended = Factory()
        ended.noisy = False
        ended.buildProtocol = lambda addr: self._track(  # type: ignore[method-assign]
            Half(self._makePrinter(half.number, False))
        )
        connecting: Deferred[Any] = self._endpoint.connect(ended)
        self._connecting.add(connecting)
        half.connecting = connecting

        def connected(other: Half) -> None:
            other.joinTo(half)
            half.joinTo(other)
            half.tcp.resumeProducing()

        def failed(failure: Failure) -> None:
            self._say(f"{half.number}: no connection to the app: {readable(str(failure.value))}")
            half.tcp.abortConnection()

        connecting.addCallbacks(connected, failed)
        connecting.addBoth(lambda _: self._connecting.discard(connecting))

    async def close(self) -> None:
        """
        Close all connections.
        """
        for connecting in list(self._connecting):
            connecting.cancel()
        halves = list(self._open)
        for half in halves:
            if half.transport is not None:
                half.tcp.abortConnection()
        await DeferredList([half.closed for half in halves])


@implementer(IHalfCloseableProtocol)
class Accepted(Half):
    """
    The web server's end. A web server may close its direction and wait for the response.
    """

    connecting: Deferred[Any] | None = None

    def __init__(self, factory: RelayFactory, printer: Printer, number: int) -> None:
        super().__init__(printer)
        self._factory = factory
        self.number = number

    def connectionMade(self) -> None:
        """
        Read nothing before the other end is connected.
        """
        self.tcp.pauseProducing()
        self._factory.connect(self)

    def readConnectionLost(self) -> None:
        """
        Close this direction at the other end, too. TLS closes both directions.
        """
        assert self.other is not None
        if self.other.closed.called:
            return
        other = self.other.tcp
        other.unregisterProducer()
        if INegotiated.providedBy(self.other.transport):
            self.other.tcp.loseConnection()
        else:
            other.loseWriteConnection()

    def writeConnectionLost(self) -> None:
        """
        The other direction is never closed alone.
        """
