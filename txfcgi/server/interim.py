"""
Interim responses (RFC 9110, 15.2): the 1xx that may go before a response, such as 103 Early Hints.
"""

from __future__ import annotations

from http import HTTPStatus

from ..errors import InvalidResponse
from ..wire.cgi import HeaderLines
from .response import Headers, Response


def interimHead(code: object, headers: Headers) -> bytes:
    """
    The head of an interim response.

    @param code: 100 to 199, but for 101, which changes the protocol of a connection.
    @param headers: As those of a L{Response<txfcgi.server.response.Response>}.
    @raise InvalidResponse: If the code is none of these.
    @raise InvalidHeader: If a name or a value may not be sent.
    """
    if type(code) is not int or not 100 <= code < 200 or code == 101:
        raise InvalidResponse(
            f"an interim response has a status of 100 to 199, and not 101: not {code!r:.80}"
        )
    known = code in list(HTTPStatus)
    reason = HTTPStatus(code).phrase if known else "Interim"
    lines = HeaderLines()
    checked = [lines.check(pair) for pair in Response(204, headers).pairs()]
    # The others describe a body, or a single connection.
    head = b"".join(line for line, kind, _ in checked if kind == 0)
    return b"Status: %d %b\r\n%b\r\n" % (code, reason.encode("ascii"), head)
