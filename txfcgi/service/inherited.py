"""
Inherited descriptors: listening sockets, and standard input, output and error, open or closed.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from pathlib import Path

from .errors import CannotListen
from .sockets import closedOnError

#: The supported families of sockets.
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)

# SD_LISTEN_FDS_START.
_FIRST_PASSED = 3


def inheritedListener(fd: int) -> socket.socket:
    """
    Take a listening socket that the parent process made: a web server, spawn-fcgi or systemd.

    @param fd: Its file descriptor; FastCGI's is 0 (FCGI_LISTENSOCK_FILENO, section 2.2).

    @return: A new socket object for the same listener, of the same family. C{fd} stays open.

    @raise CannotListen: It is not a listening stream socket. The message says what it is instead.
    """
    try:
        kind = os.fstat(fd).st_mode
    except OSError:
        raise CannotListen(f"file descriptor {fd} is not open") from None
    if not stat.S_ISSOCK(kind):
        raise CannotListen(
            f"file descriptor {fd} is {_kindOfFile(fd, kind)}, not a listening socket"
        )
    listening = socket.socket(fileno=os.dup(fd))
    with closedOnError(listening):
        if listening.type != socket.SOCK_STREAM or listening.family not in FAMILIES:
            raise CannotListen(
                f"file descriptor {fd} is a socket that can't be served: {listening.family!r}, "
                f"{listening.type!r}"
            )
        if not _accepts(listening):
            raise CannotListen(f"file descriptor {fd} is a socket, but does not listen")
    return listening


def passedBySystemd() -> list[tuple[int, str]]:
    """
    Find the sockets that systemd passes to this process (sd_listen_fds(3)).

    @return: The descriptor and the name of each. The name is empty if systemd gives none, as with
        C{systemd-socket-activate} without C{--fdname}.
    """
    for environ in (os.environ, _firstEnvironment()):
        # Twisted takes these variables out of the environment.
        if environ.get("LISTEN_PID") == str(os.getpid()) and "LISTEN_FDS" in environ:
            count = environ["LISTEN_FDS"]
            names = environ.get("LISTEN_FDNAMES", "").split(":")
            return [
                (_FIRST_PASSED + number, names[number] if number < len(names) else "")
                for number in range(int(count) if count.isdecimal() else 0)
            ]
    return []


def _firstEnvironment() -> dict[str, str]:
    """
    @return: The environment that this process was started with, if the system provides it.
    """
    try:
        text = Path("/proc/self/environ").read_bytes()
    except OSError:
        return {}
    pairs = [os.fsdecode(entry).partition("=") for entry in text.split(b"\0") if entry]
    return {name: value for name, _, value in pairs}


def isService(fd: int = 0) -> bool:
    """
    Whether this program was started as a FastCGI server, with a listening socket in place of
    standard input (section 2.2). If not, it may be a CGI program, or a person may have started it.

    @param fd: The file descriptor to check.

    @return: Whether it is a socket that can be served.
    """
    try:
        inheritedListener(fd).close()
    except CannotListen:
        return False
    return True


def releaseDescriptor(fd: int) -> None:
    """
    Close an inherited descriptor. Standard input, output and error become C{/dev/null} instead, as
    the next socket would otherwise get their number.

    @param fd: The descriptor.
    """
    if fd > 2:
        os.close(fd)
        return
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, fd)
    if null != fd:
        os.close(null)


def fillStandardDescriptors() -> None:
    """
    Open C{/dev/null} in place of a closed standard input, output or error, as a web server may
    start a program like that (section 2.2). Otherwise a socket could get the number, and a stray
    message would go to a web server. Python has no file object for a closed descriptor, and
    printing to it fails; so create one.
    """
    for fd, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        null = fd
        try:
            os.fstat(fd)
        except OSError:
            releaseDescriptor(fd)
        else:
            if getattr(sys, name) is not None:
                continue
            # Another file has got the number meanwhile.
            null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        stream = open(null, mode, encoding="utf-8", errors="backslashreplace", closefd=False)
        for alias in (name, f"__{name}__"):
            if getattr(sys, alias) is None:
                setattr(sys, alias, stream)


def _accepts(candidate: socket.socket) -> bool:
    """
    Whether a socket listens. A connected socket has a peer (section 2.2); SO_ACCEPTCONN tells other
    sockets apart.

    @param candidate: The socket.

    @return: Whether connections can be accepted on it.
    """
    try:
        candidate.getpeername()
    except OSError as error:
        accepts = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return error.errno == errno.ENOTCONN and accepts != 0
    return False


def _kindOfFile(fd: int, mode: int) -> str:
    """
    Name the kind of a file descriptor.

    @param fd: The descriptor.
    @param mode: Its mode.

    @return: A kind such as C{"a terminal"}.
    """
    if os.isatty(fd):
        return "a terminal"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISREG(mode):
        return "a file"
    return "a device" if stat.S_ISCHR(mode) else "something else"
