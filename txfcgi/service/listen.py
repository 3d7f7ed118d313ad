"""
From the description of an endpoint to a listening port, for C{--port}.

Twisted handles its own descriptions (C{ssl:}, C{haproxy:} and those of plugins). The following
kinds differ from Twisted's, or are new. All of them serve through L{txfcgi.transport.atonce}:

  - C{tcp:9000:interface=127.0.0.1} and C{tcp6:} take the same arguments as in Twisted.
  - C{unix:/run/app.sock:mode=660:owner=app:group=www-data} has exactly these permissions from the
    start, and replaces only a stale socket.
  - C{systemd:domain=UNIX:index=0} leaves the socket as systemd made it, and works without the names
    that C{systemd-socket-activate} does not pass.
  - C{fcgi:fd=0} is a listening socket that this process was started with (FCGI_LISTENSOCK_FILENO,
    section 2.2).
"""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, execute
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from zope.interface import implementer

from ..errors import NotAnApp
from ..transport.accept import PER_TURN, Listener
from .description import Description, mistakeIn, suggestion
from .errors import AddressInUse, BadEndpoint, CannotListen
from .inherited import inheritedListener, passedBySystemd, releaseDescriptor
from .listener import UNIXListener
from .sockets import BACKLOG, UNIXSocketOptions, checkUNIX, listenTCP, listenUNIX


@implementer(IStreamServerEndpoint)
class SocketEndpoint:
    """
    Listens at once, on an existing or a new socket.
    """

    def __init__(self, reactor: Any) -> None:
        """
        @param reactor: The reactor to accept in.
        """
        self._reactor = reactor

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Accept on the socket.

        @param protocolFactory: Builds a protocol for each connection.

        @return: Fires at once with the port, or fails with L{CannotListen}.
        """
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        """
        @param factory: Builds a protocol for each connection.

        @return: The port.
        """
        raise NotImplementedError

    def check(self) -> None:
        """
        Check whether this endpoint can listen. Nothing is left open.

        @raise AddressInUse: Another server uses the address.
        @raise CannotListen: It can't.
        """


class UNIXSocketEndpoint(SocketEndpoint):
    """
    Listens on a new Unix socket.
    """

    def __init__(self, reactor: Any, path: str, options: UNIXSocketOptions) -> None:
        """
        @param reactor: The reactor to accept in.
        @param path: The path of the socket, or C{"@name"} for an abstract one.
        @param options: Its permissions and more.
        """
        super().__init__(reactor)
        self.path = path
        self.options = options

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        listening, file = listenUNIX(self.path, self.options)
        port = UNIXListener(listening, factory, self._reactor, file)
        port.startListening()
        return port

    def check(self) -> None:
        """
        Check the directory and the path.
        """
        checkUNIX(self.path, self.options)


class TCPSocketEndpoint(SocketEndpoint):
    """
    Listens on a TCP port.
    """

    def __init__(self, reactor: Any, host: str, port: int, backlog: int = BACKLOG) -> None:
        """
        @param reactor: The reactor to accept in.
        @param host: The address to listen on; an empty one is every IPv4 address of the machine,
            and C{"::"} every address.
        @param port: The number, 0 for one that is free.
        @param backlog: How many connections may wait to be accepted.
        """
        super().__init__(reactor)
        self.host = host
        self.port = port
        self.backlog = backlog

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        port = Listener(self._reactor, listenTCP(self.host, self.port, self.backlog), factory)
        port.startListening()
        return port

    def check(self) -> None:
        """
        Check the address and the port.
        """
        listenTCP(self.host, self.port, self.backlog).close()


class InheritedSocketEndpoint(SocketEndpoint):
    """
    Listens on a socket that the parent process made, of any family. The inherited descriptor is
    then closed: the port has its own.
    """

    def __init__(
        self,
        reactor: Any,
        fd: int,
        path: str | None = None,
        perTurn: int = PER_TURN,
        own: bool = False,
    ) -> None:
        """
        @param reactor: The reactor to accept in.
        @param fd: The descriptor that was inherited.
        @param path: The socket's path in the filesystem, if it differs from the name that the
            socket was bound to.
        @param perTurn: The most connections to accept in one turn of the reactor. Several processes
            on one socket share connections more evenly if this is low.
        @param own: Whether the socket belongs to the master of this worker, and ends with it. If
            not, other processes may accept there afterwards.
        """
        super().__init__(reactor)
        self.fd = fd
        self.path = path
        self.perTurn = perTurn
        self.own = own

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        listening = inheritedListener(self.fd)
        listening.setblocking(False)
        host = None if self.path is None else UNIXAddress(os.fsencode(self.path))
        port = Listener(self._reactor, listening, factory, host, self.perTurn)
        port.startListening()
        releaseDescriptor(self.fd)
        return port


def endpointFromText(reactor: Any, text: str, *, insecure: bool = False) -> IStreamServerEndpoint:
    """
    Make an endpoint from its description. Nothing is opened yet.

    @param reactor: The reactor it will listen with.
    @param text: The description.
    @param insecure: Whether a Unix socket may be in a directory that everyone can write to.

    @return: The endpoint.

    @raise BadEndpoint: The description can't be understood.
    """
    description = Description.fromText(text)
    if description.kind == "unix":
        return description.call(_unixEndpoint, reactor, insecure)
    if description.kind == "tcp":
        return description.call(_tcpEndpoint, reactor)
    if description.kind == "tcp6":
        return description.call(_tcp6Endpoint, reactor)
    if description.kind == "fcgi":
        return description.call(_inheritedEndpoint, reactor)
    if description.kind == "systemd":
        return description.call(_systemdEndpoint, reactor)
    endpoint: IStreamServerEndpoint
    try:
        endpoint = serverFromString(reactor, description.withBacklog())
    except Exception as error:
        # Parsers are plugins, and may raise anything for a mistake.
        raise BadEndpoint(
            f"{text!r} is not a valid endpoint: {mistakeIn(error)}{_hint(description, error)}"
        ) from error
    return endpoint


def _hint(description: Description, error: Exception) -> str:
    """
    @param description: The description that Twisted rejected.
    @param error: The exception.

    @return: A suggestion, or an empty string.
    """
    if isinstance(error, ValueError):
        return suggestion(description.text)
    if description.kind == "ssl" and isinstance(error, OSError):
        return "; TLS needs privateKey= and certKey=, the files of a key and its certificate"
    return ""


def checkEndpoints(
    option: str, endpoints: Iterable[tuple[str, IStreamServerEndpoint]]
) -> list[str]:
    """
    Check whether a server can listen, without doing so.

    @param option: The option that has the endpoints.
    @param endpoints: Descriptions and endpoints. Only those of this module are checked.

    @return: A line for each that is in use, as it may be by a running server that the new one will
        replace.

    @raise CannotListen: An endpoint can't listen.
    """
    used = []
    for text, endpoint in endpoints:
        try:
            if isinstance(endpoint, SocketEndpoint):
                endpoint.check()
        except AddressInUse as error:
            used.append(f"note: {option} {text}: {error}")
        except CannotListen as error:
            raise CannotListen(f"{option} {text}: {error}") from error
    return used


def listen(
    factory: IProtocolFactory | Factory[Any],
    endpoint: str | IStreamServerEndpoint,
    reactor: Any = None,
) -> Deferred[IListeningPort]:
    """
    Listen in a Twisted program, like C{twistd fcgi --port}. If a request arrives complete with its
    connection, and the app answers at once, the response is sent as the connection is accepted.
    With web servers that open a connection for each request, this saves a third of the work::

        port = await listen(FastCGIServerFactory(app), "unix:/run/app.sock:mode=660:group=www-data")

    @param factory: The server's factory, such as a
        L{FastCGIServerFactory<txfcgi.FastCGIServerFactory>}.
    @param endpoint: A description such as C{unix:/run/app.sock}, C{tcp:9000:interface=127.0.0.1},
        C{tcp6:}, C{systemd:} or C{fcgi:fd=0}; see the module. Twisted's endpoints work, too, in the
        usual way.
    @param reactor: The reactor to accept in; the running one, if not given.

    @return: Fires with the port. Fails with L{CannotListen} if the address is in use or not
        permitted; with one of Twisted's endpoints, with its own error.

    @raise BadEndpoint: It is not an endpoint, or a description that can't be understood.
    @raise NotAnApp: C{factory} is not the factory of a server, but an app, for example.
    """
    if isinstance(factory, type) or not hasattr(factory, "buildProtocol"):
        raise notAFactory(factory, "listen", endpoint)
    endpoint = serverEndpoint(endpoint, reactor)
    # A failure has the frames that it passed, this one too. A variable here for the Deferred would
    # keep it alive in a cycle, and an error that nobody handles would be logged late.
    return endpoint.listen(factory)


def notAFactory(thing: object, caller: str, endpoint: object) -> NotAnApp:
    """
    @param thing: What was given in place of the factory of a server.
    @param caller: The function that it was given to.
    @param endpoint: The next argument.

    @return: The error to raise.
    """
    return NotAnApp(
        f"{thing!r:.80} is not the factory of a server: write "
        f"{caller}(FastCGIServerFactory(app), {endpoint!r:.80})"
    )


def serverEndpoint(
    endpoint: str | IStreamServerEndpoint, reactor: Any = None, *, insecure: bool = False
) -> IStreamServerEndpoint:
    """
    @param endpoint: A description or an endpoint.
    @param reactor: The reactor it will listen with; the running one, if not given.
    @param insecure: As for L{endpointFromText}.

    @return: The endpoint.

    @raise BadEndpoint: It is not an endpoint, or a description that can't be understood.
    """
    if isinstance(endpoint, str):
        if reactor is None:
            from twisted.internet import reactor
        return endpointFromText(reactor, endpoint, insecure=insecure)
    if not IStreamServerEndpoint.providedBy(endpoint):
        raise BadEndpoint(
            f"{endpoint!r:.80} is not an endpoint: give an IStreamServerEndpoint, or text such as "
            "unix:/run/app.sock or tcp:9000:interface=127.0.0.1"
        )
    return endpoint


def _unixEndpoint(
    reactor: Any,
    insecure: bool,
    address: str,
    mode: str = "660",
    backlog: str = str(BACKLOG),
    lockfile: str = "1",
    owner: str | None = None,
    group: str | None = None,
) -> IStreamServerEndpoint:
    """
    @param reactor: The reactor to listen with.
    @param insecure: Whether any directory is allowed.
    @param address: The path.
    @param mode: The permissions, in octal.
    @param backlog: How many connections may wait.
    @param lockfile: C{"0"} to go without a lock file at the start.
    @param owner: The name or number of the user who owns the socket.
    @param group: The name or number of its group.

    @return: The endpoint.
    """
    if not address or address == "@" or "\0" in address:
        raise ValueError("a socket needs a path")
    if not re.fullmatch("[0-7]{3,4}", mode):
        raise ValueError(f"mode={mode}: give the mode in octal, such as 660")
    return UNIXSocketEndpoint(
        reactor,
        address,
        UNIXSocketOptions(
            mode=int(mode, 8),
            owner=None
            if owner is None
            else _idFromName("user", owner, lambda name: pwd.getpwnam(name).pw_uid),
            group=None
            if group is None
            else _idFromName("group", group, lambda name: grp.getgrnam(name).gr_gid),
            backlog=_natural("backlog", backlog),
            lock=bool(_natural("lockfile", lockfile)),
            anyDirectory=insecure,
        ),
    )


def _tcpEndpoint(
    reactor: Any, port: str, interface: str = "", backlog: str = str(BACKLOG)
) -> IStreamServerEndpoint:
    """
    @param reactor: The reactor to listen with.
    @param port: The number of the port.
    @param interface: The address to listen on.
    @param backlog: How many connections may wait.

    @return: The endpoint.
    """
    number = _portNumber(port, interface)
    return TCPSocketEndpoint(reactor, interface, number, _natural("backlog", backlog))


def _tcp6Endpoint(
    reactor: Any, port: str, backlog: str = str(BACKLOG), interface: str = "::"
) -> IStreamServerEndpoint:
    """
    @param reactor: The reactor to listen with.
    @param port: The number of the port.
    @param backlog: How many connections may wait.
    @param interface: The address to listen on.

    @return: The endpoint.
    """
    number = _portNumber(port, interface)
    return TCPSocketEndpoint(reactor, interface or "::", number, _natural("backlog", backlog))


def _portNumber(text: str, interface: str) -> int:
    """
    @param text: The number of a port.
    @param interface: The other argument, for a suggestion if the two were swapped.

    @return: The number.
    """
    if not text.isdecimal():
        raise ValueError(f"{text!r} is not a number{suggestion(f'tcp:{text}:{interface}')}")
    return int(text)


def _inheritedEndpoint(
    reactor: Any,
    fd: str = "0",
    path: str | None = None,
    accept: str = str(PER_TURN),
    own: str = "0",
) -> IStreamServerEndpoint:
    """
    @param reactor: The reactor to listen with.
    @param fd: The number of the descriptor.
    @param path: Where in the filesystem the socket is.
    @param accept: How many connections are accepted in one turn of the reactor.
    @param own: C{"1"} if the socket belongs to the master of this worker.

    @return: The endpoint.
    """
    owned = bool(_natural("own", own))
    return InheritedSocketEndpoint(reactor, _natural("fd", fd), path, _perTurn(accept), owned)


def _systemdEndpoint(
    reactor: Any,
    domain: str = "",
    index: str | None = None,
    name: str | None = None,
    accept: str = str(PER_TURN),
) -> IStreamServerEndpoint:
    """
    @param reactor: The reactor to listen with.
    @param domain: Ignored: the socket already has a family.
    @param index: Which of the sockets that systemd passes, from 0.
    @param name: Its FileDescriptorName=, in place of C{index}.
    @param accept: How many connections are accepted in one turn of the reactor.

    @return: The endpoint.
    """
    if (index is None) == (name is None):
        raise ValueError("give either index= or name=")
    passed = passedBySystemd()
    number = None if index is None else _natural("index", index)
    for position, (fd, its) in enumerate(passed):
        if position == number or (number is None and its == name):
            return InheritedSocketEndpoint(reactor, fd, None, _perTurn(accept))
    names = ", ".join(its or f"index {position}" for position, (_, its) in enumerate(passed))
    there = (
        f"it passed {names}"
        if passed
        else "it passed none; start the service through its .socket unit"
    )
    raise ValueError(f"systemd passed no such socket to this process: {there}")


def _perTurn(text: str) -> int:
    """
    @param text: The value of C{accept=}.

    @return: The most connections to accept in one turn of the reactor.
    """
    perTurn = _natural("accept", text)
    if not perTurn:
        raise ValueError("accept=0: it must be above 0")
    return perTurn


def _natural(name: str, text: str) -> int:
    """
    @param name: What the number is for.
    @param text: Its digits.

    @return: The number.
    """
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError(f"{name}={text}: it must be a number")
    return int(text)


def _idFromName(kind: str, name: str, lookUp: Callable[[str], int]) -> int:
    """
    @param kind: C{"user"} or C{"group"}.
    @param name: A name, or a number.
    @param lookUp: Finds the number of a name.

    @return: The number.
    """
    if name.isdecimal():
        return _natural(kind, name)
    try:
        return lookUp(name)
    except KeyError:
        raise ValueError(f"the {kind} {name!r} does not exist") from None
