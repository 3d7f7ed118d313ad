"""
The least that an ASGI application can be. It runs in the interpreters of the peers, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HELLO = b"Hello from the other end, world\n"
HEAD = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(HELLO))]


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
    assert scope["path"] == "/hello"
    await send({"type": "http.response.start", "status": 200, "headers": list(HEAD)})
    await send({"type": "http.response.body", "body": HELLO, "more_body": False})
