"""
A Starlette site: sessions, uploads, an answer in pieces, and a page that fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route


async def hello(request: Request) -> Response:
    """
    Say where this is.
    """
    script = request.scope["root_path"]
    return JSONResponse({"script": script, "path": request.scope["path"].removeprefix(script)})


async def login(request: Request) -> Response:
    """
    Remember who it is.
    """
    form = await request.form()
    request.session["who"] = form["who"]
    return RedirectResponse(request.url_for("who"), 303)


async def who(request: Request) -> Response:
    """
    Say who it is.
    """
    return PlainTextResponse(f"{request.session['who']}\n")


async def upload(request: Request) -> Response:
    """
    Take a file.
    """
    digest = hashlib.sha256()
    async with request.form() as form:
        file = form["file"]
        assert isinstance(file, UploadFile)
        while data := await file.read(65_536):
            digest.update(data)
    return PlainTextResponse(digest.hexdigest())


async def stream(request: Request) -> Response:
    """
    Answer in pieces.
    """

    async def pieces() -> AsyncIterator[str]:
        for number in range(1_000):
            yield f"{number:09}\n"

    return StreamingResponse(pieces(), media_type="text/plain")


async def fail(request: Request) -> Response:
    """
    Fail.
    """
    raise ValueError("as it has to")


application = Starlette(
    routes=[
        Route("/hello/{name}", hello),
        Route("/login", login, methods=["POST"]),
        Route("/who", who, name="who"),
        Route("/upload", upload, methods=["POST"]),
        Route("/stream", stream),
        Route("/fail", fail),
    ],
    middleware=[Middleware(SessionMiddleware, secret_key="for these tests")],
)
