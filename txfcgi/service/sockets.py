"""
Making sockets as a server behind a web server needs them.

A Unix socket of Twisted's own is open to everyone for a moment, or for good. This one has its owner
and its mode before anybody can connect, and takes the place of a dead one alone.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import secrets
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import CannotListen
from .holders import holdersOfTCP, holdersOfUNIX
from .listener import SocketFile, identityOf

#: Connections that may wait to be accepted: the system gives as many as it allows (on Linux,
#: net.core.somaxconn). A web server fails each one that finds no room in a burst.
BACKLOG = 65_535

#: The bytes that the path of a Unix socket may have, beside the one that ends it.
PATH_BYTES = 107

# A directory is opened to work in it, which does not take the right to list it.
_DIRECTORY = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)


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

    It is made in a directory of its own, which nobody else can enter, and gets its place when it is
    complete. So another user who may write to the directory of the socket can't have the owner or
    the mode of any other file changed, by a symbolic link in its place.

    A socket that a dead server left at the path is replaced. A live one, and anything that is not a
    socket, is left alone.

    @param path: Where; or C{"@name"} for a name in Linux's abstract namespace, which has no
        permissions.
    @param options: How.

    @return: The socket, non-blocking, and its entry in the filesystem if it has one. The name that
        it is bound to is not its path.

    @raise CannotListen: It can't be had.
    """
    if path.startswith("@"):
        listening = _newSocket()
        with _explained(path), closedOnError(listening):
            listening.bind("\0" + path[1:])
            listening.listen(options.backlog)
        return listening, None
    path = os.path.abspath(path)
    size = len(os.fsencode(path))
    if size > PATH_BYTES:
        raise CannotListen(
            f"can't listen on {path}: path too long, {size} bytes; a Unix socket's path has "
            f"{PATH_BYTES} at the most"
        )
    with _explained(path), _opened(os.path.dirname(path), options) as directory:
        with _startingLock(path, options.lock):
            _checkFree(path)
            listening = _newSocket()
            with closedOnError(listening):
                file = _listenThere(listening, path, directory, options)
    return listening, file


def listenTCP(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """
    Make a TCP socket that listens.

    @param host: The address to listen on; an empty one is every IPv4 address of the machine, and
        C{"::"} every address.
    @param port: The number, 0 for one that is free.
    @param backlog: How many connections may wait to be accepted.

    @return: The socket, non-blocking.

    @raise CannotListen: It can't be had.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    with closedOnError(listening):
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setblocking(False)
            listening.bind((host, port))
            listening.listen(backlog)
        except OverflowError as error:
            raise CannotListen(f"can't listen there: {error}") from error
        except OSError as error:
            reason = f"{error.strerror or error}{holdersOfTCP(host, port, error)}"
            raise CannotListen(f"can't listen there: {reason}") from error
    return listening


def _listenThere(
    listening: socket.socket, path: str, directory: int, options: UNIXSocketOptions
) -> SocketFile:
    """
    Let a socket listen at a path.

    @param path: The path.
    @param directory: A descriptor of the directory that it is in.
    @param options: How.

    @return: The entry in the filesystem.
    """
    name = os.path.basename(path)
    with _privateDirectory(directory, os.path.dirname(path)) as private:
        listening.bind(os.path.join(_pathOf(private.fd, private.path), name))
        # If it is not in there, someone has moved the directory: then this fails.
        file = SocketFile(path, identityOf(os.lstat(name, dir_fd=private.fd)))
        try:
            os.chmod(name, options.mode, dir_fd=private.fd)
            _give(name, private.fd, path, options)
            listening.listen(options.backlog)
            _rename(name, private.fd, directory, path)
        except BaseException:
            os.unlink(name, dir_fd=private.fd)
            raise
    return file


def _give(name: str, directory: int, path: str, options: UNIXSocketOptions) -> None:
    """
    Set the owner and the group of a socket.

    @param name: Its name.
    @param directory: A descriptor of the directory that it is in.
    @param path: Where it is going to be, for the message.
    @param options: Who they are.

    @raise CannotListen: This process may not.
    """
    owner = -1 if options.owner is None else options.owner
    group = -1 if options.group is None else options.group
    if owner == group == -1:
        return
    try:
        os.chown(name, owner, group, dir_fd=directory, follow_symlinks=False)
    except PermissionError as error:
        if owner not in (-1, os.geteuid()):
            raise CannotListen(
                f"{path} can't be given to the user {_nameOf(pwd.getpwuid, owner)}: only root "
                "may give a socket away. Start the server as root (twistd --uid), or as that "
                "user"
            ) from error
        name = _nameOf(grp.getgrgid, group)
        raise CannotListen(
            f"{path} can't be given to the group {name}: only root may give a socket to a group "
            f"that the process is not in. Add the user to the group (usermod -a -G {name} "
            "USER) and start the server in a new session, or start it as root (twistd "
            "--uid)"
        ) from error


def _nameOf(lookUp: Callable[[int], Any], number: int) -> str:
    """
    @param lookUp: Finds the entry of a user or a group.
    @param number: Its number.

    @return: Its name, or the number where it has none.
    """
    try:
        name: str = lookUp(number)[0]
    except KeyError:
        return str(number)
    return name


def _rename(name: str, private: int, directory: int, path: str) -> None:
    """
    Put a socket where it belongs, in the place of a dead one.

    @param name: Its name, in both directories.
    @param private: A descriptor of the directory that it is in.
    @param directory: A descriptor of that where it belongs.
    @param path: Its path there, for the message.
    """
    try:
        os.rename(name, name, src_dir_fd=private, dst_dir_fd=directory)
    except PermissionError:
        if not os.path.lexists(path):
            raise
        raise CannotListen(
            f"{path} is a stale socket, and this process may not remove it"
        ) from None


def _newSocket() -> socket.socket:
    """
    @return: A Unix stream socket, non-blocking.
    """
    new = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    new.setblocking(False)
    return new


@contextmanager
def _opened(directory: str, options: UNIXSocketOptions) -> Iterator[int]:
    """
    Open a directory, unless a socket can't be in it, or is not safe in it.

    @param directory: The directory.
    @param options: Says whether the second matters.

    @return: A descriptor of it: whatever happens to its path, it stays the one that was looked at.

    @raise CannotListen: With the reason, and the cure.
    """
    try:
        fd = os.open(directory, _DIRECTORY)
    except FileNotFoundError:
        raise CannotListen(f"the directory {directory} does not exist") from None
    except NotADirectoryError:
        if os.path.exists(directory):
            raise CannotListen(f"{directory} is not a directory") from None
        raise CannotListen(f"the directory {directory} can't be used: Not a directory") from None
    except OSError as error:
        raise CannotListen(f"the directory {directory} can't be used: {error.strerror}") from error
    try:
        mode = os.fstat(fd).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX and not options.anyDirectory:
            raise CannotListen(
                f"the directory {directory} is writable by everyone: any user could replace the "
                "socket. Use another directory, run chmod o-w on it, or override with "
                "--insecure"
            )
        yield fd
    finally:
        os.close(fd)


class _Private(NamedTuple):
    """
    A directory that only this user can enter.
    """

    fd: int
    path: str


@contextmanager
def _privateDirectory(parent: int, path: str) -> Iterator[_Private]:
    """
    Make a directory that only this user can enter, and remove it afterwards.

    @param parent: A descriptor of the directory that it is made in, to which others may have the
        right to write.
    @param path: The path of that.

    @return: The directory.

    @raise CannotListen: Someone else put another one in its place.
    """
    name = f".txfcgi-{secrets.token_hex(8)}"
    os.mkdir(name, 0o700, dir_fd=parent)
    try:
        fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            info = os.fstat(fd)
            if info.st_uid != os.geteuid() or info.st_mode & 0o777 != 0o700:
                raise CannotListen(
                    f"the directory {path}/{name}, which only this user may write to, was "
                    f"replaced: check who may write to {path}, and the umask that the server "
                    "starts with"
                )
            yield _Private(fd, os.path.join(path, name))
        finally:
            os.close(fd)
    finally:
        with suppress(OSError):
            os.rmdir(name, dir_fd=parent)


def _pathOf(fd: int, path: str) -> str:
    """
    @param fd: A descriptor of a directory.
    @param path: Its path, which another directory may have by now.

    @return: A path that leads to what the descriptor is of, where the system has one.
    """
    sure = f"/proc/self/fd/{fd}"
    return sure if os.path.exists(sure) else path


def _checkFree(path: str) -> None:
    """
    See that nothing is at a path, or only the socket that a server which is gone left behind.

    @param path: Where it may be.

    @raise CannotListen: Something else is there.
    """
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(info.st_mode):
        raise CannotListen(f"{path} exists and is not a socket; the server does not touch it")
    with _newSocket() as probe:
        outcome = probe.connect_ex(path)
    if outcome in (0, errno.EAGAIN):
        raise CannotListen(f"{path} is in use: another server answers there{holdersOfUNIX(path)}")
    if outcome not in (errno.ECONNREFUSED, errno.ENOENT):
        raise CannotListen(
            f"{path} may be in use; the server does not touch it: {os.strerror(outcome)}"
        )


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
def closedOnError(opened: socket.socket) -> Iterator[None]:
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
