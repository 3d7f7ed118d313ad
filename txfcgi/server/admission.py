"""
Which peers may connect: over IP, by a list of addresses and networks, or the environment variable
in which a web server passes one; over a Unix socket, by users and groups.
"""

from __future__ import annotations

import ctypes
import grp
import pwd
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from errno import ENOPROTOOPT, ERANGE
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
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

from ..errors import CannotServe

#: The variable by which a web server says where its connections come from (FastCGI 1.0, section
#: 3.2).
WEB_SERVER_ADDRS = "FCGI_WEB_SERVER_ADDRS"


# The groups of a peer (Linux 4.13 and later), which the module socket does not name.
_SO_PEERGROUPS: Final = getattr(socket, "SO_PEERGROUPS", 59)

# struct ucred: process, user, group.
_UCRED: Final = struct.Struct("=iII")

# One group, and how many of them fit into what Python reads of a socket option.
_GID: Final = struct.Struct("=I")
_READ_BYTES: Final = 1_024

# The most groups that a process on Linux can be in.
_MOST_GROUPS: Final = 65_536

# The greatest number of a user or group; the one above it stands for none.
_GREATEST: Final = 2**32 - 2


class BadAllowList(CannotServe, ValueError):
    """
    A list of addresses, users or groups has an entry that is not one.
    """


@dataclass(frozen=True)
class AllowList:
    """
    The peers that may connect over IP (FastCGI 1.0, section 3.2). Called with the address of a
    peer, it tells whether the peer is one of them. It allows every peer on a Unix socket: the mode
    of the socket and L{UnixAllowList} decide who may use that.

    @ivar networks: The networks that a peer may be in; a single address is a network of one.
    """

    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def fromText(cls, text: str) -> AllowList:
        """
        Read a list such as C{"192.0.2.7, 10.0.0.0/8, 2001:db8::/32"}. Spaces around entries are
        ignored.

        @param text: Addresses and networks (CIDR), separated by commas.

        @return: The list.

        @raise BadAllowList: If an entry is empty or not an address, or has bits outside its
            network.
        """
        return cls(tuple(_network(entry.strip(), text) for entry in text.split(",")))

    @classmethod
    def fromEnvironment(cls, environ: Mapping[str, str]) -> AllowList | None:
        """
        Read the list that the web server passes in the environment (FCGI_WEB_SERVER_ADDRS).

        @param environ: The environment.

        @return: The list, or L{None} where the variable is not set.

        @raise BadAllowList: If the variable is set, and empty or malformed. An empty list must not
            allow everyone.
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
        Whether a peer may connect.

        @param peer: The address that the transport reports.

        @return: Whether it is in one of the networks, or on a Unix socket.
        """
        if isinstance(peer, UNIXAddress):
            return True
        if not isinstance(peer, (IPv4Address, IPv6Address)):
            return False
        address = numericAddress(peer.host)
        return address is not None and any(address in network for network in self.networks)


def peerCheck(
    given: Callable[[IAddress], bool] | None, environ: Mapping[str, str]
) -> Callable[[IAddress], bool] | None:
    """
    Combine the peers that the operator allows with those that the web server names: if both are
    given, a peer has to pass both.

    @param given: The check of the operator, or L{None} to allow every peer.
    @param environ: The environment, which may have a list of the web server's.

    @return: A function that tells whether a peer may connect, or L{None} if every peer may.

    @raise BadAllowList: The list in the environment is empty or malformed.
    """
    ofWebServer = AllowList.fromEnvironment(environ)
    if given is None or ofWebServer is None:
        return given or ofWebServer
    first, second = given, ofWebServer
    return lambda peer: first(peer) and second(peer)


#: Users or groups: names and numbers, or a text of such, separated by commas.
Accounts = str | Iterable[str | int]


@dataclass(frozen=True)
class Credentials:
    """
    The process at the other end of a Unix socket, as it was when it connected.

    @ivar process: The id of the process; 0 if it is not visible (in another container).
    @ivar user: The id of its user.
    @ivar groups: The ids of all its groups, the primary one first.
    """

    process: int
    user: int
    groups: tuple[int, ...]

    @classmethod
    def of(cls, connection: socket.socket) -> Credentials:
        """
        @param connection: A connected Unix socket.

        @return: The peer, as the kernel reports it.

        @raise OSError: If the kernel does not report it.
        """
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        process, user, group = _UCRED.unpack(data)
        return cls(process, user, tuple(dict.fromkeys((group, *_groupsOf(connection)))))

    def __str__(self) -> str:
        """
        Who this is, for a log: C{user 33 (www-data), process 4711}.
        """
        return f"user {self.user}{_USER.named(self.user)}, process {self.process}"


@dataclass(frozen=True)
class _Kind:
    """
    Users, or groups.

    @ivar name: What one is called, for messages.
    @ivar numberOf: The number of one by its name.
    @ivar nameOf: The name of one by its number.
    """

    name: str
    numberOf: Callable[[str], int]
    nameOf: Callable[[int], str]

    def numbers(self, accounts: Accounts | None) -> frozenset[int]:
        """
        @param accounts: Names and numbers.

        @return: The numbers.

        @raise BadAllowList: One of them is none.
        """
        if accounts is None:
            return frozenset()
        entries = accounts.split(",") if isinstance(accounts, str) else accounts
        return frozenset(map(self._number, entries))

    def _number(self, entry: object) -> int:
        if isinstance(entry, str):
            name = entry.strip()
            if not name:
                raise BadAllowList(
                    f"a {self.name} is empty: it takes names and numbers, such as www-data,33"
                )
            with suppress(KeyError):
                return self.numberOf(name)  # a name may consist of digits
            if not (name.isascii() and name.isdigit()):
                raise BadAllowList(f"this machine has no {self.name} {name!r}")
            entry = int(name)
        if type(entry) is not int or not 0 <= entry <= _GREATEST:
            raise BadAllowList(
                f"{entry!r} is not a {self.name}: it takes a name, or a number from 0 on"
            )
        return entry

    def named(self, number: int) -> str:
        """
        @return: The name of one in parentheses, if it has one.
        """
        with suppress(KeyError):
            return f" ({self.nameOf(number)})"
        return ""


_USER: Final = _Kind(
    "user", lambda name: pwd.getpwnam(name).pw_uid, lambda number: pwd.getpwuid(number).pw_name
)
_GROUP: Final = _Kind(
    "group", lambda name: grp.getgrnam(name).gr_gid, lambda number: grp.getgrgid(number).gr_name
)


@dataclass(frozen=True)
class UnixAllowList:
    """
    The peers that may connect over a Unix socket. A peer may if its user is listed, or one of its
    groups. Root has to be listed, too.

    @ivar users: The ids of the users.
    @ivar groups: The ids of the groups.
    """

    users: frozenset[int]
    groups: frozenset[int]

    @classmethod
    def of(cls, users: Accounts | None, groups: Accounts | None) -> UnixAllowList | None:
        """
        @param users: The users that may connect.
        @param groups: The groups whose members may.

        @return: The list, or L{None} if both are L{None}: every peer may connect. If both are
            empty, none may.

        @raise BadAllowList: If one of them does not exist, or this system does not report who
            connects.
        """
        if users is None and groups is None:
            return None
        if not hasattr(socket, "SO_PEERCRED"):
            raise BadAllowList("this system does not say which user connects to a Unix socket")
        return cls(_USER.numbers(users), _GROUP.numbers(groups))

    def __call__(self, peer: Credentials) -> bool:
        """
        Whether a peer may connect.
        """
        return peer.user in self.users or not self.groups.isdisjoint(peer.groups)

    def problemWith(self, handle: object) -> tuple[int | None, str]:
        """
        Why a peer may not connect.

        @param handle: The system handle of the transport: the connected socket.

        @return: The id of its user, if that is known, and the reason, which is empty if it may
            connect.
        """
        if not isinstance(handle, socket.socket):
            return None, "its user is not known"
        try:
            peer = Credentials.of(handle)
        except OSError as error:
            return None, f"its user is not known ({error})"
        if self(peer):
            return peer.user, ""
        groups = ", ".join(f"{group}{_GROUP.named(group)}" for group in peer.groups)
        return peer.user, f"it is {peer}, in the groups {groups}"


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
    Whether a socket bound to this address would accept connections from other machines.

    @param host: A numeric address. The empty string is every interface, as it is for C{bind}. A
        name counts as not public, as it is not resolved before it is bound.

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


def _groupsOf(connection: socket.socket) -> tuple[int, ...]:
    """
    @return: The groups of a peer beside its primary one; none, where the kernel does not tell.
    """
    try:
        data = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _READ_BYTES)
    except OSError as error:
        if error.errno == ENOPROTOOPT:
            return ()
        if error.errno != ERANGE:
            raise
        data = _longOption(connection)
    return tuple(group for (group,) in _GID.iter_unpack(data))


def _longOption(connection: socket.socket) -> bytes:
    """
    The groups of a peer that is in more of them than Python reads.
    """
    libc: Any = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(_MOST_GROUPS * _GID.size)
    length = ctypes.c_uint32(len(buffer))
    failed = libc.getsockopt(
        connection.fileno(), socket.SOL_SOCKET, _SO_PEERGROUPS, buffer, ctypes.byref(length)
    )
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, "the groups of a peer can't be read")
    return buffer.raw[: length.value]
