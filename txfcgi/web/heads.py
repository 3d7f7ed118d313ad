"""
The heads of requests as browsers send most of them, read at once.

Whatever is special in a head (a body, several headers of one name, a connection that is to be
closed, anything that is odd or wrong) makes it one for twisted.web to read, by its rules.
"""

from __future__ import annotations

import re
from typing import Final

from twisted.web.http_headers import Headers

_requestLine: Final = re.compile(rb"([A-Z]+) (/[!-~]*) HTTP/1\.1").fullmatch
_plain: Final = re.compile(rb"[0-9A-Za-z-]+").fullmatch
_CONTROLS: Final = bytes((*range(32), 127))

# These tell more than twisted.web's channel would be told here.
_SPECIAL: Final = frozenset((b"content-length", b"expect", b"transfer-encoding"))

# Names as twisted.web writes them. They come from browsers, so there is an end to it.
_KNOWN: Final = 1_000
_names: Final[dict[bytes, bytes]] = {}


def plainHead(data: bytes) -> tuple[bytes, bytes, dict[bytes, bytes]] | None:
    """
    Read a head.

    @param data: All that came.
    @return: The method, the URI, and the headers; L{None} if this is not one whole request that has
        nothing special about it.
    """
    if data.find(b"\r\n\r\n") != len(data) - 4:
        return None
    # There is no space that does not belong to a value.
    if b" \r\n" in data or b":  " in data:
        return None
    lines = data.split(b"\r\n")
    # There is no other control character than the line ends.
    if len(data.translate(None, _CONTROLS)) + 2 * len(lines) - 2 != len(data):
        return None
    line = _requestLine(lines[0])
    if line is None:
        return None
    del lines[-2:], lines[0]
    headers: dict[bytes, bytes] = {}
    for each in lines:
        name, colon, value = each.partition(b": ")
        known = _names.get(name) or plainName(name)
        if known is None or not colon:
            return None
        headers[known] = value
    if len(headers) != len(lines):
        return None
    connection = headers.get(b"Connection")
    if connection is not None and connection.lower() != b"keep-alive":
        return None
    return line[1], line[2], headers


def plainName(name: bytes) -> bytes | None:
    """
    The name of a header as it is in a plain head, which is how twisted.web writes it; L{None} if
    it is in none.
    """
    known = _names.get(name)
    if known is None and _plain(name) and name.lower() not in _SPECIAL:
        [(known, _)] = Headers({name: [b""]}).getAllRawHeaders()
        if len(_names) < _KNOWN:
            _names[name] = known
    return known
