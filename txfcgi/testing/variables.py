"""
The variables that each web server sends for a request, in its order, as it was recorded from the
real one with the configuration that stands in C{docs/deploy/conf}.

Tests compare these with the recordings in C{tests/testing/recordings}, and those with the web
servers themselves.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote_to_bytes

from ..cgiparams import cgiParams
from ..wire.records import Role

Pair = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """
    A browser's request, as the web server has it.

    @ivar uri: Path and query as the browser sent them.
    @ivar headers: The headers in their order, Host first.
    @ivar length: How many bytes the body has; L{None} if it is sent in chunks, and the web server
        does not wait for its end.
    @ivar hasBody: Whether there is one, be it empty.
    @ivar host: The web server's address.
    @ivar port: And its port.
    @ivar root: The folder with its files.
    @ivar back: The application's address, where a web server mentions it.
    @ivar apacheRole: What Apache asks of an Authorizer, where it asks two questions.
    """

    method: str
    uri: str
    headers: tuple[Pair, ...]
    length: int | None = 0
    hasBody: bool = False
    role: int = Role.RESPONDER
    host: str = "127.0.0.1"
    port: int = 8080
    remoteAddress: str = "127.0.0.1"
    remotePort: int = 50000
    root: str = "/srv/www"
    back: str = "127.0.0.1:9000"
    apacheRole: str | None = None

    @property
    def rawPath(self) -> str:
        """
        The path, not decoded.
        """
        return self.uri.partition("?")[0]

    @cached_property
    def path(self) -> str:
        """
        The path, decoded.
        """
        raw = self.rawPath
        if "%" not in raw:
            return raw
        return unquote_to_bytes(raw).decode("utf-8", "surrogateescape")

    @property
    def query(self) -> str:
        """
        The query, not decoded.
        """
        return self.uri.partition("?")[2]

    def header(self, name: str) -> str:
        """
        The value of a header, in lower case; empty if it is not there.
        """
        return next((value for each, value in self.headers if each.lower() == name), "")

    @cached_property
    def credentials(self) -> Pair | None:
        """
        User and password, if they are in the Authorization header.
        """
        scheme, _, encoded = self.header("authorization").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            decoded = b64decode(encoded, validate=True).decode("utf-8", "surrogateescape")
        except NoBase64:
            return None
        user, _, password = decoded.partition(":")
        return user, password


def _param(name: str) -> str:
    """
    HTTP_NAME for a header's name.
    """
    return "HTTP_" + name.upper().replace("-", "_")


def _joined(headers: Iterable[Pair]) -> dict[str, str]:
    """
    Headers by their lower case names, those that are repeated joined to one.
    """
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _length(asked: Asked, unknown: str = "") -> str:
    return unknown if asked.length is None else str(asked.length)


def nginx(asked: Asked) -> list[Pair]:
    """
    nginx, whose configuration lists the variables.
    """
    user = asked.credentials
    return [
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", asked.path),
        ("REQUEST_METHOD", asked.method),
        ("REQUEST_URI", asked.uri),
        ("QUERY_STRING", asked.query),
        ("CONTENT_TYPE", asked.header("content-type")),
        ("CONTENT_LENGTH", _length(asked) if asked.hasBody else ""),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        *_nginxRest(asked, user),
    ]


def nginxSCGI(asked: Asked) -> list[Pair]:
    """
    nginx over SCGI: it sends CONTENT_LENGTH by itself, and its configuration lists the rest.
    """
    return [
        ("CONTENT_LENGTH", _length(asked)),
        ("SCGI", "1"),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", asked.path),
        ("REQUEST_METHOD", asked.method),
        ("REQUEST_URI", asked.uri),
        ("QUERY_STRING", asked.query),
        ("CONTENT_TYPE", asked.header("content-type")),
        *_nginxRest(asked, asked.credentials),
    ]


def _nginxRest(asked: Asked, user: Pair | None) -> Iterator[Pair]:
    yield "SERVER_PROTOCOL", "HTTP/1.1"
    yield "SERVER_SOFTWARE", "nginx/1.22.1"
    yield "SERVER_NAME", "localhost"
    yield "SERVER_ADDR", asked.host
    yield "SERVER_PORT", str(asked.port)
    yield "REMOTE_ADDR", asked.remoteAddress
    yield "REMOTE_PORT", str(asked.remotePort)
    yield "REMOTE_USER", user[0] if user else ""
    yield "REQUEST_SCHEME", "http"
    for name, value in asked.headers:
        yield _param(name), value


def apache(asked: Asked) -> list[Pair]:
    """
    Apache's mod_proxy_fcgi.
    """
    return [
        *_apacheHeaders(asked),
        *_apacheServer(asked, asked.rawPath),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        *_apacheRequest(asked),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", asked.path),
    ]


def apacheSCGI(asked: Asked) -> list[Pair]:
    """
    Apache's mod_proxy_scgi, for which the path is the script's name.
    """
    return [
        ("CONTENT_LENGTH", _length(asked)),
        ("SCGI", "1"),
        *(pair for pair in _apacheHeaders(asked) if pair[0] != "CONTENT_LENGTH"),
        *_apacheServer(asked, f"proxy:scgi://localhost{asked.rawPath}"),
        *_apacheRequest(asked),
        ("SCRIPT_NAME", asked.path),
    ]


def apacheAuthorizer(asked: Asked) -> list[Pair]:
    """
    Apache's mod_authnz_fcgi. What it asks is about a user and a password.
    """
    pairs = [
        *(
            pair
            for pair in _apacheHeaders(asked)
            if pair[0] not in ("HTTP_AUTHORIZATION", "CONTENT_LENGTH")
        ),
        *_apacheServer(asked, f"proxy:fcgi://{asked.back}{asked.path}"),
    ]
    if asked.credentials is not None:
        pairs += [("REMOTE_USER", asked.credentials[0]), ("AUTH_TYPE", "Basic")]
    pairs += [("GATEWAY_INTERFACE", "CGI/1.1"), *_apacheRequest(asked)]
    pairs.append(("FCGI_ROLE", "AUTHORIZER"))
    if asked.apacheRole is not None:
        pairs.append(("FCGI_APACHE_ROLE", asked.apacheRole))
    if asked.credentials is not None and asked.apacheRole != "AUTHORIZER":
        pairs.append(("REMOTE_PASSWD", asked.credentials[1]))
    return [*pairs, ("HTTP_CONNECTION", "close")]


def _apacheHeaders(asked: Asked) -> Iterator[Pair]:
    for name, value in _joined(asked.headers).items():
        if name in ("content-type", "content-length"):
            yield name.upper().replace("-", "_"), value
        elif name != "proxy":
            yield _param(name), value


def _apacheServer(asked: Asked, script: str) -> list[Pair]:
    return [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("SERVER_SIGNATURE", ""),
        ("SERVER_SOFTWARE", "Apache/2.4.66 (Debian)"),
        ("SERVER_NAME", asked.host),
        ("SERVER_ADDR", asked.host),
        ("SERVER_PORT", str(asked.port)),
        ("REMOTE_ADDR", asked.remoteAddress),
        ("DOCUMENT_ROOT", "/var/www/html"),
        ("REQUEST_SCHEME", "http"),
        ("CONTEXT_PREFIX", ""),
        ("CONTEXT_DOCUMENT_ROOT", "/var/www/html"),
        ("SERVER_ADMIN", "[no address given]"),
        ("SCRIPT_FILENAME", script),
        ("REMOTE_PORT", str(asked.remotePort)),
    ]


def _apacheRequest(asked: Asked) -> list[Pair]:
    return [
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", asked.method),
        ("QUERY_STRING", asked.query),
        ("REQUEST_URI", asked.uri),
    ]


def lighttpd(asked: Asked) -> list[Pair]:
    """
    lighttpd.
    """
    return [
        ("CONTENT_LENGTH", _length(asked)),
        ("QUERY_STRING", asked.query),
        ("REQUEST_URI", asked.uri),
        ("REDIRECT_STATUS", "200"),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", asked.path),
        ("PATH_TRANSLATED", asked.root + asked.path),
        ("SCRIPT_FILENAME", asked.root + "/"),
        *_lighttpdRest(asked),
    ]


def lighttpdSCGI(asked: Asked) -> list[Pair]:
    """
    lighttpd over SCGI: the same, and SCGI as the last.
    """
    return [*lighttpd(asked), ("SCGI", "1")]


def lighttpdAuthorizer(asked: Asked) -> list[Pair]:
    """
    lighttpd's question to an Authorizer: about the file.
    """
    return [
        ("QUERY_STRING", asked.query),
        ("REQUEST_URI", asked.uri),
        ("REDIRECT_STATUS", "200"),
        ("SCRIPT_FILENAME", asked.root + asked.path),
        *_lighttpdRest(asked),
    ]


def _lighttpdRest(asked: Asked) -> Iterator[Pair]:
    yield "DOCUMENT_ROOT", asked.root
    yield "REQUEST_METHOD", asked.method
    yield "SERVER_PROTOCOL", "HTTP/1.1"
    yield "SERVER_SOFTWARE", "lighttpd/1.4.69"
    yield "GATEWAY_INTERFACE", "CGI/1.1"
    yield "REQUEST_SCHEME", "http"
    yield "SERVER_PORT", str(asked.port)
    yield "SERVER_ADDR", asked.host
    yield "SERVER_NAME", asked.host
    yield "REMOTE_ADDR", asked.remoteAddress
    yield "REMOTE_PORT", str(asked.remotePort)
    for name, value in _joined(asked.headers).items():
        if name == "content-type":
            yield "CONTENT_TYPE", value
        elif name not in ("proxy", "transfer-encoding"):
            yield _param(name), value


def haproxy(asked: Asked) -> list[Pair]:
    """
    HAProxy.
    """
    pairs: list[Pair] = []
    known = False
    for name, value in asked.headers:
        key = name.lower()
        if key == "content-length":
            known = True
        if key in ("content-type", "content-length"):
            pairs.append((key.upper().replace("-", "_"), value))
        elif key not in ("proxy", "transfer-encoding"):
            pairs.append((_param(name), value))
    if asked.credentials is not None:
        pairs += [("AUTH_TYPE", "Basic"), ("REMOTE_USER", asked.credentials[0])]
    pairs += [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("DOCUMENT_ROOT", "/"),
        ("PATH_INFO", asked.path),
        ("REQUEST_URI", asked.uri),
        ("REQUEST_METHOD", asked.method),
    ]
    if asked.query:
        pairs.append(("QUERY_STRING", asked.query))
    pairs += [
        ("SERVER_NAME", asked.header("host")),
        ("SERVER_PORT", str(asked.port)),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REMOTE_ADDR", asked.remoteAddress),
        ("REMOTE_PORT", str(asked.remotePort)),
        ("SCRIPT_FILENAME", "/"),
        ("PATH_TRANSLATED", "/" + asked.path),
    ]
    if not known:
        pairs.append(("CONTENT_LENGTH", _length(asked)))
    return [*pairs, ("SERVER_SOFTWARE", "HAProxy 2.6.12")]


def caddy(asked: Asked) -> list[Pair]:
    """
    Caddy. Its order is another each time; here it is that of the alphabet.
    """
    headers = _joined(asked.headers)
    headers.pop("transfer-encoding", None)
    pairs = {
        "AUTH_TYPE": "",
        "CONTENT_LENGTH": _length(asked, "-1"),
        "CONTENT_TYPE": headers.get("content-type", ""),
        "DOCUMENT_ROOT": asked.root,
        "DOCUMENT_URI": "",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTP_USER_AGENT": "",
        "HTTP_X_FORWARDED_FOR": asked.remoteAddress,
        "HTTP_X_FORWARDED_HOST": headers.get("host", ""),
        "HTTP_X_FORWARDED_PROTO": "http",
        "PATH_INFO": asked.path,
        "PATH_TRANSLATED": asked.root + asked.path.rstrip("/"),
        "QUERY_STRING": asked.query,
        "REMOTE_ADDR": asked.remoteAddress,
        "REMOTE_HOST": asked.remoteAddress,
        "REMOTE_IDENT": "",
        "REMOTE_PORT": str(asked.remotePort),
        "REMOTE_USER": "",
        "REQUEST_METHOD": asked.method,
        "REQUEST_SCHEME": "http",
        "REQUEST_URI": asked.uri,
        "SCRIPT_FILENAME": asked.root,
        "SCRIPT_NAME": "",
        "SERVER_NAME": asked.host,
        "SERVER_PORT": str(asked.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "Caddy/2.6.2",
        **{_param(name): value for name, value in headers.items()},
    }
    return sorted(pairs.items())


def plain(asked: Asked) -> list[Pair]:
    """
    What RFC 3875 asks for, and no web server in particular.
    """
    params = cgiParams(
        asked.method,
        asked.uri,
        headers=[
            (name, value)
            for name, value in asked.headers
            if name.lower() not in ("content-length", "transfer-encoding")
        ],
        scriptName="",
        pathInfo=asked.path,
        serverAddress=asked.host,
        remoteAddress=asked.remoteAddress,
        remotePort=asked.remotePort,
    )
    if asked.hasBody and asked.length is not None and asked.role != Role.AUTHORIZER:
        params["CONTENT_LENGTH"] = str(asked.length)
    return list(params.items())


def plainSCGI(asked: Asked) -> list[Pair]:
    """
    The same over SCGI, as its specification has it.
    """
    pairs = [pair for pair in plain(asked) if pair[0] != "CONTENT_LENGTH"]
    return [("CONTENT_LENGTH", _length(asked)), ("SCGI", "1"), *pairs]
