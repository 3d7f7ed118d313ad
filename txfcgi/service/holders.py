"""
Finds the processes that hold a socket in use, for the message of a server that can't start.

This works only on Linux, and only for processes that this one may inspect; otherwise the result is
empty.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from ..masking import visible

# From linux/netlink.h, sock_diag.h and unix_diag.h.
_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_DUMP: Final = 0x301
_MESSAGE: Final = struct.Struct("=IHHII")
_ASKED: Final = struct.Struct("=BBHIII8s")
_FOUND: Final = struct.Struct("=4xI8x")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ENTRY: Final = struct.Struct("=II")
_SHOW_ENTRY: Final = 2
_ENTRY_KIND: Final = 1

# The kernel's number for listening sockets.
_LISTENS: Final = 10

# Seconds for the kernel to answer, and the most bytes of one message.
_PATIENCE: Final = 1.0
_MESSAGE_BYTES: Final = 65_536

#: The most processes to name.
_NAMED: Final = 8

# Where each family's sockets are listed.
_LISTED: Final = {socket.AF_INET: "/proc/net/tcp", socket.AF_INET6: "/proc/net/tcp6"}

# Another system has no netlink, and what a sandbox or another kernel tells may be anything. The
# reason why the server can't start must not be lost over that.
_UNTOLD: Final = (AttributeError, LookupError, OSError, ValueError, struct.error)


def holdersOfUNIX(path: str) -> str:
    """
    @param path: The path of a Unix socket that is in use.

    @return: The processes that hold it, in brackets after a space, to append to an error message;
        empty if none is found.
    """
    try:
        return _described(set(_unixSockets(os.stat(path))))
    except _UNTOLD:
        return ""


def holdersOfTCP(host: str, port: int, error: OSError) -> str:
    """
    @param host: The address to listen on; an empty one is every IPv4 address.
    @param port: The number.
    @param error: The failure to listen.

    @return: As L{holdersOfUNIX}; empty unless the error is that the port is in use.
    """
    if error.errno != errno.EADDRINUSE:
        return ""
    try:
        return _described(_tcpSockets(host, port))
    except _UNTOLD:
        return ""


def _unixSockets(entry: os.stat_result) -> Iterator[int]:
    """
    @param entry: The identity of a socket's file. The kernel may report another name, as the file
        was renamed.

    @return: The inodes of the sockets that listen there.
    """
    there = (entry.st_ino & 0xFFFFFFFF, os.major(entry.st_dev) << 20 | os.minor(entry.st_dev))
    asked = _ASKED.pack(socket.AF_UNIX, 0, 0, 1 << _LISTENS, 0, _SHOW_ENTRY, b"\xff" * 8)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(_PATIENCE)
        kernel.send(_MESSAGE.pack(_MESSAGE.size + len(asked), _BY_FAMILY, _DUMP, 1, 0) + asked)
        while True:
            data = kernel.recv(_MESSAGE_BYTES)
            start = 0
            while start < len(data):
                length, kind, *_ = _MESSAGE.unpack_from(data, start)
                if kind != _BY_FAMILY:
                    return  # the end, or an error
                if _entryOf(data[start + _MESSAGE.size : start + length]) == there:
                    yield _FOUND.unpack_from(data, start + _MESSAGE.size)[0]
                start += _aligned(length)


def _entryOf(found: bytes) -> tuple[int, int] | None:
    """
    @param found: The kernel's message about a Unix socket.

    @return: The inode and the device of its file, if it has one.
    """
    start = _FOUND.size
    while start < len(found):
        length, kind = _ATTRIBUTE.unpack_from(found, start)
        if kind == _ENTRY_KIND:
            inode, device = _ENTRY.unpack_from(found, start + _ATTRIBUTE.size)
            return inode, device
        start += max(_aligned(length), _ATTRIBUTE.size)
    return None


def _aligned(length: int) -> int:
    return length + 3 & ~3


def _tcpSockets(host: str, port: int) -> set[int]:
    """
    @return: The inodes of the TCP sockets that listen on this port, and on this address or on all.
        Those of the other family are in the way only where none of its own is: many servers have
        one of each, and the two do without each other.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    other = socket.AF_INET if ":" in host else socket.AF_INET6
    wanted = socket.inet_pton(family, host.partition("%")[0] or "0.0.0.0")
    return set(_listed(family, wanted, port)) or set(_listed(other, wanted, port))


def _listed(family: socket.AddressFamily, wanted: bytes, port: int) -> Iterator[int]:
    """
    @param wanted: An address, of any family.

    @return: The inodes of the TCP sockets of a family that listen there, or on all addresses.
    """
    with suppress(FileNotFoundError), open(_LISTED[family], encoding="ascii") as lines:
        next(lines, None)
        for line in lines:
            words = line.split()
            address, _, number = words[1].partition(":")
            if int(words[3], 16) == _LISTENS and int(number, 16) == port:
                theirs = _address(address)
                if theirs == wanted or not any(theirs) or not any(wanted):
                    yield int(words[9])


def _address(text: str) -> bytes:
    """
    @param text: An address in the kernel's form: each four bytes as a number.

    @return: Its bytes.
    """
    numbers = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return struct.pack(f"={len(numbers)}I", *numbers)


def _described(inodes: set[int]) -> str:
    """
    @param inodes: The inodes of sockets.

    @return: The processes that hold one of them.
    """
    links = {f"socket:[{inode}]" for inode in inodes}
    found = sorted(
        pid
        for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))
        if links and _holds(pid, links)
    )
    if not found:
        return ""
    more = [f"and {len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return f" ({', '.join([*map(_named, found[:_NAMED]), *more])})"


def _holds(pid: int, links: set[str]) -> bool:
    with suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{fd}") in links:
                    return True
    return False


def _named(pid: int) -> str:
    """
    A process and its name; for a stopped process, also the signals that end it, as no others do.
    """
    said = ""
    with suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        said = file.read()
    name, _, state = said.partition("(")[2].rpartition(") ")
    if not state:
        return f"process {pid}"
    stopped = f", stopped: kill -CONT {pid} or kill -9 {pid}" if state[0] in "Tt" else ""
    return f"process {pid}, {visible(name)}{stopped}"
