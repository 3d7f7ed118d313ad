"""
The page that a browser gets for an error, if no other is wanted.
"""

from __future__ import annotations

from html import escape
from http import HTTPStatus

from ..server.pages import htmlPage


def plainPage(code: int, errorID: str | None = None) -> tuple[str, bytes]:
    """
    Make it.

    @param code: The HTTP status.
    @param errorID: The id of the error in the log, if the log has one.
    @return: Its media type, and the page.
    """
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = "Error"
    title = f"{code} {phrase}"
    named = "" if errorID is None else f"\n<p>Error <code>{errorID}</code> in the log.</p>"
    page = htmlPage(title, f"<h1>{escape(title)}</h1>{named}")
    return "text/html; charset=utf-8", page
