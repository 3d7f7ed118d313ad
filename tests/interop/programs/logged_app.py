"""
An app whose answers are of all the kinds that an access log tells apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from txfcgi import Request, Response

TEXT = {"Content-Type": "text/plain"}


def _pieces() -> Iterator[bytes]:
    for _ in range(3):
        yield b"x" * 50_000


async def app(request: Request) -> Response:
    """
    Answer by the path.
    """
    path = request.uri.partition("?")[0]
    if path == "/missing":
        return Response(404, TEXT, b"gone")
    if path == "/moved":
        return Response(302, {"Location": "/elsewhere"}, b"")
    if path == "/pieces":
        # Else nginx counts the lengths of its chunks.
        return Response(200, {**TEXT, "Content-Length": "150000"}, _pieces())
    if path == "/unchanged":
        return Response(304)
    if path == "/failing":
        raise ValueError("no")
    if path == "/echo":
        return Response(200, TEXT, await request.stdin.read())
    return Response(200, TEXT, b"hello")
