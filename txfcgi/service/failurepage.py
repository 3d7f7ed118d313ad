"""
The pages that a developer sees instead of a response: the traceback of a failed app, and the reason
why an app could not be loaded. Both are for a browser on this machine only (L{txfcgi.web.local}).
They escape all values, mask secrets, and have no scripts.
"""

from __future__ import annotations

from html import escape
from secrets import token_hex
from traceback import TracebackException
from typing import Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import TxFCGIError
from ..masking import masked, maskedURI
from ..server.observing import NO_FAULT
from ..server.pages import HEADERS, PARAMS_STYLE, htmlPage
from ..server.request import Request
from ..web.local import areLocalParams
from ..wire.cgi import formatHead
from ..wire.records import Role

_STYLE: Final = f"""{PARAMS_STYLE}
pre {{ background: #8882; padding: .8em; white-space: pre-wrap; overflow-wrap: anywhere;
font: 13px/1.4 ui-monospace, monospace; }}
p.last {{ font-weight: bold; overflow-wrap: anywhere; }}
"""

_log: Final = Logger()

# Seconds after which the page refreshes itself.
_AGAIN: Final = 2

# The most characters shown of a traceback, and of the value of a param.
_TRACEBACK: Final = 100_000
_VALUE: Final = 2_000


def failurePage(error: BaseException | None, request: Request) -> bytes | None:
    """
    The response to a request on which an app failed, with its head.

    @param error: The exception.
    @param request: The request.

    @return: The response, or L{None} if the browser is not on this machine.
    """
    try:
        return None if error is None else _failurePage(error, request)
    except Exception:
        _log.failure("The page for {request} failed", request=request)
        return None


def _failurePage(error: BaseException, request: Request) -> bytes | None:
    if request.role != Role.RESPONDER or isinstance(error, NO_FAULT):
        return None
    try:
        params = request.params
        isHTML = "text/html" in params.get("HTTP_ACCEPT", "")
    except TxFCGIError:
        return None  # the params can't be read
    if not areLocalParams(params):
        return None
    target = f"{request.method} {maskedURI(request.uri)}"
    last, trace = _described(error)
    shown = [(name, _cut(masked(name, value), _VALUE)) for name, value in sorted(params.items())]
    errorID = token_hex(4)
    _log.info("Error {errorID} is {last} ({target})", errorID=errorID, last=last, target=target)
    title = f"{last} ({target})"
    if isHTML:
        rows = "\n".join(
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in shown
        )
        body = htmlPage(
            title,
            f"<h1>The app failed on <code>{escape(target)}</code></h1>\n"
            f'<p class="last">{escape(last)}</p>\n<pre id="traceback">{escape(trace)}</pre>\n'
            f"<p>Error <code>{errorID}</code> in the log.</p>\n"
            f'<h2>Params</h2>\n<table id="params" class="params">\n{rows}\n</table>',
            _STYLE,
        )
    else:
        lines = [f"The app failed on {target}", "", trace, "", f"Error {errorID} in the log.", ""]
        text = "\n".join([*lines, *(f"{name}={value}" for name, value in shown), ""])
        body = text.encode("utf-8", "backslashreplace")
    kind = "text/html" if isHTML else "text/plain"
    headers = [("Content-Type", f"{kind}; charset=utf-8"), *HEADERS]
    head, _ = formatHead(500, headers, len(body))
    return head if request.isHead() else head + body


def loadPage(why: str) -> bytes:
    """
    The page for an app that can't be loaded. It refreshes itself every few seconds.

    @param why: The reason, with a traceback.
    """
    last = why.rstrip().rpartition("\n")[2]
    body = (
        "<h1>The app can't be loaded</h1>\n"
        f'<p class="last">{escape(last)}</p>\n<pre id="traceback">{escape(_cut(why, _TRACEBACK))}'
        "</pre>\n<p>The app is loaded again when one of its files changes. This page "
        "refreshes itself.</p>"
    )
    return htmlPage("The app can't be loaded", body, _STYLE, _AGAIN)


def _described(error: BaseException) -> tuple[str, str]:
    """
    An error on one line, and its traceback.
    """
    trace = "".join(TracebackException.from_exception(error).format()).rstrip("\n")
    if len(trace) > _TRACEBACK:
        trace = f"...\n{trace[-_TRACEBACK:]}"
    message = Failure(error).getErrorMessage().partition("\n")[0]
    return _cut(f"{type(error).__name__}: {message}".rstrip(": "), _VALUE), trace


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"
