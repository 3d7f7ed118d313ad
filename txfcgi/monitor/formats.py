"""
The format of a line of an access log: Apache's formats, and JSON.

User, address and URI are shown; values that are secret by their name are masked
(L{txfcgi.masking}). Text from outside is escaped as Apache does it, so nobody can forge a line.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii
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
# What stands in a line as it is.
_PLAIN: Final = bytes(byte for byte in range(32, 127) if byte not in _ESCAPES)
# What is hidden in a URI, and in every value of a name that says that it is a secret.
_SECRET: Final = "token=a"
_ROLES: Final[Mapping[int, str]] = {role.value: role.name.lower() for role in Role}
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class BadFormat(ValueError):
    """
    A format of an access log is invalid.
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
    if text.isascii() and not text.encode().translate(None, _PLAIN):
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
    get = params.get
    uri = maskedURI(get("REQUEST_URI") or uriIn(params))
    return f"{get('REQUEST_METHOD', 'GET')} {uri} {get('SERVER_PROTOCOL', '')}".rstrip()


def _query(query: str | None) -> str:
    return f"?{maskedURI(query)}" if query else ""


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
    streams = None if request is None else request.inputStreams()
    return sum(stream.received for stream in streams) if streams else 0


def _roleName(role: int) -> str:
    return _ROLES.get(role) or str(role)


# What each directive stands for, as an expression. All expressions of a format are compiled into
# one function: to call a function for each would take twice the time.

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
        return f"maskedURI(get({name!r}) or '-')"
    return f"{MASK!r} if get({name!r}) else '-'"


def _expression(letter: str, argument: str | None) -> str:
    """
    What one directive of a format stands for.

    @raise BadFormat: It is not a directive.
    """
    if argument is None:
        if letter in _PARAMS:
            return _param(_PARAMS[letter])
        if letter in _SIMPLE:
            return _SIMPLE[letter]
        raise BadFormat(f"unknown directive %{letter}")
    if letter == "i":
        name = argument.upper().replace("-", "_")
        return _param(name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}")
    if letter == "e":
        return _param(argument)
    if letter == "t":
        try:
            time.strftime(argument)
        except ValueError as error:
            raise BadFormat(f"%{{{argument}}}t: {error}") from None
        return f"time.strftime({argument!r}, time.localtime(began))"
    if letter == "T":
        if argument not in _UNITS:
            raise BadFormat(f"%{{{argument}}}T: the unit must be one of {', '.join(_UNITS)}")
        return f"int(account.seconds * {_UNITS[argument]})"
    if letter == "x":
        if argument not in _OWN:
            raise BadFormat(f"unknown directive %{{{argument}}}x: use {', '.join(_OWN)}")
        return _OWN[argument]
    if letter == "o":
        raise BadFormat(
            f"unknown directive %{{{argument}}}o: response headers are not logged, as that would "
            "cost every request; use %s for the status and %b for the length, and let the app log "
            "others"
        )
    raise BadFormat(f"unknown directive %{{{argument}}}{letter}")


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
            f"{text!r} is not common, combined or json, and not one line with directives such as %h"
        )
    expressions: list[str] = []
    constants = [""]
    position = 0
    for found in _DIRECTIVE.finditer(directives):
        constants[-1] += directives[position : found.start()]
        position = found.end()
        if found[2] == "%":
            constants[-1] += "%"
            continue
        if found[2] is None:
            raise BadFormat(f"the % in {directives[found.start() :][:10]!r} is not a directive")
        expressions.append(_expression(found[2], found[1]))
        constants.append("")
    constants[-1] += directives[position:]
    return _compiled(constants, expressions, worker)


# A line is searched once for what must be escaped, whole: nothing may be found but what stands
# between its values, too.
_SOURCE: Final = """
def line(params, account, began, role, request):
    get = params.get
    {assignments}
    whole = {filled}
    if whole.isascii() and whole.encode().translate(None, _PLAIN) == between:
        return whole
    {escapes}
    return {filled}
"""


def _compiled(constants: Sequence[str], expressions: Sequence[str], worker: str) -> Line:
    """
    A function that puts values between constants. What came from outside is escaped where it has
    to be.
    """
    values = [f"value{number}" for number in range(len(expressions))]
    parts = [_quoted(constants[0])]
    for value, constant in zip(values, constants[1:], strict=True):
        parts += f"{{{value}}}", _quoted(constant)
    code = _SOURCE.format(
        assignments="; ".join(map("{} = {}".format, values, expressions)),
        filled='f"{}"'.format("".join(parts)),
        escapes="; ".join(map("{0} = escaped(f'{{{0}}}')".format, values)),
    )
    between = "".join(constants).encode("utf-8", "replace").translate(None, _PLAIN)
    names: dict[str, Any] = {**globals(), "worker": worker, "between": between}
    exec(code, names)
    line: Line = names["line"]
    return line


def _quoted(text: str) -> str:
    """
    Text as it stands between the quotes of an f-string.
    """
    quoted = text.encode("unicode_escape").decode().replace('"', '\\"')
    return quoted.replace("{", "{{").replace("}", "}}")


@lru_cache(maxsize=64)
def _isoTime(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _jsonLine(worker: str) -> Line:
    last = f', "worker": {_jsonText(worker)}' if worker else ""

    def line(
        params: Mapping[str, str],
        account: Account,
        began: float,
        role: int,
        request: Request | None,
    ) -> str:
        get = params.get
        error = None if account.error is None else type(account.error).__name__
        return (
            f'{{"time": "{_isoTime(int(began))}.{int(began % 1 * 1000):03d}Z", '
            f"{_member('remoteAddress', get('REMOTE_ADDR'))}"
            f"{_member('user', get('REMOTE_USER'))}"
            f"{_member('method', get('REQUEST_METHOD'))}"
            f"{_member('uri', uriOf(params) or None)}"
            f"{_member('protocol', get('SERVER_PROTOCOL'))}"
            f"{_member('host', get('HTTP_HOST'))}"
            f'"status": {account.code or "null"}, "bytes": {account.bodyBytes}, '
            f'"received": {_received(request)}, "seconds": {round(account.seconds, 6)}, '
            f"{_member('referer', maskedURI(get('HTTP_REFERER', '')))}"
            f"{_member('userAgent', get('HTTP_USER_AGENT'))}"
            f'"role": "{_roleName(role)}", '
            f'"requestID": {0 if request is None else request.requestID}, '
            f'"appStatus": {account.appStatus}, '
            f'"aborted": {"true" if account.brokenOff else "false"}, '
            f'"error": {"null" if error is None else _jsonText(error)}{last}}}'
        )

    return line


def _member(name: str, text: str | None) -> str:
    """
    A member of an object of JSON, with what goes before the next one. What is empty is left out.
    """
    if text:
        return f'"{name}": {_jsonText(text)}, '
    return "" if text is not None else f'"{name}": null, '


def _jsonText(text: str) -> str:
    """
    Text that every reader of JSON takes: bytes that are not UTF-8 are written out.
    """
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return encode_basestring_ascii(text)
