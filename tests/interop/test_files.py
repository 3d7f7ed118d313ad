"""
Files that the web server sends for an app, parts of them, and events that it passes on at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from .client import Browser
from .processes import folder
from .test_paths import LIGHTTPD, NGINX, running
from .webservers import Starter, lighttpd, nginx

CONTENT = bytes(range(256)) * 2_000
ACCEL = NGINX.replace(
    "location /admin/ { deny all; }", "location /internal/ { internal; alias FOLDER/; }"
)
XSENDFILE = LIGHTTPD.replace(
    '"check-local"', '"x-sendfile" => "enable", "x-sendfile-docroot" => ( "FOLDER" ), "check-local"'
)


@contextmanager
def site(start: Starter, conf: str, *arguments: str) -> Iterator[Browser]:
    """
    The app behind a web server, with a file to send.

    @param arguments: What is served in its place, in which C{FOLDER} stands for the file's folder.
    """
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        (place / "a b%.bin").write_bytes(CONTENT)
        before = dict(os.environ)
        stack.callback(os.environ.update, before)
        stack.callback(os.environ.clear)
        os.environ["FILES"] = str(place)
        app = [word.replace("FOLDER", str(place)) for word in arguments]
        app = app or ["--app", "files_app.app"]
        yield stack.enter_context(running(start, conf.replace("FOLDER", str(place)), "fcgi", app))


@pytest.mark.parametrize(
    ("start", "conf", "how"),
    [
        pytest.param(nginx, ACCEL, "accel", id="nginx"),
        pytest.param(lighttpd, XSENDFILE, "plain", id="lighttpd"),
        pytest.param(nginx, NGINX, "here", id="from-here"),
    ],
)
def test_file(start: Starter, conf: str, how: str) -> None:
    """
    A file comes whole and in part, with its type and its length, and not if it has not changed.
    """
    with site(start, conf) as browser:
        target = f"/{how}/a%20b%25.bin"
        answer = browser.fetch("GET", target)
        assert (answer.code, answer.body) == (200, CONTENT)
        assert answer.header("Content-Type") == ["application/octet-stream"]
        assert answer.header("Content-Length") == [str(len(CONTENT))]
        assert not answer.header("X-Sendfile") and not answer.header("X-Accel-Redirect")
        changed = answer.header("Last-Modified")[0]
        answer = browser.fetch("GET", target, [("Range", "bytes=1000-1999")])
        assert (answer.code, answer.body) == (206, CONTENT[1000:2000])
        answer = browser.fetch("GET", target, [("If-Modified-Since", changed)])
        assert (answer.code, answer.body) == (304, b"")
        assert browser.fetch("GET", f"/{how}/nothing").code == 404


@pytest.mark.parametrize(
    ("start", "conf", "style"),
    [
        pytest.param(nginx, ACCEL, "X-Accel-Redirect=/internal/=FOLDER", id="nginx"),
        pytest.param(lighttpd, XSENDFILE, "X-Sendfile", id="lighttpd"),
    ],
)
def test_pathsend(start: Starter, conf: str, style: str) -> None:
    """
    The file that an ASGI application names comes from the web server, whole and in part.
    """
    served = ["--asgi", "files_app:asgi", "--sendfile", style]
    with site(start, conf, *served) as browser:
        answer = browser.fetch("GET", "/any/")
        assert (answer.code, answer.body) == (200, CONTENT)
        assert not answer.header("X-Sendfile") and not answer.header("X-Accel-Redirect")
        answer = browser.fetch("GET", "/any/", [("Range", "bytes=1000-1999")])
        assert (answer.code, answer.body) == (206, CONTENT[1000:2000])


def test_events() -> None:
    """
    nginx passes each event on as it comes, though it collects other answers.
    """
    with site(nginx, NGINX) as browser:
        browser.send("GET", "/events/")
        stream = browser.head()
        assert stream.read(13) == b"data: first\n\n"
        with closing(browser.again()) as other:
            assert other.fetch("GET", "/more/").code == 204
        assert stream.read() == b"data: second\n\n"
