"""
Where a back end is: endpoints, made of descriptions that people write.
"""

from __future__ import annotations

import re
from pathlib import Path
from socket import AF_INET, AF_INET6, AF_UNIX
from typing import Any, Final

from twisted.internet.abstract import isIPAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorFDSet,
    IReactorThreads,
    IStreamClientEndpoint,
)
from zope.interface import implementer

from ..errors import InvalidEndpoint
from ..transport.atonce import addressOf
from ..transport.direct import connectAtOnce

Endpoint = IStreamClientEndpoint | str

# The path of a Unix socket, and nothing else.
_plainUNIX: Final = re.compile(r"unix:(?:path=)?((?:[^\\:=]|\\.)+)").fullmatch

# An address of the loopback interface, and a port.
_plainTCP: Final = re.compile(
    r"tcp:(?:host=)?(127\.[0-9.]+|\\:\\:1):(?:port=)?([0-9]{1,5})"
).fullmatch


@implementer(IStreamClientEndpoint)
class DirectEndpoint:
    """
    An endpoint on this machine, which can be connected to at once.
    """

    def __init__(
        self, reactor: Any, endpoint: IStreamClientEndpoint, family: int, name: Any
    ) -> None:
        """
        @param endpoint: The same, as Twisted has it.
        @param family: The family of its socket.
        @param name: What the system calls it.
        """
        self._reactor = reactor
        self._endpoint = endpoint
        self._family = family
        self._name = name
        self._peer = addressOf(family, name)

    def __repr__(self) -> str:
        return repr(self._endpoint)

    def connect(self, factory: IProtocolFactory) -> Any:
        """
        Connect in the usual way.

        @return: Fires with the protocol.
        """
        return self._endpoint.connect(factory)

    def connectAtOnce(self, factory: IProtocolFactory) -> IProtocol | None:
        """
        Connect, without waiting for anything.

        @return: The protocol, or L{None} if it has to be done with L{connect}.
        """
        return connectAtOnce(self._reactor, self._family, self._name, self._peer, factory)


def _local(description: str) -> tuple[int, Any] | None:
    """
    What an endpoint on this machine is to the system: its family and its name; L{None} for any
    other, or one with options.
    """
    path = _plainUNIX(description)
    if path is not None:
        return AF_UNIX, re.sub(r"\\(.)", r"\1", path[1])
    address = _plainTCP(description)
    if address is None:
        return None
    port = int(address[2])
    if address[1] == r"\:\:1":
        return AF_INET6, ("::1", port, 0, 0)
    return (AF_INET, (address[1], port)) if isIPAddress(address[1]) else None


@implementer(IStreamClientEndpoint)
class DescribedEndpoint:
    """
    An endpoint of Twisted's, which messages call by its description.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, description: str) -> None:
        self._endpoint = endpoint
        self._description = description

    def __repr__(self) -> str:
        return self._description

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect.
        """
        return self._endpoint.connect(protocolFactory)


def nameOf(endpoint: IStreamClientEndpoint) -> str:
    """
    What an endpoint is called in messages: its description, if it was given by one.
    """
    kind = type(endpoint)
    return kind.__name__ if kind.__repr__ is object.__repr__ else repr(endpoint)


def clientEndpoint(reactor: Any, text: str) -> IStreamClientEndpoint:
    """
    Make an endpoint to connect to.

    @param text: Such as C{"unix:/run/php/php-fpm.sock"}, C{"/run/php/php-fpm.sock"} or
        C{"127.0.0.1:9000"}.

    @raise InvalidEndpoint: If it can't be understood, or takes a package that is not installed.
    """
    description = describe(text)
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, description)
    except (ImportError, NameError) as error:
        # Without pyOpenSSL, names of Twisted's own are missing.
        raise InvalidEndpoint(
            f"{text!r}: TLS takes pyOpenSSL, which is not installed: pip install txfcgi[tls]"
        ) from error
    except Exception as error:
        # Parsers are plugins: what they raise for a mistake is not agreed on.
        said = re.sub(r"^[\w.<>]*\(\) ", "", str(error)) or type(error).__name__
        said = re.sub(r"invalid literal for int\(\).*: (.*)", r"\1 is not a number", said)
        raise InvalidEndpoint(
            f"{text!r} is not a valid endpoint: {said}; it takes one such as unix:/run/app.sock or "
            "tcp:127.0.0.1:9000"
        ) from error
    # A reactor for tests may have descriptors, which nobody reads, but has no threads.
    real = IReactorFDSet.providedBy(reactor) and IReactorThreads.providedBy(reactor)
    local = _local(description) if real else None
    named = DescribedEndpoint(endpoint, description)
    return named if local is None else DirectEndpoint(reactor, named, *local)


def clientEndpoints(
    reactor: Any, endpoint: Endpoint | list[Endpoint] | tuple[Endpoint, ...]
) -> list[IStreamClientEndpoint]:
    """
    All that a client was given.

    @raise InvalidEndpoint: If one of them is not an endpoint, or if there is none.
    """
    several = endpoint if isinstance(endpoint, (list, tuple)) else [endpoint]
    if not several:
        raise InvalidEndpoint("a client takes one endpoint or more, and the list is empty")
    endpoints: list[IStreamClientEndpoint] = []
    for one in several:
        if isinstance(one, str):
            endpoints.append(clientEndpoint(reactor, one))
        elif IStreamClientEndpoint.providedBy(one):
            endpoints.append(one)
        else:
            raise InvalidEndpoint(
                f"{one!r:.80} is not an endpoint: give an IStreamClientEndpoint, or text such as "
                "unix:/run/app.sock or tcp:127.0.0.1:9000"
            )
    return endpoints


def describe(text: str) -> str:
    """
    Make the description of an endpoint out of that or something shorter: the path of a Unix
    socket, or a host and a port.

    @raise InvalidEndpoint: If it is none of these.
    """
    if text.startswith(("/", "./", "../", "~")):
        path = str(Path(text).expanduser().absolute())
        return "unix:" + re.sub(r"([\\:=])", r"\\\1", path)
    if re.fullmatch(r"[A-Za-z0-9.-]+:[0-9]+", text) and not re.match("(unix|tcp|tcp6|ssl):", text):
        return f"tcp:{text}"
    if re.fullmatch(r"\[[0-9A-Fa-f:.]+\]:[0-9]+", text):
        host, _, port = text[1:].rpartition("]:")
        return "tcp:" + host.replace(":", r"\:") + f":{port}"
    if ":" not in text:
        example = f"{text}:9000" if "." in text or text == "localhost" else "127.0.0.1:9000"
        raise InvalidEndpoint(
            f"{text!r} is not an endpoint: give a host and a port, such as {example}, or the path "
            "of a Unix socket, such as /run/php/php-fpm.sock"
        )
    web = re.match(r"https?://([^/]*)", text)
    if web:
        raise InvalidEndpoint(
            f"{text!r} is the address of a web page, and a FastCGI or SCGI back end speaks no "
            f"HTTP: give its host and port, such as {web[1] or '127.0.0.1:9000'}"
        )
    return text
