"""
L{Paths}: which part of a request's path leads to the app, and which part belongs to the app.

Web servers disagree about SCRIPT_NAME and PATH_INFO. Nothing is guessed: the values that they send
are used, unless an option says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from ..errors import InvalidPath, NotMounted, PathOutsideRoot

# Where the path of a request is taken from.
PathSource = Literal["params", "uri"]

Find = Callable[[bytes], bytes | None]

_scheme: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?]*").match
_dotted: Final = re.compile(rb"//|/\.").search


class Paths:
    """
    How the path of a request is found, and divided in two: SCRIPT_NAME, which leads to the app, and
    PATH_INFO, the rest. Both are decoded.

    @ivar asSent: Whether both are used as the web server sent them.
    """

    __slots__ = ("_fromURI", "_mount", "asSent")

    def __init__(self, mount: str | None = None, pathFrom: PathSource = "params") -> None:
        """
        @param mount: The path below which the app is: C{"/"} if the whole site is the app,
            C{"/shop"} if all below C{/shop} is. L{None} leaves SCRIPT_NAME and PATH_INFO as they
            were sent.
        @param pathFrom: With C{"params"}, the path is that of SCRIPT_NAME and PATH_INFO. With
            C{"uri"}, it is taken from REQUEST_URI, decoded once, without dot segments and double
            slashes, which ignores what rules of the web server, such as an nginx C{location}, made
            of it.
        @raise InvalidPath: If the mount can't be the beginning of a path.
        """
        if pathFrom not in ("params", "uri"):
            raise InvalidPath(f"a path is taken from 'params' or 'uri', not from {pathFrom!r}")
        self._fromURI = pathFrom == "uri"
        self.asSent = mount is None and not self._fromURI
        self._mount = None if mount is None else _checkedMount(mount)

    def split(self, find: Find) -> tuple[bytes, bytes]:
        """
        Divide the path of a request.

        @param find: Gives the value of a param, or L{None}.
        @return: SCRIPT_NAME and PATH_INFO.
        @raise NotMounted: If the path is not below the mount.
        @raise PathOutsideRoot: If REQUEST_URI leads beyond the root of the site.
        """
        if self.asSent:
            return find(b"SCRIPT_NAME") or b"", find(b"PATH_INFO") or b""
        path = self.whole(find)
        mount = self._mount or b""
        if path.startswith(mount) and path[len(mount) : len(mount) + 1] in (b"", b"/"):
            return mount, path[len(mount) :]
        raise NotMounted(
            f"the path {path[:200]!r} is not below {mount!r}, where the app is mounted"
        )

    def whole(self, find: Find) -> bytes:
        """
        The path of a request: SCRIPT_NAME and PATH_INFO together; where neither was sent,
        DOCUMENT_URI; where that is missing too, the path of REQUEST_URI.

        @param find: Gives the value of a param, or L{None}.
        @return: The path, decoded.
        @raise PathOutsideRoot: If REQUEST_URI is used, and leads beyond the root of the site.
        """
        if not self._fromURI:
            script, info = find(b"SCRIPT_NAME"), find(b"PATH_INFO")
            if script is not None or info is not None:
                return (script or b"") + (info or b"")
            path = find(b"DOCUMENT_URI")
            if path is not None:
                return path
        return pathOfURI(find(b"REQUEST_URI") or b"")


def pathOfURI(uri: bytes) -> bytes:
    """
    The path of a request's target, decoded once, without dot segments (RFC 3986, section 5.2.4) and
    double slashes.

    @param uri: As a browser sends it: a path with or without a query, or an absolute URI.
    @return: The path; it starts with a slash, or is C{*}, or is empty.
    @raise PathOutsideRoot: If it leads beyond the root.
    """
    path = uri.partition(b"#")[0].partition(b"?")[0]
    absolute = _scheme(path)
    if absolute:
        path = path[absolute.end() :] or b"/"
    if b"%" in path:
        path = unquote_to_bytes(path)
    return _normal(path) if _dotted(path) else path


def _normal(path: bytes) -> bytes:
    """
    A path without dot segments and double slashes.
    """
    kept: list[bytes] = []
    segments = path.split(b"/")
    for segment in segments[1:]:
        if segment == b"..":
            if not kept:
                raise PathOutsideRoot(f"the path {path[:200]!r} leads beyond the root of the site")
            kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    slash = b"/" if kept and segments[-1] in (b"", b".", b"..") else b""
    return segments[0] + b"/" + b"/".join(kept) + slash


def _checkedMount(mount: str) -> bytes:
    """
    A mount without the slash at its end: nothing for the root.

    @raise InvalidPath: If it can't be the beginning of a path.
    """
    if not mount.startswith("/"):
        raise InvalidPath(f"a mount starts with a slash, such as /shop: {mount!r} does not")
    path = mount.rstrip("/").encode("utf-8", "surrogateescape")
    if _normal(path or b"/") != (path or b"/") or any(sign in path for sign in (b"?", b"#", b"%")):
        raise InvalidPath(
            f"a mount is a plain path, such as /shop, decoded, without a query: not {mount!r}"
        )
    return path
