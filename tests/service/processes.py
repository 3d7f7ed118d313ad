"""
What the tests of whole programs need: to start one, to read what it says, to be its web server, and
to see it end.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

#: A program that says nothing for so many seconds hangs.
PATIENCE = 60.0

BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT = 1, 2, 3, 4, 5, 6

#: The apps that the programs serve.
SAMPLE = """
from txfcgi import Response

def hello(request):
    return Response(200, {"Content-Type": "text/plain"}, b"hello " + request.params["WHO"].encode())

async def echo(request):
    print("echo has begun", flush=True)
    return Response(200, {"Content-Type": "text/plain"}, await request.stdin.read())

class Site:
    def answer(self, request):
        return hello(request)

site = Site()
number = 42
"""


class Program:
    """
    A program that runs, and what it has said.
    """

    def __init__(self, words: Sequence[str], **options: Any) -> None:
        self._process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
        )
        self.pid = self._process.pid
        self.said = ""

    def _more(self) -> bool:
        """
        Read what the program says next.

        @return: Whether there is anything: not after its end.
        """
        stream = self._process.stdout
        assert stream is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                raise AssertionError(f"nothing more came after: {self.said}")
        data = os.read(stream.fileno(), 65536)
        self.said += data.decode()
        return bool(data)

    def waitFor(self, text: str, count: int = 1) -> None:
        """
        Wait until the program has said this.
        """
        while self.said.count(text) < count:
            if not self._more():
                raise AssertionError(f"the program ended without {text!r}: {self.said}")

    def kill(self, number: int) -> None:
        """
        Send the program a signal.
        """
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """
        Wait for the end of the program, whatever it says.

        @raise subprocess.TimeoutExpired: It still runs.
        """
        return self._process.wait(seconds)

    def end(self) -> int:
        """
        Wait until the program ends.

        @return: Its exit status, negative for a signal.
        """
        while self._more():
            pass
        return self._process.wait(PATIENCE)

    def cleanUp(self) -> None:
        """
        End the program if it still runs.
        """
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class FolderTests(SynchronousTestCase):
    """
    Tests that have a folder each, with a short name: that of a Unix socket may have 107 bytes.
    """

    def setUp(self) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="service-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name: str) -> str:
        """
        The path of something in this test's folder.
        """
        return os.path.join(self.folder, name)

    def write(self, name: str, text: str) -> None:
        """
        Make a file in this test's folder.
        """
        with open(self.path(name), "w") as file:
            file.write(text)


class ProgramTests(FolderTests):
    """
    Tests that start programs, each in its folder.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("sample.py", SAMPLE)
        self.socketPath = self.path("app.sock")

    def start(self, *words: str, env: Mapping[str, str] | None = None, **options: Any) -> Program:
        """
        Start a program in this test's folder.

        @param words: Its command line. C{python} is this one, C{systemd-socket-activate} the
            system's, and other names are looked for beside Python.
        @param env: What to add to the environment.
        """
        command = sys.executable if words[0] == "python" else which(words[0])
        environ = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        program = Program(
            [command, *words[1:]],
            cwd=self.folder,
            env=environ,
            **{"stdin": subprocess.DEVNULL, **options},
        )
        self.addCleanup(program.cleanUp)
        return program

    def connect(self, address: str | tuple[str, int]) -> socket.socket:
        """
        Connect as a web server does.

        @param address: The path of a Unix socket, or host and port.
        """
        if isinstance(address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(connection.close)
        connection.settimeout(PATIENCE)
        connection.connect(address)
        return connection

    def listener(self, family: int, address: Any) -> socket.socket:
        """
        Make a listening socket, as the parent of a program does.
        """
        listening = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(listening.close)
        listening.bind(address)
        listening.listen()
        return listening

    def assertServes(self, address: str | tuple[str, int]) -> None:
        """
        Ask the app C{hello} for its answer, and check it.
        """
        self.assertEqual(ask(self.connect(address), {"WHO": "nginx"}), b"hello nginx")

    def assertEnds(self, program: Program, number: int = signal.SIGTERM) -> None:
        """
        End a program by a signal: its exit status has to be 0.
        """
        program.kill(number)
        self.assertEqual(program.end(), 0, program.said)


def which(name: str) -> str:
    """
    Find a command that is installed beside this Python.
    """
    if name == "systemd-socket-activate":
        found = shutil.which(name)
        if found is None:
            raise AssertionError(f"there is no {name}: apt-get install systemd")
        return found
    found = shutil.which(name, path=os.path.dirname(sys.executable))
    if found is None:
        raise AssertionError(f"there is no {name} beside {sys.executable}: pip install -e .")
    return found


def until(condition: Any) -> None:
    """
    Wait for something outside this process that can only be looked at.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen")
        time.sleep(0.01)


def record(kind: int, content: bytes) -> bytes:
    """
    A FastCGI record of request 1.
    """
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def beginning(params: Mapping[str, str], keep: bool = False) -> bytes:
    """
    The records of a Responder request, up to its body.
    """
    pairs = b"".join(
        bytes([len(name), len(value)]) + name.encode() + value.encode()
        for name, value in {"REQUEST_METHOD": "GET", **params}.items()
    )
    return (
        record(BEGIN_REQUEST, struct.pack(">HB5x", 1, keep))
        + record(PARAMS, pairs)
        + record(PARAMS, b"")
    )


def answer(connection: socket.socket) -> bytes:
    """
    Read a response.

    @return: Its body.
    """
    output = b""
    with connection.makefile("rb") as stream:
        while True:
            header = stream.read(8)
            if len(header) < 8:
                raise AssertionError(f"the connection was closed after {output!r}")
            _, kind, _, length, padding = struct.unpack(">BBHHBx", header)
            content = stream.read(length + padding)[:length]
            if kind == STDOUT:
                output += content
            elif kind == END_REQUEST:
                return output.partition(b"\r\n\r\n")[2]


def ask(connection: socket.socket, params: Mapping[str, str], keep: bool = False) -> bytes:
    """
    Make a request without a body.

    @return: The body of the response.
    """
    connection.sendall(beginning(params, keep) + record(STDIN, b""))
    return answer(connection)
