"""
The crowd: what many clients do to a server, over real sockets.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from tests.service import processes

#: The most memory that a server may keep for one idle connection, in bytes.
IDLE_BYTES = 32_768


class Spoken(NamedTuple):
    """
    A protocol, as a client speaks it.

    @ivar request: A request for a path.
    @ivar answer: Reads a response, and returns its body.
    @ivar keeps: Whether a connection has more than one request.
    @ivar endsByClosing: Whether a client that closes its direction wants no answer any more. Over
        SCGI it may: an app that does not write hears only of a reset.
    """

    request: Callable[[str], bytes]
    answer: Callable[[socket.socket], bytes]
    keeps: bool
    endsByClosing: bool


def _fastcgi(path: str) -> bytes:
    params = {"PATH_INFO": path, "CONTENT_LENGTH": "0", "SERVER_PROTOCOL": "HTTP/1.1"}
    return processes.beginning(params, keep=True) + processes.record(processes.STDIN, b"")


def _scgi(path: str) -> bytes:
    pairs = {"CONTENT_LENGTH": "0", "SCGI": "1", "REQUEST_METHOD": "GET", "PATH_INFO": path}
    block = "".join(f"{name}\0{value}\0" for name, value in pairs.items())
    return f"{len(block)}:{block},".encode()


def _scgiAnswer(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        return stream.read().partition(b"\r\n\r\n")[2]


def _http(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _httpAnswer(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        status = stream.readline()
        assert status.startswith(b"HTTP/1.1 200 "), status
        length = 0
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return stream.read(length)


PROTOCOLS = {
    "fastcgi": Spoken(_fastcgi, processes.answer, True, True),
    "scgi": Spoken(_scgi, _scgiAnswer, False, False),
    "http": Spoken(_http, _httpAnswer, True, True),
}


class Stage(NamedTuple):
    """
    How far a client comes before it vanishes.

    @ivar path: What it asks for.
    @ivar sent: How much of the request it has sent then, from 0 to 1, and one byte less than that
        if it is negative.
    @ivar read: How many bytes of the answer it has read.
    """

    path: str
    sent: float
    read: int


STAGES = {
    "connected": Stage("/hello", 0, 0),
    "begun": Stage("/hello", 0.05, 0),
    "third": Stage("/hello", 0.33, 0),
    "half": Stage("/hello", 0.5, 0),
    "nearlySent": Stage("/hello", 0.99, 0),
    "waiting": Stage("/wait", 1, 0),
    "untaken": Stage("/pour", 1, 0),
    "taking": Stage("/pour", 1, 1000),
    "answered": Stage("/hello", 1, 10),
}


class Crowd:
    """
    Clients of one server.

    @ivar spoken: What they speak.
    """

    def __init__(self, port: int, protocol: str) -> None:
        self._port = port
        self.spoken = PROTOCOLS[protocol]
        self._open: list[socket.socket] = []

    def connect(self) -> socket.socket:
        """
        One more connection.
        """
        connection = socket.create_connection(("127.0.0.1", self._port), processes.PATIENCE)
        self._open.append(connection)
        return connection

    def ask(self, connection: socket.socket, path: str = "/hello") -> bytes:
        """
        Make a request.
        """
        connection.sendall(self.spoken.request(path))
        return self.spoken.answer(connection)

    def state(self) -> dict[str, int]:
        """
        How the server is.
        """
        connection = socket.create_connection(("127.0.0.1", self._port), processes.PATIENCE)
        with connection:
            state: dict[str, int] = json.loads(self.ask(connection, "/state"))
        return state

    def settle(self) -> None:
        """
        Wait until the server has forgotten all requests but the one that asks.
        """
        processes.until(lambda: self.state()["requests"] == 1)

    def close(self) -> None:
        """
        All leave.
        """
        for connection in self._open:
            connection.close()
        self._open.clear()


def idleAndBusy(crowd: Crowd, idle: int, busy: int, rounds: int) -> None:
    """
    Some connections are busy all the time while many are idle; no request is lost, neither of the
    busy ones nor, in the end, of the idle ones, and these take little memory.
    """
    keeps = crowd.spoken.keeps
    before = crowd.state()["resident"]
    waiting = [crowd.connect() for _ in range(idle)]
    if keeps:
        for connection in waiting:
            assert crowd.ask(connection) == b"hello"
    held = crowd.state()["resident"] - before
    assert held < idle * IDLE_BYTES + (8 << 20), f"{held} bytes for {idle} idle connections"
    working = [crowd.connect() for _ in range(busy)]
    for number in range(rounds):
        if number and not keeps:
            for connection in working:
                connection.close()
            working = [crowd.connect() for _ in range(busy)]
        answers = _atOnce(crowd, working)
        assert answers == [b"hello"] * busy
    for connection in waiting:
        assert crowd.ask(connection) == b"hello"
    crowd.settle()


def _atOnce(crowd: Crowd, connections: Sequence[socket.socket]) -> list[bytes]:
    request = crowd.spoken.request("/hello")
    for connection in connections:
        connection.sendall(request)
    return [crowd.spoken.answer(connection) for connection in connections]


def vanish(crowd: Crowd, clients: int, random: Random, atOnce: int = 90) -> None:
    """
    Clients vanish at any stage of a request, some with a proper end of the connection and some
    with a reset; nothing is left of them, and others are served as before.
    """
    ways = [
        (stage, resets)
        for stage in STAGES.values()
        for resets in (False, True)
        if resets or crowd.spoken.endsByClosing or stage.path != "/wait"
    ]
    while clients > 0:
        group = [(crowd.connect(), *random.choice(ways)) for _ in range(min(clients, atOnce))]
        clients -= len(group)
        for connection, stage, _ in group:
            request = crowd.spoken.request(stage.path)
            connection.sendall(request[: int(len(request) * stage.sent)])
        for connection, stage, _ in group:
            if stage.read:
                assert connection.recv(stage.read)
        random.shuffle(group)
        for connection, _, resets in group:
            if resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        crowd.close()
        assert crowd.state()["requests"] <= atOnce + 1
    crowd.settle()


def running(start: Callable[..., Any], protocol: str) -> tuple[Any, Crowd]:
    """
    Start a server.

    @param start: Starts a program.
    @return: It, and a crowd for it.
    """
    program = start("python", "-m", "tests.load.program", protocol)
    program.waitFor("listens on ")
    program.waitFor(".\n")
    port = int(program.said.partition("listens on ")[2].partition(".\n")[0])
    return program, Crowd(port, protocol)
