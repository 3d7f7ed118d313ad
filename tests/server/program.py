"""
A server that runs as a process of its own: C{python -m tests.server.program ENDPOINT}. It says
where it listens, and serves until it is told to stop.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort

from txfcgi import FastCGIServerFactory, Limits, Request, Response

PLAIN = {"Content-Type": "text/plain"}
MIB = 1 << 20

#: The requests that wait for one to C{/go}.
waiting: list[Deferred[None]] = []


def peak() -> int:
    """
    The most memory that this process had resident so far, in bytes.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory(request: Request) -> Response:
    """
    Tell how much memory was used.
    """
    return Response(200, PLAIN, b"%d" % peak())


def go(request: Request) -> Response:
    """
    Let those that wait go on.
    """
    released = len(waiting)
    while waiting:
        waiting.pop().callback(None)
    return Response(200, PLAIN, b"%d" % released)


async def count(request: Request) -> Response:
    """
    Wait, then read the body.
    """
    released: Deferred[None] = Deferred()
    waiting.append(released)
    try:
        await released
    except CancelledError:
        print("count was cancelled", flush=True)
        raise
    size = 0
    async for piece in request.stdin:
        size += len(piece)
    return Response(200, PLAIN, b"%d" % size)


def echo(request: Request) -> Response:
    """
    Send the body back while it comes.
    """
    return Response(200, PLAIN, request.stdin)


def pour(request: Request) -> Response:
    """
    Send as many MiB as asked for.
    """

    def pieces() -> Iterator[bytes]:
        for number in range(int(request.queryString) * 16):
            yield bytes([number & 255]) * (MIB // 16)

    return Response(200, PLAIN, pieces())


def early(request: Request) -> Response:
    """
    Answer without a look at the body.
    """
    return Response(413, PLAIN, b"too much" * 10_000)


APPS = {f"/{app.__name__}": app for app in (memory, go, count, echo, pour, early)}


def main(endpoint: str) -> None:
    """
    Serve on an endpoint.
    """

    def listens(port: IListeningPort) -> None:
        host: Any = port.getHost()
        print(f"listens on {getattr(host, 'port', endpoint)}.", flush=True)

    # Time to take what is still to come of a body, however busy the machine is.
    limits = Limits(lingerTimeout=60)
    factory = FastCGIServerFactory(lambda request: APPS[request.pathInfo](request), limits)
    listening = serverFromString(reactor, endpoint).listen(factory)
    cast("Deferred[IListeningPort]", listening).addCallback(listens)
    cast(Any, reactor).run()


if __name__ == "__main__":
    main(sys.argv[1])
