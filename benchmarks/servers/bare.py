"""
The least that a WSGI application can be. It runs in the interpreters of the peers, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HELLO = b"Hello from the other end, world\n"
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(HELLO)))]


def application(environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
    """
    A WSGI application.
    """
    assert environ["PATH_INFO"] == "/hello"
    start("200 OK", list(HEADERS))
    return [HELLO]
