"""
What stands in a line of an access log: Apache's formats, and JSON.

Who asked, from where, and for what is shown; what is a secret by its name is not
(L{txfcgi.masking}). What came from outside can't forge a line: it is escaped as Apache does it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from os import getpid as getpid
from typing import TYPE_CHECKING, Any, Final

from ..masking import MASK, masked, maskedURI
from ..wire.records import Role
from ..wire.variables import uriIn

if TYPE_CHECKING:
    from ..server.observing import Account
    from ..server.request import Request

#: The formats that have a name, but for C{json}.
NAMED: Final = {
    "common": '%h %l %u %t "%r" %>s %b',
    "combined": '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"',
}

_DIRECTIVE: Final = re.compile(r"%[<>]?(?:\{([^}]*)\})?([a-zA-Z%])|%")
_ESCAPES: Final = {8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 13: "\\r", 34: '\\"', 92: "\\\\"}
# What is hidden in a URI, and in every value of a name that says that it is a secret.
_SECRET: Final = "token=a"
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class BadFormat(ValueError):
    """
    A format of an access log that has something in it which means nothing.
    """


#: Makes a line, of the params of a request (none, if it was refused before they had come), how it
#: went, when it began in seconds since 1970, the number of its role, and the request itself unless
#: it was refused.
Line = Callable[[Mapping[str, str], "Account", float, int, "Request | None"], str]


def escaped(text: str) -> str:
    """
    Text that can stand in a line between quotes, and forges no line: what is not printable ASCII,
    the quote and the backslash are escaped, byte by byte.
    """
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(
        chr(byte)
        if 32 <= byte < 127 and byte not in _ESCAPES
        else _ESCAPES.get(byte, f"\\x{byte:02x}")
        for byte in text.encode("utf-8", "surrogateescape")
    )


def uriOf(params: Mapping[str, str]) -> str:
    """
    What the browser asked for, as it may be shown.
    """
    return maskedURI(uriIn(params))


def _requestLine(params: Mapping[str, str]) -> str:
    if not params:
        return "-"
    method = params.get("REQUEST_METHOD", "GET")
    return f"{method} {uriOf(params)} {params.get('SERVER_PROTOCOL', '')}".rstrip()


def _shownURI(uri: str | None) -> str:
    return maskedURI(uri) if uri else "-"


def _query(query: str | None) -> str:
    return f"?{_shownURI(query)}" if query else ""


@lru_cache(maxsize=64)
def _apacheTime(second: int) -> str:
    there = time.localtime(second)
    month = _MONTHS[there.tm_mon - 1]
    return time.strftime(f"[%d/{month}/%Y:%H:%M:%S %z]", there)


def _connection(account: Account, request: Request | None) -> str:
    if account.brokenOff:
        return "X"
    return "+" if request is not None and request.keepConnection else "-"


def _received(request: Request | None) -> int:
    """
    The bytes of its body that came for the app.
    """
    streams = () if request is None else request.inputStreams()
    return sum(stream.received for stream in streams)


def _roleName(role: int) -> str:
    return Role(role).name.lower() if role in Role.__members__.values() else str(role)


# What each directive stands for, as an expression. All of a format are compiled into one function,
# for to call one for each would take twice the time.

_SIMPLE: Final = {
    "B": "account.bodyBytes",
    "b": "account.bodyBytes or '-'",
    "D": "int(account.seconds * 1e6)",
    "l": "'-'",
    "P": "getpid()",
    "q": "_query(get('QUERY_STRING'))",
    "r": "_requestLine(params)",
    # nginx has a number for those that got no answer, as they did not wait for it.
    "s": "account.code or ('499' if account.brokenOff else '-')",
    "T": "int(account.seconds)",
    "t": "_apacheTime(int(began))",
    "U": "uriOf(params).partition('?')[0] or '-'",
    "X": "_connection(account, request)",
}

_PARAMS: Final = {
    "A": "SERVER_ADDR",
    "a": "REMOTE_ADDR",
    "H": "SERVER_PROTOCOL",
    "h": "REMOTE_ADDR",
    "m": "REQUEST_METHOD",
    "p": "SERVER_PORT",
    "u": "REMOTE_USER",
    "V": "HTTP_HOST",
    "v": "SERVER_NAME",
}

# What Apache has no letter for.
_OWN: Final = {
    "role": "_roleName(role)",
    "id": "'-' if request is None else request.requestID",
    "worker": "worker or '-'",
    "appStatus": "account.appStatus",
    "received": "_received(request)",
}

_UNITS: Final = {"s": "1", "ms": "1e3", "us": "1e6"}


def _param(name: str) -> str:
    """
    A param, as it may be shown.
    """
    if masked(name, _SECRET) == _SECRET:
        # Nothing is ever hidden in a param of this name.
        return f"get({name!r}) or '-'"
    if masked(name, "a") == "a":
        return f"_shownURI(get({name!r}))"
    return f"{MASK!r} if get({name!r}) else '-'"


def _expression(letter: str, argument: str | None) -> str:
    """
    What one directive of a format stands for.

    @raise BadFormat: It stands for nothing.
    """
    if argument is None:
        if letter in _PARAMS:
            return _param(_PARAMS[letter])
        if letter in _SIMPLE:
            return _SIMPLE[letter]
        raise BadFormat(f"there is no %{letter}")
    if letter == "i":
        name = argument.upper().replace("-", "_")
        return _param(name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}")
    if letter == "e":
        return _param(argument)
    if letter == "t":
        return f"time.strftime({argument!r}, time.localtime(began))"
    if letter == "T":
        if argument not in _UNITS:
            raise BadFormat(f"%{{{argument}}}T: the unit is {', '.join(_UNITS)}")
        return f"int(account.seconds * {_UNITS[argument]})"
    if letter == "x":
        if argument not in _OWN:
            raise BadFormat(f"there is no %{{{argument}}}x: there are {', '.join(_OWN)}")
        return _OWN[argument]
    raise BadFormat(f"there is no %{{{argument}}}{letter}")


def compileFormat(text: str, worker: str = "") -> Line:
    """
    Read a format.

    @param text: C{"common"}, C{"combined"}, C{"json"}, or directives as Apache's LogFormat has
        them, such as C{%h %u %t "%r" %>s %b %D "%{Referer}i"}.
    @param worker: The name of this worker, for C{%{worker}x}.
    @raise BadFormat: Something in it means nothing.
    """
    if text == "json":
        return _jsonLine(worker)
    directives = NAMED.get(text, text)
    if "%" not in directives or "\n" in directives:
        raise BadFormat(
            f"{text!r} is neither common, combined nor json, nor one line with directives as %h"
        )
    expressions: list[str] = []
    template = ""
    position = 0
    for found in _DIRECTIVE.finditer(directives):
        template += directives[position : found.start()]
        position = found.end()
        if found[2] == "%":
            template += "%%"
            continue
        if found[2] is None:
            raise BadFormat(f"the % in {directives[found.start() :][:10]!r} stands for nothing")
        expressions.append(_expression(found[2], found[1]))
        template += "%s"
    template += directives[position:]
    return _compiled(template, expressions, worker)


_SOURCE: Final = """
def line(params, account, began, role, request):
    get = params.get
    values = ({values})
    whole = template % values
    if whole.isascii() and whole.isprintable() and slash not in whole:
        if whole.count(quote) == quotes:
            return whole
    return template % tuple([escaped(str(value)) for value in values])
"""


def _compiled(template: str, expressions: Sequence[str], worker: str) -> Line:
    """
    A function that fills in a template. What came from outside is escaped where it has to be.
    """
    names: dict[str, Any] = {
        **globals(),
        "template": template,
        "worker": worker,
        "slash": "\\",
        "quote": '"',
        "quotes": template.count('"'),
    }
    exec(_SOURCE.format(values="".join(f"{each}, " for each in expressions)), names)
    line: Line = names["line"]
    return line


def _jsonLine(worker: str) -> Line:
    own = {"worker": worker} if worker else {}

    def line(
        params: Mapping[str, str],
        account: Account,
        began: float,
        role: int,
        request: Request | None,
    ) -> str:
        values = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began))
            + f".{int(began % 1 * 1000):03d}Z",
            "remoteAddress": params.get("REMOTE_ADDR"),
            "user": params.get("REMOTE_USER"),
            "method": params.get("REQUEST_METHOD"),
            "uri": uriOf(params) or None,
            "protocol": params.get("SERVER_PROTOCOL"),
            "host": params.get("HTTP_HOST"),
            "status": account.code or None,
            "bytes": account.bodyBytes,
            "received": _received(request),
            "seconds": round(account.seconds, 6),
            "referer": maskedURI(params.get("HTTP_REFERER", "")),
            "userAgent": params.get("HTTP_USER_AGENT"),
            "role": _roleName(role),
            "requestID": 0 if request is None else request.requestID,
            "appStatus": account.appStatus,
            "aborted": account.brokenOff,
            "error": None if account.error is None else type(account.error).__name__,
            **own,
        }
        return json.dumps({name: _readable(value) for name, value in values.items() if value != ""})

    return line


def _readable(value: Any) -> Any:
    """
    Text that every reader of JSON takes: bytes that are not UTF-8 are written out.
    """
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value
