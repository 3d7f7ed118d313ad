"""
A twisted.web site: sessions, uploads, a producer, files, a WSGI application inside, and a page that
fails.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from twisted.web.static import File, NoRangeStaticProducer
from twisted.web.wsgi import WSGIResource


class Page(Resource):
    """
    A page that a function makes.
    """

    isLeaf = True

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self.render = make  # type: ignore[method-assign]


def hello(request: Any) -> bytes:
    """
    Say where this is.
    """
    script = b"".join(b"/" + segment for segment in request.sitepath).decode()
    path = request.path.decode()[len(script) :]
    return json.dumps({"script": script, "path": path}).encode()


def login(request: Any) -> bytes:
    """
    Remember who it is.
    """
    request.getSession().who = request.args[b"who"][0]
    request.redirect(b"who")
    return b""


def who(request: Any) -> Any:
    """
    Say who it is.
    """
    return request.getSession().who + b"\n"


def upload(request: Any) -> bytes:
    """
    Take a file.
    """
    return hashlib.sha256(request.args[b"file"][0]).hexdigest().encode()


def stream(request: Any) -> Any:
    """
    Answer as fast as it is taken.
    """
    request.setHeader("content-type", "text/plain")
    body = b"".join(b"%09d\n" % number for number in range(1_000))
    NoRangeStaticProducer(request, BytesIO(body)).start()
    return NOT_DONE_YET


def fail(request: Any) -> bytes:
    """
    Fail.
    """
    raise ValueError("as it has to")


def inside(environ: dict[str, Any], startResponse: Any) -> list[bytes]:
    """
    A WSGI application.
    """
    startResponse("200 OK", [("Content-Type", "text/plain")])
    return [environ["SCRIPT_NAME"].encode("latin-1"), b" ", environ["PATH_INFO"].encode("latin-1")]


root = Resource()
for name, made in (
    ("hello", hello),
    ("login", login),
    ("who", who),
    ("upload", upload),
    ("stream", stream),
    ("fail", fail),
):
    root.putChild(name.encode(), Page(made))
root.putChild(b"files", File("."))
root.putChild(b"wsgi", WSGIResource(reactor, reactor.getThreadPool(), inside))  # type: ignore[attr-defined]
site = Site(root)
