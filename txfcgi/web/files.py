"""
Serving files: a whole file, the ranges that were asked for, or a 304 (RFC 9110, sections 13, 14).

twisted.web's C{File} is not used: it does not know ETag and If-Range, prefers If-Modified-Since to
If-None-Match, and loops for ever where a file becomes shorter while it is sent, or one of several
ranges ends near the end of a buffer.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from secrets import token_hex
from typing import IO, Any, Final

from twisted.internet.interfaces import IPullProducer
from twisted.logger import Logger
from twisted.web.http import datetimeToString, stringToDatetime
from zope.interface import implementer

from .mediatypes import mediaType
from .ranges import Part, partsOf

_PIECE: Final = 65_536


def serveFile(
    request: Any, path: str, showError: Callable[[int], object], kind: str | None = None
) -> None:
    """
    Answer a request with a file. Conditions and ranges apply to GET and HEAD, unless a status other
    than 200 has been set.

    @param showError: Shows the page of a status.
    @param kind: Its media type; if not given, that of its name.
    @raise OSError: If it can't be opened, or is not a regular file.
    """
    file = _open(path)
    try:
        status = os.fstat(file.fileno())
        modified = int(status.st_mtime)
        tag = b'"%x-%x"' % (status.st_mtime_ns, status.st_size)
        headers = request.responseHeaders
        headers.setRawHeaders(b"ETag", [tag])
        headers.setRawHeaders(b"Last-Modified", [datetimeToString(modified)])
        headers.setRawHeaders(b"Accept-Ranges", [b"bytes"])
        parts: Sequence[Part] | None = None
        if request.code == 200 and request.method in (b"GET", b"HEAD"):
            code = _precondition(request, tag, modified)
            if code == 304:
                request.setResponseCode(304)
                request.finish()
            if code is not None:
                if code != 304:
                    showError(code)
                file.close()
                return
            if request.method == b"GET" and _rangeHolds(request, tag, modified):
                parts = partsOf(request.getHeader(b"range"), status.st_size)
        if parts is not None and not parts:
            headers.setRawHeaders(b"Content-Range", [b"bytes */%d" % status.st_size])
            showError(416)
            file.close()
            return
        _setType(headers, path, kind)
        _send(request, file, status.st_size, parts)
    except BaseException:
        file.close()
        raise


def _open(path: str) -> IO[bytes]:
    """
    Open a file. Only a regular file is opened: a pipe would wait for a writer.
    """
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(f"{path} is not a regular file")
    return file


def _setType(headers: Any, path: str, kind: str | None) -> None:
    """
    Say what a file is.
    """
    encoding: str | None = None
    if kind is None:
        kind, encoding = mediaType(path)
    headers.setRawHeaders(b"Content-Type", [kind.encode("latin-1")])
    if encoding is not None:
        headers.setRawHeaders(b"Content-Encoding", [encoding.encode("latin-1")])


# Conditions (RFC 9110, section 13)


def _precondition(request: Any, tag: bytes, modified: int) -> int | None:
    """
    The status that the conditions of a request lead to (section 13.2.2), if not to the file.
    """
    matches = _tagsIn(request, b"if-match")
    if matches is not None:
        if b"*" not in matches and tag not in matches:
            return 412
    else:
        unmodified = _dateIn(request, b"if-unmodified-since")
        if unmodified is not None and modified > unmodified:
            return 412
    noneMatches = _tagsIn(request, b"if-none-match")
    if noneMatches is not None:
        # A cache may have made a weak tag of ours.
        return 304 if {b"*", tag, b"W/" + tag} & noneMatches else None
    since = _dateIn(request, b"if-modified-since")
    return 304 if since is not None and modified <= since else None


def _rangeHolds(request: Any, tag: bytes, modified: int) -> bool:
    """
    Whether If-Range lets a range be: the browser has the rest of this very file (section 13.1.5).
    """
    value = request.getHeader(b"if-range")
    return value is None or value.strip() in (tag, datetimeToString(modified))


def _tagsIn(request: Any, name: bytes) -> set[bytes] | None:
    """
    The entity tags in a header. None of ours has a comma in it.
    """
    values = request.requestHeaders.getRawHeaders(name)
    if values is None:
        return None
    return {tag.strip(b" \t") for value in values for tag in value.split(b",")}


def _dateIn(request: Any, name: bytes) -> int | None:
    """
    The date in a header, if there is one.
    """
    value = request.getHeader(name)
    try:
        return None if value is None else int(stringToDatetime(value.partition(b";")[0]))
    except (ValueError, IndexError, KeyError, OverflowError):
        return None


# The body


def _send(request: Any, file: IO[bytes], size: int, parts: Sequence[Part] | None) -> None:
    """
    Send a file, or parts of it.
    """
    headers = request.responseHeaders
    pieces: list[bytes | Part]
    if parts is None:
        pieces = [Part(0, size)]
    else:
        request.setResponseCode(206)
        if len(parts) == 1:
            headers.setRawHeaders(b"Content-Range", [parts[0].contentRange(size)])
            pieces = list(parts)
        else:
            boundary = token_hex(16).encode("ascii")
            kind = headers.getRawHeaders(b"content-type")[0]
            pieces = list(_multipart(parts, size, kind, boundary))
            value = b"multipart/byteranges; boundary=" + boundary
            headers.setRawHeaders(b"Content-Type", [value])
    length = sum(len(each) if isinstance(each, bytes) else each.size for each in pieces)
    headers.setRawHeaders(b"Content-Length", [b"%d" % length])
    if request.method == b"HEAD" or not length:
        file.close()
        request.finish()
    else:
        FileProducer(request, file, pieces).start()


def _multipart(
    parts: Iterable[Part], size: int, kind: bytes, boundary: bytes
) -> Iterator[bytes | Part]:
    """
    Several parts in one body (section 14.6).
    """
    for part in parts:
        yield (
            b"\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n"
            % (boundary, kind, part.contentRange(size))
        )
        yield part
    yield b"\r\n--%s--\r\n" % boundary


@implementer(IPullProducer)
class FileProducer:
    """
    Writes pieces of a file to a request, and closes the file when they are written, or the browser
    has gone.
    """

    _log = Logger()

    def __init__(self, request: Any, file: IO[bytes], pieces: Iterable[bytes | Part]) -> None:
        """
        @param pieces: Parts of the file, and the bytes between them.
        """
        self._request = request
        self._file = file
        self._pieces = iter(pieces)
        self._left = 0

    def start(self) -> None:
        """
        Begin.
        """
        self._request.notifyFinish().addBoth(lambda _: self.stopProducing())
        self._request.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """
        Write the next bytes.
        """
        if self._file.closed:
            return
        if not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                self._request.unregisterProducer()
                self._request.finish()
                return
            if isinstance(piece, bytes):
                self._request.write(piece)
                return
            self._file.seek(piece.offset)
            self._left = piece.size
        data = self._file.read(min(self._left, _PIECE))
        self._left -= len(data)
        if data:
            self._request.write(data)
            return
        self._log.warn("{file} became shorter while it was sent", file=self._file)
        # A part of its length is missing, so it does not look whole.
        self._request.unregisterProducer()
        self._request.loseConnection()

    def stopProducing(self) -> None:
        """
        Nobody takes any more.
        """
        self._file.close()
