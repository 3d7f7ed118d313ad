"""
Where a back end is: endpoints, made of descriptions that people write.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from twisted.internet.address import UNIXAddress
from twisted.internet.endpoints import UNIXClientEndpoint, clientFromString
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorFDSet,
    IStreamClientEndpoint,
)

from ..errors import InvalidEndpoint
from ..transport.direct import connectUNIX

Endpoint = IStreamClientEndpoint | str

# The path of a Unix socket, and nothing else.
_plainUNIX: Final = re.compile(r"unix:(?:path=)?((?:[^\\:=]|\\.)+)").fullmatch


class DirectEndpoint(UNIXClientEndpoint):
    """
    A Unix socket, which can be connected to at once.
    """

    def __init__(self, reactor: Any, path: str) -> None:
        super().__init__(reactor, path)  # type: ignore[no-untyped-call]
        self._direct = IReactorFDSet.providedBy(reactor)
        self._where = reactor, UNIXAddress(path), path

    def connectAtOnce(self, factory: IProtocolFactory) -> IProtocol | None:
        """
        Connect, without waiting for anything.

        @return: The protocol, or L{None} if it has to be done with C{connect}.
        """
        return connectUNIX(*self._where, factory) if self._direct else None


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
    plain = _plainUNIX(description)
    if plain is not None and type(endpoint) is UNIXClientEndpoint:
        return DirectEndpoint(reactor, re.sub(r"\\(.)", r"\1", plain[1]))
    return endpoint


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
