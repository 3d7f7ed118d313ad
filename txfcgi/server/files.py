"""
Files as answers: sent from here, or by the web server itself (X-Sendfile, X-Accel-Redirect).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final, Literal
from urllib.parse import quote

from ..errors import InvalidPath

# What is read of a file at once.
_PIECE: Final = 65_536

SendFileStyle = Literal["X-Sendfile", "X-Accel-Redirect"]


class FileBody:
    """
    A file, or a part of it, as the body of an answer.

    @ivar length: Its bytes.
    @ivar modified: When the file was changed, in seconds since 1970.
    """

    def __init__(self, path: str, start: int = 0, length: int | None = None) -> None:
        """
        @param start: Its first byte.
        @param length: How many bytes; without it, all that follow.
        @raise OSError: If there is no such file, or it may not be read.
        """
        self._file = open(path, "rb", buffering=0)
        info = os.fstat(self._file.fileno())
        self.size = info.st_size
        self.modified = info.st_mtime
        self.length = self.size - start if length is None else length
        self._start = start

    def select(self, start: int, length: int) -> None:
        """
        Send only a part.
        """
        self._start = start
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        with self._file as file:
            file.seek(self._start)
            left = self.length
            while left and (piece := file.read(min(left, _PIECE))):
                left -= len(piece)
                yield piece

    def close(self) -> None:
        """
        Let go of the file.
        """
        self._file.close()


class SendFile:
    """
    How a web server is asked to send a file by itself: by a header of the answer.

    lighttpd and Apache with mod_xsendfile take the path of the file (C{X-Sendfile}); nginx takes a
    path of the site that leads to it, in a C{location} that is C{internal} (C{X-Accel-Redirect}).
    """

    def __init__(
        self, style: SendFileStyle = "X-Sendfile", folders: Mapping[str, str] | None = None
    ) -> None:
        """
        @param style: The header.
        @param folders: For C{X-Accel-Redirect}: the folders that the web server sends files from,
            each with the path of the site that stands for it. For C{X-Sendfile} the values don't
            matter, and without folders it sends files from anywhere.
        @raise InvalidPath: If a folder is not absolute, or there is none and there has to be.
        """
        if style not in ("X-Sendfile", "X-Accel-Redirect"):
            raise InvalidPath(f"files are sent by X-Sendfile or X-Accel-Redirect, not {style!r}")
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
            raise InvalidPath("X-Accel-Redirect needs to know which path stands for which folder")

    def header(self, path: str) -> tuple[bytes, bytes] | None:
        """
        The header that has the web server send a file.

        @return: Its name and value, or L{None} if the file is in none of the folders and has to be
            sent from here. Links are followed first, so none leads out of them.
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
