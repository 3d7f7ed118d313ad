"""
CGI/1.1 (RFC 3875): the names of its variables, made from HTTP headers and back, and the numbers
that they hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..errors import MalformedValue

_token: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_plainName: Final = re.compile(rb"[0-9A-Za-z-]+").fullmatch
_digits: Final = re.compile(rb"[0-9]{1,19}").fullmatch

CONTENT_LENGTH: Final = b"CONTENT_LENGTH"
CONTENT_TYPE: Final = b"CONTENT_TYPE"

# The variables that RFC 3875 names, and those that web servers add.
VARIABLES: Final = (
    b"AUTH_TYPE",
    b"CONTENT_LENGTH",
    b"CONTENT_TYPE",
    b"DOCUMENT_ROOT",
    b"DOCUMENT_URI",
    b"GATEWAY_INTERFACE",
    b"HTTPS",
    b"PATH_INFO",
    b"PATH_TRANSLATED",
    b"QUERY_STRING",
    b"REDIRECT_STATUS",
    b"REMOTE_ADDR",
    b"REMOTE_HOST",
    b"REMOTE_IDENT",
    b"REMOTE_PORT",
    b"REMOTE_USER",
    b"REQUEST_METHOD",
    b"REQUEST_SCHEME",
    b"REQUEST_URI",
    b"SCRIPT_FILENAME",
    b"SCRIPT_NAME",
    b"SERVER_ADDR",
    b"SERVER_NAME",
    b"SERVER_PORT",
    b"SERVER_PROTOCOL",
    b"SERVER_SOFTWARE",
)

# Proxy would become HTTP_PROXY, which programs take for their own configuration (CVE-2016-5385);
# the other two would stand beside the variables that really hold them.
_NEVER: Final = frozenset((b"proxy", b"content-length", b"content-type"))

# How many names of params are remembered, and how long each may be, in bytes.
_NAMES: Final = 1_024
_NAME: Final = 128


def paramOfHeader(name: bytes) -> bytes | None:
    """
    The name of the variable that carries an HTTP header.

    @return: C{HTTP_} and the name; CONTENT_TYPE and CONTENT_LENGTH for these two; L{None} for a
        header that must not be passed on: Proxy, and every name with other characters than
        letters, digits and hyphens, for two of those could become the same variable.
    """
    lowered = name.lower()
    if lowered == b"content-length":
        return CONTENT_LENGTH
    if lowered == b"content-type":
        return CONTENT_TYPE
    if lowered in _NEVER or not _plainName(name):
        return None
    return b"HTTP_" + name.upper().replace(b"-", b"_")


def headerOfParam(name: bytes) -> bytes | None:
    """
    The name of the HTTP header that a variable carries, as it is usually written.

    @return: The name, or L{None} if the variable carries none (what is behind C{HTTP_} may be the
        name of no header), or one that must not be believed: HTTP_PROXY, HTTP_CONTENT_LENGTH,
        HTTP_CONTENT_TYPE.
    """
    if name.startswith(b"HTTP_"):
        header = name[5:].replace(b"_", b"-").title()
        return None if not _token(header) or header.lower() in _NEVER else header
    if name == CONTENT_LENGTH:
        return b"Content-Length"
    if name == CONTENT_TYPE:
        return b"Content-Type"
    return None


def uriIn(params: Mapping[str, str]) -> str:
    """
    The URI that a browser asked for, not decoded: REQUEST_URI; if it was not sent, SCRIPT_NAME,
    PATH_INFO and the query.
    """
    uri = params.get("REQUEST_URI")
    if uri is None:
        uri = params.get("SCRIPT_NAME", "") + params.get("PATH_INFO", "")
        query = params.get("QUERY_STRING", "")
        uri += "?" + query if query else ""
    return uri


def readContentLength(value: bytes | None, name: str = "CONTENT_LENGTH") -> int | None:
    """
    The length of a request's body, from CONTENT_LENGTH, or another number in a param.

    @param name: The name of the param, for the message.
    @return: Bytes, or L{None} if the variable is absent, empty (nginx, for GET and for bodies of
        unknown length) or -1 (Caddy, for those): the body then ends where its stream ends.
    @raise MalformedValue: If it is anything else but digits.
    """
    if not value or value == b"-1":
        return None
    if not _digits(value):
        raise MalformedValue(f"{name} is not a number: {value[:64]!r}")
    return int(value)


class ParamNames:
    """
    What the names of params mean. They are the same for most requests, so they are remembered, and
    nothing else is.

    @ivar known: By the name of a param: the name of the HTTP header that it carries, in lower
        case, or L{None}; and its own name as text.
    """

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[bytes | None, str]] = {}

    def learn(self, name: bytes) -> tuple[bytes | None, str]:
        """
        Find out what a name means. C{CONTENT_TYPE} and C{CONTENT_LENGTH} are not headers here, as
        they are sent, empty, without a body.
        """
        header = headerOfParam(name) if name.startswith(b"HTTP_") else None
        text = name.decode("utf-8", "surrogateescape")
        known = None if header is None else header.lower(), text
        if len(name) <= _NAME:
            if len(self.known) >= _NAMES:
                self.known.clear()
            self.known[name] = known
        return known
