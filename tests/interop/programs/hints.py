"""
An app that gives early hints before its response.
"""

from __future__ import annotations

from txfcgi import Request, Response

LINK = "</style.css>; rel=preload; as=style"


def app(request: Request) -> Response:
    """
    Give hints, and answer.
    """
    request.sendInterim(103, {"Link": LINK})
    return Response(200, {"Content-Type": "text/plain"}, b"the page")
