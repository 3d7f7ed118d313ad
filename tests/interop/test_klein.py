"""
Klein's examples, behind nginx: what its documentation shows works over FastCGI, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from .frontends import responder
from .test_programs import PLACE, Program, Visitor, served

EXAMPLES = Program("klein-examples", "--resource=klein_examples.app.resource")


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    """
    Somebody who visits them.
    """
    with (
        served(EXAMPLES, responder("nginx-tcp"), "/shop") as running,
        closing(running.visitor()) as found,
    ):
        yield found


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        pytest.param("/", 200, "Hello, world!", id="hello"),
        pytest.param("/user/a%20b", 200, "Hi a b!", id="variable"),
        pytest.param("/3", 200, "int 3", id="int"),
        pytest.param("/3.5", 200, "float 3.5", id="float"),
        pytest.param("/later", 200, "later", id="deferred"),
        pytest.param("/generator", 200, "generated", id="inline-callbacks"),
        pytest.param("/coroutine", 200, "awaited", id="coroutine"),
        pytest.param("/template/%3Cyou%3E", 200, "<h1>Hello, &lt;you&gt;!</h1>", id="template"),
        pytest.param("/below/lie", 200, "a lie\n", id="subroute"),
        pytest.param("/food/bread", 200, "<h1>Food: bread</h1>", id="plating"),
        pytest.param("/raises", 503, "divided", id="errors"),
        pytest.param("/nothing", 404, "Not Found", id="nothing"),
    ],
)
def test_page(visitor: Visitor, path: str, code: int, said: str) -> None:
    """
    A page says what it should.
    """
    answer = visitor.visit("GET", path)
    assert answer.code == code
    assert said in answer.body.decode()


def test_static(visitor: Visitor) -> None:
    """
    A branch of files: one of them, and a part of it.
    """
    content = (PLACE / "klein_site.py").read_bytes()
    assert visitor.visit("GET", "/static/klein_site.py").body == content
    answer = visitor.fetch("GET", "/shop/static/klein_site.py", [("Range", "bytes=10-19")])
    assert (answer.code, answer.body) == (206, content[10:20])


def test_redirect(visitor: Visitor) -> None:
    """
    A redirect leads to a page of the site.
    """
    answer = visitor.visit("GET", "/redirect")
    assert answer.code == 302
    assert answer.header("Location")[0].endswith("user/you")


def test_state(visitor: Visitor) -> None:
    """
    An app with a state of its own, below another one.
    """
    assert visitor.visit("GET", "/items/bread").code == 404
    assert visitor.visit("PUT", "/items/bread", b'{"price": 3}').code == 200
    assert json.loads(visitor.visit("GET", "/items/bread").body) == {"price": 3}
    answer = visitor.visit("GET", "/items/")
    assert answer.header("Content-Type") == ["application/json"]
    assert json.loads(answer.body) == {"bread": {"price": 3}}


def test_json(visitor: Visitor) -> None:
    """
    A plating answers with JSON who asks for it.
    """
    answer = visitor.visit("GET", "/food/bread?json=1")
    assert json.loads(answer.body) == {"name": "bread", "title": "Food: bread"}
