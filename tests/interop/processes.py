"""
Running other programs for the tests: web servers, and C{twistd fcgi}. They are started in the
foreground and stopped by their process id; nothing here knows what they do.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# How long a program may take to listen, or to go. It only bounds a failing test.
PATIENCE = 60.0

# How often to look whether it is so far.
PAUSE = 0.01

# Where Debian keeps servers, for users whose PATH has no sbin.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def find(program: str, package: str) -> str:
    """
    Find a program that a test needs.

    @param program: its name, or the absolute path of any file that it needs.
    @param package: the Debian package that has it.
    @return: its path.
    @raise AssertionError: when it is not there; says how to install it.
    """
    path = shutil.which(program, path=SEARCH_PATH, mode=os.F_OK)
    assert path is not None, (
        f"{program} is missing, and this test needs it; run: apt-get install --yes {package}"
    )
    return path


def ownHost() -> str:
    """
    A loopback address that only this process uses, so that tests in several processes never meet on
    a port.
    """
    pid = os.getpid()
    return f"127.{64 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"


def freePort() -> int:
    """
    A port that is free on L{ownHost}.
    """
    with socket.socket() as probe:
        probe.bind((ownHost(), 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def folder() -> Iterator[Path]:
    """
    A temporary folder with a short path (that of a Unix socket may have 107 bytes), which other
    users may enter as a web server may run as one.
    """
    path = Path(tempfile.mkdtemp(prefix="txfcgi-"))
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path)


Address = tuple[str, int] | str
"""
Where a program listens: host and port, or the path of a Unix socket.
"""


def connect(address: Address, timeout: float = PATIENCE) -> socket.socket:
    """
    Connect to where a program listens.

    @param timeout: seconds, for connecting and for each later step.
    """
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    connection = socket.socket(family)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def accepts(address: Address) -> bool:
    """
    Does anybody listen there?
    """
    try:
        connect(address).close()
    except OSError as error:
        if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
            return False
        raise
    return True


@dataclass
class Child:
    """
    A program that runs in the foreground.

    @ivar name: what to call it in messages.
    @ivar log: the file that has what it writes to its stdout and stderr.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def output(self) -> str:
        """
        What it has written so far.
        """
        return self.log.read_text("utf-8", "replace")

    def waitUntilAccepting(self, *addresses: Address) -> None:
        """
        Return as soon as it listens on each of these.

        @raise AssertionError: when it ends instead, or takes too long; says what it wrote.
        """
        deadline = time.monotonic() + PATIENCE
        for address in addresses:
            while not accepts(address):
                assert time.monotonic() < deadline, (
                    f"{self.name} does not listen on {address}:\n{self.output()}"
                )
                self.assertRunning(PAUSE)
        self.assertRunning(0)

    def waitUntilSaid(self, text: str) -> None:
        """
        Return as soon as it has written this.

        @raise AssertionError: when it ends without, or takes too long; says what it wrote.
        """
        deadline = time.monotonic() + PATIENCE
        while text not in self.output():
            assert time.monotonic() < deadline, (
                f"{self.name} does not say {text!r}:\n{self.output()}"
            )
            self.assertRunning(PAUSE)

    def assertRunning(self, pause: float) -> None:
        """
        Fail when it ends within C{pause} seconds.
        """
        try:
            status = self.process.wait(pause)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"{self.name} ended with status {status}:\n{self.output()}")

    def stop(self, signalNumber: int = signal.SIGTERM) -> int:
        """
        Ask it to end, and see to it that it does.

        @return: its exit status.
        @raise AssertionError: when it has to be killed.
        """
        self.process.send_signal(signalNumber)
        return self.wait()

    def wait(self) -> int:
        """
        Wait for its end.

        @return: its exit status.
        @raise AssertionError: when it has to be killed.
        """
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end:\n{self.output()}") from None


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    where: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    descriptors: Sequence[int] = (),
) -> Iterator[Child]:
    """
    Run a program, and stop it in the end.

    @param where: the folder for its log.
    @param environment: variables in addition to ours.
    @param directory: where to run it.
    @param descriptors: what to let it inherit.
    """
    log = where / f"{name}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=directory,
            pass_fds=descriptors,
        )
    child = Child(name, process, log)
    try:
        yield child
    finally:
        if process.poll() is None:
            child.stop()


@dataclass(frozen=True)
class Workspace:
    """
    What each started server has to itself.

    @ivar root: a temporary folder.
    """

    root: Path
    host: str = field(default_factory=ownHost)

    @property
    def socket(self) -> str:
        """
        The path of the application's Unix socket.
        """
        return str(self.root / "app.sock")

    def write(self, name: str, text: str) -> Path:
        """
        Write a file into the folder.
        """
        path = self.root / name
        path.write_text(text, "utf-8")
        return path
