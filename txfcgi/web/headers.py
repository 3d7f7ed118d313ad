"""
Which headers pass a gateway, either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from twisted.web.http_headers import Headers

from ..errors import InvalidRequest
from ..wire.cgi import HOP_BY_HOP
from ..wire.variables import paramOfHeader
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

    def params(self, headers: Headers) -> dict[str, str]:
        """
        The params for the headers of a request.

        @raise InvalidRequest: If one of them is refused.
        """
        named = connectionHeaders(headers.getRawHeaders(b"connection"))
        params: dict[str, str] = {}
        for name, values in headers.getAllRawHeaders():
            param = None if name.lower() in named else self._paramFor(name)
            if param is not None:
                params[param] = _joined(param, values).decode("utf-8", "surrogateescape")
        return params

    def _paramFor(self, name: bytes) -> str | None:
        """
        The param for a header, or L{None} if it does not pass.

        @raise InvalidRequest: If its request is refused.
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
            return None
        return None if param is None else param.decode("ascii")


def _joined(param: str, values: Sequence[bytes]) -> bytes:
    """
    The values of all headers of a name.
    """
    if len(values) == 1:
        return values[0]
    if param == "HTTP_HOST":
        raise InvalidRequest("several Host headers")
    return (b"; " if param == "HTTP_COOKIE" else b", ").join(values)


def _lowered(name: str) -> bytes:
    return name.lower().encode("latin-1")


# X-Sendfile and X-Accel-Redirect are for the gateway, if it knows a folder for them.
SENDFILE: Final = frozenset((b"x-sendfile", b"x-accel-redirect"))


class ResponseHeaders:
    """
    Decides which of a back end's headers a browser gets.
    """

    def __init__(self, options: GatewayOptions) -> None:
        self._never = HOP_BY_HOP | {_lowered(name) for name in options.dropResponseHeaders}
        if options.sendfileRoot is not None:
            self._never |= SENDFILE

    def copy(
        self,
        headers: Sequence[tuple[bytes, bytes]],
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
