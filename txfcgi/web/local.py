"""
Telling whether a request comes directly from a browser on this machine: pages that show the inside
of a program are for no one else.

A web server in front of this one connects from this machine on behalf of anyone: its headers or its
version of HTTP give it away. A page elsewhere can make a browser on this machine send a request, by
a name that its owner has pointed at 127.0.0.1 (DNS rebinding): that name gives it away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress

from ..server.admission import numericAddress

# The headers of web servers that pass requests on, in lower case.
_PROXIES: Final = frozenset(("forwarded", "via", "x-real-ip", "true-client-ip"))
_PROXIES_BEGIN: Final = ("x-forwarded-", "x-original-")

_host: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::[0-9]*)?").fullmatch


def isLoopback(host: str) -> bool:
    """
    Whether this is an address, or a name, of this machine by which no other machine can reach it.

    @param host: A numeric address, with or without brackets, or a name.
    """
    name = host.removesuffix(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = numericAddress(name.removeprefix("[").removesuffix("]"))
    return address is not None and address.is_loopback


def isLocalHost(value: str | None) -> bool:
    """
    @param value: The value of the header Host (RFC 9110, section 7.2), or L{None} if there is none.

    @return: Whether it names this machine, as L{isLoopback} has it.
    """
    found = None if value is None else _host(value)
    return found is not None and isLoopback(found[1])


def isLocal(ends: Iterable[str], protocol: str, host: str | None, headers: Iterable[str]) -> bool:
    """
    Whether a request comes directly from a browser on this machine.

    @param ends: The addresses of both ends of its connection.
    @param protocol: Its version of HTTP. A browser speaks HTTP/1.1 here; nginx passes requests on
        by HTTP/1.0, unless told otherwise.
    @param host: The value of its header Host.
    @param headers: The names of its headers, in lower case.
    """
    return (
        protocol == "HTTP/1.1"
        and isLocalHost(host)
        and all(isLoopback(end) for end in ends)
        and not any(name in _PROXIES or name.startswith(_PROXIES_BEGIN) for name in headers)
    )


def isLocalRequest(request: Any) -> bool:
    """
    The same for a twisted.web request, by what its connection and its head say.
    """
    hosts = request.requestHeaders.getRawHeaders(b"Host") or []
    host = hosts[0].decode("latin-1") if len(hosts) == 1 else None
    names = [
        name.decode("latin-1").lower() for name, _ in request.requestHeaders.getAllRawHeaders()
    ]
    ends = (_hostOf(request.client), _hostOf(request.getHost()))
    return isLocal(ends, request.clientproto.decode("latin-1"), host, names)


def areLocalParams(params: Mapping[str, str]) -> bool:
    """
    The same for the params that a gateway has made of a request.
    """
    names = [
        name.removeprefix("HTTP_").replace("_", "-").lower()
        for name in params
        if name.startswith("HTTP_")
    ]
    ends = (params.get("REMOTE_ADDR", ""), params.get("SERVER_ADDR", ""))
    return isLocal(ends, params.get("SERVER_PROTOCOL", ""), params.get("HTTP_HOST"), names)


def _hostOf(address: IAddress) -> str:
    return address.host if isinstance(address, (IPv4Address, IPv6Address)) else ""
