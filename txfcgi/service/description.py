"""
The description of an endpoint: parsing, and error messages.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IStreamServerEndpoint

from ..server.admission import isPublic
from .errors import BadEndpoint
from .sockets import BACKLOG

#: The arguments of Twisted's TCP endpoints, by position.
TCP_ARGUMENTS = {
    "tcp": ("port", "interface", "backlog"),
    "tcp6": ("port", "backlog", "interface"),
    "ssl": ("port", "privateKey", "certKey", "sslmethod", "interface", "backlog"),
}

MAX_PORT = 65_535

# A prefix of another endpoint.
_PROXIED = "haproxy:"


@dataclass(frozen=True)
class Description:
    """
    The parsed description of an endpoint.

    @ivar text: The description.
    @ivar kind: The part before the first colon.
    @ivar args: The positional arguments.
    @ivar kwargs: The named arguments (C{name=value}).
    """

    text: str
    kind: str
    args: tuple[str, ...]
    kwargs: Mapping[str, str]

    @classmethod
    def fromText(cls, text: str) -> Description:
        r"""
        Parse a description as Twisted does: colons separate arguments, and a backslash escapes the
        next character.

        @param text: Such as C{r"unix:/run/a\:b.sock:mode=600"}.

        @return: The parsed description.

        @raise BadEndpoint: The kind is missing, or the port is too large.
        """
        args = []
        kwargs = {}
        for part in _split(":", text):
            name, *value = _split("=", part, 1)
            if value:
                kwargs[_unescaped(name)] = _unescaped(value[0])
            else:
                args.append(_unescaped(name))
        if not args or not args[0].isidentifier():
            raise BadEndpoint(f"{text!r} is not a valid endpoint{suggestion(text)}")
        description = cls(text, args[0].lower(), tuple(args[1:]), kwargs)
        port = description.argument("port") if description.kind in TCP_ARGUMENTS else None
        if port is not None and port.isdecimal() and int(port) > MAX_PORT:
            raise BadEndpoint(f"{text}: a port is a number up to {MAX_PORT}")
        return description

    def isPublic(self) -> bool:
        """
        @return: Whether the description alone shows that other machines could connect.
        """
        if self.kind == "haproxy" and self.args:
            return Description.fromText(self.text[len(_PROXIED) :]).isPublic()
        if self.kind not in TCP_ARGUMENTS:
            return False
        return isPublic(self.argument("interface") or ("::" if self.kind == "tcp6" else ""))

    def local(self) -> str:
        """
        @return: A suggestion: the same endpoint, limited to this machine.
        """
        if self.kind == "haproxy":
            return _PROXIED + Description.fromText(self.text[len(_PROXIED) :]).local()
        port = self.argument("port") or "PORT"
        return localEndpoint(self.kind, port)

    def withBacklog(self) -> str:
        """
        @return: The description with a larger backlog than Twisted's, unless it sets one.
        """
        if self.kind == "haproxy" and self.args:
            return _PROXIED + Description.fromText(self.text[len(_PROXIED) :]).withBacklog()
        if self.kind not in TCP_ARGUMENTS or self.argument("backlog") is not None:
            return self.text
        return f"{self.text}:backlog={BACKLOG}"

    def call(
        self, function: Callable[..., IStreamServerEndpoint], *first: Any
    ) -> IStreamServerEndpoint:
        """
        Call a function with the arguments of the description.

        @param function: Takes the arguments as text, by position or by name.
        @param first: Arguments to pass before them.

        @return: The result of the function.

        @raise BadEndpoint: The function does not accept these arguments.
        """
        takes = list(inspect.signature(function).parameters)[len(first) :]
        for name in self.kwargs:
            if name not in takes:
                near = difflib.get_close_matches(name, takes, 1)
                meant = f"; did you mean {near[0]}=?" if near else ""
                raise BadEndpoint(f"{self.text}: unknown argument {name}={meant}")
        try:
            return function(*first, *self.args, **self.kwargs)
        except (TypeError, ValueError) as error:
            raise BadEndpoint(f"{self.text}: {mistakeIn(error)}") from error

    def argument(self, name: str) -> str | None:
        """
        @param name: The name of an argument of one of Twisted's TCP endpoints.

        @return: Its value, or L{None} where it is not given.
        """
        byPosition = dict(zip(TCP_ARGUMENTS[self.kind], self.args, strict=False))
        return self.kwargs.get(name, byPosition.get(name))


def localEndpoint(kind: str, port: str | int) -> str:
    """
    @param kind: C{tcp}, C{tcp6} or C{ssl}.
    @param port: The number of a port.

    @return: The description of an endpoint on it that other machines can't reach.
    """
    between = ":..." if kind == "ssl" else ""
    host = r"\:\:1" if kind == "tcp6" else "127.0.0.1"
    return f"{kind}:{port}{between}:interface={host}"


def _split(separator: str, text: str, most: int = 0) -> list[str]:
    """
    @param separator: A character.
    @param text: The text to split wherever no backslash precedes the separator.
    @param most: The most splits, or 0 for any number.

    @return: The parts, with their backslashes.
    """
    parts = [""]
    for piece in re.findall(r"\\.|\\$|[^\\]", text, re.DOTALL):
        if piece == separator and not (most and len(parts) > most):
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _unescaped(text: str) -> str:
    """
    @param text: With backslashes.

    @return: Without.
    """
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def mistakeIn(error: Exception) -> str:
    """
    @param error: The exception of a parser.

    @return: Its message about the arguments, without the name of the function.
    """
    if isinstance(error, ImportError):
        return "TLS needs pyOpenSSL, which is not installed: pip install txfcgi[tls]"
    said = re.sub(r"^[\w.<>]*\(\) ", "", str(error)) or type(error).__name__
    said = re.sub(r"invalid literal for int\(\).*: (.*)", r"\1 is not a number", said)
    said = re.sub(r"missing \d+ required positional arguments?: ", "it needs ", said)
    return re.sub(r"got an unexpected keyword argument '(.*)'", r"it has no argument \1=", said)


def suggestion(text: str) -> str:
    """
    @param text: An invalid description.

    @return: A suggestion for the message.
    """
    if text.isdecimal():
        return f"; did you mean {localEndpoint('tcp', text)}?"
    if text.startswith(("/", "./", "@")):
        return f"; did you mean unix:{text}?"
    # A name without a dot is more likely a misspelt kind of endpoint.
    found = re.fullmatch(r"(?:tcp:)?(localhost|[\w-]+(?:\.[\w-]+)+):([0-9]+)", text)
    if found:
        return f"; did you mean tcp:{found[2]}:interface={found[1]}?"
    return "; give one such as unix:/run/app.sock or tcp:9000:interface=127.0.0.1"
