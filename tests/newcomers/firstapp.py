"""
What the command lines of these tests name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from txfcgi import Request, Response


def hello(request: Request) -> Response:
    """
    An app.
    """
    return Response(200, {}, b"hello")


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """
    A WSGI application.
    """
    start_response("200 OK", [])
    return [b"hello"]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """
    An ASGI application.
    """


def make() -> Callable[[Request], Response]:
    """
    What makes an app.
    """
    return hello


number = 42
