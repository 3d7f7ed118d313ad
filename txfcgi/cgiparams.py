"""
Params for a request (RFC 3875, section 4.1), made of its method, URI and headers; and the params
that php-fpm needs in addition.

The headers that a browser sends become C{HTTP_*}, CONTENT_TYPE and CONTENT_LENGTH only, so none can
set PHP_VALUE or SCRIPT_FILENAME.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import signature
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from twisted.web.http_headers import Headers

from .errors import InvalidParam, InvalidPath
from .wire.variables import paramOfHeader

Text = str | bytes
AnyHeaders = Headers | Mapping[str, str] | Iterable[tuple[Text, Text]]

_token: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_host: Final = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:]*)(?::([0-9]*))?").fullmatch
_control: Final = re.compile(r"[\x00-\x1f\x7f]").search
_lineEnd: Final = re.compile(r"[\r\n\x00]").search
_badPercent: Final = re.compile("%(?![0-9A-Fa-f]{2})").search

# What is meant by names that are not arguments of cgiParams.
_MEANT: Final = {
    "body": "the body is an argument of request(params, body)",
    "cookies": "cookies are headers, as headers={'Cookie': 'a=b'}",
    "host": "the host is a header, as headers={'Host': 'example.org'}, or serverName=",
    "path": "the path is part of the URI, as in cgiParams('GET', '/a?x=1')",
    "query": "the query is part of the URI, as in cgiParams('GET', '/a?x=1')",
    "querystring": "the query is part of the URI, as in cgiParams('GET', '/a?x=1')",
}


def headerParams(headers: AnyHeaders) -> dict[str, str]:
    """
    Make the params that carry HTTP headers. Left out are Proxy (CVE-2016-5385); Redirect-Status,
    which PHP could take for REDIRECT_STATUS (CVE-2024-8927); and names with characters other than
    letters, digits and hyphens, two of which could become one param.

    Several headers of one name are joined with a comma; cookies with a semicolon.

    @raise InvalidParam: If a value has CR, LF or NUL in it.
    """
    if isinstance(headers, Headers):
        pairs: Iterable[tuple[Text, Text]] = (
            (name, value) for name, values in headers.getAllRawHeaders() for value in values
        )
    elif isinstance(headers, Mapping):
        pairs = headers.items()
    else:
        pairs = _checkedPairs(headers)
    params: dict[str, str] = {}
    for name, value in pairs:
        param = paramOfHeader(
            name.encode("latin-1", "replace") if isinstance(name, str) else _checkedBytes(name)
        )
        if param is None or param == b"HTTP_REDIRECT_STATUS":
            continue
        key = param.decode("ascii")
        text = (
            value
            if isinstance(value, str)
            else _checkedBytes(value, key).decode("utf-8", "surrogateescape")
        )
        if _lineEnd(text):
            raise InvalidParam(_lineEndIn(f"the header {param.decode('ascii')}", text))
        if key in params:
            text = params[key] + ("; " if key == "HTTP_COOKIE" else ", ") + text
        params[key] = text
    return params


def _checkedPairs(headers: object) -> Iterable[tuple[Text, Text]]:
    """
    @raise InvalidParam: If they are not pairs. Their values, which may be secrets, are not shown.
    """
    if isinstance(headers, Iterable) and not isinstance(headers, (str, bytes)):
        for pair in headers:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise InvalidParam(
                    f"a header is a pair of a name and a value, not {type(pair).__name__}"
                )
            yield pair[0], pair[1]
        return
    raise InvalidParam(
        "the headers are a mapping, such as {'Accept': '*/*'}, or pairs of names and values, not "
        f"{type(headers).__name__}"
    )


def _checkedBytes(value: object, name: str = "") -> bytes:
    """
    @param name: The param that it is the value of; without it, it is the name of a header.
    @raise InvalidParam: If it is not bytes.
    """
    if isinstance(value, bytes):
        return value
    what = f"the value of the header for {name}" if name else "the name of a header"
    raise InvalidParam(f"{what} is str or bytes, not {type(value).__name__}")


def _checkedURI(uri: object) -> None:
    """
    @raise InvalidPath: If it is not text.
    """
    if not isinstance(uri, str):
        raise InvalidPath(f"the URI is a str, not {type(uri).__name__}: {uri!r:.200}")


def _notArgument(name: str) -> InvalidParam:
    """
    @param name: The name of an argument that L{cgiParams} does not have. It is taken for that of a
        param, and a param has its name in capitals.
    """
    hint = _MEANT.get(name.lower())
    if hint is None:
        known = {each.lower(): each for each in signature(cgiParams).parameters if each != "more"}
        close = get_close_matches(name.replace("_", "").lower(), known, 1)
        hint = f"did you mean {known[close[0]]}=?" if close else ""
    return InvalidParam(
        f"{name}= is not an argument, and not a param, whose name is in capitals"
        + (f": {hint}" if hint else "")
    )


def cgiParams(
    method: str = "GET",
    uri: str = "/",
    *,
    headers: AnyHeaders = (),
    scriptName: str | None = None,
    pathInfo: str | None = None,
    scriptFilename: str | None = None,
    documentRoot: str | None = None,
    scheme: str = "http",
    serverName: str | None = None,
    serverPort: int | None = None,
    serverAddress: str = "127.0.0.1",
    serverProtocol: str = "HTTP/1.1",
    serverSoftware: str = "txfcgi",
    remoteAddress: str = "127.0.0.1",
    remotePort: int = 0,
    remoteUser: str | None = None,
    authType: str | None = None,
    **more: str,
) -> dict[str, str]:
    """
    Make the params of a request (RFC 3875, section 4.1).

    @param uri: Path and query as they stand in an HTTP request, percent-encoded.
    @param scriptName: SCRIPT_NAME; without it, the decoded path.
    @param pathInfo: PATH_INFO, or L{None} to leave it out.
    @param serverName: SERVER_NAME; without it, the host of the Host header.
    @param serverPort: SERVER_PORT; without it, the port of the Host header, or the default port of
        the scheme.
    @param more: Any other params, by name. They replace those that are made here.
    @return: The params, by name.
    @raise InvalidPath: If the URI is not text, or does not begin with a slash, the path has control
        characters in it, or the query has CR, LF or NUL in it.
    @raise InvalidParam: If the method or the scheme is not a valid one, a header is not text or
        bytes, or has CR, LF or NUL in it, or C{more} has a name that begins with a small letter.
    """
    _checkedURI(uri)
    if scheme not in ("http", "https"):
        raise InvalidParam(f"the scheme {scheme!r:.80} is neither 'http' nor 'https'")
    if not uri.startswith("/") and uri != "*":
        raise InvalidPath(
            f"the URI {uri!r:.200} does not begin with a slash: give path and query as in a "
            "request, such as '/index.php?page=1', and the host as serverName="
        )
    path, _, query = uri.partition("?")
    params = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": method,
        "REQUEST_URI": uri,
        "SCRIPT_NAME": decodedPath(path) if scriptName is None else scriptName,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": serverProtocol,
        "SERVER_SOFTWARE": serverSoftware,
        "SERVER_ADDR": serverAddress,
        "REMOTE_ADDR": remoteAddress,
        "REMOTE_PORT": str(remotePort),
        "REQUEST_SCHEME": scheme,
    }
    if headers:
        params |= headerParams(headers)
    host, port = _splitHost(more.get("HTTP_HOST") or params.get("HTTP_HOST", "localhost"))
    params["SERVER_NAME"] = host if serverName is None else serverName
    usual = "443" if scheme == "https" else "80"
    params["SERVER_PORT"] = (port or usual) if serverPort is None else str(serverPort)
    if pathInfo is not None:
        params["PATH_INFO"] = pathInfo
        if documentRoot is not None:
            params["PATH_TRANSLATED"] = documentRoot + pathInfo
    if scriptFilename is not None:
        params["SCRIPT_FILENAME"] = scriptFilename
    if documentRoot is not None:
        params["DOCUMENT_ROOT"] = documentRoot
    if remoteUser is not None:
        params["REMOTE_USER"] = remoteUser
    if authType is not None:
        params["AUTH_TYPE"] = authType
    if scheme == "https":
        params["HTTPS"] = "on"
    params |= more
    if _lineEnd(params["REQUEST_URI"]) or _lineEnd(params["QUERY_STRING"]):
        raise InvalidPath(_lineEndIn("the URI", params["REQUEST_URI"] + params["QUERY_STRING"]))
    if _lineEnd(params["REQUEST_METHOD"]):
        raise InvalidParam(_lineEndIn("the method", params["REQUEST_METHOD"]))
    if not _token(params["REQUEST_METHOD"]):
        raise InvalidParam(
            f"{params['REQUEST_METHOD']!r:.80} is not a method; it comes first, as in "
            "cgiParams('GET', '/')"
        )
    for name, text in more.items():
        if name[:1].islower():
            raise _notArgument(name)
        if name.startswith("HTTP_") and _lineEnd(text):
            raise InvalidParam(_lineEndIn(f"the param {name}", text))
    return params


def _lineEndIn(what: str, text: str) -> str:
    """
    The message for text that could make a line of its own where it is written, or end too early.
    The text itself is not shown, for it may be a secret.
    """
    found = _lineEnd(text)
    assert found is not None
    return f"{what} has {found[0]!r} at character {found.start()}, which no HTTP request can have"


def _splitHost(host: str) -> tuple[str, str]:
    match = _host(host)
    return (match[1], match[2] or "") if match else (host, "")


def decodedPath(path: str) -> str:
    """
    A path without percent-encoding, as text that keeps every byte.

    @raise InvalidPath: If it has control characters in it, or a percent sign without two digits.
    """
    decoded = path
    if "%" in path:
        if _badPercent(path):
            raise InvalidPath(f"a percent sign without two digits in the path {path!r:.200}")
        encoded = path.encode("utf-8", "surrogateescape")
        decoded = unquote_to_bytes(encoded).decode("utf-8", "surrogateescape")
    if _control(decoded):
        raise InvalidPath(f"a control character in the path {path!r:.200}")
    return decoded


def normalPath(path: str) -> str:
    """
    A decoded path without segments that are C{.} or C{..}, and with single slashes: what web
    servers look for in a folder.

    @raise InvalidPath: If it goes up beyond its beginning.
    """
    if "//" not in path and "/." not in path:
        return path
    segments = path.split("/")
    found: list[str] = []
    for segment in segments:
        if segment == "..":
            if not found:
                raise InvalidPath(f"{path!r:.200} does not stay below the root")
            del found[-1]
        elif segment not in ("", "."):
            found.append(segment)
    folder = found and segments[-1] in ("", ".", "..")
    return "/" + "/".join(found) + ("/" if folder else "")


def splitPath(path: str, suffixes: Iterable[str] = (".php",)) -> tuple[str, str]:
    """
    Divide a decoded path into the script and what follows it. The script ends at the first place
    where one of the suffixes is followed by a slash or by nothing; letters count as they are, so
    nothing but the suffix itself ends a script.

    @return: Both; the second is empty if the script is all, the first if there is none.
    @raise InvalidPath: If a suffix is not ASCII.
    """
    end = -1
    for suffix in suffixes:
        if not suffix.isascii() or not suffix:
            raise InvalidPath(
                f"{suffix!r} is not a suffix of scripts: a suffix is ASCII text, such as .php"
            )
        at = path.find(suffix)
        while at >= 0 and path[at + len(suffix) : at + len(suffix) + 1] not in ("", "/"):
            at = path.find(suffix, at + 1)
        if at >= 0 and (end < 0 or at + len(suffix) < end):
            end = at + len(suffix)
    return ("", path) if end < 0 else (path[:end], path[end:])


@dataclass(frozen=True)
class PHPFPM:
    """
    What php-fpm has to be told: which script it runs, and where the site is.

    Whether the script exists is not checked; php-fpm answers 404 if it does not.

    C{PHPFPM("/srv/site")} serves the scripts of a folder, and C{PHPFPM(script="/srv/app.php")} one
    script, whatever the path.

    @ivar root: The absolute path of the site's folder, as php-fpm sees it. With a C{script}, it is
        the script's folder if not given.
    @ivar index: The script for a path that ends in a slash.
    @ivar frontController: The script, from the root, for every path that names none.
    @ivar suffixes: The endings of scripts' names.
    @ivar script: The absolute path of the one script that runs for every path.
    @ivar resolveLinks: Whether symbolic links in SCRIPT_FILENAME and DOCUMENT_ROOT are resolved,
        for each request. PHP's opcode cache then sees a new release when a link such as C{current}
        is changed. The files must be on this machine.
    @raise InvalidPath: If neither a root nor a script is given, one of them is not absolute, or the
        script is not in the root.
    """

    root: str = ""
    index: str = "index.php"
    frontController: str | None = None
    suffixes: tuple[str, ...] = (".php",)
    script: str | None = None
    resolveLinks: bool = False

    def __post_init__(self) -> None:
        for name, path in (("root", self.root), ("script", self.script)):
            if path and not path.startswith("/"):
                raise InvalidPath(
                    f"PHPFPM({name}={path!r:.200}): php-fpm needs an absolute path, such as "
                    f"/srv/site{'/app.php' if name == 'script' else ''}"
                )
        if self.script is None:
            if not self.root:
                raise InvalidPath(
                    "PHPFPM() needs a folder, as PHPFPM('/srv/site'), or one script, as "
                    "PHPFPM(script='/srv/site/app.php')"
                )
        elif not self.script.startswith(self._folder() + "/"):
            raise InvalidPath(f"PHPFPM: {self.script!r:.200} is not below {self.root!r:.200}")

    def _folder(self) -> str:
        """
        The site's folder, without a slash at its end.
        """
        return (self.root or os.path.dirname(self.script or "")).rstrip("/")

    def _scriptFor(self, path: str) -> tuple[str, str]:
        """
        @param path: The path of a request.

        @return: The script from the root, and what follows it in the path.

        @raise InvalidPath: If it names none.
        """
        if self.script is not None:
            script = self.script[len(self._folder()) :]
            return script, path[len(script) :] if path.startswith(script + "/") else ""
        script, pathInfo = splitPath(path, self.suffixes)
        if script:
            return script, pathInfo
        if self.frontController is not None:
            return "/" + self.frontController.lstrip("/"), ""
        if path.endswith("/"):
            return path + self.index, ""
        raise InvalidPath(f"{path!r:.200} names no script")

    def params(
        self,
        method: str = "GET",
        uri: str = "/",
        *,
        headers: AnyHeaders = (),
        scheme: str = "http",
        remoteAddress: str = "127.0.0.1",
        remotePort: int = 0,
        **more: str,
    ) -> dict[str, str]:
        """
        Make the params of a request (RFC 3875, section 4.1).

        @param uri: Path and query as they stand in an HTTP request, percent-encoded.
        @param more: Any other params, by name, and other arguments of L{cgiParams}.
        @return: The params, by name.
        @raise InvalidPath: If the path has control characters, goes up with C{..}, or names no
            script where C{frontController} is not set; if the query has CR, LF or NUL.
        @raise InvalidParam: If the method or a header has one of these.
        """
        _checkedURI(uri)
        path = decodedPath(uri.partition("?")[0])
        if not path.startswith("/") or ".." in path.split("/"):
            raise InvalidPath(f"{path!r:.200} does not stay below the root")
        path = normalPath(path)
        script, pathInfo = self._scriptFor(path)
        root = self._folder()
        filename = root + script
        if self.resolveLinks:
            root, filename = os.path.realpath(root), os.path.realpath(filename)
        # php-fpm's cgi.force_redirect wants this; no browser's header can set it.
        others: dict[str, Any] = {"REDIRECT_STATUS": "200", **more}
        return cgiParams(
            method,
            uri,
            headers=headers,
            scriptName=script,
            pathInfo=pathInfo or None,
            scriptFilename=filename,
            documentRoot=root,
            scheme=scheme,
            remoteAddress=remoteAddress,
            remotePort=remotePort,
            **others,
        )
