"""
The pages that php-fpm answers itself: C{ping.path} and C{pm.status_path}.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ..cgiparams import cgiParams

#: php-fpm's message for a request that names neither a script nor one of its own pages.
NO_SCRIPT: Final = b"Primary script unknown"

#: The figures of its status page that the result line shows.
FIGURES: Final = (
    "active processes",
    "idle processes",
    "listen queue",
    "accepted conn",
    "slow requests",
)

# php-fpm looks for these in the query, in this order; the first one wins.
_OTHER_FORMATS: Final = ("html", "xml")


def pageParams(method: str, uri: str) -> dict[str, str]:
    """
    Params for one of its pages: php-fpm looks for the path in SCRIPT_NAME, and refuses a request
    without SCRIPT_FILENAME.

    @raise InvalidRequest: If the path is invalid.
    """
    path = uri.partition("?")[0]
    return cgiParams(method, uri, scriptName=path, scriptFilename=path)


def statusURI(uri: str) -> str:
    """
    The URI of its status page, with C{json} in the query beside other words, such as C{full}.
    """
    path, _, query = uri.partition("?")
    words = [word for word in query.split("&") if word.partition("=")[0] not in _OTHER_FORMATS]
    if "json" not in words:
        words.append("json")
    return f"{path}?{'&'.join(word for word in words if word)}"


def readStatus(body: bytes) -> dict[str, Any] | None:
    """
    Parse its status page.

    @return: The figures by their names, or L{None} if it is not a status page.
    """
    try:
        status = json.loads(body)
    except ValueError:
        return None
    if not isinstance(status, dict) or not isinstance(status.get("listen queue"), int):
        return None
    return status
