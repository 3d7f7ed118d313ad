"""
An application that decides for a web server who may see what.
"""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from .client import Answer
from .frontends import Site


def visit(
    site: Site, user: str | None, password: str = "sesame", body: bytes | None = None
) -> Answer:
    """
    Ask for a page that is guarded.
    """
    headers = []
    if user is not None:
        credentials = b64encode(f"{user}:{password}".encode()).decode("ascii")
        headers.append(("Authorization", f"Basic {credentials}"))
    with site.browser() as browser:
        return browser.fetch("GET" if body is None else "POST", "/private/page?x=1", headers, body)


@pytest.mark.parametrize("body", [None, b"", b"some" * 10_000], ids=["GET", "empty", "POST"])
def test_allowed(guardedSite: Site, body: bytes | None) -> None:
    """
    Who is let in reaches the application behind, which hears what the Authorizer has found out; the
    web server sends an Authorizer no body, or none that counts.
    """
    answer = visit(guardedSite, "friend", body=body)
    assert answer.code == 200
    assert ["KNOWN_AS", "friend"] in json.loads(answer.body)
    assert answer.header("Variable-KNOWN_AS") == []


def test_notGuarded(guardedSite: Site) -> None:
    """
    Nobody asks about other pages.
    """
    with guardedSite.browser() as browser:
        assert browser.fetch("GET", "/hello").body == b"hello\n"


@pytest.mark.parametrize(
    "target",
    [
        "/private",
        "/private/",
        "/private.html",
        "/private;/x",
        "/private%2Fx",
        "//private/x",
        "/./private/x",
        "/x/../private/x",
        "/%70rivate/x",
        "/private?x",
    ],
)
def test_spellings(guardedSite: Site, target: str) -> None:
    """
    No way to write the path leads past the Authorizer.
    """
    with guardedSite.browser() as browser:
        answer = browser.fetch("GET", target)
    assert answer.code in (401, 404)
    assert b"no such test" not in answer.body  # what the application says


def test_wrongPassword(guardedSite: Site) -> None:
    """
    Who does not know the password stays out, and may try again.
    """
    answer = visit(guardedSite, "friend", "open")
    assert answer.code == 401
    assert answer.header("WWW-Authenticate") != []


def test_noPassword(guardedSite: Site) -> None:
    """
    Who says nothing is asked.
    """
    answer = visit(guardedSite, None)
    assert answer.code == 401
    assert answer.header("WWW-Authenticate") != []


def test_notAuthorized(guardedSite: Site) -> None:
    """
    Who is known may be denied all the same.
    """
    assert visit(guardedSite, "guest").code in (401, 403)


def test_failure(guardedSite: Site) -> None:
    """
    An Authorizer that breaks down lets nobody in, and tells nothing.
    """
    answer = visit(guardedSite, "nuisance")
    assert answer.code in (401, 403, 500)
    assert b"secret" not in answer.body


@pytest.mark.parametrize("user", ["crowd", "stranger"])
def test_refused(guardedSite: Site, user: str) -> None:
    """
    An Authorizer that does not take a request lets nobody in.
    """
    answer = visit(guardedSite, user)
    assert answer.code in (401, 403, 500, 503)
    assert b"KNOWN_AS" not in answer.body and b"SCRIPT_NAME" not in answer.body
