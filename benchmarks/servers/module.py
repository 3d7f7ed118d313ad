"""
An app for servers that are given one by name.
"""

from __future__ import annotations

from txfcgi import Request, Response

from ..load import HELLO

_BODY = HELLO.encode()


def app(request: Request) -> Response:
    """
    Read one param.
    """
    assert request.params["REQUEST_URI"]
    return Response(200, {"Content-Type": "text/plain"}, _BODY)
