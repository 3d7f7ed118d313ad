"""
Tests of L{txfcgi.server.apps}: what can be an app is told before it is served.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial, wraps
from typing import Any

import pytest
from twisted.web.resource import Resource
from twisted.web.server import Site

from txfcgi import (
    FastCGIServerFactory,
    Request,
    Response,
    SCGIServerFactory,
    TxFCGIError,
    roles,
)
from txfcgi.adapters.wsgi import WSGIApp
from txfcgi.errors import NotAnApp
from txfcgi.server.apps import placeOf


class App:
    """
    An app that is an object.
    """

    def __call__(self, request: Request) -> Response:
        return Response()

    def method(self, request: Request) -> Response:
        """
        An app, too.
        """
        return Response()


class Made:
    """
    A class that is made of one argument.
    """

    def __init__(self, path: str) -> None:
        pass


class Answer(Response):
    """
    An app that is a class: what it makes of a request is the answer.
    """

    __slots__ = ()

    def __init__(self, request: Request) -> None:
        super().__init__()


def nothing() -> Response:
    """
    A function without a parameter.
    """
    return Response()


def wsgi(environ: Any, start: Any) -> list[bytes]:
    """
    A function for something else.
    """
    return []


def generator(request: Request) -> Iterator[bytes]:
    """
    A body, not an app.
    """
    yield b""


async def asyncGenerator(request: Request) -> AsyncIterator[bytes]:
    """
    Another one.
    """
    yield b""


def injecting(app: Callable[..., Any]) -> Callable[..., Any]:
    """
    A decorator that adds an argument to each call.
    """

    @wraps(app)
    def injected(request: Request) -> Any:
        return app(request, None)

    return injected


def defaults(request: Request, second: int = 0, *more: Any, **named: Any) -> Response:
    """
    An app that could take more.
    """
    return Response()


@pytest.mark.parametrize("factory", [FastCGIServerFactory, SCGIServerFactory])
class TestCheck:
    """
    Factories refuse what can't be an app.
    """

    @pytest.mark.parametrize(
        ("app", "message"),
        [
            pytest.param(
                Made, "Made .*not an app, but a class.* as Made", id="class of one argument"
            ),
            pytest.param(WSGIApp, "WSGIApp .*make one, as WSGIApp", id="adapter"),
            pytest.param(5, "5 is not an app.* int objects can't be called", id="number"),
            pytest.param("hello.app", "'hello.app' is not an app.* str objects", id="name"),
            pytest.param(None, "None is not an app", id="none"),
            pytest.param(Site(Resource()), "Site object .* ResourceApp", id="site"),
            pytest.param(Resource(), "Resource object .* --resource", id="resource"),
            pytest.param(App, r"^App .*takes \(\)\. .* make one: App\(\)", id="class"),
            pytest.param(nothing, r"^nothing \(.*test_apps.py, line \d+\) .*\(\)", id="function"),
            pytest.param(wsgi, r"^wsgi .*takes \(environ, .* WSGIApp", id="two-arguments"),
            pytest.param(App().method.__func__, r"takes \(self, request", id="unbound-method"),  # type: ignore[attr-defined]
            pytest.param(lambda *, request: None, r"takes \(\*, request\)", id="keyword-only"),
            pytest.param(generator, "generator .*body can be a generator", id="generator"),
            pytest.param(asyncGenerator, "is not an app, but a generator", id="async-generator"),
        ],
    )
    def test_refused(self, factory: Any, app: Any, message: str) -> None:
        """
        It says what it was given, where that is, and what an app is.
        """
        with pytest.raises(NotAnApp, match=message):
            factory(app)
        with pytest.raises(TypeError, match="an app"):
            factory(app)
        if app is not None:
            with pytest.raises(TxFCGIError, match="an app"):
                roles(responder=app)

    @pytest.mark.parametrize(
        "app",
        [
            pytest.param(App(), id="object"),
            pytest.param(App().method, id="method"),
            pytest.param(Answer, id="class-of-a-request"),
            pytest.param(partial(wsgi, {}), id="partial"),
            pytest.param(injecting(wsgi), id="decorated"),
            pytest.param(defaults, id="more-arguments"),
            pytest.param(lambda *arguments: Response(), id="any-arguments"),
            pytest.param(roles(responder=lambda request: Response()), id="roles"),
            pytest.param(dict.fromkeys, id="built-in"),
            pytest.param(vars, id="no-signature"),
        ],
    )
    def test_taken(self, factory: Any, app: Any) -> None:
        """
        What can be called with a request is taken, and what can't be told.
        """
        assert factory(app).application.app is app


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(nothing, id="function"),
        pytest.param(partial(wsgi, None), id="partial"),
        pytest.param(App(), id="object"),
        pytest.param(App().method, id="method"),
        pytest.param(injecting(wsgi), id="decorated"),
    ],
)
def test_place(app: Any) -> None:
    """
    Where an app is written can be told, of any kind of app.
    """
    assert placeOf(app).startswith(f"{__file__}, line ")


def test_noPlace() -> None:
    """
    What is not written in Python has no place.
    """
    assert placeOf(vars) == placeOf(5) == ""
