"""
An app on txfcgi's own server: what every back end of the tests can do, in all roles.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from txfcgi import (
    Allow,
    AuthorizerRequest,
    Deny,
    FilterRequest,
    ResponderRequest,
    Response,
    roles,
)

TEXT = {"Content-Type": "text/plain"}


async def big() -> AsyncIterator[bytes]:
    """
    20 MiB.
    """
    for start in range(0, 20 * 1024 * 1024 // 16, 4096):
        yield b"".join(b"%015d\n" % number for number in range(start, start + 4096))


async def responder(request: ResponderRequest) -> Response | int:
    """
    Answer by the query string.
    """
    action = request.queryString
    if action == "count":
        digest = hashlib.sha256()
        async for piece in request.stdin:
            digest.update(piece)
        return Response(200, TEXT, digest.hexdigest().encode("ascii") + b"\n")
    if action == "big":
        return Response(200, TEXT, big())
    if action == "echo":
        return Response(200, TEXT, request.stdin)
    if action == "stderr":
        request.stderr.write(b"something to say")
        return Response(200, TEXT, b"said\n")
    if action == "exit":
        request.stdout.write(b"Content-Type: text/plain\r\n\r\ngone\n")
        return 7
    return Response(200, TEXT, b"hello\n")


async def authorizer(request: AuthorizerRequest) -> Allow | Deny:
    """
    Let one user in.
    """
    if request.params.get("REMOTE_USER") == "me":
        return Allow({"KNOWN_AS": "me myself"})
    return Deny(Response(403, TEXT, b"not you\n"))


async def filterer(request: FilterRequest) -> Response:
    """
    The file in capitals, and what is known of it.
    """
    body = await request.stdin.read()
    data = await request.data.read()
    head = f"{request.dataLength} {len(body)} "
    return Response(200, TEXT, head.encode("ascii") + data.upper())


app = roles(responder=responder, authorizer=authorizer, filter=filterer)
