"""
L{UNIXListener}: accepts on a Unix socket that listens already.

Twisted's own port removes whatever is at its path when it stops, and gives an inherited socket the
mode 0666, shuts it down and removes its path, though others use it.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Any

from twisted.internet import unix
from twisted.internet.address import UNIXAddress
from twisted.internet.base import BasePort
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.tcp import _reservedFD
from twisted.logger import Logger
from twisted.python.failure import Failure


def identityOf(info: os.stat_result) -> tuple[int, int]:
    """
    @param info: What C{lstat} says.

    @return: What tells this file from every other that exists now.
    """
    return info.st_dev, info.st_ino


@dataclass(frozen=True)
class SocketFile:
    """
    The entry in the filesystem that a Unix socket of ours has.

    @ivar path: Where it is.
    @ivar identity: Device and inode. The number stays taken for as long as the socket is open.
    """

    path: str
    identity: tuple[int, int]

    def remove(self) -> bool:
        """
        Remove the entry, unless another one is at its path by now.

        @return: Whether nothing of ours is left there.
        """
        try:
            if identityOf(os.lstat(self.path)) == self.identity:
                os.unlink(self.path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


class _Accepted(unix.Server):
    """
    A connection that was accepted. It knows its host as its port does.
    """

    server: UNIXListener

    def getHost(self) -> UNIXAddress:
        """
        @return: Where the port listens.
        """
        return self.server.getHost()


class UNIXListener(unix.Port):
    """
    Accepts connections on a Unix socket that is bound and listens already.

    When it stops it closes its own descriptor and no more: a socket that was inherited lives on in
    the process that made it.
    """

    _log = Logger()
    transport = _Accepted

    def __init__(
        self,
        listening: socket.socket,
        factory: IProtocolFactory,
        reactor: Any,
        file: SocketFile | None = None,
    ) -> None:
        """
        @param listening: The socket, non-blocking.
        @param factory: Builds a protocol for each connection.
        @param reactor: The reactor to accept in.
        @param file: The socket's entry in the filesystem where it is ours, to be removed at the
            end.
        """
        super().__init__(listening.getsockname(), factory, reactor=reactor)
        self._protocolFactory = factory
        self._listening = listening
        self.file = file

    def getHost(self) -> UNIXAddress:
        """
        @return: Where the socket is, which is not the name that it was bound to if it was made in a
            private directory.
        """
        return UNIXAddress(self._listening.getsockname() if self.file is None else self.file.path)

    def startListening(self) -> None:
        """
        Accept from now on.
        """
        # The descriptor that Twisted keeps in reserve to shed connections with when it has no other
        # left.
        _reservedFD.reserve()
        self._protocolFactory.doStart()
        self.connected = True
        self.socket = listening = self._listening
        self.fileno = listening.fileno  # type: ignore[method-assign]
        self.numberAccepts = 100
        self.startReading()  # type: ignore[no-untyped-call]

    def unlink(self) -> None:
        """
        Remove what is ours in the filesystem, so that nobody finds the socket any more.
        """
        if self.file is not None and not self.file.remove():
            self._log.warn("The socket {path} could not be removed.", path=self.file.path)

    def connectionLost(self, reason: Failure) -> None:
        """
        Remove what is ours in the filesystem, and close the socket.

        @param reason: Why it stops; of no interest.
        """
        self.unlink()
        BasePort.connectionLost(self, reason)
        self.connected = False
        self.socket.close()
        del self.socket
        del self.fileno
        self.disconnecting = False
        self._protocolFactory.doStop()
