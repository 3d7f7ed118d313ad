"""
What a browser sends, as a test gives it: headers, and a body of bytes, JSON, a form or files.
"""

from __future__ import annotations

import json as jsonFormat
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from twisted.web.http_headers import Headers

from ..errors import InvalidPath
from .variables import Pair

AnyHeaders = Headers | Mapping[str, str] | Iterable[Pair]
Body = bytes | Iterable[bytes] | None
Fields = Mapping[str, str] | Iterable[Pair]
# Bytes; or the file's name and its bytes; or those and its media type.
File = bytes | tuple[str, bytes] | tuple[str, bytes, str]
Files = Mapping[str, File] | Iterable[tuple[str, File]]

# None is a value in JSON.
NOTHING: Final[Any] = object()

_BYTES: Final = "application/octet-stream"


def headerPairs(headers: AnyHeaders) -> list[Pair]:
    """
    Headers as pairs of text, in their order.

    @raise TypeError: If they are text.
    """
    if isinstance(headers, (str, bytes)):
        raise TypeError(f"headers are a mapping, or pairs of name and value, not {headers!r:.80}")
    if isinstance(headers, Headers):
        return [
            (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
            for name, values in headers.getAllRawHeaders()
            for value in values
        ]
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def readSize(fragment: int) -> int:
    """
    The most bytes of a read.

    @raise ValueError: If that is less than one.
    """
    if fragment < 1:
        raise ValueError(f"fragment is {fragment}: a read brings 1 byte or more")
    return fragment


def payload(
    body: Body, json: Any, form: Fields | None, files: Files | None
) -> tuple[list[bytes] | None, str | None]:
    """
    The body of a request, from whichever of these was given.

    @param json: A value; L{NOTHING} for none.
    @return: Its pieces, or L{None} without a body; and its Content-Type, if that follows from what
        was given.
    @raise TypeError: If more than one was given, or a file is none.
    """
    given = [
        name
        for name, there in (
            ("body", body is not None),
            ("json", json is not NOTHING),
            ("form or files", form is not None or files is not None),
        )
        if there
    ]
    if len(given) > 1:
        raise TypeError(f"a request has one body: give {' or '.join(given)}, not both")
    if json is not NOTHING:
        return [jsonFormat.dumps(json).encode("utf-8")], "application/json"
    if files is not None:
        return _multipart(form or (), files)
    if form is not None:
        fields = form.items() if isinstance(form, Mapping) else form
        return [urlencode(list(fields)).encode("ascii")], "application/x-www-form-urlencoded"
    if isinstance(body, str):
        raise TypeError(f"a body is bytes, or pieces of bytes, not text: {body!r:.80}; encode it")
    if isinstance(body, Mapping):
        raise TypeError(
            f"a body is bytes, or pieces of bytes, not {body!r:.80}: give json= for JSON, or form= "
            "for the fields of a form"
        )
    if body is None:
        return None, None
    pieces = [body] if isinstance(body, bytes) else list(body)
    for piece in pieces:
        if not isinstance(piece, bytes):
            raise TypeError(
                f"the pieces of a body are bytes, not {piece!r:.80}: give json= for JSON, or form= "
                "for the fields of a form"
            )
    return pieces, None


def checkURI(uri: str) -> str:
    """
    A URI, if a browser can ask for it.

    @raise InvalidPath: If not.
    """
    if not (uri.startswith("/") or uri == "*" or "://" in uri):
        raise InvalidPath(
            f"the URI {uri!r} does not begin with a slash: give path and query, such as "
            "'/shop?page=1'; for another host, give a header: {'Host': 'example.org'}"
        )
    return uri


def posted(body: Body, options: Mapping[str, Any]) -> Body:
    """
    The body of a POST request, which has one: an empty one, if none was given in any way.
    """
    return b"" if body is None and not {"json", "form", "files"} & options.keys() else body


def _multipart(form: Fields, files: Files) -> tuple[list[bytes], str]:
    """
    Fields and files, as a browser sends them (RFC 7578).
    """
    parts: list[tuple[str, bytes]] = [
        (f'name="{_quoted(name)}"', b"\r\n" + value.encode("utf-8"))
        for name, value in (form.items() if isinstance(form, Mapping) else form)
    ]
    for field, file in files.items() if isinstance(files, Mapping) else files:
        name, content, kind = _file(field, file)
        parts.append(
            (
                f'name="{_quoted(field)}"; filename="{_quoted(name)}"',
                f"Content-Type: {kind}\r\n\r\n".encode() + content,
            )
        )
    boundary = "txfcgi"
    while any(boundary.encode() in content for _, content in parts):
        boundary += "-"
    lines = [
        f"--{boundary}\r\nContent-Disposition: form-data; {which}\r\n".encode() + content + b"\r\n"
        for which, content in parts
    ]
    body = b"".join(lines) + f"--{boundary}--\r\n".encode()
    return [body], f"multipart/form-data; boundary={boundary}"


def _file(field: str, file: File) -> tuple[str, bytes, str]:
    name, content, kind = field, file, _BYTES
    if isinstance(file, tuple) and len(file) in (2, 3):
        name, content, kind = (*file, _BYTES)[:3]
    if not (isinstance(name, str) and isinstance(content, bytes) and isinstance(kind, str)):
        raise TypeError(
            f"the file {field!r} is bytes, (name, bytes) or (name, bytes, type), not {file!r:.80}"
        )
    return name, content, kind


def _quoted(name: str) -> str:
    # As browsers do it (HTML, section 4.10.21.8).
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
