"""
The frame of every page that is ours: errors, status, tracebacks. It reads well on a phone and in
the dark, has no script, and loads nothing.
"""

from __future__ import annotations

from html import escape
from typing import Final

#: The headers of a page that shows more than an error's name.
HEADERS: Final = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
)

#: The style of a table of params, C{class="params"}: each value beside its name, or below it where
#: the page is narrow.
PARAMS_STYLE: Final = """
.params { border-collapse: collapse; width: 100%; table-layout: fixed; }
.params th, .params td { text-align: left; vertical-align: top; padding: .2em .6em .2em 0;
border-bottom: 1px solid #8885; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace; }
.params th { width: 19em; opacity: .8; }
@media (max-width: 40em) {
.params th, .params td { display: block; width: auto; padding-right: 0; }
.params th { border: 0; padding-bottom: 0; }
.params td { padding: 0 0 .2em 1em; }
}
"""

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 1em auto; max-width: 62em; padding: 0 1em; }
h1 { font-size: 1.4em; overflow-wrap: anywhere; } h2 { font-size: 1.1em; margin-top: 1.5em; }
code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
"""


def htmlPage(title: str, body: str, style: str = "", again: int | None = None) -> bytes:
    """
    Make a page.

    @param title: Its title, as text.
    @param body: Its content, as HTML, with all text escaped.
    @param style: More CSS.
    @param again: Seconds after which a browser reloads it; without it, never.
    """
    refresh = "" if again is None else f'<meta http-equiv="refresh" content="{again}">\n'
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{refresh}<title>{escape(title)}</title><style>{_STYLE}{style}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )
    return page.encode("utf-8", "backslashreplace")
