"""
Tests of L{txfcgi.service.sockets}.
"""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import socket
import stat

from txfcgi.service.errors import AddressInUse, CannotListen
from txfcgi.service.sockets import UNIXSocketOptions, checkUNIX

from .unixsockets import SocketTests


class ListenUNIXTests(SocketTests):
    """
    Tests of L{listenUNIX}.
    """

    def mode(self) -> int:
        """
        The permissions of the socket.
        """
        return stat.S_IMODE(os.lstat(self.path).st_mode)

    def test_listens(self) -> None:
        """
        The socket listens, does not block, and is open to its owner and its group.
        """
        listening, file = self.listen()
        self.assertFalse(listening.getblocking())
        self.connect(self.path)
        self.assertEqual(self.mode(), 0o660)
        assert file is not None
        self.assertEqual(file.path, self.path)
        self.assertEqual(os.listdir(self.folder), ["app.sock"])

    def test_mode(self) -> None:
        """
        The mode is as it was asked for, whatever the umask, and the umask stays.
        """
        umask = os.umask(0o077)
        self.addCleanup(os.umask, umask)
        self.listen(options=UNIXSocketOptions(mode=0o666))
        self.assertEqual(self.mode(), 0o666)
        self.assertEqual(os.umask(0o077), 0o077)

    def test_owner(self) -> None:
        """
        Owner and group are as they were asked for.
        """
        self.listen(options=UNIXSocketOptions(owner=os.getuid(), group=os.getgid()))
        info = os.lstat(self.path)
        self.assertEqual((info.st_uid, info.st_gid), (os.getuid(), os.getgid()))

    def test_ownerFails(self) -> None:
        """
        Where the owner or the group can't be set there is no socket left, and it is told what to
        do.
        """

        def chown(name: str, uid: int, gid: int, *, dir_fd: int, follow_symlinks: bool) -> None:
            self.assertEqual(name, "app.sock")
            self.assertFalse(follow_symlinks)
            raise PermissionError(1, "Operation not permitted")

        self.patch(os, "chown", chown)
        root = grp.getgrgid(0).gr_name
        for options, said in (
            (UNIXSocketOptions(owner=4711), "can't be given to the user 4711: only root may"),
            (UNIXSocketOptions(group=4711), "can't be given to the group 4711: only root may"),
            (UNIXSocketOptions(group=0), f"Add the user to the group (usermod -a -G {root} USER)"),
            (UNIXSocketOptions(owner=os.geteuid(), group=0), f"to the group {root}: only"),
        ):
            self.assertIn(said, self.mistake(options=options))
            self.assertEqual(os.listdir(self.folder), [])

    def test_notOpenBeforeItsModeIsSet(self) -> None:
        """
        At no moment can others connect: the socket is in a directory that nobody else can enter,
        and does not listen, until all is set.
        """
        seen: list[int] = []

        def chmod(name: str, mode: int, *, dir_fd: int) -> None:
            self.assertFalse(os.path.exists(self.path))
            seen.append(stat.S_IMODE(os.fstat(dir_fd).st_mode))
            inside = f"/proc/self/fd/{dir_fd}/{name}"
            self.assertRaises(ConnectionRefusedError, self.connect, inside)

        self.patch(os, "chmod", chmod)
        self.listen()
        self.assertEqual(seen, [0o700])
        self.assertEqual(os.listdir(self.folder), ["app.sock"])

    def test_deadSocket(self) -> None:
        """
        A socket that nobody listens on is replaced.
        """
        self.bound(self.path).close()
        before = os.lstat(self.path).st_mtime_ns
        self.listen()
        self.connect(self.path)
        self.assertNotEqual(os.lstat(self.path).st_mtime_ns, before)

    def test_deadSocketThatStays(self) -> None:
        """
        A dead socket that may not be removed is named.
        """
        self.bound(self.path).close()

        def rename(source: str, target: str, **directories: int) -> None:
            raise PermissionError(1, "Operation not permitted")

        self.patch(os, "rename", rename)
        self.assertEqual(
            self.mistake(),
            f"{self.path} is a stale socket, and this process may not remove it",
        )

    def test_placeThatMayNotBeTaken(self) -> None:
        """
        Where there is no socket that could be in the way, the reason is the system's.
        """

        def rename(source: str, target: str, **directories: int) -> None:
            raise PermissionError(1, "Operation not permitted")

        self.patch(os, "rename", rename)
        self.assertEqual(self.mistake(), f"can't listen on {self.path}: Operation not permitted")
        self.assertEqual(os.listdir(self.folder), [])

    def test_liveSocket(self) -> None:
        """
        A socket that another server listens on is left alone.
        """
        self.listen()
        before = os.lstat(self.path)
        self.assertRegex(
            self.mistake(),
            f"^{self.path} is in use: another server answers there "
            rf"\(process {os.getpid()}, [^,()]+\)$",
        )
        self.assertTrue(os.path.samestat(before, os.lstat(self.path)))
        self.connect(self.path)

    def test_busySocket(self) -> None:
        """
        A server whose queue is full is as alive as one whose is not.
        """
        self.listen(options=UNIXSocketOptions(backlog=0))
        for _ in range(2):
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.setblocking(False)
            client.connect_ex(self.path)
        self.assertIn("is in use", self.mistake())

    def test_otherSocket(self) -> None:
        """
        A socket of another type is left alone.
        """
        self.bound(self.path, socket.SOCK_DGRAM)
        self.assertEqual(
            self.mistake(),
            f"{self.path} may be in use; the server does not touch it: "
            "Protocol wrong type for socket",
        )

    def test_otherFile(self) -> None:
        """
        What is no socket is left alone, a symbolic link to one too.
        """
        with open(self.path, "w") as file:
            file.write("precious")
        self.assertEqual(
            self.mistake(), f"{self.path} exists and is not a socket; the server does not touch it"
        )
        with open(self.path) as file:
            self.assertEqual(file.read(), "precious")
        os.unlink(self.path)
        dead = os.path.join(self.folder, "dead.sock")
        self.bound(dead).close()
        os.symlink(dead, self.path)
        self.assertIn("is not a socket", self.mistake())
        self.assertTrue(os.path.islink(self.path))

    def test_noDirectory(self) -> None:
        """
        A directory that does not exist, or is none, is named.
        """
        missing = os.path.join(self.folder, "no")
        self.assertEqual(
            self.mistake(os.path.join(missing, "app.sock")),
            f"the directory {missing} does not exist",
        )
        with open(missing, "w"):
            pass
        self.assertEqual(
            self.mistake(os.path.join(missing, "app.sock")), f"{missing} is not a directory"
        )
        self.assertEqual(
            self.mistake(os.path.join(missing, "deeper", "app.sock")),
            f"the directory {missing}/deeper can't be used: Not a directory",
        )

    def test_openDirectory(self) -> None:
        """
        A directory in which everyone can rename the socket away will do only on request; one with
        the sticky bit, such as C{/tmp}, will do.
        """
        os.chmod(self.folder, 0o777)
        self.assertIn("is writable by everyone", self.mistake())
        self.listen(options=UNIXSocketOptions(anyDirectory=True))
        os.chmod(self.folder, 0o1777)
        self.listen(os.path.join(self.folder, "other.sock"))

    def test_longPath(self) -> None:
        """
        A path that is too long for a socket is told so.
        """
        self.assertIn("path too long", self.mistake(os.path.join(self.folder, "a" * 120)))

    def test_relativePath(self) -> None:
        """
        A relative path is made absolute, so that the socket is found again from another directory.
        """
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        _, file = self.listen("app.sock")
        os.chdir(before)
        assert file is not None
        self.assertTrue(file.remove())
        self.assertEqual(os.listdir(self.folder), [])

    def test_lock(self) -> None:
        """
        While another server starts at the path there is none to be had, and nothing is touched.
        """
        self.bound(self.path).close()
        with open(self.path + ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertEqual(
                self.mistake(), f"{self.path} is in use: another server is starting there"
            )
            self.assertTrue(os.path.exists(self.path))
            self.listen(options=UNIXSocketOptions(lock=False))

    def test_abandonedLock(self) -> None:
        """
        A lock file that nobody holds does not matter, and is gone afterwards.
        """
        with open(self.path + ".lock", "w"):
            pass
        self.listen()
        self.assertEqual(os.listdir(self.folder), ["app.sock"])

    def test_lockThatWasRemoved(self) -> None:
        """
        A lock on a file that its last holder has removed keeps nobody out, so it is taken again.
        """
        flock = fcntl.flock
        locked: list[int] = []

        def removedMeanwhile(fd: int, operation: int) -> None:
            flock(fd, operation)
            locked.append(fd)
            if len(locked) == 1:
                os.unlink(self.path + ".lock")

        self.patch(fcntl, "flock", removedMeanwhile)
        self.listen()
        self.assertEqual(len(locked), 2)
        self.assertEqual(os.listdir(self.folder), ["app.sock"])

    def test_abstract(self) -> None:
        """
        A name that begins with @ is one in the abstract namespace: there is no file.
        """
        name = "@" + self.path
        _, file = self.listen(name)
        self.assertIsNone(file)
        self.connect("\0" + self.path)
        self.assertEqual(os.listdir(self.folder), [])
        self.assertEqual(self.mistake(name), f"can't listen on {name}: Address already in use")


class CheckUNIXTests(SocketTests):
    """
    Tests of L{checkUNIX}.
    """

    def assertRefused(self, path: str, said: str) -> None:
        """
        A server could not listen there, and nothing is left of the check.
        """
        before = os.listdir(self.folder)
        refused = self.assertRaises(CannotListen, checkUNIX, path, UNIXSocketOptions())
        self.assertIn(said, str(refused))
        self.assertEqual(os.listdir(self.folder), before)

    def test_free(self) -> None:
        """
        A server could listen at a path where nothing is, or a dead socket; and at a name.
        """
        for path in (self.path, f"@{self.path}"):
            checkUNIX(path, UNIXSocketOptions())
        self.assertEqual(os.listdir(self.folder), [])
        self.bound(self.path).close()
        checkUNIX(self.path, UNIXSocketOptions())
        self.assertEqual(os.listdir(self.folder), ["app.sock"])

    def test_refused(self) -> None:
        """
        A directory that this user may not write to, a path that is too long, and a file that is no
        socket.
        """
        self.assertRefused(f"{self.folder}/{'a' * 110}", "path too long")
        with open(self.path, "w"):
            pass
        self.assertRefused(self.path, "exists and is not a socket")
        self.patch(os, "access", lambda path, mode: False)
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.assertRefused(
            self.path, f"the directory {self.folder} is not writable for the user {user}"
        )

    def test_inUse(self) -> None:
        """
        What another server uses is told apart.
        """
        self.listen()
        self.listen(f"@{self.path}")
        for path in (self.path, f"@{self.path}"):
            self.assertRaises(AddressInUse, checkUNIX, path, UNIXSocketOptions())
