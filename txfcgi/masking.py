"""
What is not shown of a conversation: passwords, cookies, tokens.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"

_secretName: Final = re.compile(
    r"authorization|cookie|passw|remote_passwd|secret|token|api[-_]?key|private|credential"
    r"|php_auth_(?:pw|digest)|csrf|session",
    re.IGNORECASE,
).search
_secretInQuery: Final = re.compile(
    r"((?:^|[?&;])[^=&;?]*"
    r"(?:passw|pwd|secret|token|key|auth|session|sig|code|credential)[^=&;]*=)[^&;#\s]*",
    re.IGNORECASE,
).sub
# These have queries in them.
_WITH_QUERY: Final = frozenset(
    ("QUERY_STRING", "REQUEST_URI", "HTTP_REFERER", "LOCATION", "REFERER")
)


def masked(name: str, value: str) -> str:
    """
    The value of a param or a header, as far as it may be shown.
    """
    if _secretName(name):
        return MASK if value else value
    if name.upper() in _WITH_QUERY:
        return _secretInQuery(rf"\g<1>{MASK}", value)
    return value
