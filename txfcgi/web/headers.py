"""
Which headers pass a gateway, either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from twisted.web.http_headers import Headers

from ..errors import InvalidRequest
from ..wire.cgi import HOP_BY_HOP, paramOfHeader
from .options import GatewayOptions

_nameIsClear: Final = re.compile(rb"[0-9A-Za-z-]+").fullmatch
_nameHasUnderscores: Final = re.compile(rb"[0-9A-Za-z_-]+").fullmatch

# Redirect-Status would become HTTP_REDIRECT_STATUS, which PHP was made to take for the param
# without HTTP_ (CVE-2024-8927). Expect was dealt with by the web server. The length is that of the
# body as it is passed on.
_NEVER: Final = HOP_BY_HOP | {b"redirect-status", b"expect", b"content-length", b"proxy"}


def connectionHeaders(values: Iterable[bytes] | None) -> frozenset[bytes]:
    """
    The names that Connection headers list: those headers speak of one connection, too.
    """
    if values is None:
        return frozenset()
    return frozenset(name.strip().lower() for value in values for name in value.split(b","))


class RequestHeaders:
    """
    Decides which request headers become params.
    """

    def __init__(self, options: GatewayOptions) -> None:
        never = set(_NEVER) | {_lowered(name) for name in options.dropHeaders}
        if not options.passAuthorization:
            never.add(b"authorization")
        self._never = frozenset(never)
        self._only = (
            None
            if options.passHeaders is None
            else {b"content-type", b"host", *map(_lowered, options.passHeaders)}
        )
        self._ambiguous = options.ambiguousHeaders
        # What was found for a name; names come from browsers, so there is an end to it.
        self._known: dict[bytes, str | None] = {}

    def params(self, headers: Headers) -> dict[str, str]:
        """
        The params for the headers of a request.

        @raise InvalidRequest: If one of them is refused.
        """
        params: dict[str, str] = {}
        known = self._known
        named = connectionHeaders(headers.getRawHeaders(b"connection"))
        for name, values in headers.getAllRawHeaders():
            param = known[name] if name in known else self._paramFor(name)
            if param is None or (named and name.lower() in named):
                continue
            if len(values) == 1:
                value = values[0]
            elif param == "HTTP_HOST":
                raise InvalidRequest("several Host headers")
            else:
                value = (b"; " if param == "HTTP_COOKIE" else b", ").join(values)
            params[param] = value.decode("utf-8", "surrogateescape")
        return params

    def _paramFor(self, name: bytes) -> str | None:
        """
        The param for a header, or L{None} if it does not pass.
        """
        lowered = name.lower()
        param = paramOfHeader(name)
        if not _nameIsClear(name):
            if self._ambiguous == "refuse":
                raise InvalidRequest(f"the header name {name!r:.100} is ambiguous")
            if self._ambiguous == "pass" and _nameHasUnderscores(name):
                param = b"HTTP_" + name.upper().replace(b"-", b"_")
                lowered = lowered.replace(b"_", b"-")
        if lowered in self._never or (self._only is not None and lowered not in self._only):
            param = None
        found = None if param is None else param.decode("ascii")
        if len(self._known) < 1_000:
            self._known[name] = found
        return found


def _lowered(name: str) -> bytes:
    return name.lower().encode("latin-1")


# X-Sendfile and X-Accel-Redirect are for the gateway, if it knows a folder for them.
SENDFILE: Final = (b"x-sendfile", b"x-accel-redirect")


class ResponseHeaders:
    """
    Decides which of a back end's headers a browser gets.
    """

    def __init__(self, options: GatewayOptions) -> None:
        self._never = HOP_BY_HOP | {_lowered(name) for name in options.dropResponseHeaders}

    def copy(
        self,
        headers: list[tuple[bytes, bytes]],
        into: Headers,
        without: Iterable[bytes] = (),
    ) -> None:
        """
        Add a response's headers, each in place of what was there under its name before.

        @param without: The names, in lower case, of more that do not pass.
        """
        never: Iterable[bytes] = self._never
        if without:
            never = self._never.union(without)
        named = [value for name, value in headers if name.lower() == b"connection"]
        if named:
            never = connectionHeaders(named).union(never)
        seen = set()
        for name, value in headers:
            lowered = name.lower()
            if lowered in never:
                continue
            if lowered in seen:
                if lowered != b"content-length":
                    into.addRawHeader(name, value)
            else:
                seen.add(lowered)
                into.setRawHeaders(name, [value])
