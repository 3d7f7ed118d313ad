"""
The server: C{python -m tests.load.program PROTOCOL}, where PROTOCOL is C{fastcgi}, C{scgi} or
C{http}. It says on which port it listens, and serves until it is told to stop.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred

from txfcgi import FastCGIServerFactory, Limits, Request, Response, SCGIServerFactory
from txfcgi.client.client import FastCGIClient
from txfcgi.client.options import ClientOptions
from txfcgi.web import GatewayResource, StreamingSite

reactor: Any = globalReactor
PLAIN = {"Content-Type": "text/plain"}

# More than any run has at once.
MANY = 30_000

# What /pour sends.
POURED = 4 << 20


def resident() -> int:
    """
    The memory that this process has now, in bytes.
    """
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Crowded:
    """
    The app.
    """

    factory: Any

    def __call__(self, request: Request) -> Response | Deferred[Response]:
        path = request.path
        if path == "/wait":
            return Deferred()
        if path == "/pour":
            return Response(200, PLAIN, self.pieces())
        if path == "/state":
            state = {
                "connections": self.factory.connections,
                "requests": self.factory.requests,
                "resident": resident(),
            }
            return Response(200, PLAIN, json.dumps(state).encode())
        return Response(200, PLAIN, b"hello")

    def pieces(self) -> Iterator[bytes]:
        """
        A lot.
        """
        for _ in range(POURED >> 16):
            yield bytes(1 << 16)


def main(protocol: str) -> None:
    """
    Serve.
    """
    app = Crowded()
    limits = Limits(connections=MANY, requests=MANY)
    kind = SCGIServerFactory if protocol == "scgi" else FastCGIServerFactory
    app.factory = kind(app, limits)
    port = reactor.listenTCP(0, app.factory, backlog=4096, interface="127.0.0.1")
    if protocol == "http":
        options = ClientOptions(maxConnections=MANY, maxWaiting=MANY)
        client = FastCGIClient(reactor, f"tcp:127.0.0.1:{port.getHost().port}", options)
        site = StreamingSite(GatewayResource(client))
        port = reactor.listenTCP(0, site, backlog=4096, interface="127.0.0.1")
    print(f"listens on {port.getHost().port}.", flush=True)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1])
