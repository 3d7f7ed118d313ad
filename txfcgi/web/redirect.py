"""
Local redirects (RFC 3875, section 6.2.2): a response that only names another path on the same site,
which the gateway serves instead.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote_to_bytes

from twisted.web.http import parse_qs

from ..cgiparams import decodedPath
from ..errors import BadResponse, InvalidPath, RemoteProtocolError
from ..wire.cgi import ResponseHead
from .request import dropBody

# Libraries add these to every response.
_IGNORED: Final = frozenset((b"location", b"content-type", b"content-length"))


def isLocalRedirect(head: ResponseHead) -> bool:
    """
    Whether a response is one: no status, a Location that is a path, and nothing else that would be
    lost.
    """
    if head.explicit or head.code != 302:
        return False
    location = head.get(b"location")
    return (
        location is not None
        and location.startswith(b"/")
        and not location.startswith(b"//")
        and all(name.lower() in _IGNORED for name, _ in head.headers)
    )


def followRedirect(request: Any, head: ResponseHead, most: int) -> None:
    """
    Answer a request with the path that a redirect names, as if the browser had asked for it by GET.

    @param most: How many redirects are followed for one request.
    @raise BadResponse: If there were more, or the Location can't be a path.
    """
    met = getattr(request, "localRedirects", 0) + 1
    if met > most:
        raise BadResponse(
            RemoteProtocolError(f"more than {most} local redirects (RFC 3875, section 6.2.2)")
        )
    request.localRedirects = met
    location = head.get(b"location")
    assert location is not None
    try:
        decodedPath(location.partition(b"?")[0].decode("utf-8", "surrogateescape"))
    except InvalidPath as error:
        raise BadResponse(RemoteProtocolError(f"Location: {error}")) from error
    dropBody(request)
    if request.method != b"HEAD":
        request.method = b"GET"
    for name in (b"Content-Type", b"Content-Length"):
        request.requestHeaders.removeHeader(name)
    request.uri = location.partition(b"#")[0]
    request.path, _, query = request.uri.partition(b"?")
    request.args = parse_qs(query, True)
    request.prepath = []
    request.postpath = [unquote_to_bytes(segment) for segment in request.path[1:].split(b"/")]
    request.render(request.site.getResourceFor(request))
