"""
The pages that php-fpm answers by itself: C{ping.path} and C{pm.status_path}.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ..cgiparams import cgiParams

#: How php-fpm says that a request names no script of its own, and no page of its own either.
NO_SCRIPT: Final = b"Primary script unknown"

#: What its status page has, and a line shows of it.
FIGURES: Final = (
    "active processes",
    "idle processes",
    "listen queue",
    "accepted conn",
    "slow requests",
)

# It looks for these in the query, in this order, and the first one wins.
_OTHER_FORMATS: Final = ("html", "xml")


def pageParams(method: str, uri: str) -> dict[str, str]:
    """
    Params for one of its pages: it looks for the path in SCRIPT_NAME, and takes no request that has
    no SCRIPT_FILENAME.

    @raise InvalidRequest: If the path can't be one.
    """
    path = uri.partition("?")[0]
    return cgiParams(method, uri, scriptName=path, scriptFilename=path)


def statusURI(uri: str) -> str:
    """
    The URI of its status page, with C{json} in the query, whatever else is there, such as C{full}.
    """
    path, _, query = uri.partition("?")
    words = [word for word in query.split("&") if word.partition("=")[0] not in _OTHER_FORMATS]
    if "json" not in words:
        words.append("json")
    return f"{path}?{'&'.join(word for word in words if word)}"


def readStatus(body: bytes) -> dict[str, Any] | None:
    """
    What its status page says.

    @return: The figures by their names, or L{None} if it is not such a page.
    """
    try:
        status = json.loads(body)
    except ValueError:
        return None
    if not isinstance(status, dict) or not isinstance(status.get("listen queue"), int):
        return None
    return status
