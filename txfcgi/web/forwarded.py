"""
L{TrustedProxies}: the client of a request that came through another web server, by that server's
X-Forwarded-For and X-Forwarded-Proto, or Forwarded (RFC 7239).

Anyone can send such headers. Only those of servers in trusted networks count: the client's address
is the last one in the list that is not of such a server, and headers of any other peer are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.web.http_headers import Headers

from ..server.admission import AllowList, numericAddress

ForwardedHeader = Literal["x-forwarded", "forwarded"]

# A web server on the same machine, on the other end of a Unix socket.
UNIX: Final = "unix"

_X_FORWARDED: Final = (b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host")

#: Whether a value is a host, with or without a port (RFC 9110, section 7.2).
isHost: Final = re.compile(
    rb"(\[[0-9A-Za-z.:~!$&'()*+,;=_-]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]+)(:[0-9]*)?"
).fullmatch
_pair: Final = re.compile(
    r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*(;|,|$)'
).match
_node: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?").fullmatch


class Hop(NamedTuple):
    """
    What one web server told about a request that it passed on; empty strings for what it left out.
    """

    client: str = ""
    scheme: str = ""
    host: str = ""


class Origin(NamedTuple):
    """
    Where a request comes from.

    @ivar client: The address of the client.
    @ivar secure: Whether the client used HTTPS, or L{None} if that is not known.
    @ivar host: The host that the client asked for, if a server told that is trusted to.
    """

    client: IAddress
    secure: bool | None = None
    host: bytes | None = None


@dataclass(frozen=True)
class TrustedProxies:
    """
    The web servers in front of a site.

    @ivar networks: Their networks; L{None} to trust peers on Unix sockets only.
    @ivar unix: Whether peers on Unix sockets are trusted.
    @ivar header: The only headers that they use: C{"x-forwarded"} for X-Forwarded-For and
        X-Forwarded-Proto, C{"forwarded"} for Forwarded.
    @ivar host: Whether they are trusted to name the host, too. Not all web servers replace the one
        that a browser sends.
    """

    networks: AllowList | None
    unix: bool = False
    header: ForwardedHeader = "x-forwarded"
    host: bool = False

    @classmethod
    def fromText(
        cls, text: str, header: ForwardedHeader = "x-forwarded", host: bool = False
    ) -> TrustedProxies:
        """
        Read a list such as C{"10.0.0.0/8,unix"}.

        @raise BadAllowList: If an entry is not a network.
        """
        entries = text.split(",")
        others = [entry for entry in entries if entry.strip() != UNIX]
        networks = AllowList.fromText(",".join(others)) if others else None
        return cls(networks, len(others) < len(entries), header, host)

    def originOf(self, peer: IAddress, headers: Headers) -> Origin:
        """
        Find out where a request comes from. Headers of peers that are not trusted are removed.

        @param peer: The address of the peer that sent it.
        """
        trusted = self._trusts(peer)
        mine = self.header == "x-forwarded"
        for name in [name for name, _ in headers.getAllRawHeaders()]:
            # A gateway may be told to let underscores pass as hyphens.
            kind = _kindOf(name.lower().replace(b"_", b"-"))
            if kind is not None and not (trusted and kind == self.header):
                headers.removeHeader(name)
        if not trusted:
            return Origin(peer)
        hops = _xForwarded(headers) if mine else _forwarded(headers)
        client = peer
        found = Hop()
        # The last was added by the peer, the one before by whoever the last is about.
        for hop in reversed(hops):
            found = hop
            address = _addressOf(hop.client)
            if address is None:
                break
            client = address
            if not self._trusts(address):
                break
        scheme = found.scheme.lower()
        host = found.host.encode("latin-1", "replace")
        return Origin(
            client,
            scheme == "https" if scheme in ("http", "https") else None,
            host if self.host and isHost(host) else None,
        )

    def _trusts(self, peer: IAddress) -> bool:
        if not isinstance(peer, (IPv4Address, IPv6Address)):
            return self.unix
        return self.networks is not None and self.networks(peer)


def _kindOf(name: bytes) -> ForwardedHeader | None:
    """
    The kind that a header is of, if it says something of clients; programs believe more than those
    that count here.
    """
    if name.startswith(b"x-forwarded-") or name == b"x-real-ip":
        return "x-forwarded"
    return "forwarded" if name == b"forwarded" else None


def _xForwarded(headers: Headers) -> Sequence[Hop]:
    """
    What X-Forwarded-For, -Proto and -Host say. Where there are not as many schemes or hosts as
    addresses, the last one is for all: it is of the server that is nearest.
    """
    lists = [
        [each.strip() for value in headers.getRawHeaders(name, []) for each in value.split(b",")]
        for name in _X_FORWARDED
    ]
    clients = lists[0] or [b""]
    columns = [
        [value.decode("latin-1") for value in values]
        if len(values) == len(clients)
        else [values[-1].decode("latin-1") if values else ""] * len(clients)
        for values in lists
    ]
    return [Hop(*each) for each in zip(*columns, strict=True)]


def _forwarded(headers: Headers) -> Sequence[Hop]:
    """
    What Forwarded says (RFC 7239, section 4). One that can't be read says nothing.
    """
    text = ",".join(value.decode("latin-1") for value in headers.getRawHeaders(b"forwarded", []))
    hops = []
    pairs: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _pair(text, at)
        if match is None or match[1].lower() in pairs:
            return []
        value = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        pairs[match[1].lower()] = value
        if match[4] != ";":
            hops.append(Hop(*(pairs.get(name, "") for name in ("for", "proto", "host"))))
            pairs = {}
        at = match.end()
    return hops if not pairs else []


def _addressOf(text: str) -> IAddress | None:
    """
    The address of a client, with or without a port, or L{None} for what is none.
    """
    plain = numericAddress(text)
    port = 0
    if plain is None:
        match = _node(text)
        plain = None if match is None else numericAddress(match[1] or match[2])
        port = 0 if match is None else int(match[3] or 0)
    if plain is None or port > 65_535:
        return None
    return (IPv4Address if plain.version == 4 else IPv6Address)("TCP", str(plain), port)
