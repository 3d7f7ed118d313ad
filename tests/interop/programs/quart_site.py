"""
A Quart site: sessions, uploads, an answer in pieces, and a page that fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from quart import Quart, Response, jsonify, redirect, request, session, url_for

application = Quart(__name__)
application.secret_key = "for these tests"
application.config["MAX_CONTENT_LENGTH"] = 64 * 1024 * 1024


@application.get("/hello/<name>")
async def hello(name: str) -> Response:
    """
    Say where this is.
    """
    return jsonify(script=request.root_path, path=request.path)


@application.post("/login")
async def login() -> Any:
    """
    Remember who it is.
    """
    session["who"] = (await request.form)["who"]
    return redirect(url_for("who"))


@application.get("/who")
async def who() -> str:
    """
    Say who it is.
    """
    return f"{session['who']}\n"


@application.post("/upload")
async def upload() -> str:
    """
    Take a file.
    """
    digest = hashlib.sha256()
    stream = (await request.files)["file"].stream
    while data := stream.read(65_536):
        digest.update(data)
    return digest.hexdigest()


@application.get("/stream")
async def stream() -> Response:
    """
    Answer in pieces.
    """

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(1_000):
            yield b"%09d\n" % number

    return Response(pieces(), mimetype="text/plain")


@application.get("/fail")
async def fail() -> str:
    """
    Fail.
    """
    raise ValueError("as it has to")
