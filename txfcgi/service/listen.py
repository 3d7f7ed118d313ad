"""
From the description of an endpoint to a listening port: what C{--port} understands.

Twisted's own descriptions (C{tcp:}, C{tcp6:}, C{ssl:}, C{haproxy:} and those of plugins) go to
Twisted. Two kinds are different here, and one is new:

  - C{unix:/run/app.sock:mode=660:owner=app:group=www-data} has the permissions that it says and no
    others, and takes the place of a dead socket alone.
  - C{systemd:domain=UNIX:index=0} leaves the socket as systemd made it.
  - C{fcgi:fd=0} is a listening socket that this process was started with (FCGI_LISTENSOCK_FILENO,
    section 2.2).
"""

from __future__ import annotations

import grp
import pwd
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from ..server.admission import isPublic
from .errors import BadEndpoint, CannotListen
from .inherited import inheritedListener, releaseDescriptor
from .sockets import BACKLOG, UNIXListener, UNIXSocketOptions, listenUNIX

#: The arguments of Twisted's TCP endpoints, in the order that they have without names.
TCP_ARGUMENTS = {
    "tcp": ("port", "interface", "backlog"),
    "tcp6": ("port", "backlog", "interface"),
    "ssl": ("port", "privateKey", "certKey", "sslmethod", "interface", "backlog"),
}

# Stands before another endpoint.
_PROXIED = "haproxy:"


@implementer(IStreamServerEndpoint)
class SocketEndpoint:
    """
    Listens on a socket that is there, or made, at once.
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


class UNIXSocketEndpoint(SocketEndpoint):
    """
    Listens on a Unix socket of its own.
    """

    def __init__(self, reactor: Any, path: str, options: UNIXSocketOptions) -> None:
        """
        @param reactor: The reactor to accept in.
        @param path: The path of the socket, or C{"@name"} for an abstract one.
        @param options: Its permissions.
        """
        super().__init__(reactor)
        self.path = path
        self.options = options

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        listening, file = listenUNIX(self.path, self.options)
        port = UNIXListener(listening, factory, self._reactor, file)
        port.startListening()
        return port


class InheritedSocketEndpoint(SocketEndpoint):
    """
    Listens on a socket that the parent process made, of whatever family. The descriptor is let go
    of when that begins: the port has one of its own.
    """

    def __init__(self, reactor: Any, fd: int) -> None:
        """
        @param reactor: The reactor to accept in.
        @param fd: The descriptor that was inherited.
        """
        super().__init__(reactor)
        self.fd = fd

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        listening = inheritedListener(self.fd)
        listening.setblocking(False)
        port: IListeningPort
        if listening.family == socket.AF_UNIX:
            port = UNIXListener(listening, factory, self._reactor)
            port.startListening()
        else:
            with listening:
                port = self._reactor.adoptStreamPort(listening.fileno(), listening.family, factory)
        releaseDescriptor(self.fd)
        return port


@dataclass(frozen=True)
class Description:
    """
    The description of an endpoint, taken apart.

    @ivar text: The description.
    @ivar kind: What is before the first colon.
    @ivar args: What follows and has no equals sign.
    @ivar kwargs: What follows and has one.
    """

    text: str
    kind: str
    args: tuple[str, ...]
    kwargs: Mapping[str, str]

    @classmethod
    def fromText(cls, text: str) -> Description:
        r"""
        Take a description apart as Twisted does: colons separate, and a backslash takes the meaning
        of what follows it.

        @param text: Such as C{r"unix:/run/a\:b.sock:mode=600"}.

        @return: The parts.

        @raise BadEndpoint: It does not begin with a kind.
        """
        args = []
        kwargs = {}
        for part in _split(":", text):
            name, *value = _split("=", part, 1)
            if value:
                kwargs[_unescaped(name)] = _unescaped(value[0])
            else:
                args.append(_unescaped(name))
        if not args or not args[0].isidentifier():
            raise BadEndpoint(f"{text!r} is no endpoint{_suggestion(text)}")
        return cls(text, args[0].lower(), tuple(args[1:]), kwargs)

    def isPublic(self) -> bool:
        """
        @return: Whether it is already clear that other machines could connect.
        """
        if self.kind == "haproxy" and self.args:
            return Description.fromText(self.text[len(_PROXIED) :]).isPublic()
        if self.kind not in TCP_ARGUMENTS:
            return False
        return isPublic(self._argument("interface") or ("::" if self.kind == "tcp6" else ""))

    def withBacklog(self) -> str:
        """
        @return: The description with room for more connections that wait than Twisted gives them,
            unless it says how many.
        """
        if self.kind == "haproxy" and self.args:
            return _PROXIED + Description.fromText(self.text[len(_PROXIED) :]).withBacklog()
        if self.kind not in TCP_ARGUMENTS or self._argument("backlog") is not None:
            return self.text
        return f"{self.text}:backlog={BACKLOG}"

    def call(
        self, function: Callable[..., IStreamServerEndpoint], *first: Any
    ) -> IStreamServerEndpoint:
        """
        Call a function with what follows the kind.

        @param function: Takes the arguments as text, by position or by name.
        @param first: Arguments that go before them.

        @return: What it returns.

        @raise BadEndpoint: The arguments do not fit.
        """
        try:
            return function(*first, *self.args, **self.kwargs)
        except (TypeError, ValueError) as error:
            raise BadEndpoint(f"{self.text}: {_withoutName(error)}") from error

    def _argument(self, name: str) -> str | None:
        """
        @param name: The name of an argument of one of Twisted's TCP endpoints.

        @return: Its value, or L{None} where it is not given.
        """
        byPosition = dict(zip(TCP_ARGUMENTS[self.kind], self.args, strict=False))
        return self.kwargs.get(name, byPosition.get(name))


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
    if description.kind == "fcgi":
        return description.call(_inheritedEndpoint, reactor)
    endpoint: IStreamServerEndpoint
    try:
        endpoint = serverFromString(reactor, description.withBacklog())
    except Exception as error:
        # Parsers are plugins: what they raise for a mistake is not agreed on.
        raise BadEndpoint(
            f"{text!r} is no endpoint: {_withoutName(error)}{_suggestion(text)}"
        ) from error
    if isinstance(endpoint, AdoptedStreamServerEndpoint):
        return InheritedSocketEndpoint(reactor, endpoint.fileno)
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
    @param insecure: Whether any directory will do.
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
        raise ValueError(f"mode={mode}: a mode is written in octal, such as 660")
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


def _inheritedEndpoint(reactor: Any, fd: str = "0") -> IStreamServerEndpoint:
    """
    @param reactor: The reactor to listen with.
    @param fd: The number of the descriptor.

    @return: The endpoint.
    """
    return InheritedSocketEndpoint(reactor, _natural("fd", fd))


def _natural(name: str, text: str) -> int:
    """
    @param name: What the number is for.
    @param text: Its digits.

    @return: The number.
    """
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError(f"{name}={text}: a number belongs here")
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
        raise ValueError(f"there is no {kind} {name!r}") from None


def _split(separator: str, text: str, most: int = 0) -> list[str]:
    """
    @param separator: A character.
    @param text: What to split wherever that character has no backslash before it.
    @param most: How many times at most, or 0 for always.

    @return: The parts, with their backslashes.
    """
    parts = [""]
    for piece in re.findall(r"\\.|\\$|[^\\]", text, re.DOTALL):
        if piece == separator and not (most and len(parts) > most):
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _unescaped(text: str) -> str:
    """
    @param text: With backslashes.

    @return: Without.
    """
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _withoutName(error: Exception) -> str:
    """
    @param error: What a parser raised.

    @return: What it says of the arguments, without the name of the function that they were for.
    """
    if isinstance(error, LookupError):
        return "no such socket was passed to this process"
    return re.sub(r"^[\w.<>]*\(\) ", "", str(error)) or type(error).__name__


def _suggestion(text: str) -> str:
    """
    @param text: What is no endpoint.

    @return: What may have been meant.
    """
    if text.isdecimal():
        return f"; did you mean tcp:{text}:interface=127.0.0.1?"
    if text.startswith(("/", "./", "@")):
        return f"; did you mean unix:{text}?"
    found = re.fullmatch(r"([\w.-]+):([0-9]+)", text)
    if found and not text.startswith(("tcp:", "tcp6:")):
        return f"; did you mean tcp:{found[2]}:interface={found[1]}?"
    return "; it takes one such as unix:/run/app.sock or tcp:9000:interface=127.0.0.1"


def explainListenFailure(error: Exception) -> str:
    """
    Say why an endpoint does not listen.

    @param error: What it failed with.

    @return: One line.
    """
    if isinstance(error, CannotListen):
        return str(error)
    cause = error.socketError if isinstance(error, CannotListenError) else error
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return f"can't listen there: {reason}"
