"""
The lines of a site's log: those of twisted.web, in fewer steps where nothing has to be escaped.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.http import combinedLogFormatter
from twisted.web.iweb import IAccessLogFormatter
from zope.interface import provider

# With one quote around each of two groups of values, and none within.
_isPlain: Final = re.compile(
    rb'[ !#-\[\]-~]*"[ !#-\[\]-~]*"[ !#-\[\]-~]*" "[ !#-\[\]-~]*"'
).fullmatch


@provider(IAccessLogFormatter)
def accessLine(timestamp: str, request: Any) -> str:
    """
    The line for a request, in the combined format.
    """
    address = request.getClientAddress()
    values = b'%s %s %s" %d %s "%s" "%s"' % (
        request.method,
        request.uri,
        request.clientproto,
        request.code,
        b"%d" % request.sentLength if request.sentLength else b"-",
        request.getHeader(b"referer") or b"-",
        request.getHeader(b"user-agent") or b"-",
    )
    if _isPlain(values) and isinstance(address, (IPv4Address, IPv6Address)):
        return f'"{address.host}" - - {timestamp} "{values.decode("ascii")}'
    return cast(str, combinedLogFormatter(timestamp, request))
