"""
What may be a secret, by two rules. Between requests, only values of names that never hold one are
I{remembered}, for memory is dumped. I{Shown} (in logs and listings) is everything but what its name
says is one; the user's name and address are shown, for that is what logs are for.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

MASK: Final = "***"

#: The params, and the headers in lower case, whose values may be kept longer than their request.
REMEMBERED: Final = frozenset(
    b"CONTENT_TYPE DOCUMENT_ROOT GATEWAY_INTERFACE HTTPS REDIRECT_STATUS REQUEST_METHOD"
    b" REQUEST_SCHEME SCGI SERVER_ADDR SERVER_ADMIN SERVER_NAME SERVER_PORT SERVER_PROTOCOL"
    b" SERVER_SIGNATURE SERVER_SOFTWARE"
    b" HTTP_ACCEPT HTTP_ACCEPT_CHARSET HTTP_ACCEPT_ENCODING HTTP_ACCEPT_LANGUAGE HTTP_CONNECTION"
    b" HTTP_HOST HTTP_UPGRADE_INSECURE_REQUESTS"
    b" accept-ranges access-control-allow-methods access-control-allow-origin allow cache-control"
    b" connection content-encoding content-language content-length content-type date"
    b" expires keep-alive pragma referrer-policy server status strict-transport-security"
    b" transfer-encoding vary x-content-type-options x-frame-options x-powered-by".split()
)

_secretName: Final = re.compile(
    r"cookie|auth(?!_TYPE$|_USER$|or(?!i[sz]))|passw|pwd|secret|token|key|session|csrf|xsrf"
    r"|private|credential|signature(?<!^SERVER_SIGNATURE)|jwt|(?:^|_)(?:pass|sid|dsn)(?:_|$)",
    re.IGNORECASE,
).search
# In a query, shorter names are common too. What is looked at is in lower case already, and each
# alternative begins with a letter: both make the search several times as fast.
_secretField: Final = re.compile(
    r"auth(?!or(?!i[sz]))|c(?:ookie|redential|srf)|jwt|key|p(?:ass(?![b-z]|a[a-z])|assw|rivate|wd)"
    r"|s(?:ecret|ess|ignature)|token|xsrf"
    r"|(?:code(?<![a-z]code)|otp(?<![a-z]otp)|pin(?<![a-z]pin)|sid(?<![a-z]sid)|sig(?<![a-z]sig)"
    r"|ticket(?<![a-z]ticket))(?![a-z])"
).search
# The values of these are URIs, or contain some.
_hasURI: Final = re.compile(
    r"(?:URI|URL|QUERY_STRING|PATH_INFO|REFERR?ER|LOCATION|REFRESH|LINK|SENDFILE|REDIRECT)$"
).search
_separators: Final = re.compile(r"([?&;#])").split
_controls: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]").sub
_userinfo: Final = re.compile(r"(://[^/?#@:\s]*:)[^/?#@\s]*@").sub


def masked(name: str, value: str) -> str:
    """
    The value of a param or a header, as far as it may be shown.
    """
    variable = name.replace("-", "_")
    if _secretName(variable):
        return MASK if value else value
    if _hasURI(variable.upper()):
        return maskedURI(value)
    return value


def maskedURI(uri: str) -> str:
    """
    A URI, or a query alone, as far as it may be shown: without a password, and without the values
    of fields whose names say that they are secrets, however those are encoded.
    """
    if "@" in uri:
        uri = _userinfo(rf"\g<1>{MASK}@", uri)
    if "=" not in uri:
        return uri
    if "%" not in uri:
        # Most have no secret at all. That is seen sooner than which one it is: nowhere from the
        # first name on is there what makes a name one.
        folded = uri.casefold()
        if _secretField(folded, folded.rfind("?", 0, folded.find("=")) + 1) is None:
            return uri
    shown: list[str] = []
    secret = False
    for part in _separators(uri):
        if secret and part not in ("&", "#"):
            continue  # a semicolon and a question mark may be part of the value
        name, equals, _ = part.partition("=")
        secret = bool(equals) and _isSecret(name)
        shown.append(f"{name}={MASK}" if secret else part)
    return "".join(shown)


def visible(text: str) -> str:
    """
    Text in which control characters are written out, so that it forges no line of a log, and does
    nothing to the terminal that shows it. Tabs stay.
    """
    return _controls(lambda found: f"\\x{ord(found[0]):02x}", text)


def _isSecret(name: str) -> bool:
    """
    Whether the name of a field says that its value is a secret, however it is encoded.
    """
    if "%" in name:
        name = unquote_to_bytes(name.encode("utf-8", "surrogateescape")).decode("latin-1")
    return _secretField(name.casefold()) is not None
