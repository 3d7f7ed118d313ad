"""
Tests of L{txfcgi.service.sockets} in a directory that another user may write to, and does.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys

from txfcgi.service.errors import CannotListen
from txfcgi.service.sockets import UNIXSocketOptions, listenUNIX

from .processes import FolderTests

#: How often a socket is made.
TRIES = 1_000

#: Puts a symbolic link in the place of every socket, and in that of every directory one could be
#: made in, as fast as it can, until its standard input ends.
ATTACK = """
import os, select, stat, sys

folder, precious, user = sys.argv[1:]
if os.getuid() != int(user):
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))
os.chdir(folder)
os.mkdir("away")
os.symlink(precious, "away/link")
print("ready", flush=True)
swapped = turn = 0
while True:
    turn += 1
    if not turn % 100 and select.select([sys.stdin], [], [], 0)[0]:
        break
    for name in ("app.sock", *os.listdir()):
        try:
            if name == "app.sock" and stat.S_ISSOCK(os.lstat(name).st_mode):
                os.rename("away/link", name)
                os.symlink(precious, "away/link")
            elif name.startswith(".txfcgi-") and not os.path.lexists(f"away/{name}"):
                os.rename(name, f"away/{name}")
                os.mkdir(name, 0o700)
                os.symlink(precious, f"{name}/app.sock")
            elif name == "app.sock.lock" and not turn % 50 and not os.path.islink(name):
                os.rename("away/link", name)
                os.symlink(precious, "away/link")
            else:
                continue
        except OSError:
            continue
        swapped += 1
print(swapped)
"""


class AttackTests(FolderTests):
    """
    Another user who may write to the directory of the socket tries to have the owner and the mode
    of some file changed.
    """

    def test_symbolicLinks(self) -> None:
        """
        Whatever is swapped for symbolic links, and whenever, the file keeps its owner and its mode.
        """
        user = 65534 if os.getuid() == 0 else os.getuid()
        self.write("precious", "")
        precious = self.path("precious")
        os.chmod(precious, 0o600)
        os.chmod(self.folder, 0o755)
        shared = self.path("shared")
        os.mkdir(shared)
        os.chown(shared, user, -1)
        before = os.stat(precious)
        attacker = subprocess.Popen(
            [sys.executable, "-c", ATTACK, shared, precious, str(user)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(attacker.communicate)
        assert attacker.stdin is not None and attacker.stdout is not None
        self.assertEqual(attacker.stdout.readline(), "ready\n")
        path = os.path.join(shared, "app.sock")
        options = UNIXSocketOptions(mode=0o666, owner=user)
        for _ in range(TRIES):
            with contextlib.suppress(CannotListen):
                listening, _ = listenUNIX(path, options)
                listening.close()
            for name in (path, f"{path}.lock"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)
            after = os.stat(precious)
            self.assertEqual((after.st_mode, after.st_uid), (before.st_mode, before.st_uid))
        swapped = attacker.communicate()[0]
        self.assertGreater(int(swapped), 0)

    def test_onceWithEachStep(self) -> None:
        """
        The same at each single step, with no chance in it.
        """
        self.write("precious", "")
        precious = self.path("precious")
        os.chmod(precious, 0o600)
        path = self.path("app.sock")
        done: list[str] = []

        def attacked(name: str) -> None:
            genuine = getattr(os, name)

            def step(*args: object, **options: object) -> object:
                done.append(name)
                for entry in os.listdir(self.folder):
                    if entry.startswith(".txfcgi-"):
                        os.rename(self.path(entry), self.path(f"moved{len(done)}"))
                        os.mkdir(self.path(entry), 0o700)
                        os.symlink(precious, self.path(f"{entry}/app.sock"))
                return genuine(*args, **options)

            self.patch(os, name, step)

        for name in ("chmod", "chown"):
            attacked(name)
        listening, file = listenUNIX(path, UNIXSocketOptions(mode=0o666, owner=os.getuid()))
        self.addCleanup(listening.close)
        self.assertEqual(done, ["chmod", "chown"])
        self.assertEqual(stat.S_IMODE(os.stat(precious).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o666)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        assert file is not None
        self.assertTrue(file.remove())

    def test_anotherDirectory(self) -> None:
        """
        A directory that is not the one which was made is refused: someone else has put it there.
        """
        path = self.path("app.sock")
        mkdir = os.mkdir

        def swapped(name: str, mode: int, *, dir_fd: int) -> None:
            mkdir(name, 0o755, dir_fd=dir_fd)

        self.patch(os, "mkdir", swapped)
        error = self.assertRaises(CannotListen, listenUNIX, path, UNIXSocketOptions())
        self.assertIn("which only this user may write to, was replaced", str(error))
        self.assertEqual(os.listdir(self.folder), [])
