"""
Asks a resource of twisted.web in memory, and prints what that costs as JSON: C{python -m
benchmarks.clients.resource KIND 1000}.

C{native} is an app of txfcgi's own; C{web} is the resource's L{Request} alone, with headers like
those of a browser, on a channel that does nothing; C{resource} is the resource in a L{ResourceApp}.
C{allowed} is what that may cost: a native request twice, and the other once.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.http_headers import Headers
from twisted.web.server import Site

from txfcgi import FastCGIServerFactory, Request, Response
from txfcgi.adapters.resource import ResourceApp
from txfcgi.server.application import App
from txfcgi.wire.pairs import encodePair
from txfcgi.wire.variables import headerOfParam

from ..params import nginxParams
from ..servers.common import HEADER
from ..servers.web import HELLO, hello

Ask = Callable[[], bool]

PARAMS = [(name.encode(), value.encode()) for name, value in nginxParams("/hello", 0).items()]


def native(request: Request) -> Response:
    """
    An app of one's own.
    """
    assert request.params["REQUEST_URI"]
    return Response(200, {"Content-Type": "text/plain"}, HELLO)


def throughFastCGI(app: App) -> Ask:
    """
    Requests on a kept connection, as bytes.
    """
    block = b"".join(encodePair(*pair) for pair in PARAMS)
    request = b"".join(
        HEADER.pack(1, kind, 1, len(content), 0) + content
        for kind, content in ((1, b"\0\1\1" + bytes(5)), (4, block), (4, b""), (5, b""))
    )
    protocol: Any = FastCGIServerFactory(app, clock=Clock()).buildProtocol(
        IPv4Address("TCP", "127.0.0.1", 9000)
    )
    transport = StringTransport()
    protocol.makeConnection(transport)

    def ask() -> bool:
        protocol.dataReceived(request)
        answer = transport.value()
        transport.clear()
        return answer.count(HELLO) == 1 and b"Status: 200" in answer

    return ask


class Channel:
    """
    What a request takes for its connection.
    """

    def __init__(self, site: Site) -> None:
        self.site = self.factory = site
        self.transport = self
        self.written: list[bytes] = []

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """
        Take the head.
        """
        self.written.append(code)

    def write(self, data: bytes) -> None:
        """
        Take some of the body.
        """
        self.written.append(data)

    def requestDone(self, request: Any) -> None:
        """
        It is complete.
        """

    def getPeer(self) -> IPv4Address:
        """
        The browser.
        """
        return IPv4Address("TCP", "198.51.100.23", 40000)

    getHost = getPeer

    def isSecure(self) -> bool:
        """
        Whether it speaks HTTPS.
        """
        return True


def throughRequest() -> Ask:
    """
    Requests as twisted.web has them when it has read them.
    """
    site = Site(hello)
    names = [(headerOfParam(name), value) for name, value in PARAMS]

    def ask() -> bool:
        channel = Channel(site)
        request: Any = site.requestFactory(channel)
        for name, value in names:
            if name is not None and value:
                request.requestHeaders.addRawHeader(name, value)
        request.gotLength(0)
        request.parseCookies()
        request.requestReceived(b"GET", b"/hello", b"HTTP/2")
        return channel.written == [b"200", HELLO]

    return ask


def _allowed() -> Ask:
    app, web = throughFastCGI(native), throughRequest()
    return lambda: app() and app() and web()


KINDS: dict[str, Callable[[], Ask]] = {
    "native": lambda: throughFastCGI(native),
    "web": throughRequest,
    "resource": lambda: throughFastCGI(ResourceApp(hello)),
    "allowed": _allowed,
}


def main(kind: str, requests: int) -> None:
    """
    Make the requests, and say what they cost.
    """
    ask = KINDS[kind]()
    errors = sum(not ask() for _ in range(100))
    gc.collect()
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(requests):
        errors += not ask()
    spent, cpu = time.perf_counter() - started, time.process_time() - cpu
    values = {"cpu": cpu * 1e6 / requests, "rate": requests / spent}
    problem = f"{errors} answers were wrong" if errors else ""
    print(json.dumps({"values": values, "errors": errors, "problem": problem}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
