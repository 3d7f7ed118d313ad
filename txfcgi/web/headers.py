"""
Which headers pass a gateway, either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from twisted.web.http_headers import Headers

from ..errors import InvalidRequest
from ..wire.cgi import HOP_BY_HOP, ResponseHead, paramOfHeader
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

    def params(self, headers: Headers | dict[bytes, bytes]) -> dict[str, str]:
        """
        The params for the headers of a request.

        @param headers: All of them; as a dictionary those of a plain head (see
            L{plainHead<txfcgi.web.heads.plainHead>}), where Connection names no others.
        @raise InvalidRequest: If one of them is refused.
        """
        pairs: Iterable[tuple[bytes, bytes | Sequence[bytes]]]
        named: frozenset[bytes] = frozenset()
        if isinstance(headers, dict):
            pairs = headers.items()
        else:
            pairs = headers.getAllRawHeaders()
            named = connectionHeaders(headers.getRawHeaders(b"connection"))
        params: dict[str, str] = {}
        known = self._known
        for name, value in pairs:
            param = known[name] if name in known else self._paramFor(name)
            if param is None or (named and name.lower() in named):
                continue
            if not isinstance(value, bytes):
                value = _joined(param, value)
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

# How many heads of responses are remembered, and how long they are at the most.
_HEADS: Final = 256
_HEAD_LENGTH: Final = 512


class ResponseHeaders:
    """
    Decides which of a back end's headers a browser gets.
    """

    def __init__(self, options: GatewayOptions) -> None:
        self._never = HOP_BY_HOP | {_lowered(name) for name in options.dropResponseHeaders}
        if options.sendfileRoot is not None:
            self._never |= SENDFILE
        # The client gives the heads of many responses as the same one.
        self._known: dict[ResponseHead, tuple[bytes, frozenset[bytes]]] = {}

    def lines(self, head: ResponseHead) -> tuple[bytes, frozenset[bytes]]:
        """
        A response's headers, as they pass.

        @return: They, as lines, and their names in lower case.
        """
        known = self._known.get(head)
        if known is None:
            headers = Headers()
            self.copy(head.headers, headers)
            pairs = list(headers.getAllRawHeaders())
            lines = [b"%s: %s\r\n" % (name, value) for name, values in pairs for value in values]
            names = frozenset(name.lower() for name, _ in pairs)
            known = b"".join(lines), names
            # A cookie is nobody else's.
            if b"set-cookie" not in names and len(known[0]) <= _HEAD_LENGTH:
                if len(self._known) >= _HEADS:
                    self._known.clear()
                self._known[head] = known
        return known

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
