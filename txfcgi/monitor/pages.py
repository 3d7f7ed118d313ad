"""
L{StatusResource}: the pages of C{--status}, for people and for programs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.resource import Resource
from twisted.web.server import Request
from zope.interface import implementer

from ..server.pages import HEADERS
from ..web.local import isLocalRequest, isLoopback
from ..web.request import IStreamsBody
from .board import Board
from .openmetrics import MISSING, openMetrics
from .page import statusPage

_TEXT: Final = "text/plain; charset=utf-8"
_HIDDEN: Final = (
    "On a loopback address this page is for this machine only: the Host must be a "
    "loopback address or localhost, and no proxy may be in between.\n"
)

Answer = tuple[int, str, bytes]


# A body is never asked for: twisted.web would store all of it, however long, before it answers.
@implementer(IStreamsBody)
class StatusResource(Resource):
    """
    The status page at C{/}, and C{/status.json}, C{/metrics}, C{/ping}.

    On a loopback address, everything but C{/ping} is for browsers on this machine only: otherwise a
    foreign page could make a browser request it (DNS rebinding), and a web server in front would
    show it to everybody.
    """

    isLeaf = True

    def __init__(self, board: Board) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._board = board
        self._pages: dict[bytes, Callable[[], Answer]] = {
            b"/": self._status,
            b"/status.json": self._json,
            b"/metrics": self._metrics,
            b"/ping": self._ping,
        }

    def render_GET(self, request: Request) -> bytes:
        """
        Answer a request. C{HEAD} is the same without a body.
        """
        path = request.path
        page = self._pages.get(path)
        if page is None:
            names = ", ".join(each.decode() for each in self._pages)
            code, kind, body = 404, _TEXT, f"This server has {names}.\n".encode()
        elif path != b"/ping" and _isOnLoopback(request) and not isLocalRequest(request):
            code, kind, body = 403, _TEXT, _HIDDEN.encode()
        else:
            code, kind, body = page()
        request.setResponseCode(code)
        for name, value in HEADERS:
            request.setHeader(name.encode(), value.encode())
        request.setHeader(b"Content-Type", kind.encode())
        return body

    def _status(self) -> Answer:
        return 200, "text/html; charset=utf-8", statusPage(self._board)

    def _json(self) -> Answer:
        return 200, "application/json", json.dumps(self._board.asJSON()).encode() + b"\n"

    def _metrics(self) -> Answer:
        try:
            kind, body = openMetrics(self._board)
        except ImportError:
            return 501, _TEXT, MISSING.encode()
        return 200, kind, body

    def _ping(self) -> Answer:
        state = self._board.snapshot().state
        if state == "ready":
            return 200, _TEXT, b"pong\n"
        return 503, _TEXT, f"{state}\n".encode()


def _isOnLoopback(request: Request) -> bool:
    host = request.getHost()
    return isinstance(host, (IPv4Address, IPv6Address)) and isLoopback(host.host)
