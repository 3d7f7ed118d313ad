"""
The application of the Python peers: as the others, by the request's path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HELLO = b"Hello from the other end, world\n"
BIG = b"x" * (1 << 20)


def countBody(environ: dict[str, Any]) -> int:
    """
    Read the body, and no more than it is long.
    """
    size = 0
    missing = int(environ.get("CONTENT_LENGTH") or 0)
    while size < missing:
        chunk = environ["wsgi.input"].read(min(65536, missing - size))
        if not chunk:
            break
        size += len(chunk)
    return size


def application(environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
    """
    A WSGI application.
    """
    body = HELLO
    if environ["REQUEST_URI"] == "/big":
        body = BIG
    elif environ["REQUEST_URI"] == "/upload":
        body = b"%d\n" % countBody(environ)
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
