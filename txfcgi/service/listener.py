"""
L{UNIXListener}: accepts on a Unix socket that listens already, and removes its entry in the
filesystem at the end.

Twisted's own port removes whatever is at its path when it stops.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from ..transport.accept import Listener


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


class UNIXListener(Listener):
    """
    Accepts connections on a Unix socket that is bound and listens already.
    """

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
        # It was bound to another name, if it was made in a private directory.
        host = None if file is None else UNIXAddress(os.fsencode(file.path))
        super().__init__(reactor, listening, factory, host)
        self.file = file

    def unlink(self) -> None:
        """
        Remove what is ours in the filesystem, so that nobody finds the socket any more.
        """
        if self.file is not None and not self.file.remove():
            self.log.warn("The socket {path} could not be removed.", path=self.file.path)

    def connectionLost(self, reason: Failure) -> None:
        """
        Remove what is ours in the filesystem, and close the socket.

        @param reason: Why it stops; of no interest.
        """
        self.unlink()
        super().connectionLost(reason)
