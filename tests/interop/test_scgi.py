"""
What is SCGI's own behind web servers.
"""

from __future__ import annotations

import hashlib
import json

import pytest

from .conftest import parameters
from .frontends import NOT_BUFFERED_OVER_SCGI, OVER_SCGI, Site
from .test_responder import UPLOAD

VERSIONED = [frontEnd for frontEnd in OVER_SCGI if "--lenient" not in frontEnd.serve]
LENIENT = [frontEnd for frontEnd in OVER_SCGI if "--lenient" in frontEnd.serve]


def paramsOf(site: Site) -> list[list[str]]:
    """
    The headers of a request, in their order.
    """
    with site.browser() as browser:
        answer = browser.fetch("POST", "/params", body=b"x" * 1000)
    assert answer.code == 200
    told: list[list[str]] = json.loads(answer.body)
    return told


@pytest.mark.parametrize("site", parameters(VERSIONED), indirect=True)
def test_headers(site: Site) -> None:
    """
    CONTENT_LENGTH comes first, and SCGI is there once (statements 36 and 37).
    """
    params = paramsOf(site)
    assert params[0] == ["CONTENT_LENGTH", "1000"]
    assert [value for name, value in params if name == "SCGI"] == ["1"]


@pytest.mark.parametrize("site", parameters(LENIENT), indirect=True)
def test_headersWithoutVersion(site: Site) -> None:
    """
    An nginx that was told nothing of SCGI says nothing of it.
    """
    params = paramsOf(site)
    assert params[0] == ["CONTENT_LENGTH", "1000"]
    assert "SCGI" not in dict(params)


@pytest.mark.parametrize("site", parameters([NOT_BUFFERED_OVER_SCGI]), indirect=True)
@pytest.mark.parametrize("size", [0, 1, 100_000, len(UPLOAD)])
@pytest.mark.parametrize("chunked", [False, True])
def test_notBuffered(site: Site, size: int, chunked: bool) -> None:
    """
    An nginx that passes an upload on as it comes may tell as its length what it has of it so far
    (before its commit ec714d52b). Whatever it tells is what the app gets, and nobody waits for
    more.
    """
    with site.browser() as browser:
        answer = browser.fetch("POST", "/count", body=UPLOAD[:size], chunked=chunked)
    assert answer.code == 200
    told = json.loads(answer.body)
    assert told["CONTENT_LENGTH"] == str(told["size"])
    assert told["size"] <= size
    assert told["sha256"] == hashlib.sha256(UPLOAD[: told["size"]]).hexdigest()


@pytest.mark.parametrize("site", parameters([NOT_BUFFERED_OVER_SCGI]), indirect=True)
def test_notBufferedAnswers(site: Site) -> None:
    """
    Nothing else is different there.
    """
    with site.browser() as browser:
        assert browser.fetch("GET", "/hello").body == b"hello\n"
        assert len(browser.fetch("GET", "/big").body) == len(UPLOAD)
