"""
What the examples in Klein's documentation show, each in a few routes of one site: routes with
variables and types, static files, answers that come later, templates, an app with a state of its
own, errors, routes below others, and platings.
"""

from __future__ import annotations

import json
import os
from typing import Any

from klein import Klein, Plating
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.web.static import File
from twisted.web.template import Element, XMLString, renderer, slot, tags
from werkzeug.exceptions import NotFound

app = Klein()
FOLDER = os.path.dirname(os.path.abspath(__file__))


@app.route("/")
def home(request: Any) -> str:
    """
    A page.
    """
    return "Hello, world!"


@app.route("/user/<username>")
def user(request: Any, username: str) -> str:
    """
    A variable.
    """
    return f"Hi {username}!"


@app.route("/<float:number>")
@app.route("/<int:number>")
def number(request: Any, number: float) -> str:
    """
    Types.
    """
    return f"{type(number).__name__} {number}"


@app.route("/static/", branch=True)
def static(request: Any) -> File:
    """
    Files.
    """
    return File(FOLDER)


@app.route("/later")
def later(request: Any) -> Deferred[str]:
    """
    An answer that comes later.
    """
    from twisted.internet import reactor

    return deferLater(reactor, 0, lambda: "later")


@app.route("/generator")
@inlineCallbacks
def generator(request: Any) -> Any:
    """
    As a generator.
    """
    from twisted.internet import reactor

    yield deferLater(reactor, 0)
    return "generated"


@app.route("/coroutine")
async def coroutine(request: Any) -> str:
    """
    As a coroutine.
    """
    from twisted.internet import reactor

    await deferLater(reactor, 0)
    return "awaited"


class HelloElement(Element):  # type: ignore[misc, unused-ignore]
    """
    A template.
    """

    loader = XMLString(
        '<h1 xmlns:t="http://twistedmatrix.com/ns/twisted.web.template/0.1" t:render="name"/>'
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    @renderer  # type: ignore[misc, untyped-decorator, unused-ignore]
    def name(self, request: Any, tag: Any) -> Any:
        """
        Fill it.
        """
        return tag("Hello, ", self._name, "!")


@app.route("/template/<name>")
def template(request: Any, name: str) -> HelloElement:
    """
    A page from a template.
    """
    return HelloElement(name)


class ItemStore:
    """
    An app that keeps something.
    """

    app = Klein()

    def __init__(self) -> None:
        self._items: dict[str, Any] = {}

    @app.route("/")
    def items(self, request: Any) -> str:
        """
        All that it has.
        """
        request.setHeader("Content-Type", "application/json")
        return json.dumps(self._items)

    @app.route("/<string:name>", methods=["PUT"])
    def save(self, request: Any, name: str) -> str:
        """
        Keep something.
        """
        self._items[name] = json.load(request.content)
        return json.dumps({"success": True})

    @app.route("/<string:name>", methods=["GET"])
    def get(self, request: Any, name: str) -> str:
        """
        Give it back.
        """
        if name not in self._items:
            raise NotFound
        return json.dumps(self._items[name])

    @app.handle_errors(NotFound)
    def missing(self, request: Any, failure: Any) -> str:
        """
        Nothing is there.
        """
        request.setResponseCode(404)
        return "no such item"


store = ItemStore()


@app.route("/items/", branch=True)
def items(request: Any) -> Any:
    """
    An app below this one.
    """
    return store.app.resource()


with app.subroute("/below") as below:

    @below.route("/lie")
    def lie(request: Any) -> bytes:
        """
        A route below another.
        """
        return b"a lie\n"


plating = Plating(
    tags=tags.html(
        tags.head(tags.title(slot("title"))),
        tags.body(tags.h1(slot("title")), tags.div(slot(Plating.CONTENT))),
    ),
    defaults={"title": "untitled"},
)


@plating.routed(app.route("/food/<name>"), tags.span("It is ", slot("name")))
def food(request: Any, name: str) -> dict[str, str]:
    """
    A page of HTML, or JSON for who asks for that.
    """
    return {"name": name, "title": f"Food: {name}"}


@app.route("/redirect")
def redirect(request: Any) -> None:
    """
    Lead to another page.
    """
    request.redirect(b"user/you")


@app.route("/raises")
def raises(request: Any) -> str:
    """
    Fail.
    """
    raise ZeroDivisionError


@app.handle_errors(ZeroDivisionError)
def divided(request: Any, failure: Any) -> str:
    """
    Say so.
    """
    request.setResponseCode(503)
    return "divided"
