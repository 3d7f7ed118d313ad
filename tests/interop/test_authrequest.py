"""
nginx's C{auth_request}, with the files and the app of the documentation: an app decides who may see
the pages of another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ..test_docs import blocksOfPython
from .client import Answer
from .frontends import SOCKET, Site, adapted, backend, responder
from .processes import Workspace, folder

KNOWN = ("Cookie", "session=8f14e45f")

# The app of the page, which fails when a test wants it to.
FAILING = """
def failing(request: Request) -> Response:
    if "failure" in request.cookies:
        raise RuntimeError("a secret of the application")
    return app(request)
"""


@pytest.fixture(scope="module")
def guarded() -> Iterator[Site]:
    """
    nginx, the app that decides, and the application behind both.
    """
    (decides,) = (
        block for block in blocksOfPython(Path("docs/deploy/nginx.rst")) if "SESSIONS" in block
    )
    frontEnd = responder("nginx")
    with ExitStack() as stack:
        workspace, beside = (Workspace(stack.enter_context(folder())) for _ in range(2))
        beside.write("decides.py", decides + FAILING)
        app = ("--app-dir", str(beside.root), "--app", "decides.failing")
        deciding = stack.enter_context(backend(beside, frontEnd.serve, app))
        served = stack.enter_context(backend(workspace, frontEnd.serve))
        changes = {
            SOCKET: served.path,
            "/run/txfcgi/auth.sock": deciding.path,
            "include fastcgi_params": "include /etc/nginx/fastcgi_params",
        }
        block = adapted("nginx-auth.conf", changes)
        settings = {**frontEnd.settings, "    location / {": f"{block}\n    location / {{"}
        both = replace(frontEnd, settings=settings)
        yield stack.enter_context(both.runningFor(workspace, served))


def visit(
    site: Site, *headers: tuple[str, str], target: str = "/private/page", body: bytes | None = None
) -> Answer:
    """
    Ask for a page that is guarded.
    """
    with site.browser() as browser:
        return browser.fetch("GET" if body is None else "POST", target, headers, body)


@pytest.mark.parametrize("body", [None, b"some" * 10_000], ids=["GET", "POST"])
def test_allowed(guarded: Site, body: bytes | None) -> None:
    """
    Who is let in reaches the application, which hears who it is; a body goes only there.
    """
    answer = visit(guarded, KNOWN, body=body)
    assert answer.code == 200
    params = json.loads(answer.body)
    assert ["REMOTE_USER", "alice"] in params
    assert ["CONTENT_LENGTH", "" if body is None else str(len(body))] in params


def test_notAllowed(guarded: Site) -> None:
    """
    Who is not known is asked for a session, and a wrong one is denied.
    """
    answer = visit(guarded)
    assert (answer.code, answer.header("WWW-Authenticate")) == (401, ["Cookie"])
    assert visit(guarded, ("Cookie", "session=0")).code == 403


def test_failure(guarded: Site) -> None:
    """
    Where the app fails, nobody is let in.
    """
    answer = visit(guarded, ("Cookie", "session=8f14e45f; failure=1"))
    assert answer.code == 500
    assert b"secret" not in answer.body and b"alice" not in answer.body


@pytest.mark.parametrize(
    "target",
    ["/private", "/private.html", "/private;/x", "//private/x", "/%70rivate", "/authorize"],
)
def test_spellings(guarded: Site, target: str) -> None:
    """
    No way to write the path leads past the app, and browsers can't ask it themselves.
    """
    assert visit(guarded, target=target).code == (404 if target == "/authorize" else 401)


def test_notGuarded(guarded: Site) -> None:
    """
    Nobody is asked about other pages.
    """
    assert visit(guarded, target="/hello").body == b"hello\n"
