"""
The least that a resource of twisted.web can be.
"""

from __future__ import annotations

from twisted.web.resource import Resource
from twisted.web.server import Request

HELLO = b"Hello from the other end, world\n"


class Hello(Resource):
    """
    A page.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        """
        Answer.
        """
        request.setHeader(b"content-type", b"text/plain")
        return HELLO


hello = Hello()  # type: ignore[no-untyped-call]
