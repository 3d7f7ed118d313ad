"""
Listening sockets that Twisted does not make as a server behind a web server needs them.

Twisted's own Unix port is open to everyone for a moment, or for good; it removes whatever is at its
path when it stops, and gives an inherited socket the mode 0666, shuts it down and removes its path,
though others use it. So a Unix socket is made here, and L{UNIXListener} only accepts on it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet import unix
from twisted.internet.base import BasePort
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.tcp import _reservedFD
from twisted.logger import Logger
from twisted.python.failure import Failure

from .errors import CannotListen

#: Connections that may wait to be accepted, as for php-fpm. Twisted's own default of 50 makes web
#: servers fail in a burst.
BACKLOG = 511

#: The families of sockets that can be served on.
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)


@dataclass(frozen=True)
class SocketFile:
    """
    The entry in the filesystem that a Unix socket of ours has.

    @ivar path: Where it is.
    @ivar identity: Device and inode. The number stays taken for as long as the socket is open.
    """

    path: str
    identity: tuple[int, int]

    def remove(self) -> bool:
        """
        Remove the entry, unless another one is at its path by now.

        @return: Whether nothing of ours is left there.
        """
        try:
            if _identity(os.lstat(self.path)) == self.identity:
                os.unlink(self.path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


class UNIXListener(unix.Port):
    """
    Accepts connections on a Unix socket that is bound and listens already.

    When it stops it closes its own descriptor and no more: a socket that was inherited lives on in
    the process that made it.
    """

    _log = Logger()

    def __init__(
        self,
        listening: socket.socket,
        factory: IProtocolFactory,
        reactor: Any,
        file: SocketFile | None = None,
    ) -> None:
        """
        @param listening: The socket, non-blocking.
        @param factory: Builds a protocol for each connection.
        @param reactor: The reactor to accept in.
        @param file: The socket's entry in the filesystem where it is ours, to be removed at the
            end.
        """
        super().__init__(listening.getsockname(), factory, reactor=reactor)
        self._protocolFactory = factory
        self._listening = listening
        self.file = file

    def startListening(self) -> None:
        """
        Accept from now on.
        """
        # The descriptor that Twisted keeps in reserve to shed connections with when it has no other
        # left.
        _reservedFD.reserve()
        self._protocolFactory.doStart()
        self.connected = True
        self.socket = listening = self._listening
        self.fileno = listening.fileno  # type: ignore[method-assign]
        self.numberAccepts = 100
        self.startReading()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:
        """
        Remove what is ours in the filesystem, and close the socket.

        @param reason: Why it stops; of no interest.
        """
        if self.file is not None and not self.file.remove():
            self._log.warn("The socket {path} could not be removed.", path=self.file.path)
        BasePort.connectionLost(self, reason)
        self.connected = False
        self.socket.close()
        del self.socket
        del self.fileno
        self.disconnecting = False
        self._protocolFactory.doStop()


@dataclass(frozen=True)
class UNIXSocketOptions:
    """
    How a Unix socket is to be.

    @ivar mode: The permissions of its file.
    @ivar owner: The user id that owns the file, or L{None} for this process's.
    @ivar group: The group id of the file, or L{None} for this process's.
    @ivar backlog: The number of connections that may wait to be accepted.
    @ivar lock: Whether to hold a lock file while the path is looked at and taken.
    @ivar anyDirectory: Whether a directory in which everyone may rename files will do.
    """

    mode: int = 0o660
    owner: int | None = None
    group: int | None = None
    backlog: int = BACKLOG
    lock: bool = True
    anyDirectory: bool = False


def listenUNIX(path: str, options: UNIXSocketOptions) -> tuple[socket.socket, SocketFile | None]:
    """
    Make a Unix socket that listens. Nobody can connect before its owner and mode are set.

    A socket that a dead server left at the path is replaced. A live one, and anything that is no
    socket, is left alone.

    @param path: Where; or C{"@name"} for a name in Linux's abstract namespace, which has no
        permissions.
    @param options: How.

    @return: The socket, non-blocking, and its entry in the filesystem if it has one.

    @raise CannotListen: It can't be had.
    """
    if path.startswith("@"):
        listening = _newSocket()
        with _explained(path), _closedOnError(listening):
            listening.bind("\0" + path[1:])
            listening.listen(options.backlog)
        return listening, None
    path = os.path.abspath(path)
    _checkDirectory(os.path.dirname(path), options)
    with _explained(path), _startingLock(path, options.lock):
        _removeDead(path)
        listening = _newSocket()
        with _closedOnError(listening):
            umask = os.umask(0o777)
            try:
                listening.bind(path)
            finally:
                os.umask(umask)
            file = SocketFile(path, _identity(os.lstat(path)))
            try:
                if options.owner is not None or options.group is not None:
                    os.chown(
                        path,
                        -1 if options.owner is None else options.owner,
                        -1 if options.group is None else options.group,
                    )
                os.chmod(path, options.mode)
                listening.listen(options.backlog)
            except OSError:
                file.remove()
                raise
    return listening, file


def inheritedListener(fd: int) -> socket.socket:
    """
    Take a listening socket that the parent process made: a web server, spawn-fcgi or systemd.

    @param fd: Its file descriptor; FastCGI's is 0 (FCGI_LISTENSOCK_FILENO, section 2.2).

    @return: A socket of its own for the same listener, of the family that it has. C{fd} stays open.

    @raise CannotListen: It is no listening stream socket. What it is instead is in the message.
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
    with _closedOnError(listening):
        if listening.type != socket.SOCK_STREAM or listening.family not in FAMILIES:
            raise CannotListen(
                f"file descriptor {fd} is a socket that can't be served: {listening.family!r}, "
                f"{listening.type!r}"
            )
        if not _accepts(listening):
            raise CannotListen(f"file descriptor {fd} is a socket, but not one that listens")
    return listening


def isService(fd: int = 0) -> bool:
    """
    Was this program started as a FastCGI server, with a listening socket in place of standard input
    (section 2.2)? If not, it may be a CGI program, or a person may have started it.

    @param fd: The file descriptor to look at.

    @return: Whether it is a socket that can be served.
    """
    try:
        inheritedListener(fd).close()
    except CannotListen:
        return False
    return True


def releaseDescriptor(fd: int) -> None:
    """
    Let go of an inherited descriptor. Standard input, output and error become C{/dev/null} instead
    of a number that the next socket would get.

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
    Put C{/dev/null} where standard input, output or error is closed, as a web server may start a
    program (section 2.2). Otherwise a socket could get the number, and a stray message would be
    sent to a web server.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            releaseDescriptor(fd)


def _newSocket() -> socket.socket:
    """
    @return: A Unix stream socket, non-blocking.
    """
    new = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    new.setblocking(False)
    return new


def _accepts(candidate: socket.socket) -> bool:
    """
    Is this a listening socket? One that is connected has a peer (section 2.2); one that is neither
    is told apart by SO_ACCEPTCONN.

    @param candidate: The socket.

    @return: Whether connections can be accepted on it.
    """
    try:
        candidate.getpeername()
    except OSError as error:
        accepts = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return error.errno == errno.ENOTCONN and accepts != 0
    return False


def _identity(info: os.stat_result) -> tuple[int, int]:
    """
    @param info: What C{lstat} says.

    @return: What tells this file from every other that exists now.
    """
    return info.st_dev, info.st_ino


def _checkDirectory(directory: str, options: UNIXSocketOptions) -> None:
    """
    Refuse a directory that a socket can't be in, or is not safe in.

    @param directory: The directory.
    @param options: Says whether the second matters.

    @raise CannotListen: With the reason, and the cure.
    """
    try:
        info = os.stat(directory)
    except FileNotFoundError:
        raise CannotListen(f"the directory {directory} does not exist") from None
    except OSError as error:
        raise CannotListen(f"the directory {directory} can't be used: {error.strerror}") from error
    if not stat.S_ISDIR(info.st_mode):
        raise CannotListen(f"{directory} is not a directory")
    if info.st_mode & stat.S_IWOTH and not info.st_mode & stat.S_ISVTX and not options.anyDirectory:
        raise CannotListen(
            f"the directory {directory} is writable by everyone: anyone could put a socket of "
            "their own in place of this one. Use another directory, or chmod o-w it, or insist "
            "with --insecure"
        )


def _removeDead(path: str) -> None:
    """
    Remove the socket that a server which is gone left behind.

    @param path: Where it may be.

    @raise CannotListen: Something else is there.
    """
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(info.st_mode):
        raise CannotListen(f"{path} exists and is not a socket: it is left alone")
    with _newSocket() as probe:
        outcome = probe.connect_ex(path)
    if outcome in (0, errno.EAGAIN):
        raise CannotListen(f"{path} is in use: another server answers there")
    if outcome not in (errno.ECONNREFUSED, errno.ENOENT):
        raise CannotListen(f"{path} is left alone, as it may be in use: {os.strerror(outcome)}")
    if not SocketFile(path, _identity(info)).remove():
        raise CannotListen(f"{path} is a socket of a server that is gone, but may not be removed")


@contextmanager
def _startingLock(path: str, wanted: bool) -> Iterator[None]:
    """
    Keep a second server that starts at the same moment from taking a socket for dead that does not
    listen yet.

    The lock file is there only for as long as the lock is held.

    @param path: The path of the socket.
    @param wanted: Whether to lock at all.

    @raise CannotListen: Another server starts at this path now.
    """
    if not wanted:
        yield
        return
    name = f"{path}.lock"
    while True:
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise CannotListen(f"{path} is in use: another server is starting there") from None
        # The last holder may have removed the file before it let go: then this lock keeps nobody
        # out.
        if os.fstat(fd).st_nlink:
            break
        os.close(fd)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
        os.close(fd)


@contextmanager
def _closedOnError(opened: socket.socket) -> Iterator[None]:
    """
    Close a socket if what is done with it fails.

    @param opened: The socket.
    """
    try:
        yield
    except BaseException:
        opened.close()
        raise


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """
    Say which path an error of the system was about.

    @param path: The path.

    @raise CannotListen: In place of an L{OSError}.
    """
    try:
        yield
    except OSError as error:
        raise CannotListen(f"can't listen on {path}: {error.strerror or error}") from error


def _kindOfFile(fd: int, mode: int) -> str:
    """
    Name what a file descriptor is.

    @param fd: The descriptor.
    @param mode: Its mode.

    @return: Such as C{"a terminal"}.
    """
    if os.isatty(fd):
        return "a terminal"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISREG(mode):
        return "a file"
    return "a device" if stat.S_ISCHR(mode) else "something else"
