"""
A site in Flask, with routes, a session and a template, of which one page is asked for.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, render_template_string, request, session

application = Flask(__name__)
application.secret_key = "for a benchmark"


@application.get("/")
def index() -> Any:
    """
    A page with a template.
    """
    return render_template_string("<h1>{{ title }}</h1>", title="Index")


@application.get("/items/<int:number>")
def item(number: int) -> Any:
    """
    A page with a number in its path.
    """
    return {"number": number, "seen": session.get("seen", 0)}


@application.get("/hello")
def hello() -> Any:
    """
    The page that is asked for: it looks at a cookie and a header.
    """
    assert request.cookies["session"]
    assert request.headers["User-Agent"]
    return Response("Hello from the other end, world\n", mimetype="text/plain")
