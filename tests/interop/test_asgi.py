"""
What is ASGI's own, in a FastAPI site behind nginx: a lifespan, work behind an answer, and browsers
that go away; over both protocols.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing

import pytest

from .frontends import responder
from .test_programs import FASTAPI, Served, Visitor, served


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group(f"asgi-{name}"))
        for name in ("nginx", "nginx-scgi")
    ],
)
def program(request: pytest.FixtureRequest) -> Iterator[Served]:
    """
    The site.
    """
    with served(FASTAPI, responder(request.param), "/") as running:
        yield running
        # Nothing of what the browsers did has failed.
        assert "Traceback" not in running.server.output()
        assert running.server.stop(signal.SIGTERM) == 0
        assert running.server.output().count("the site has stopped") == 1


@pytest.fixture
def visitor(program: Served) -> Iterator[Visitor]:
    """
    Somebody who visits it.
    """
    with closing(program.visitor()) as visitor:
        yield visitor


def test_state(visitor: Visitor) -> None:
    """
    What the lifespan has kept is there for the requests.
    """
    assert visitor.visit("GET", "/state").body == b'["by the lifespan"]'


def test_background(visitor: Visitor) -> None:
    """
    Work behind an answer does not hold it up, and goes on after it.
    """
    assert visitor.visit("GET", "/background/work").body == b"answered\n"
    assert visitor.visit("GET", "/set/work").code == 200
    assert visitor.visit("GET", "/wait/work%20is%20done").body == b"it has happened\n"


def test_head(visitor: Visitor) -> None:
    """
    A stream is asked for by HEAD.
    """
    answer = visitor.visit("HEAD", "/stream")
    assert (answer.code, answer.body) == (200, b"")


def test_readerLeaves(program: Served, visitor: Visitor) -> None:
    """
    A stream without end is ended when its reader leaves.
    """
    with closing(program.visitor()) as reader:
        reader.send("GET", "/endless/stream")
        assert reader.head().read(1_000_000) == b"x" * 1_000_000
    assert visitor.visit("GET", "/wait/stream").body == b"it has happened\n"


def test_waiterLeaves(program: Served, visitor: Visitor) -> None:
    """
    An application that looks whether its browser is there hears that it has left.
    """
    with closing(program.visitor()) as waiter:
        waiter.send("GET", "/quiet/waiter")
        assert visitor.visit("GET", "/wait/waiter%20has%20come").code == 200
    assert visitor.visit("GET", "/wait/waiter").body == b"it has happened\n"
