"""
Apps, and bodies, that several tests serve.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from twisted.internet.defer import succeed

from txfcgi import (
    Response,
)

PAGE = {"Content-Type": "text/plain"}


def returning(result: Any) -> Callable[[Any], Any]:
    """
    An app that has this result.
    """
    return lambda request: result


def writing(output: bytes) -> Callable[[Any], Any]:
    """
    An app that writes this.
    """
    return lambda request: request.stdout.write(output)


class Awaited:
    """
    Something that is awaited, and no coroutine.
    """

    def __await__(self) -> Iterator[Any]:
        return succeed(Response(200, PAGE, b"awaited")).__await__()


async def asynchronous(*pieces: bytes) -> AsyncIterator[bytes]:
    """
    A body in pieces that are waited for.
    """
    for piece in pieces:
        await succeed(None)
        yield piece


def synchronous(*pieces: Any) -> Iterator[Any]:
    """
    A body in pieces.
    """
    yield from pieces
