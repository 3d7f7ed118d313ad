"""
Listening sockets for a server behind a web server.

A Unix socket that Twisted makes is open to everyone, for a moment or for good. This one has its
owner and its mode before any peer can connect, and replaces only a stale socket.
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

from .errors import AddressInUse, CannotListen
from .holders import holdersOfTCP, holdersOfUNIX
from .listener import SocketFile, identityOf

#: Connections that may wait to be accepted: as many as the system allows (on Linux,
#: net.core.somaxconn). In a burst, each connection that finds the queue full fails.
BACKLOG = 65_535

#: The most bytes of a Unix socket's path, without the final NUL.
PATH_BYTES = 107

# A directory is opened only to work in it, which does not need the right to list it.
_DIRECTORY = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)


@dataclass(frozen=True)
class UNIXSocketOptions:
    """
    The options of a Unix socket.

    @ivar mode: The permissions of its file.
    @ivar owner: The user id that owns the file, or L{None} for this process's.
    @ivar group: The group id of the file, or L{None} for this process's.
    @ivar backlog: The number of connections that may wait to be accepted.
    @ivar lock: Whether to hold a lock file while the path is checked and taken.
    @ivar anyDirectory: Whether to allow a directory in which everyone may rename files.
    """

    mode: int = 0o660
    owner: int | None = None
    group: int | None = None
    backlog: int = BACKLOG
    lock: bool = True
    anyDirectory: bool = False


def listenUNIX(path: str, options: UNIXSocketOptions) -> tuple[socket.socket, SocketFile | None]:
    """
    Make a listening Unix socket. No peer can connect before its owner and mode are set.

    The socket is made in a private directory and then renamed. So another user who may write to the
    directory of the socket can't use a symbolic link to change the owner or the mode of another
    file.

    A stale socket at the path is replaced. A live one, and anything that is not a socket, is not
    touched.

    @param path: The path; or C{"@name"} for a name in Linux's abstract namespace, which has no
        permissions.
    @param options: Its permissions and more.

    @return: The socket, non-blocking, and its file, if it has one. The name that it is bound to is
        not its path.

    @raise CannotListen: The socket can't be made.
    """
    if path.startswith("@"):
        listening = _newSocket()
        with _explained(path), closedOnError(listening):
            listening.bind("\0" + path[1:])
            listening.listen(options.backlog)
        return listening, None
    path = _checkedPath(path)
    with _explained(path), _opened(os.path.dirname(path), options) as directory:
        with _startingLock(path, options.lock):
            _checkFree(path)
            listening = _newSocket()
            with closedOnError(listening):
                file = _listenThere(listening, path, directory, options)
    return listening, file


def checkUNIX(path: str, options: UNIXSocketOptions) -> None:
    """
    Check whether L{listenUNIX} can make a socket. Nothing is left behind.

    @param path: As for L{listenUNIX}.
    @param options: Likewise.

    @raise AddressInUse: Another server answers there.
    @raise CannotListen: The socket can't be made.
    """
    if path.startswith("@"):
        listenUNIX(path, options)[0].close()
        return
    path = _checkedPath(path)
    directory = os.path.dirname(path)
    with _explained(path), _opened(directory, options):
        if not os.access(directory, os.W_OK | os.X_OK):
            raise CannotListen(
                f"the directory {directory} is not writable for the user "
                f"{_nameOf(pwd.getpwuid, os.geteuid())}"
            )
        _checkFree(path)


def _checkedPath(path: str) -> str:
    """
    @return: The absolute path.

    @raise CannotListen: It is too long for a socket.
    """
    path = os.path.abspath(path)
    size = len(os.fsencode(path))
    if size > PATH_BYTES:
        raise CannotListen(
            f"can't listen on {path}: path too long, {size} bytes; a Unix socket's path has "
            f"{PATH_BYTES} at the most"
        )
    return path


def listenTCP(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """
    Make a listening TCP socket.

    @param host: The address to listen on; an empty one is every IPv4 address of the machine, and
        C{"::"} every address.
    @param port: The number, 0 for one that is free.
    @param backlog: How many connections may wait to be accepted.

    @return: The socket, non-blocking.

    @raise CannotListen: The socket can't be made.
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
            raise _kindOf(error)(f"can't listen there: {reason}") from error
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
        # This fails if someone has moved the directory.
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
    @param path: Its final path, for the message.
    @param options: The owner and the group.

    @raise CannotListen: This process may not set them.
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

    @return: Its name, or the number if it has none.
    """
    try:
        name: str = lookUp(number)[0]
    except KeyError:
        return str(number)
    return name


def _rename(name: str, private: int, directory: int, path: str) -> None:
    """
    Rename a socket to its final path, replacing a stale one.

    @param name: Its name, in both directories.
    @param private: A descriptor of the directory that it is in.
    @param directory: A descriptor of its final directory.
    @param path: Its final path, for the message.
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
    Open a directory, unless it can't hold a socket, or is not safe for one.

    @param directory: The directory.
    @param options: Whether an unsafe directory is allowed.

    @return: A descriptor, which stays with the checked directory even if its path changes.

    @raise CannotListen: With the reason, and what to do.
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

    @param parent: A descriptor of the parent directory, to which other users may write.
    @param path: The path of the parent directory.

    @return: The directory.

    @raise CannotListen: Another user has replaced it.
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

    @return: A path to the directory of the descriptor, if the system provides one.
    """
    sure = f"/proc/self/fd/{fd}"
    return sure if os.path.exists(sure) else path


def _checkFree(path: str) -> None:
    """
    Check that a path is free, or has only a stale socket.

    @param path: The path.

    @raise CannotListen: A live socket or another file is there.
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
        raise AddressInUse(f"{path} is in use: another server answers there{holdersOfUNIX(path)}")
    if outcome not in (errno.ECONNREFUSED, errno.ENOENT):
        raise CannotListen(
            f"{path} may be in use; the server does not touch it: {os.strerror(outcome)}"
        )


@contextmanager
def _startingLock(path: str, wanted: bool) -> Iterator[None]:
    """
    Keep a second server that starts at the same moment from replacing a socket that does not listen
    yet.

    The lock file exists only while the lock is held.

    @param path: The path of the socket.
    @param wanted: Whether to lock at all.

    @raise CannotListen: Another server is starting at this path.
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
        # The last holder may have removed the file before releasing the lock. Then this lock has no
        # effect.
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
    Close a socket if the block fails.

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
    Name the path in an error of the system.

    @param path: The path.

    @raise CannotListen: In place of an L{OSError}.
    """
    try:
        yield
    except OSError as error:
        raise _kindOf(error)(f"can't listen on {path}: {error.strerror or error}") from error


def _kindOf(error: OSError) -> type[CannotListen]:
    return AddressInUse if error.errno == errno.EADDRINUSE else CannotListen
