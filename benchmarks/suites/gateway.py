"""
The gateway beside a static file of twisted.web: what does it add to pass a request on?

Run as a program, this module is the servers that are measured. The back end is the Twisted floor, a
process of its own that is not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ..browsers import Answer, load
from ..load import BIG_SIZE, HELLO
from ..model import Column, Contestant, Sample, Sampler, Settings, Suite, Target, Work
from ..process import cpuSeconds, running
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
                found = load(settings, port, answer)
                cpu = cpuSeconds(process.pid) - before
                if not found.answers:
                    return Sample({}, found.errors, found.problem)
                rate = found.answers / found.seconds
                values = {"cpu": cpu * 1e6 / found.answers, "rate": rate}
                return Sample(values, found.errors, found.problem)

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
