"""
What stands in a line of an access log: Apache's formats, and JSON.

Who asked, from where, and for what is shown; what is a secret by its name is not
(L{txfcgi.masking}). What came from outside can't forge a line: it is escaped as Apache does it.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ..masking import MASK, masked, maskedURI
from ..wire.records import Role

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


class Entry:
    """
    What a line is made of.

    @ivar params: The params of the request; empty, if it was refused before they had come.
    @ivar account: How it went.
    @ivar time: When it began, in seconds since 1970.
    @ivar role: The number of its role.
    @ivar request: The request, unless it was refused.
    """

    __slots__ = ("account", "params", "request", "role", "time")

    def __init__(
        self,
        params: Mapping[str, str],
        account: Account,
        time: float,
        role: int,
        request: Request | None = None,
    ) -> None:
        self.params = params
        self.account = account
        self.time = time
        self.role = role
        self.request = request

    @property
    def requestID(self) -> int:
        """
        Its id on the connection; 0 if it was refused.
        """
        return 0 if self.request is None else self.request.requestID

    @property
    def kept(self) -> bool:
        """
        Whether the connection stays open behind it.
        """
        return self.request is not None and self.request.keepConnection

    @property
    def received(self) -> int:
        """
        The bytes of its body that came for the app.
        """
        streams = () if self.request is None else self.request.inputStreams()
        return sum(stream.received for stream in streams)


Piece = Callable[[Entry], Any]


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
    What the browser asked for, as it may be shown: REQUEST_URI, or what comes nearest to it.
    """
    uri = params.get("REQUEST_URI")
    if uri is None:
        uri = params.get("SCRIPT_NAME", "") + params.get("PATH_INFO", "")
        query = params.get("QUERY_STRING")
        uri = f"{uri}?{query}" if query else uri
    return maskedURI(uri) if "=" in uri or "@" in uri else uri


def _requestLine(entry: Entry) -> str:
    params = entry.params
    if not params:
        return "-"
    method = params.get("REQUEST_METHOD", "GET")
    return f"{method} {uriOf(params)} {params.get('SERVER_PROTOCOL', '')}".rstrip()


def _query(entry: Entry) -> str:
    query = entry.params.get("QUERY_STRING")
    return "?" + maskedURI(query) if query else ""


@lru_cache(maxsize=64)
def _apacheTime(second: int) -> str:
    there = time.localtime(second)
    month = _MONTHS[there.tm_mon - 1]
    return time.strftime(f"[%d/{month}/%Y:%H:%M:%S %z]", there)


def _status(entry: Entry) -> str:
    account = entry.account
    # nginx has a number for those that got no answer, as they did not wait for it.
    return str(account.code) if account.code else "499" if account.brokenOff else "-"


def _connection(entry: Entry) -> str:
    return "X" if entry.account.brokenOff else "+" if entry.kept else "-"


def _param(name: str) -> Piece:
    """
    A param, as it may be shown.
    """
    if masked(name, _SECRET) == _SECRET:
        # Nothing is ever hidden in a param of this name.
        return lambda entry: entry.params.get(name) or "-"
    if masked(name, "a") == "a":
        return lambda entry: maskedURI(entry.params.get(name, "")) or "-"
    return lambda entry: MASK if entry.params.get(name) else "-"


_SIMPLE: Final[dict[str, Piece]] = {
    "A": _param("SERVER_ADDR"),
    "a": _param("REMOTE_ADDR"),
    "B": lambda entry: entry.account.bodyBytes,
    "b": lambda entry: entry.account.bodyBytes or "-",
    "D": lambda entry: int(entry.account.seconds * 1e6),
    "H": _param("SERVER_PROTOCOL"),
    "h": _param("REMOTE_ADDR"),
    "l": lambda entry: "-",
    "m": _param("REQUEST_METHOD"),
    "P": lambda entry: os.getpid(),
    "p": _param("SERVER_PORT"),
    "q": _query,
    "r": _requestLine,
    "s": _status,
    "T": lambda entry: int(entry.account.seconds),
    "t": lambda entry: _apacheTime(int(entry.time)),
    "U": lambda entry: uriOf(entry.params).partition("?")[0] or "-",
    "u": _param("REMOTE_USER"),
    "V": _param("HTTP_HOST"),
    "v": _param("SERVER_NAME"),
    "X": _connection,
}

_UNITS: Final = {"s": 1, "ms": 1e3, "us": 1e6}


def _roleName(role: int) -> str:
    return Role(role).name.lower() if role in Role.__members__.values() else str(role)


def _own(worker: str) -> dict[str, Piece]:
    """
    What Apache has no letter for, by its name.
    """
    return {
        "role": lambda entry: _roleName(entry.role),
        "id": lambda entry: entry.requestID or "-",
        "worker": lambda entry: worker or "-",
        "appStatus": lambda entry: entry.account.appStatus,
        "received": lambda entry: entry.received,
    }


def _piece(letter: str, argument: str | None, worker: str) -> Piece:
    """
    What one directive of a format stands for.

    @raise BadFormat: It stands for nothing.
    """
    if argument is None:
        if letter not in _SIMPLE:
            raise BadFormat(f"there is no %{letter}")
        return _SIMPLE[letter]
    if letter == "i":
        name = argument.upper().replace("-", "_")
        return _param(name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}")
    if letter == "e":
        return _param(argument)
    if letter == "t":
        return lambda entry: time.strftime(argument, time.localtime(entry.time))
    if letter == "T":
        factor = _UNITS.get(argument)
        if factor is None:
            raise BadFormat(f"%{{{argument}}}T: the unit is {', '.join(_UNITS)}")
        return lambda entry: int(entry.account.seconds * factor)
    if letter == "x":
        own = _own(worker)
        if argument not in own:
            raise BadFormat(f"there is no %{{{argument}}}x: there are {', '.join(own)}")
        return own[argument]
    raise BadFormat(f"there is no %{{{argument}}}{letter}")


def compileFormat(text: str, worker: str = "") -> Callable[[Entry], str]:
    """
    Read a format.

    @param text: C{"common"}, C{"combined"}, C{"json"}, or directives as Apache's LogFormat has
        them, such as C{%h %u %t "%r" %>s %b %D "%{Referer}i"}.
    @param worker: The name of this worker, for C{%{worker}x}.
    @return: Makes a line.
    @raise BadFormat: Something in it means nothing.
    """
    if text == "json":
        return _jsonLine(worker)
    directives = NAMED.get(text, text)
    if "%" not in directives or "\n" in directives:
        raise BadFormat(
            f"{text!r} is neither common, combined nor json, nor one line with directives as %h"
        )
    pieces: list[Piece] = []
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
        pieces.append(_piece(found[2], found[1], worker))
        template += "%s"
    template += directives[position:]

    def line(entry: Entry) -> str:
        values = tuple([piece(entry) for piece in pieces])
        whole = template % values
        if whole.isascii() and whole.isprintable() and "\\" not in whole:
            if whole.count('"') == quotes:
                return whole
        return template % tuple([escaped(str(value)) for value in values])

    quotes = template.count('"')
    return line


def _jsonLine(worker: str) -> Callable[[Entry], str]:
    own = {"worker": worker} if worker else {}

    def line(entry: Entry) -> str:
        params, account = entry.params, entry.account
        began = entry.time
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
            "received": entry.received,
            "seconds": round(account.seconds, 6),
            "referer": maskedURI(params.get("HTTP_REFERER", "")),
            "userAgent": params.get("HTTP_USER_AGENT"),
            "role": _roleName(entry.role),
            "requestID": entry.requestID,
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
