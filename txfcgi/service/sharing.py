"""
Sockets that a master opens and its workers accept on.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint

from ..server.admission import isPublic
from .description import Description, localEndpoint
from .errors import BadEndpoint, CannotListen
from .inherited import inheritedListener, releaseDescriptor
from .listen import InheritedSocketEndpoint, TCPSocketEndpoint, UNIXSocketEndpoint
from .listener import SocketFile
from .serving import PUBLIC_PORT
from .sockets import listenTCP, listenUNIX

#: The kinds of endpoints that workers can share, for messages.
KINDS = "unix:, tcp:, tcp6:, systemd: and fcgi:"


@dataclass
class SharedSocket:
    """
    A listening socket.

    @ivar text: The description of its endpoint.
    @ivar listening: The socket, non-blocking.
    @ivar file: Its file, if it is ours.
    @ivar own: Whether this service made it, and closes it at the end.
    """

    text: str
    listening: socket.socket
    file: SocketFile | None = None
    own: bool = True

    def withdraw(self) -> bool:
        """
        Remove its file, so that no new peer finds it.

        @return: Whether no file of ours is left there.
        """
        return self.file is None or self.file.remove()

    def forWorker(self, fd: int) -> str:
        """
        The description of its endpoint for a worker.

        @param fd: The descriptor that the worker gets.
        """
        path = "" if self.file is None else f":path={quoteStringArgument(self.file.path)}"
        return f"fcgi:fd={fd}:accept=1:own={int(self.own)}{path}"

    def close(self) -> None:
        """
        Close this process's descriptor of it.
        """
        self.listening.close()


def checkShareable(option: str, text: str) -> None:
    """
    @param option: The option that has the endpoint.
    @param text: Its description.

    @raise BadEndpoint: Workers can't share it.
    """
    kind = Description.fromText(text).kind
    if f"{kind}:" not in KINDS:
        raise BadEndpoint(f"{option} {text}: workers share {KINDS}, not {kind}:")


def openShared(
    text: str,
    endpoint: IStreamServerEndpoint,
    allowFrom: Callable[[IAddress], bool] | None,
    insecure: bool,
) -> SharedSocket:
    """
    Open the socket of an endpoint.

    @param text: The description of the endpoint.
    @param endpoint: The endpoint.
    @param allowFrom: Decides who may connect, if that is limited.
    @param insecure: Whether everybody may.

    @return: The listening socket.

    @raise CannotListen: The socket can't be opened.
    """
    if isinstance(endpoint, UNIXSocketEndpoint):
        listening, file = listenUNIX(endpoint.path, endpoint.options)
        return SharedSocket(text, listening, file)
    inherited = isinstance(endpoint, InheritedSocketEndpoint)
    if isinstance(endpoint, InheritedSocketEndpoint):
        listening = inheritedListener(endpoint.fd)
        listening.setblocking(False)
        releaseDescriptor(endpoint.fd)
    elif isinstance(endpoint, TCPSocketEndpoint):
        listening = listenTCP(endpoint.host, endpoint.port, endpoint.backlog)
    else:
        raise CannotListen(f"{text} can't be shared: workers share {KINDS}")
    shared = SharedSocket(text, listening, own=not inherited)
    if listening.family != socket.AF_UNIX and allowFrom is None and not insecure:
        host, port = listening.getsockname()[:2]
        if isPublic(host):
            shared.close()
            local = localEndpoint("tcp6" if ":" in host else "tcp", port)
            raise CannotListen(PUBLIC_PORT.format(address=text, local=local))
    return shared
