"""
L{Listener}: accepts connections on a socket that is already listening, of any family. Requests that
can be answered at once are (L{txfcgi.transport.atonce}).

When it stops, it closes its own descriptor only: a socket that was inherited stays open in the
process that made it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from errno import EAGAIN, ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO
from typing import Any, Final

from twisted.internet.base import BasePort
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .atonce import Accepted, addressOf
from .sparing import SparingLog

# Errors of a connection that has gone before it is accepted, or that a filter forbids.
_NEXT: Final = (ECONNABORTED, EINTR, EPERM, EPROTO)

# Errors for which the process or the system has no more descriptors or memory.
_EXHAUSTED: Final = (EMFILE, ENFILE, ENOBUFS, ENOMEM)

#: The most connections that are accepted in one turn of the reactor.
PER_TURN: Final = 100

# Seconds without accepting when there is not even a descriptor to refuse a connection with.
_PAUSE: Final = 0.1


class _Listening(socket.socket):
    """
    A listening socket whose C{accept} does without two enums for each connection, which are a
    fifth of its time: the family and the type that it asks for are plain numbers here.
    """

    __slots__ = ("family", "type")

    family: int  # type: ignore[assignment]
    type: int  # type: ignore[assignment]

    def __init__(self, listening: socket.socket) -> None:
        """
        @param listening: The socket, which is let go of.
        """
        family, type = int(listening.family), int(listening.type)
        super().__init__(family, type, listening.proto, fileno=listening.detach())
        self.family = family
        self.type = type


@implementer(IListeningPort)
class Listener(BasePort):
    """
    A port.

    @ivar perTurn: The most connections that are accepted in one turn of the reactor.
    @ivar answersAtOnce: Whether the first bytes of a connection may be answered as it is accepted.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        listening: socket.socket,
        factory: IProtocolFactory,
        host: IAddress | None = None,
        perTurn: int = PER_TURN,
        stopped: Callable[[], object] = lambda: None,
    ) -> None:
        """
        @param listening: The socket, non-blocking. It belongs to the port from now on.
        @param factory: Builds a protocol for each connection.
        @param host: The address on which it listens, if the socket is bound to another one.
        @param stopped: Called when the port has stopped.
        """
        super().__init__(reactor)
        self._clock: IReactorTime = reactor
        self.perTurn = perTurn
        self.answersAtOnce = True
        self._family = listening.family
        self._host = host or addressOf(self._family, listening.getsockname())
        self._listening = _Listening(listening) if type(listening) is socket.socket else listening
        self._factory = factory
        self._stopped = stopped
        self._sessions = 0
        self._sparing = SparingLog(reactor)
        self._reserve: int | None = None
        # Attributes of a port that Twisted's transports use.
        self._realPortNumber = getattr(self._host, "port", None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._host}>"

    def fileno(self) -> int:
        """
        @return: The descriptor of the socket.
        """
        return self._listening.fileno()

    def getHost(self) -> IAddress:
        """
        @return: The address on which it listens.
        """
        return self._host

    def startListening(self) -> None:
        """
        Accept from now on.
        """
        self._reserve = _reserved()
        self._factory.doStart()
        self.connected = True
        self.startReading()  # type: ignore[no-untyped-call]

    def stopListening(self) -> Deferred[None]:
        """
        Accept no more.

        @return: Fires when the socket is closed.
        """
        if self.disconnecting or not self.connected:
            return succeed(None)
        self.disconnecting = True
        self.stopReading()  # type: ignore[no-untyped-call]
        stopped: Deferred[None] = deferLater(
            self._clock, 0, self.connectionLost, Failure(ConnectionDone())
        )
        return stopped

    loseConnection = stopListening

    def connectionLost(self, reason: Failure) -> None:
        """
        Close the socket.

        @param reason: Why it stops; ignored.
        """
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self.connected = self.disconnecting = False
        self._listening.close()
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
        self._sparing.flush()
        self._stopped()
        self._factory.doStop()

    # Accepting

    def doRead(self) -> None:
        """
        Accept what waits.
        """
        self.acceptSome(self.perTurn)

    def acceptSome(self, most: int) -> int:
        """
        Accept what waits, and give each connection to a protocol.

        @param most: How many connections at the most.

        @return: How many there were.
        """
        accept = self._listening.accept
        for count in range(most):
            if self.disconnecting or not self.connected:
                return count
            try:
                connection, address = accept()
            except OSError as error:
                if error.errno in _NEXT:
                    continue
                if error.errno in _EXHAUSTED:
                    self._refuse(error)
                elif error.errno != EAGAIN:
                    self._sparing.failure(self.log, "{port} can't accept", port=self)
                return count
            try:
                self._take(connection, address)
            except Exception:
                self._sparing.failure(self.log, "{port} lost a connection", port=self)
        return most

    def _take(self, connection: socket.socket, address: Any) -> None:
        """
        Give a connection to a protocol.
        """
        try:
            protocol = self._factory.buildProtocol(addressOf(self._family, address))
        except Exception:
            connection.close()
            raise
        if protocol is None:
            connection.close()
            return
        accepted = Accepted(self, connection, self._family, address, protocol)
        try:
            accepted.begin(self.answersAtOnce)
        except Exception:
            accepted.cut()
            raise

    def nextSession(self) -> int:
        """
        @return: The number of a connection, as Twisted's transports have one.
        """
        self._sessions += 1
        return self._sessions

    def _refuse(self, error: OSError) -> None:
        """
        There are no descriptors left: close what waits, so that nobody waits for nothing.
        """
        self._sparing.warn(
            self.log,
            "{port} refuses connections, as there are no descriptors left: {error}",
            port=self,
            error=error.strerror,
        )
        if self._reserve is None:
            self._rest()
            return
        os.close(self._reserve)
        self._reserve = None
        try:
            for _ in range(self.perTurn):
                self._listening.accept()[0].close()
        except OSError:
            pass  # no connection waits any more, or there is still no descriptor
        finally:
            self._reserve = _reserved()

    def _rest(self) -> None:
        """
        Do not accept for a moment: the system would tell us of the same connection for ever.
        """
        self._reserve = _reserved()
        self.stopReading()  # type: ignore[no-untyped-call]
        self._clock.callLater(_PAUSE, self._goOn)

    def _goOn(self) -> None:
        if self.connected and not self.disconnecting:
            self.startReading()  # type: ignore[no-untyped-call]


def _reserved() -> int | None:
    """
    A descriptor to give up when the process has reached its limit.
    """
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
