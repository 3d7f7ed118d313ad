"""
SCGI's headers as what they are, a netstring of strings, for programs that have rules of their own:
any list of them, the empty one (C{0:,}) too, read and written with no rule but the limits. With
C{lenient=False}, the rules of the protocol hold as well (protocol.txt of 2008-06-23).

Servers and clients that keep to the protocol are in L{txfcgi.wire.scgiserver} and
L{txfcgi.wire.scgiclient}.
"""

from __future__ import annotations

from typing import Final

from ..errors import (
    IncompleteHeaders,
    InvalidParam,
    MalformedLength,
    MalformedParams,
    MissingComma,
    OddStrings,
    ParamsTooLarge,
    UnterminatedString,
)
from .encoding import AnyParams, asBytes
from .framing import Buffer
from .params import SCGIParams

Pairs = list[tuple[bytes, bytes]]

_COLON: Final = b":"
_COMMA: Final = b","
# A netstring that takes more has at least 10 GB.
_MOST_DIGITS: Final = 10


class HeadersDecoder:
    """
    The headers of a request, from bytes that come in any pieces; what follows them is the body.

    @ivar headers: The names and values, in their order, once they are complete; L{None} before.
    """

    __slots__ = ("_headersBytes", "_held", "_lenient", "_stringBytes", "headers")

    def __init__(
        self, *, lenient: bool = True, stringBytes: int = 32_768, headersBytes: int = 262_144
    ) -> None:
        """
        @param lenient: Whether any list of headers will do. If not, CONTENT_LENGTH comes first,
            SCGI is there, and no name is empty or comes twice.
        @param stringBytes: The most bytes of a name, and of a value.
        @param headersBytes: The most bytes of all of them.
        """
        self._lenient = lenient
        self._stringBytes = stringBytes
        self._headersBytes = headersBytes
        self._held: bytearray | None = bytearray()
        self.headers: Pairs | None = None

    def receive(self, data: Buffer) -> bytes:
        """
        Take bytes.

        @return: Those of them that belong to the body: none before the headers are complete.
        @raise MalformedLength: If the bytes do not begin with a netstring.
        @raise MissingComma: If it does not end where its length says.
        @raise MalformedParams: If its content is not headers; each rule has a class of its own.
        @raise ParamsTooLarge: If a limit is passed.
        """
        held = self._held
        if held is None:
            return bytes(data)
        held += data
        colon = held.find(_COLON, 0, _MOST_DIGITS + 1)
        digits = bytes(held[: _MOST_DIGITS + 1] if colon < 0 else held[:colon])
        if held and (not digits.isdigit() or (digits[:1] == b"0" and len(digits) > 1)):
            raise MalformedLength(f"{digits!r} is not the length of a netstring (SCGI, section 3)")
        if len(digits) > _MOST_DIGITS or (colon > 0 and int(digits) > self._headersBytes):
            raise ParamsTooLarge(f"more than {self._headersBytes} bytes of headers")
        end = colon + 1 + int(digits) if colon > 0 else 0
        if not end or len(held) <= end:
            return b""
        if held[end : end + 1] != _COMMA:
            raise MissingComma(
                f"{bytes(held[end : end + 1])!r} is in place of the comma behind "
                f"{end - colon - 1} bytes of headers (SCGI, section 3)"
            )
        self.headers = self._decode(bytes(held[colon + 1 : end]))
        self._held = None
        return bytes(held[end + 1 :])

    def receiveEnd(self) -> None:
        """
        No more comes.

        @raise IncompleteHeaders: If the headers are not complete.
        """
        if self._held is not None:
            raise IncompleteHeaders(
                f"the request ended within its headers, after {len(self._held)} bytes"
            )

    def _decode(self, block: bytes) -> Pairs:
        strings = block.split(b"\0")
        if strings.pop():
            raise UnterminatedString("the headers do not end with NUL (SCGI, section 3)")
        if len(strings) & 1:
            raise OddStrings(f"the header {strings[-1][:64]!r} has no value (SCGI, section 3)")
        for number, string in enumerate(strings):
            if len(string) > self._stringBytes:
                what = "the value" if number & 1 else "the name"
                raise ParamsTooLarge(
                    f"{what} of header {number // 2 + 1} has {len(string)} bytes, and at most "
                    f"{self._stringBytes} are allowed"
                )
        if not self._lenient:
            SCGIParams(block, len(strings))
        return list(zip(strings[::2], strings[1::2], strict=True))


def encodeHeaderList(headers: AnyParams, lenient: bool = True) -> bytes:
    """
    The netstring of any headers, in their order; C{0:,} for none.

    @param headers: A mapping, or pairs; text is encoded as C{os.environ} is.
    @param lenient: Whether any list of headers will do, as with L{HeadersDecoder}.
    @raise InvalidParam: If one of them is neither text nor bytes, or has NUL in it, which SCGI
        can't send; or if they break a rule and C{lenient} is false.
    """
    strings: list[bytes] = []
    pairs = headers.items() if hasattr(headers, "items") else headers
    try:
        for name, value in pairs:
            strings += (asBytes(name), asBytes(value, name))
    except (TypeError, ValueError):
        raise InvalidParam("headers are a mapping, or pairs, of str or bytes") from None
    for string in strings:
        if b"\0" in string:
            raise InvalidParam("a header has NUL in it, which SCGI can't send (section 3)")
    block = b"".join(b"%b\0" % string for string in strings)
    if not lenient:
        try:
            SCGIParams(block, len(strings))
        except MalformedParams as error:
            raise InvalidParam(str(error)) from error
    return b"%d:%b," % (len(block), block)
