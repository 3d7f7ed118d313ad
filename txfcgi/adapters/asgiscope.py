"""
The scope of an HTTP request (ASGI, HTTP 2.4): what an ASGI application is told of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_from_bytes

from ..server.request import Request, schemeOf
from ..wire.variables import ParamNames, readContentLength
from .lifespan import VERSIONS
from .mounthint import MountHint

_HTTP_VERSIONS: Final = {
    "HTTP/1.0": "1.0",
    "HTTP/1.1": "1.1",
    "HTTP/2.0": "2",
    "HTTP/2": "2",
    "HTTP/3.0": "3",
    "HTTP/3": "3",
}
# Characters that stand for themselves in a path (RFC 3986, section 3.3).
_PATH: Final = "/!$&'()*+,;=:@-._~"


class Scopes:
    """
    Makes the scopes of an application's requests.
    """

    def __init__(self, name: str) -> None:
        """
        @param name: What the application is called in messages.
        """
        self._names = ParamNames()
        self._hint = MountHint(name)

    def scopeOf(self, request: Request, state: dict[str, Any]) -> dict[str, Any]:
        """
        The scope of a request.

        C{path} has C{root_path} at its beginning, as the specification has it. What carries no HTTP
        header is in C{extensions["txfcgi"]}, as the web server sent it.

        @param state: What the lifespan left for the requests.
        @raise MalformedParams: If the params can't be read.
        @raise NotMounted: If the path is not below the mount of the server.
        """
        headers, others = request.params.divide(self._names)
        _addContent(headers, others)
        paths = request.paths
        if paths.asSent:
            self._hint.look(others)
            root = others.get("SCRIPT_NAME", "")
            path = root + others.get("PATH_INFO", "")
        else:
            script, info = paths.split(request.params.find)
            root, path = _text(script), _text(script + info)
        uri = others.get("REQUEST_URI")
        return {
            "type": "http",
            "asgi": VERSIONS.copy(),
            "http_version": _HTTP_VERSIONS.get(others.get("SERVER_PROTOCOL", ""), "1.1"),
            "method": others.get("REQUEST_METHOD", "GET").upper(),
            "scheme": schemeOf(others),
            "path": path if path.isascii() else _replaced(path),
            "raw_path": _bytes(uri.partition("?")[0]) if uri else _quoted(path),
            "query_string": _bytes(others.get("QUERY_STRING", "")),
            "root_path": root if root.isascii() else _replaced(root),
            "headers": headers,
            "client": _address(others, "REMOTE_ADDR", "REMOTE_PORT"),
            "server": _address(others, "SERVER_ADDR", "SERVER_PORT")
            or _address(others, "SERVER_NAME", "SERVER_PORT"),
            "state": state.copy(),
            "extensions": {"http.response.pathsend": {}, "txfcgi": others},
        }


def _addContent(headers: list[tuple[bytes, bytes]], others: dict[str, str]) -> None:
    """
    Take the two headers of a body to the others, if they say something.
    """
    contentType = others.pop("CONTENT_TYPE", "")
    if contentType:
        headers.append((b"content-type", _bytes(contentType)))
    length = others.pop("CONTENT_LENGTH", "")
    if length and readContentLength(_bytes(length)) is not None:
        headers.append((b"content-length", _bytes(length)))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _replaced(text: str) -> str:
    """
    Text with a sign for each byte that was not UTF-8.
    """
    return _bytes(text).decode("utf-8", "replace")


def _quoted(path: str) -> bytes:
    return quote_from_bytes(_bytes(path), _PATH).encode("ascii")


def _address(others: Mapping[str, str], name: str, portName: str) -> tuple[str, int] | None:
    """
    An address, or L{None} if there is none, as where the web server listens on a Unix socket.
    """
    host = others.get(name)
    if not host or host.startswith("unix:"):
        return None
    port = others.get(portName, "")
    return host, int(port) if port.isdecimal() and len(port) <= 5 else 0
