"""
An app that leaves its files to the web server, and has a stream of events.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import Deferred

from txfcgi import Event, EventStream, Request, Response, SendFile

FOLDER = os.environ["FILES"]
STYLES = {
    "here": None,
    "accel": SendFile("X-Accel-Redirect", {FOLDER: "/internal/"}),
    "plain": SendFile("X-Sendfile", {FOLDER: ""}),
}
waiting: list[Deferred[None]] = []


async def events() -> AsyncIterator[Event]:
    """
    One event, and another when somebody asks for it.
    """
    yield Event(data="first")
    asked: Deferred[None] = Deferred()
    waiting.append(asked)
    await asked
    yield Event(data="second")


def app(request: Request) -> Any:
    """
    Answer.
    """
    _, how, name = request.path.split("/", 2)
    if how == "events":
        return EventStream(events())
    if how == "more":
        waiting.pop().callback(None)
        return Response(204)
    try:
        return Response.file(name, root=FOLDER, sendFile=STYLES[how])
    except FileNotFoundError:
        return Response(404)


async def asgi(scope, receive, send):
    """
    An ASGI application that names the file.
    """
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    head = {"type": "http.response.start", "status": 200}
    await send({**head, "headers": [(b"content-type", b"application/octet-stream")]})
    path = os.path.join(os.environ["FILES"], "a b%.bin")
    await send({"type": "http.response.pathsend", "path": path})
