"""
The application of the peers that take ASGI: as C{wsgi.py}.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

# Found beside this one, which may run in an interpreter that does not have this package.
bodies = import_module(f"{__package__}.wsgi" if __package__ else "wsgi")

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def countBody(receive: Receive) -> int:
    """
    Read the body.
    """
    size = 0
    more = True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return size


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """
    An ASGI application.
    """
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    body = bodies.HELLO
    if scope["path"] == "/big":
        body = bodies.BIG
    elif scope["path"] == "/upload":
        body = b"%d\n" % await countBody(receive)
    head = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": False})
