"""
HTTP requests over kept connections, for servers that speak to browsers.
"""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from .model import Settings
from .process import pinned

# What a browser sends, more or less.
REQUEST = (
    b"GET /hello HTTP/1.1\r\nHost: www.example.net\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n"
    b"Accept: text/html,application/xhtml+xml\r\nAccept-Language: en\r\n"
    b"Accept-Encoding: gzip, deflate\r\nCookie: session=0123456789abcdef\r\n\r\n"
)

# Seconds without any answer, after which a server is given up.
_PATIENCE = 30


@dataclass(frozen=True)
class Answer:
    """
    What each request is to be answered with.

    @ivar connections: How many requests there are at once, each on a connection of its own.
    """

    text: str
    times: int
    connections: int

    @property
    def body(self) -> bytes:
        """
        The body.
        """
        return self.text.encode() * self.times

    def arguments(self) -> list[str]:
        """
        For the programs that serve it.
        """
        return ["--answer", self.text, "--times", str(self.times)]


@dataclass
class Found:
    """
    What came of a load.

    @ivar answers: The right answers.
    @ivar errors: The wrong ones.
    @ivar problem: What was wrong with the first.
    @ivar latencies: Of the right ones, in seconds.
    """

    answers: int = 0
    seconds: float = 0.0
    errors: int = 0
    problem: str = ""
    latencies: list[float] = field(default_factory=list)

    def latency(self, part: float) -> float:
        """
        How long so large a part of the answers took at the most, in microseconds.
        """
        ordered = sorted(self.latencies)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)] * 1e6


class Browser:
    """
    A kept connection, with one request under way.
    """

    def __init__(self, port: int, answer: Answer) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        self._body = answer.body
        self._received = bytearray()
        self._length = -1
        self.asked = 0.0
        self.ask()

    def ask(self) -> None:
        """
        Send the request.
        """
        self.asked = time.monotonic()
        self.socket.sendall(REQUEST)

    def receive(self) -> str | None:
        """
        Take what came.

        @return: L{None} if more is to come; else what was wrong with the answer, or nothing.
        """
        data = self.socket.recv(262_144)
        if not data:
            return "the connection was closed"
        self._received += data
        if self._length < 0:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return None
            self._length = end + 4 + len(self._body)
        if len(self._received) < self._length:
            return None
        head, _, body = bytes(self._received).partition(b"\r\n\r\n")
        right = head.startswith(b"HTTP/1.1 200") and body == self._body
        self._received.clear()
        self._length = -1
        return "" if right else f"a wrong answer: {head[:200]!r}"


def load(settings: Settings, port: int, answer: Answer) -> Found:
    """
    Put a server under load.
    """
    found = Found()
    with ExitStack() as stack, pinned(settings.otherCores):
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(answer.connections):
            browser = Browser(port, answer)
            stack.callback(browser.socket.close)
            selector.register(browser.socket, selectors.EVENT_READ, browser)
        start = time.monotonic()
        while not found.errors and (
            found.answers < answer.connections or time.monotonic() - start < settings.seconds
        ):
            # All that is ready is taken, and only then asked for again: the server always has
            # several requests to serve.
            again: list[Browser] = []
            ready = selector.select(_PATIENCE)
            if not ready:
                found.errors += 1
                found.problem = f"no answer came for {_PATIENCE} seconds"
                break
            now = time.monotonic()
            for key, _ in ready:
                said = key.data.receive()
                if said is None:
                    continue
                if said:
                    found.errors += 1
                    found.problem = found.problem or said
                else:
                    found.answers += 1
                    found.latencies.append(now - key.data.asked)
                again.append(key.data)
            for each in again:
                each.ask()
        found.seconds = time.monotonic() - start
    return found
