"""
A Bottle site: cookies, uploads, an answer in pieces, and a page that fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import bottle

application = bottle.Bottle()


@application.get("/hello/<name>")
def hello(name: str) -> dict[str, str]:
    """
    Say where this is.
    """
    environ = bottle.request.environ
    return {"script": environ["SCRIPT_NAME"].rstrip("/"), "path": bottle.request.path}


@application.post("/login")
def login() -> None:
    """
    Remember who it is.
    """
    bottle.response.set_cookie("who", bottle.request.forms["who"], secret="for these tests")
    bottle.redirect("who")


@application.get("/who")
def who() -> str:
    """
    Say who it is.
    """
    return f"{bottle.request.get_cookie('who', secret='for these tests')}\n"


@application.post("/upload")
def upload() -> str:
    """
    Take a file.
    """
    digest = hashlib.sha256()
    stream: Any = bottle.request.files["file"].file
    while data := stream.read(65_536):
        digest.update(data)
    return digest.hexdigest()


@application.get("/stream")
def stream() -> Iterator[str]:
    """
    Answer in pieces.
    """
    for number in range(1_000):
        yield f"{number:09}\n"


@application.get("/fail")
def fail() -> str:
    """
    Fail.
    """
    raise ValueError("as it has to")
