"""
L{UNIXListener}: accepts on a listening Unix socket, and removes its file at the end.

Twisted's own port removes any file at its path when it stops.
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
    @param info: The result of C{lstat}.

    @return: The identity of the file among all that exist now.
    """
    return info.st_dev, info.st_ino


@dataclass(frozen=True)
class SocketFile:
    """
    The file of a Unix socket that this server made.

    @ivar path: Where it is.
    @ivar identity: Device and inode. The number stays taken for as long as the socket is open.
    """

    path: str
    identity: tuple[int, int]

    def remove(self) -> bool:
        """
        Remove the file, unless another one is at its path by now.

        @return: Whether no file of ours is left there.
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
        @param file: The socket's file to remove at the end, if it is ours.
        """
        # A socket from a private directory was bound to another name.
        host = None if file is None else UNIXAddress(os.fsencode(file.path))
        super().__init__(reactor, listening, factory, host)
        self.file = file

    def unlink(self) -> None:
        """
        Remove the socket's file, if it is ours, so that no new peer finds the socket.
        """
        if self.file is not None and not self.file.remove():
            self.log.warn("The socket {path} could not be removed.", path=self.file.path)

    def connectionLost(self, reason: Failure) -> None:
        """
        Remove the socket's file, if it is ours, and close the socket.

        @param reason: Why it stops; not used.
        """
        self.unlink()
        super().connectionLost(reason)
