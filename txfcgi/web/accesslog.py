"""
The lines of a site's access log: those of twisted.web, with secrets in queries masked.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.interfaces import IAddress
from twisted.web.http import combinedLogFormatter
from twisted.web.iweb import IAccessLogFormatter
from zope.interface import provider

from ..masking import maskedURI


class Shown:
    """
    A request as far as a log may show it. It has what C{combinedLogFormatter} asks for.
    """

    def __init__(self, request: Any) -> None:
        self._request = request
        self.method: bytes = request.method
        self.uri = shownURI(request.uri)
        self.clientproto: bytes = request.clientproto
        self.code: int = request.code
        self.sentLength: int = request.sentLength

    def getClientAddress(self) -> IAddress:
        """
        Whose request it is.
        """
        return cast(IAddress, self._request.getClientAddress())

    def getHeader(self, name: bytes) -> bytes | None:
        """
        The value of a header.
        """
        value = cast("bytes | None", self._request.getHeader(name))
        return shownURI(value) if value is not None and name == b"referer" else value


def shownURI(uri: bytes) -> bytes:
    """
    A URI as far as it may be shown.
    """
    return maskedURI(uri.decode("latin-1")).encode("latin-1") if b"=" in uri or b"@" in uri else uri


@provider(IAccessLogFormatter)
def maskedLogFormatter(timestamp: str, request: Any) -> str:
    """
    The line for a request, in the combined format.
    """
    return cast(str, combinedLogFormatter(timestamp, Shown(request)))
