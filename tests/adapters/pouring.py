"""
Programs that answer with much, for the tests of what is held when nobody takes it.
"""

from __future__ import annotations

import resource as system
from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet.interfaces import IPullProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

PIECE = b"x" * 65_536


def peak() -> bytes:
    """
    The most memory that this process had resident so far, in bytes.
    """
    return b"%d" % (system.getrusage(system.RUSAGE_SELF).ru_maxrss * 1024)


class Pieces:
    """
    Much, in pieces.
    """

    def __init__(self, number: int) -> None:
        self._left = number

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._left):
            yield PIECE
            self._left -= 1

    def close(self) -> None:
        """
        Say whether anything is left.
        """
        print("closed early" if self._left else "closed", flush=True)


def application(environ: dict[str, Any], startResponse: Any) -> Iterable[bytes]:
    """
    A WSGI application.
    """
    write = startResponse("200 OK", [("Content-Type", "text/plain")])
    path, number = environ["PATH_INFO"], int(environ["QUERY_STRING"] or 0)
    if path == "/memory":
        return [peak()]
    if path == "/write":
        for _ in range(number):
            write(PIECE)
        return []
    return Pieces(number)


@implementer(IPullProducer)
class Producer:
    """
    Much, when it is asked for.
    """

    def __init__(self, request: Any, number: int) -> None:
        self._request = request
        self._left = number

    def resumeProducing(self) -> None:
        """
        Write a piece, or end.
        """
        if self._left:
            self._left -= 1
            self._request.write(PIECE)
        else:
            self._request.unregisterProducer()
            self._request.finish()
            print("closed", flush=True)

    def stopProducing(self) -> None:
        """
        Nobody wants the rest.
        """
        print("closed early", flush=True)


class Pouring(Resource):
    """
    A resource of twisted.web.
    """

    isLeaf = True

    def render_GET(self, request: Any) -> Any:
        """
        Answer.
        """
        if request.path == b"/memory":
            return peak()
        number = int(request.uri.partition(b"?")[2] or 0)
        request.registerProducer(Producer(request, number), False)
        return NOT_DONE_YET
