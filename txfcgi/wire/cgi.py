"""
CGI/1.1 (RFC 3875): response heads, written and read. Its variables are in
L{txfcgi.wire.variables}.

Every head that leaves goes through here, so no CR, LF or NUL gets out in a header, whoever wrote
it; and every head that comes in is read here, by one set of rules on both ends.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from http import HTTPStatus
from typing import Final, NamedTuple

from ..errors import (
    ContentLengthMismatch,
    HeadTooLarge,
    InvalidHeader,
    InvalidResponse,
    MalformedHead,
)
from .remembered import Remembered

Text = str | bytes

_token: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_control: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
_digits: Final = re.compile(rb"[0-9]{1,19}").fullmatch
_status: Final = re.compile(rb"([1-9][0-9][0-9])(?:[ \t]+(.*))?").fullmatch
_statusLine: Final = re.compile(rb"HTTP/[0-9](?:\.[0-9])?[ \t]+(.*)").fullmatch
_headEnd: Final = re.compile(rb"\n\r?\n").search

# Headers that speak of one connection (RFC 9110, section 7.6.1): the web server's, not ours.
HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)

_TEXT: Final = (str, bytes)

_PLAIN: Final = 0
_LENGTH: Final = 1
_TYPE: Final = 2
_DROPPED: Final = 3
_STATUS: Final = 4

# The last of the characters that end a line.
_LAST_END: Final = 13

_DEFAULT_TYPE: Final = b"Content-Type: text/plain; charset=utf-8\r\n"
_STATUS_LINES: Final = {
    status.value: b"Status: %d %s\r\n" % (status.value, status.phrase.encode("ascii"))
    for status in HTTPStatus
    if status.value >= 200
}


def bodyAllowed(code: int) -> bool:
    """
    Whether a response of this status can have a body at all (RFC 9110, section 6.4.1).
    """
    return code != 304 and code != 204 and code >= 200


class HeaderLines(Remembered[object, tuple[bytes, int, int]]):
    """
    Headers as lines, by name and value as an app gives them. Whoever formats heads has one of
    these.
    """

    __slots__ = ()

    def __missing__(self, pair: object) -> tuple[bytes, int, int]:
        return self.check(pair)

    def check(self, pair: object) -> tuple[bytes, int, int]:
        """
        A header as a line, what kind of header it is, and the number if it is a length.

        @raise InvalidHeader: If it is none that may be sent.
        """
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InvalidHeader(f"a header is a name and a value, not {pair!r:.80}")
        name, value = pair
        nameBytes = _encoded(name, name, "name")
        valueBytes = _encoded(value, name, "value").strip(b" \t")
        if not _token(nameBytes):
            raise InvalidHeader(f"{name!r:.80} is not a header name")
        control = _control(valueBytes)
        if control:
            # The value itself may be a secret.
            raise InvalidHeader(
                f"the value of the header {name!r:.80} has the control character {control[0]!r} "
                f"in it, at byte {control.start()}"
            )
        lowered = nameBytes.lower()
        kind, number = _PLAIN, 0
        if lowered == b"content-type":
            kind = _TYPE
        elif lowered == b"content-length":
            if not _digits(valueBytes):
                raise InvalidHeader(f"Content-Length is not a number: {value!r:.80}")
            kind, number = _LENGTH, int(valueBytes)
        elif lowered == b"status":
            raise InvalidHeader("Status is not a header: it is the code of the response")
        elif lowered in HOP_BY_HOP:
            kind = _DROPPED
        checked = (b"%s: %s\r\n" % (nameBytes, valueBytes), kind, number)
        if lowered in self.names and type(name) in _TEXT and type(value) in _TEXT:
            self.keep((name, value), checked, 2 * len(valueBytes))
        return checked


def formatHead(
    code: object,
    headers: Iterable[object],
    length: int | None,
    isHead: bool = False,
    lines: HeaderLines | None = None,
    reason: bytes | None = None,
) -> tuple[bytes, int | None]:
    """
    A response head, up to and with the blank line.

    Content-Length is added when the body's length is known and the app did not say it; a
    Content-Type when there is a body and the app named none. Headers that speak of one connection
    are left out.

    @param code: The HTTP status, 200 to 999, or L{None} to say none: the web server then takes it
        from Location.
    @param headers: Pairs in the order they go out; a name may come several times.
    @param length: The bytes of the body, or L{None} if that is not known yet.
    @param isHead: Whether this answers a HEAD request, whose head speaks of a body that is not
        sent: an empty body then says nothing of the length.
    @param lines: What the caller remembers of the headers that it has sent.
    @param reason: The words behind the status, if they are not those of the code.
    @return: The head, and the length that it declares, or L{None} if it declares none. The body may
        be longer, and is to be cut then.
    @raise InvalidHeader: If a name or a value may not be sent.
    @raise InvalidResponse: If the code is not that of a final response: 200 to 999.
    @raise ContentLengthMismatch: If the Content-Length given is more than the length of the body.
    """
    try:
        head = [_STATUS_LINES[code]]  # type: ignore[index]
    except (KeyError, TypeError):
        head = [] if code is None else [statusHeader(code, b"Unknown")]
    if reason is not None and code is not None:
        head = [statusHeader(code, reason)]
    if lines is None:
        lines = HeaderLines()
    declared = None
    typed = False
    for pair in headers:
        try:
            line, kind, number = lines[pair]
        except TypeError:  # something in it that can't be a key, and may not be a header either
            line, kind, number = lines.check(pair)
        if kind == _PLAIN:
            head.append(line)
        elif kind == _TYPE:
            typed = True
            head.append(line)
        elif kind == _LENGTH:
            if declared is not None:
                raise InvalidHeader("Content-Length is given twice")
            declared = number
            if code != 204:
                head.append(line)
    if code is None:
        if length != 0 or not any(line[:9].lower() == b"location:" for line in head):
            raise InvalidResponse("a response without a status has a Location, and no body")
        head.append(b"\r\n")
        return b"".join(head), None
    if code == 204 or code == 304:
        head.append(b"\r\n")
        return b"".join(head), declared if code == 304 else None
    if declared is None:
        if length or (length == 0 and not isHead):
            declared = length
            head.append(b"Content-Length: %d\r\n" % length)
    elif length is not None and declared > length and not (isHead and not length):
        raise ContentLengthMismatch(
            f"Content-Length says {declared} bytes, and the body has {length}"
        )
    if not typed and length != 0:
        head.append(_DEFAULT_TYPE)
    head.append(b"\r\n")
    return b"".join(head), declared


def statusHeader(code: object, reason: bytes) -> bytes:
    """
    The Status header of a final response (RFC 3875, section 6.3.3).

    @raise InvalidResponse: If the code is not 200 to 999, or the reason has a control character.
    """
    if not isinstance(code, int) or not 200 <= code <= 999:
        raise InvalidResponse(f"{code!r} is not the status of a final response (200 to 999)")
    if _control(reason):
        raise InvalidResponse(f"the reason of the status {code} has a control character in it")
    return b"Status: %d %s\r\n" % (code, reason)


def _encoded(text: object, name: object, what: str) -> bytes:
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        try:
            return text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise InvalidHeader(
                f"the {what} of the header {name!r:.80} has characters that no bytes stand for"
            ) from None
    raise InvalidHeader(
        f"the {what} of the header {name!r:.80} is str or bytes, not {type(text).__name__}"
    )


class ResponseHead(NamedTuple):
    """
    A response head that was read. It can't be changed: several responses may have the same.

    @ivar code: The HTTP status: as said, else 302 if there is a Location, else 200.
    @ivar reason: The words behind the status, or nothing.
    @ivar headers: The other headers in their order, names as they came.
    @ivar explicit: Whether the head named its status.
    @ivar contentLength: The declared length of the body, or L{None}.
    """

    code: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    explicit: bool
    contentLength: int | None

    def get(self, name: bytes) -> bytes | None:
        """
        The value of the first header of this name, given in lower case.
        """
        for header, value in self.headers:
            if header.lower() == name:
                return value
        return None

    def encode(self) -> bytes:
        """
        The head again as CGI output, with its line ends put right and the headers that speak of
        one connection left out.
        """
        lines = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0].lower() not in HOP_BY_HOP]
        if self.explicit:
            reason = self.reason or _STATUS_LINES.get(self.code, b"Status: 000 Unknown\r\n")[12:-2]
            lines.insert(0, b"Status: %d %s\r\n" % (self.code, reason))
        lines.append(b"\r\n")
        return b"".join(lines)


class ReadLines(Remembered[bytes, tuple[tuple[bytes, bytes], int, int]]):
    """
    The lines of heads that were read. Whoever reads many heads has one of these.
    """

    __slots__ = ()

    def __missing__(self, line: bytes) -> tuple[tuple[bytes, bytes], int, int]:
        """
        A line of a head: name and value, what kind of header it is, and the number if it is a
        length or a status; the value of a status is its reason.
        """
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not _token(name) or _control(value):
            raise MalformedHead(f"{line[:128]!r} is not a header (RFC 3875, section 6.3)")
        lowered = name.lower()
        kind, number = _PLAIN, 0
        if lowered == b"status":
            kind = _STATUS
            number, value = _readStatus(value)
        elif lowered == b"content-length":
            if not _digits(value):
                raise MalformedHead(f"Content-Length is not a number: {value[:64]!r}")
            kind, number = _LENGTH, int(value)
        read = ((name, value), kind, number)
        if lowered in self.names:
            self.keep(line, read, 2 * len(line))
        return read


def parseHead(block: bytes, lines: ReadLines | None = None) -> ResponseHead:
    """
    Read a whole head: lines that end in LF or CRLF, with or without the blank line; a Status
    header (with or without a reason), or an HTTP status line in its place.

    @param lines: What the caller remembers of the heads that it has read.
    @raise MalformedHead: If it is none.
    """
    if lines is None:
        lines = ReadLines()
    found = block.replace(b"\r\n", b"\n").split(b"\n")
    code: int | None = None
    reason = b""
    headers: list[tuple[bytes, bytes]] = []
    length: int | None = None
    first = _statusLine(found[0]) if block.startswith(b"HTTP/") else None
    if first:
        code, reason = _readStatus(first[1])
        del found[0]
    for line in found:
        if not line:
            continue
        header, kind, number = lines[line]
        if kind == _PLAIN:
            headers.append(header)
        elif kind == _LENGTH:
            if length is None:
                length = number
                headers.append(header)
            elif length != number:
                raise MalformedHead("two different Content-Lengths")
        else:
            if code is not None and not first:
                raise MalformedHead("Status is there twice (RFC 3875, section 6.3)")
            code, reason = number, header[1]
            first = None
    if code is None and not headers:
        raise MalformedHead("the response head is empty (RFC 3875, section 6.2)")
    if code is not None:
        return ResponseHead(code, reason, tuple(headers), True, length)
    moved = any(name.lower() == b"location" for name, _ in headers)
    return ResponseHead(302 if moved else 200, reason, tuple(headers), False, length)


def _readStatus(value: bytes) -> tuple[int, bytes]:
    match = _status(value.strip(b" \t"))
    if not match or _control(value):
        raise MalformedHead(f"{value[:64]!r} is not a status (RFC 3875, section 6.3.3)")
    return int(match[1]), match[2] or b""


class ReadHeads(Remembered[bytes, ResponseHead]):
    """
    Whole heads that were read, of which each line is remembered. Whoever reads many heads has one
    of these.

    @ivar lines: The lines.
    """

    __slots__ = ("lines",)

    def __init__(self, names: Container[bytes] = frozenset(), limit: int = 262_144) -> None:
        """
        @param limit: Most bytes that the entries take; half of it is for the lines.
        """
        super().__init__(names, limit // 2)
        self.lines = ReadLines(names, limit // 2)

    def read(self, output: bytes, limit: int) -> tuple[ResponseHead, bytes] | None:
        """
        Read the output of a program from its beginning.

        @param limit: Most bytes that the head may have.
        @return: The head, and what lies behind it; L{None} if the head is not complete.
        @raise MalformedHead: If there is none.
        @raise HeadTooLarge: If it is longer than that.
        """
        end = output.find(b"\r\n\r\n") + 4
        # What is here was read once, as the head of an output that began so.
        known = self.get(output[:end])
        if known is not None and end <= limit:
            return known, output[end:]
        reader = HeadReader(limit, self.lines, interim=True)
        head = reader.receive(output)
        if head is None:
            return None
        block = output[: len(output) - len(reader.rest)]
        lines = block[:-4].split(b"\r\n")
        if len(block) == end and all(line in self.lines for line in lines):
            self.keep(block, head, 4 * len(block))
        return head, reader.rest


class HeadReader:
    """
    CGI output to a head, in pieces of any size.

    @ivar rest: What came behind the head, once it is complete.
    """

    __slots__ = ("_held", "_interim", "_limit", "_lines", "rest")

    def __init__(
        self, limit: int = 65_535, lines: ReadLines | None = None, interim: bool = False
    ) -> None:
        """
        @param limit: Most bytes that a head may have, its blank line included.
        @param lines: What the caller remembers of the heads that it has read.
        @param interim: Whether there may be heads of interim responses (1xx), which are passed
            over.
        """
        self._held: bytearray | None = None
        self._limit = limit
        self._interim = interim
        self._lines = lines
        self.rest = b""

    @property
    def held(self) -> int:
        """
        How many bytes of an incomplete head are here.
        """
        return len(self._held or b"")

    def receive(self, data: bytes) -> ResponseHead | None:
        """
        Take the next bytes of the output.

        @return: The head as soon as it is complete. The reader is then ready for another one.
        @raise MalformedHead: If it is none.
        @raise HeadTooLarge: If it does not end within the limit.
        """
        held = self._held
        whole: bytes | bytearray = data  # most heads come in one piece, which needs no copy
        start = scanned = 0
        if held is not None:
            scanned = max(0, len(held) - 2)
            held += data
            whole = held
        size = len(whole)
        while start < size:
            if whole[start] <= _LAST_END and whole.startswith((b"\n", b"\r\n"), start):
                raise MalformedHead("the response starts with a blank line, not with a head")
            match = _headEnd(whole, scanned)
            end = match.end() if match else size
            if end - start > self._limit:
                raise HeadTooLarge(f"a response head of more than {self._limit} bytes")
            if match is None:
                break
            if type(whole) is not bytes:
                whole = bytes(whole)
            head = parseHead(whole[start:end], self._lines)
            if head.code >= 200 or not self._interim:
                self.rest = whole[end:]
                self._held = None
                return head
            start = scanned = end
        if start or held is None:
            self._held = bytearray(whole[start:])
        return None
