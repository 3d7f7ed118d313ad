"""
A Flask site: sessions, static links, uploads, an answer in pieces, and a page that fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from flask import Flask, Response, jsonify, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

application = Flask(__name__)
application.secret_key = "for these tests"


@application.get("/hello/<name>")
def hello(name: str) -> Response:
    """
    Say where this is.
    """
    return jsonify(script=request.script_root, path=request.path)


@application.post("/login")
def login() -> AnyResponse:
    """
    Remember who it is.
    """
    session["who"] = request.form["who"]
    return redirect(url_for("who"))


@application.get("/who")
def who() -> str:
    """
    Say who it is.
    """
    return f"{session['who']}\n"


@application.post("/upload")
def upload() -> str:
    """
    Take a file.
    """
    digest = hashlib.sha256()
    stream = request.files["file"].stream
    while data := stream.read(65_536):
        digest.update(data)
    return digest.hexdigest()


@application.get("/stream")
def stream() -> Response:
    """
    Answer in pieces.
    """

    def pieces() -> Iterator[str]:
        for number in range(1_000):
            yield f"{number:09}\n"

    return Response(pieces(), mimetype="text/plain")


@application.get("/fail")
def fail() -> str:
    """
    Fail.
    """
    raise ValueError("as it has to")
