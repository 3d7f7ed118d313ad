"""
Each web server is started once for all tests of a process that need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import pytest

from .client import Browser, RemoteControl
from .frontends import AUTHORIZERS, RESPONDERS, FrontEnd, Site
from .processes import folder


def parameters(frontEnds: Iterable[FrontEnd]) -> list[Any]:
    """
    Parameters for a test of each front end. With C{--dist loadgroup} all tests of one run in the
    same process.
    """
    return [
        pytest.param(frontEnd, id=frontEnd.name, marks=pytest.mark.xdist_group(frontEnd.name))
        for frontEnd in frontEnds
    ]


@pytest.fixture(scope="session", params=parameters(RESPONDERS))
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """
    A web server with our application behind it, each one in turn.
    """
    with request.param.running() as running:
        yield running


@pytest.fixture(scope="session", params=parameters(AUTHORIZERS))
def guardedSite(request: pytest.FixtureRequest) -> Iterator[Site]:
    """
    A web server that asks our application who may see C{/private/}.
    """
    with request.param.running() as running:
        yield running


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    """
    A connection to L{site}.
    """
    with site.browser() as connection:
        yield connection


@pytest.fixture
def other(site: Site) -> Iterator[Browser]:
    """
    A second connection to L{site}, for what has to happen while a request is under way.
    """
    with site.browser() as connection:
        yield connection


@pytest.fixture
def remote() -> Iterator[RemoteControl]:
    """
    Says to a request what to do.
    """
    with folder() as path, closing(RemoteControl(path)) as control:
        yield control
