"""
A Klein site: sessions, uploads, an answer in pieces, and a page that fails.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from klein import Klein
from twisted.internet.task import deferLater

app = Klein()


@app.route("/hello/<name>")
def hello(request: Any, name: str) -> str:
    """
    Say where this is.
    """
    depth = len(request.sitepath)
    request.setHeader("content-type", "application/json")
    script = b"".join(b"/" + segment for segment in request.prepath[:depth])
    return json.dumps({"script": script.decode(), "path": f"/hello/{name}"})


@app.route("/login", methods=["POST"])
def login(request: Any) -> None:
    """
    Remember who it is.
    """
    request.getSession().who = request.args[b"who"][0]
    request.redirect(b"who")


@app.route("/who")
def who(request: Any) -> Any:
    """
    Say who it is.
    """
    return request.getSession().who + b"\n"


@app.route("/upload", methods=["POST"])
def upload(request: Any) -> str:
    """
    Take a file.
    """
    return hashlib.sha256(request.args[b"file"][0]).hexdigest()


@app.route("/stream")
async def stream(request: Any) -> None:
    """
    Answer in pieces.
    """
    from twisted.internet import reactor

    for number in range(1_000):
        request.write(b"%09d\n" % number)
        if not number % 100:
            await deferLater(reactor, 0)


@app.route("/fail")
def fail(request: Any) -> str:
    """
    Fail.
    """
    raise ValueError("as it has to")
