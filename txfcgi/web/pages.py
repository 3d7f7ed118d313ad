"""
The page that a browser gets for an error, if no other is wanted.
"""

from __future__ import annotations

from html import escape
from http import HTTPStatus


def plainPage(code: int) -> tuple[str, bytes]:
    """
    Make it.

    @param code: The HTTP status.
    @return: Its media type, and the page.
    """
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = "Error"
    title = escape(f"{code} {phrase}")
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title></head>\n<body><h1>{title}</h1></body></html>\n"
    )
    return "text/html; charset=utf-8", page.encode()
