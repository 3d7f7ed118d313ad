"""
The scope of an HTTP request (ASGI, HTTP 2.4): what an ASGI application is told of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote_from_bytes

from ..server.request import Request, schemeOf
from ..wire.cgi import headerOfParam, readContentLength
from .lifespan import VERSIONS

# The longest name of a param that is remembered, in bytes.
_NAME: Final = 128
_HTTP_VERSIONS: Final = {
    b"HTTP/1.0": "1.0",
    b"HTTP/1.1": "1.1",
    b"HTTP/2.0": "2",
    b"HTTP/2": "2",
    b"HTTP/3.0": "3",
    b"HTTP/3": "3",
}
# Characters that stand for themselves in a path (RFC 3986, section 3.3).
_PATH: Final = "/!$&'()*+,;=:@-._~"


def scopeOf(request: Request, state: dict[str, Any]) -> dict[str, Any]:
    """
    The scope of a request.

    C{path} has C{root_path} at its beginning, as the specification has it. What carries no HTTP
    header is in C{extensions["txfcgi"]}, as the web server sent it.

    @param state: What the lifespan left for the requests.
    @raise MalformedParams: If the params can't be read.
    @raise NotMounted: If the path is not below the mount of the server.
    """
    raw = request.params.raw
    headers: list[tuple[bytes, bytes]] = []
    others: dict[str, str] = {}
    for name, value in raw:
        header, text = _known(name) if len(name) <= _NAME else _read(name)
        if header is None:
            others[text] = value.decode("utf-8", "surrogateescape")
        elif value or not text:
            headers.append((header, value))
    values = dict(raw)
    if values.get(b"CONTENT_LENGTH"):
        headers = _withLength(headers, values[b"CONTENT_LENGTH"])
    script, info = request.paths.split(values.get)
    path = script + info
    uri = values.get(b"REQUEST_URI")
    rawPath = quote_from_bytes(path, _PATH).encode("ascii") if not uri else uri.partition(b"?")[0]
    return {
        "type": "http",
        "asgi": dict(VERSIONS),
        "http_version": _HTTP_VERSIONS.get(values.get(b"SERVER_PROTOCOL", b""), "1.1"),
        "method": others.get("REQUEST_METHOD", "GET").upper(),
        "scheme": schemeOf(others),
        "path": path.decode("utf-8", "replace"),
        "raw_path": rawPath,
        "query_string": values.get(b"QUERY_STRING", b""),
        "root_path": script.decode("utf-8", "replace"),
        "headers": headers,
        "client": _address(others, "REMOTE_ADDR", "REMOTE_PORT"),
        "server": _address(others, "SERVER_ADDR", "SERVER_PORT")
        or _address(others, "SERVER_NAME", "SERVER_PORT"),
        "state": state.copy(),
        "extensions": {"http.response.pathsend": {}, "txfcgi": others},
    }


def _read(name: bytes) -> tuple[bytes | None, str]:
    """
    What a param is.

    @return: The name of the header that it carries; or L{None}, and its own name as text. That of
        C{CONTENT_TYPE} and C{CONTENT_LENGTH} comes with the header: empty, they carry none.
    """
    header = headerOfParam(name)
    if header is None:
        return None, name.decode("utf-8", "surrogateescape")
    return header.lower(), "" if name.startswith(b"HTTP_") else name.decode("ascii")


_known = lru_cache(maxsize=1024)(_read)


def _withLength(headers: list[tuple[bytes, bytes]], length: bytes) -> list[tuple[bytes, bytes]]:
    """
    Headers without a Content-Length that says nothing.
    """
    if readContentLength(length) is not None:
        return headers
    return [pair for pair in headers if pair[0] != b"content-length"]


def _address(others: dict[str, str], name: str, portName: str) -> tuple[str, int] | None:
    """
    An address, or L{None} if there is none, as where the web server listens on a Unix socket.
    """
    host = others.get(name)
    if not host or host.startswith("unix:"):
        return None
    port = others.get(portName, "")
    return host, int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
