"""
Files as answers: sent from here, or by the web server itself (X-Sendfile, X-Accel-Redirect).
"""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from collections.abc import Iterator, Mapping
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

from twisted.web.http_headers import Headers as HTTPHeaders

from ..errors import InvalidPath
from .response import Headers, Response, typed

if TYPE_CHECKING:
    from .request import Request

# The most bytes that are read of a file at once.
_PIECE: Final = 65_536

_range: Final = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,19})[ \t]*-[ \t]*([0-9]{0,19})").fullmatch

SendFileStyle = Literal["X-Sendfile", "X-Accel-Redirect"]


class FileBody:
    """
    A file, or a part of it, as the body of a response.

    @ivar start: The first byte to send, counted from 0.
    @ivar length: How many bytes to send.
    @ivar size: How many bytes the whole file has.
    @ivar modified: When the file was changed, in seconds since 1970.
    @ivar tag: The ETag of this version of the file (RFC 9110, section 8.8.3).
    """

    def __init__(self, path: str) -> None:
        """
        @raise FileNotFoundError: If the file does not exist, or is a folder, a pipe or a device.
        @raise OSError: If it may not be read.
        """
        # A pipe would wait for its other end here.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._file = open(fd, "rb", buffering=0)
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            self._file.close()
            raise FileNotFoundError(f"{path} is not a file")
        self.start = 0
        self.length = self.size = info.st_size
        self.modified = info.st_mtime
        self.tag = f'"{info.st_mtime_ns:x}-{info.st_size:x}"'

    def __iter__(self) -> Iterator[bytes]:
        with self._file as file:
            file.seek(self.start)
            left = self.length
            while left and (piece := file.read(min(left, _PIECE))):
                left -= len(piece)
                yield piece

    def close(self) -> None:
        """
        Let go of the file.
        """
        self._file.close()


class FileResponse(Response):
    """
    A file as a response; see L{Response.file}.
    """

    __slots__ = ("_file",)

    def __init__(
        self,
        path: str,
        headers: Headers = (),
        *,
        root: str | None = None,
        download: str | None = None,
        sendFile: SendFile | None = None,
    ) -> None:
        if root is not None:
            path = _below(root, path)
        pairs = typed(headers, _typeOf(path))
        if download is not None:
            pairs.append(
                ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(download, safe='')}")
            )
        self._file: FileBody | None = None
        if not os.path.isfile(path):
            raise FileNotFoundError(f"{path} is not a file")
        header = None if sendFile is None else sendFile.header(path)
        if header is not None:
            # The web server knows its length, when it was changed, and what part of it is wanted.
            super().__init__(200, [*pairs, header], ())
            return
        file = self._file = FileBody(path)
        pairs += [
            ("Last-Modified", formatdate(file.modified, usegmt=True)),
            ("ETag", file.tag),
            ("Accept-Ranges", "bytes"),
        ]
        super().__init__(200, pairs, file)

    def forRequest(self, request: Request) -> Response:
        """
        What is to be sent of it: all, a part (206, RFC 9110, section 14), nothing that the browser
        has already (304, section 13), or an error for a part that the file does not have (416).
        """
        file = self._file
        if file is None or self.code != 200:
            return self
        pairs = list(self.pairs())
        headers = request.headers
        isGet = request.method == "GET"
        if (isGet or request.method == "HEAD") and _isKnown(file, headers):
            file.close()
            return Response(304, pairs, b"")
        wanted = _wanted(file, headers) if isGet else None
        if wanted == (0, 0):
            file.close()
            return Response(416, [("Content-Range", f"bytes */{file.size}")], b"")
        code = 200
        if wanted is not None:
            code = 206
            file.start, file.length = wanted
            last = file.start + file.length - 1
            pairs.append(("Content-Range", f"bytes {file.start}-{last}/{file.size}"))
        pairs.append(("Content-Length", str(file.length)))
        return Response(code, pairs, file, appStatus=self.appStatus)


def _below(root: str, path: str) -> str:
    """
    The path of a file in a folder.

    @raise FileNotFoundError: If it leads out of there.
    """
    folder = os.path.realpath(root)
    real = os.path.realpath(os.path.join(folder, path.lstrip("/"))) if "\0" not in path else ""
    if os.path.commonpath([folder, real or "/"]) != folder or real == folder:
        raise FileNotFoundError(f"{path!r} is not a file in {root}")
    return real


def _typeOf(path: str) -> str:
    """
    The type of a file, by its name.
    """
    kind, encoding = mimetypes.guess_type(path)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    if kind is None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _isKnown(file: FileBody, headers: HTTPHeaders) -> bool:
    """
    Whether the browser has this very version.
    """
    tags = headers.getRawHeaders("if-none-match")
    if tags is not None:
        known = [tag.strip().removeprefix("W/") for tag in ",".join(tags).split(",")]
        return "*" in known or file.tag in known
    since = headers.getRawHeaders("if-modified-since")
    return since is not None and _secondsOf(since[0]) >= int(file.modified)


def _wanted(file: FileBody, headers: HTTPHeaders) -> tuple[int, int] | None:
    """
    The part that is wanted.

    @return: Its first byte and its length; C{(0, 0)} if the file does not have it, and L{None} if
        all of it is wanted, or the range is not understood.
    """
    wanted = headers.getRawHeaders("range")
    found = _range(wanted[0].strip()) if wanted is not None else None
    if found is None or (found[1], found[2]) == ("", ""):
        return None
    condition = headers.getRawHeaders("if-range")
    if condition is not None:
        asked = condition[0].strip()
        if asked != file.tag and _secondsOf(asked) != int(file.modified):
            return None
    if not found[1]:
        length = min(int(found[2]), file.size)
        return (file.size - length, length) if length else (0, 0)
    start = int(found[1])
    end = int(found[2]) if found[2] else file.size - 1
    if end < start and found[2]:
        return None
    if start >= file.size:
        return 0, 0
    return start, min(end, file.size - 1) - start + 1


def _secondsOf(date: str) -> int:
    """
    A date of HTTP in seconds since 1970; -1 if it is none.
    """
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (TypeError, ValueError, OverflowError):
        return -1


class SendFile:
    """
    How a web server is asked to send a file by itself: by a header of the response.

    lighttpd and Apache with mod_xsendfile take the path of the file (C{X-Sendfile}); nginx takes a
    path of the site that leads to it, in a C{location} that is C{internal} (C{X-Accel-Redirect}).
    """

    def __init__(
        self, style: SendFileStyle = "X-Sendfile", folders: Mapping[str, str] | None = None
    ) -> None:
        """
        @param style: The header to use.
        @param folders: For C{X-Accel-Redirect}: the folders from which the web server sends files,
            each with the path on the site that stands for it. For C{X-Sendfile}, the paths are
            ignored; without folders, the web server sends any file.
        @raise InvalidPath: If a folder is not absolute, or C{X-Accel-Redirect} has no folders.
        """
        if style not in ("X-Sendfile", "X-Accel-Redirect"):
            raise InvalidPath(f"SendFile's style is X-Sendfile or X-Accel-Redirect, not {style!r}")
        self._style = style
        self._folders = {os.path.realpath(folder): path for folder, path in (folders or {}).items()}
        for folder, path in (folders or {}).items():
            if not os.path.isabs(folder):
                raise InvalidPath(f"{folder!r} is not an absolute path")
            if style == "X-Accel-Redirect" and not path.startswith("/"):
                raise InvalidPath(
                    f"{path!r}, which stands for {folder}, does not start with a slash"
                )
        if style == "X-Accel-Redirect" and not folders:
            raise InvalidPath(
                "X-Accel-Redirect needs folders, each with its path on the site, such as "
                "{'/srv/files': '/protected'}"
            )

    def header(self, path: str) -> tuple[bytes, bytes] | None:
        """
        The header that has the web server send a file.

        @return: Its name and value, or L{None} if the file is in none of the folders: the app's
            server then sends it. Links are followed first, so that none leads out of a folder.
        """
        real = os.path.realpath(path)
        if self._style == "X-Sendfile" and not self._folders:
            return b"X-Sendfile", _quoted(real)
        for folder, prefix in self._folders.items():
            inside = folder.rstrip("/") + "/"
            if real.startswith(inside):
                if self._style == "X-Sendfile":
                    return b"X-Sendfile", _quoted(real)
                return b"X-Accel-Redirect", _quoted(f"{prefix.rstrip('/')}/{real[len(inside) :]}")
        return None


def _quoted(path: str) -> bytes:
    # All three web servers decode it.
    return quote(os.fsencode(path)).encode("ascii")
