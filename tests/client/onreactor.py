"""
A program that installs a reactor, serves an app over a socket, and calls it: C{python -m
tests.client.onreactor asyncioreactor tcp}. Its exit status is 0 when everything was right.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

PIECES = [b"%06d" % number * 10_000 for number in range(100)]


async def stream() -> AsyncIterator[bytes]:
    """
    A body of 6 MB.
    """
    for piece in PIECES:
        yield piece


async def check(reactor: Any, server: str, client: str) -> None:
    """
    Send a body and have it sent back while it is being sent, on a connection that is kept.

    @param client: The description of the client's endpoint, with C{PORT} in the place of the port.
    """
    from twisted.internet.endpoints import serverFromString

    from txfcgi import FastCGIClient, FastCGIServerFactory, Response

    factory = FastCGIServerFactory(lambda request: Response(200, {}, request.stdin))
    port: Any = await serverFromString(reactor, server).listen(factory)
    number = str(getattr(port.getHost(), "port", ""))
    calling = FastCGIClient(reactor, client.replace("PORT", number))
    body = b"".join(PIECES)
    params = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(body))}
    for each in (stream(), body):
        response = await calling.request(params, each)
        assert await response.content() == body
        assert (calling.pool.connections, calling.pool.idle) == (1, 1)
    await calling.close()
    await port.stopListening()


def main(kind: str, transport: str) -> None:
    """
    Run.
    """
    module: Any = import_module(f"twisted.internet.{kind}")
    if kind == "asyncioreactor":
        module.install(asyncio.new_event_loop())
    else:
        module.install()
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    with TemporaryDirectory() as folder:
        server, client = {
            "tcp": ("tcp:0:interface=127.0.0.1", "tcp:127.0.0.1:PORT"),
            "unix": (f"unix:{folder}/app.sock", f"unix:{folder}/app.sock"),
        }[transport]
        react(lambda reactor: Deferred.fromCoroutine(check(reactor, server, client)))


if __name__ == "__main__":
    main(*sys.argv[1:])
