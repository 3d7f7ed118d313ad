"""
Serve an app over SCGI, on TCP or on a Unix socket. It counts the bytes of a request's body.

    python examples/scgi_server.py tcp:9000:interface=127.0.0.1
    python examples/scgi_server.py unix:/tmp/app.sock
"""

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txfcgi import Request, Response, SCGIServerFactory, listen


async def count(request: Request) -> Response:
    size = 0
    async for piece in request.stdin:
        size += len(piece)
    text = f"{request.method} {request.uri}: {size} bytes\n"
    return Response(200, {"Content-Type": "text/plain"}, text.encode())


async def main(reactor: Any, endpoint: str) -> None:
    factory = SCGIServerFactory(count)
    await listen(factory, endpoint, reactor)
    print("Listens on", endpoint, flush=True)
    await Deferred()


if len(sys.argv) != 2:
    sys.exit(__doc__)
react(main, sys.argv[1:])
