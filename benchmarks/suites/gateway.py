"""
The gateway beside a static file of twisted.web: what does it add to pass a request on?

Run as a program, this module is the servers that are measured. The back end is the Twisted floor, a
process of its own that is not.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..load import BIG_SIZE, HELLO
from ..model import Column, Contestant, Sample, Sampler, Settings, Suite, Target, Work
from ..process import cpuSeconds, pinned, running
from ..servers.common import listen, serverArguments

STATIC = "twisted.web, static file"
GATEWAY = "txfcgi gateway"
COLUMNS = (Column("cpu", "CPU us", ",.1f"), Column("rate", "answers/s", ",.0f"))

# Whether the C library gives the memory of a large answer back to the system, and has to get it
# anew for the next, hangs on what else lies there. It is to keep it, so that no figure does.
KEEPS_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}

# What a browser sends, more or less.
REQUEST = (
    b"GET /hello HTTP/1.1\r\nHost: www.example.net\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n"
    b"Accept: text/html,application/xhtml+xml\r\nAccept-Language: en\r\n"
    b"Accept-Encoding: gzip, deflate\r\nCookie: session=0123456789abcdef\r\n\r\n"
)


@dataclass(frozen=True)
class Answer:
    """
    What each request is to be answered with.
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


class Browser:
    """
    A kept connection, with one request under way.
    """

    def __init__(self, port: int, answer: Answer) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self._body = answer.body
        self._received = bytearray()
        self._length = -1
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
        right = head.startswith(b"HTTP/1.1 200 OK\r\n") and body == self._body
        self._received.clear()
        self._length = -1
        return "" if right else f"a wrong answer: {head[:200]!r}"


def load(settings: Settings, port: int, answer: Answer) -> tuple[int, float, int, str]:
    """
    Put a server under load.

    @return: How many right answers came, in how many seconds, how many were wrong, and what was
        wrong with the first.
    """
    answers = errors = 0
    problem = ""
    with ExitStack() as stack, pinned(settings.otherCores):
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(answer.connections):
            browser = Browser(port, answer)
            stack.callback(browser.socket.close)
            selector.register(browser.socket, selectors.EVENT_READ, browser)
        start = time.monotonic()
        while not errors and (
            answers < answer.connections or time.monotonic() - start < settings.seconds
        ):
            # All that is ready is taken, and only then asked for again: the server always has
            # several requests to serve.
            again = []
            ready = selector.select(30)
            if not ready:
                return answers, time.monotonic() - start, 1, "no answer came for 30 seconds"
            for key, _ in ready:
                said = key.data.receive()
                if said is None:
                    continue
                if said:
                    errors += 1
                    problem = problem or said
                answers += not said
                again.append(key.data)
            for each in again:
                each.socket.sendall(REQUEST)
        return answers, time.monotonic() - start, errors, problem


def contestant(name: str, answer: Answer) -> Contestant:
    """
    One of the servers below.
    """

    @contextmanager
    def begin(settings: Settings) -> Iterator[Sampler]:
        module = [sys.executable, "-m", "benchmarks.suites.gateway", "{address}"]
        with ExitStack() as stack:
            command = [*module, *answer.arguments()]
            if name == GATEWAY:
                floor = [sys.executable, "-m", "benchmarks.servers.floor", "{address}"]
                other = Settings(
                    folder=settings.folder,
                    peersPython=settings.peersPython,
                    measuredCores=settings.otherCores,
                )
                backend = stack.enter_context(
                    running(other, "the back end", [*floor, *answer.arguments()], {})
                )
                command += ["--backend", str(backend.address)]
            process = stack.enter_context(running(settings, name, command, KEEPS_MEMORY))
            port = int(Path(f"{process.address}.port").read_text("ascii"))

            def sample() -> Sample:
                before = cpuSeconds(process.pid)
                answers, seconds, errors, problem = load(settings, port, answer)
                cpu = cpuSeconds(process.pid) - before
                values = {"cpu": cpu * 1e6 / answers, "rate": answers / seconds} if answers else {}
                return Sample(values, errors, problem)

            yield sample

    return Contestant(name, begin)


def work(name: str, title: str, answer: Answer) -> Work:
    """
    Both, with one size of answers.
    """
    return Work(
        name=name,
        title=title,
        contestants=(contestant(STATIC, answer), contestant(GATEWAY, answer)),
        columns=COLUMNS,
        base=STATIC,
        compared="cpu",
        targets=(Target(GATEWAY, STATIC, 1.8, f"gateway, {title}"),),
    )


SUITE = Suite(
    "gateway",
    (
        work("gateway", "HTTP requests on 16 kept connections", Answer(HELLO, 1, 16)),
        work("gateway-big", "HTTP answers of 1 MiB on 4", Answer("x", BIG_SIZE, 4)),
    ),
)


def main() -> None:
    """
    Serve until the process is ended.
    """
    parser = serverArguments("HTTP, static or passed on.")
    parser.add_argument("--backend")
    options = parser.parse_args()

    from twisted.internet import reactor
    from twisted.internet.protocol import Factory, Protocol
    from twisted.web.server import Site
    from twisted.web.static import File

    from txfcgi.client.client import FastCGIClient
    from txfcgi.client.options import ClientOptions
    from txfcgi.web import FastCGIResource, StreamingSite

    site: Any
    if options.backend is None:
        file = Path(f"{options.socket}.txt")
        file.write_bytes(options.answer.encode() * options.times)
        resource: Any = File(str(file))
        resource.isLeaf = True
        site = Site(resource)
    else:
        client = FastCGIClient(reactor, f"unix:{options.backend}", ClientOptions(maxConnections=16))
        site = StreamingSite(FastCGIResource(client))
    # Browsers come by TCP. The Unix socket says that it listens.
    port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
    Path(f"{options.socket}.port").write_text(str(port.getHost().port), "ascii")
    listen(options.socket, Factory.forProtocol(Protocol))


if __name__ == "__main__":
    main()
