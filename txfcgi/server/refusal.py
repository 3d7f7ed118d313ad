"""
Answering a request with an error, without an app.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Literal

from ..errors import CantMultiplex, Overloaded, TxFCGIError, UnknownRole
from ..wire.cgi import Text, formatHead
from ..wire.framing import Buffer
from ..wire.records import ProtocolStatus, Role, Stream
from .channel import ServerWire

# How a Responder's overload is told.
Overload = Literal["http", "protocol"]


def refuse(
    wire: ServerWire,
    requestID: int,
    role: int,
    error: BaseException | None,
    overload: Overload,
    isHead: Callable[[], bool],
) -> list[Buffer]:
    """
    End a request with an error.

    Overload is told to a browser by a 503, for not every web server looks at FCGI_OVERLOADED,
    and HAProxy gives up the connection at it, with all that is on it. An Authorizer's refusal
    has a page whatever the reason, even before its params are complete: lighttpd takes the
    end of a request that has no HTTP status for a yes.

    @param isHead: Whether the answer has no body, as the method is HEAD.
    @return: What to write.
    """
    status = _statusOf(error)
    if status is ProtocolStatus.OVERLOADED and (
        overload == "http" and role == Role.RESPONDER and wire.mayOutput(requestID)
    ):
        status = None
    if not wire.hasStatus:
        status = None
    if status is not None and role != Role.AUTHORIZER:
        return [wire.end(requestID, 0, status)]
    answer = _page(error, isHead)
    if status is None:
        return [wire.respond(requestID, answer, b"", 1)]
    return [*wire.send(requestID, Stream.STDOUT, answer), wire.end(requestID, 0, status)]


def _statusOf(error: BaseException | None) -> ProtocolStatus | None:
    if isinstance(error, CantMultiplex):
        return ProtocolStatus.CANT_MPX_CONN
    if isinstance(error, UnknownRole):
        return ProtocolStatus.UNKNOWN_ROLE
    return ProtocolStatus.OVERLOADED if isinstance(error, Overloaded) else None


def pageOf(error: BaseException | None, isHead: Callable[[], bool]) -> tuple[int, bytes, bool]:
    """
    The HTTP status of a request that failed, the page that says so, and whether it is sent.
    """
    code: int = getattr(error, "code", 500) if isinstance(error, TxFCGIError) else 500
    page = b"%d %s\n" % (code, HTTPStatus(code).phrase.encode("ascii"))
    try:
        return code, page, not isHead()
    except TxFCGIError:
        return code, page, True  # the params that would tell can't be read


def _page(error: BaseException | None, isHead: Callable[[], bool]) -> bytes:
    code, page, isSent = pageOf(error, isHead)
    headers: list[tuple[Text, Text]] = [("Content-Type", "text/plain; charset=utf-8")]
    if isinstance(error, Overloaded) and error.retryAfter is not None:
        headers.append(("Retry-After", str(error.retryAfter)))
    head, _ = formatHead(code, headers, len(page))
    return head + page if isSent else head
