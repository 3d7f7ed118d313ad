"""
Apps for the tests of the kit.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from txfcgi import Request, Response


async def echo(request: Request) -> Response:
    """
    Say what was asked.
    """
    body = await request.stdin.read()
    return Response(200, {"X-Path": request.pathInfo}, request.method.encode() + b" " + body)


class Held:
    """
    An app that answers when it is told to.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.results: list[Deferred[Any]] = []
        self.cancelled: list[str] = []

    def __call__(self, request: Request) -> Deferred[Any]:
        self.requests.append(request)
        result: Deferred[Any] = Deferred(lambda _: self.cancelled.append(request.uri))
        self.results.append(result)
        return result
