"""
Which peers may connect: a list of addresses and networks, and the environment variable that web
servers put one in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import (
    IPv4Address as IPv4,
)
from ipaddress import (
    IPv4Network,
    IPv6Network,
    ip_address,
    ip_network,
)
from ipaddress import (
    IPv6Address as IPv6,
)

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress

from ..errors import CannotServe

#: The variable by which a web server says where its connections come from (FastCGI 1.0, section
#: 3.2).
WEB_SERVER_ADDRS = "FCGI_WEB_SERVER_ADDRS"


class BadAllowList(CannotServe, ValueError):
    """
    A list of addresses has an entry that is none.
    """


@dataclass(frozen=True)
class AllowList:
    """
    The peers that may connect (FastCGI 1.0, section 3.2). Called with the address of a peer, it
    says whether the peer is one of them. A peer that has no IP address (a Unix socket) never is.

    @ivar networks: The networks that a peer may be in; a single address is a network of one.
    """

    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def fromText(cls, text: str) -> AllowList:
        """
        Read a list such as C{"192.0.2.7, 10.0.0.0/8, 2001:db8::/32"}. Spaces around an entry mean
        nothing.

        @param text: Addresses and networks (CIDR), separated by commas.

        @return: The list.

        @raise BadAllowList: An entry is empty or no address, or has bits outside its own network.
        """
        return cls(tuple(_network(entry.strip(), text) for entry in text.split(",")))

    @classmethod
    def fromEnvironment(cls, environ: Mapping[str, str]) -> AllowList | None:
        """
        Read the list that the web server put into the environment.

        @param environ: The environment.

        @return: The list, or L{None} where the variable is not set.

        @raise BadAllowList: The variable is set, and empty or malformed. An empty list must not
            pass for no list.
        """
        text = environ.get(WEB_SERVER_ADDRS)
        if text is None:
            return None
        try:
            return cls.fromText(text)
        except BadAllowList as error:
            raise BadAllowList(f"{WEB_SERVER_ADDRS} in the environment: {error}") from error

    def __call__(self, peer: IAddress) -> bool:
        """
        May this peer connect?

        @param peer: The address that the transport reports.

        @return: Whether it is in one of the networks.
        """
        if not isinstance(peer, (IPv4Address, IPv6Address)):
            return False
        address = numericAddress(peer.host)
        return address is not None and any(address in network for network in self.networks)


def peerCheck(
    given: Callable[[IAddress], bool] | None, environ: Mapping[str, str]
) -> Callable[[IAddress], bool] | None:
    """
    Put together what the operator allows and what the web server says of itself: where there are
    both, both hold.

    @param given: What the operator allows, or L{None} for everything.
    @param environ: The environment, which may have a list of the web server's.

    @return: Says whether a peer may connect, or L{None} if every peer may.

    @raise BadAllowList: The list in the environment is empty or malformed.
    """
    ofWebServer = AllowList.fromEnvironment(environ)
    if given is None or ofWebServer is None:
        return given or ofWebServer
    first, second = given, ofWebServer
    return lambda peer: first(peer) and second(peer)


def numericAddress(host: str) -> IPv4 | IPv6 | None:
    """
    Read a numeric address. An IPv4 address that an IPv6 socket reports (C{::ffff:192.0.2.7}) is the
    IPv4 address.

    @param host: An address, possibly with a zone (C{fe80::1%eth0}).

    @return: The address, or L{None} for a name.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def isPublic(host: str) -> bool:
    """
    Would a socket bound to this address take connections from other machines?

    @param host: A numeric address. The empty string is every interface, as it is for C{bind}. A
        name counts as not public, as nothing is known of it before it is bound.

    @return: Whether it is more than loopback.
    """
    if host == "":
        return True
    address = numericAddress(host)
    return address is not None and not address.is_loopback


def _network(entry: str, text: str) -> IPv4Network | IPv6Network:
    """
    Read one entry of a list.

    @param entry: The entry, without the spaces around it.
    @param text: The whole list, for the message.

    @return: The network.

    @raise BadAllowList: It is none.
    """
    if not entry:
        where = "the list is empty" if not text.strip() else f"an entry of {text!r} is empty"
        raise BadAllowList(
            f"{where}: it takes addresses and networks, such as 192.0.2.7,10.0.0.0/8"
        )
    try:
        return ip_network(entry)
    except ValueError:
        pass
    try:
        meant = ip_network(entry, strict=False)
    except ValueError:
        raise BadAllowList(
            f"{entry!r} is neither an IP address nor a network such as 10.0.0.0/8 or 2001:db8::/32"
        ) from None
    raise BadAllowList(f"{entry!r} is an address within {meant}: write one or the other")
