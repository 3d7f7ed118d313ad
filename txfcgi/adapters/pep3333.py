"""
What PEP 3333 says of the things that a WSGI application and its server give to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Final, Protocol

from ..errors import InvalidHeader, InvalidResponse

Pairs = list[tuple[str, str] | tuple[bytes, bytes]]

# What file_wrapper reads at once, whatever the application asks for: each block is a message to
# the reactor.
_BLOCK: Final = 65_536
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
# The most characters of a line for wsgi.errors before it is written without its end.
_LINE: Final = 65_536


class Readable(Protocol):
    """
    What C{wsgi.file_wrapper} reads.
    """

    def read(self, size: int, /) -> bytes: ...


class FileWrapper:
    """
    C{wsgi.file_wrapper}: a file as an answer.
    """

    def __init__(self, file: Readable, blockSize: int = _BLOCK) -> None:
        """
        @param blockSize: How much of it the application would like to be read at once, in bytes.
        """
        self._read = file.read
        self._blockSize = max(blockSize, _BLOCK)
        close = getattr(file, "close", None)
        if close is not None:
            self.close = close

    def __iter__(self) -> Iterator[bytes]:
        while block := self._read(self._blockSize):
            yield block


class ErrorStream:
    """
    C{wsgi.errors}: text, passed on line by line.
    """

    def __init__(self, passOn: Callable[[str], object]) -> None:
        """
        @param passOn: Called with each line, without its end.
        """
        self._passOn = passOn
        self._line = ""

    def write(self, text: str) -> int:
        """
        Write text.

        @raise TypeError: If it is none.
        """
        if not isinstance(text, str):
            raise TypeError(f"wsgi.errors takes str, not {type(text).__name__} (PEP 3333)")
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._passOn(line)
        if len(self._line) > _LINE:
            self.flush()
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        """
        Write several.
        """
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        """
        Write what has no end of line yet.
        """
        if self._line:
            line, self._line = self._line, ""
            self._passOn(line)


def readStatus(status: str) -> tuple[int, bytes | None]:
    """
    The code of a status such as C{200 OK}, and its reason, if that is not the usual one.

    @raise InvalidResponse: If it is not a status.
    """
    if isinstance(status, str):
        code, _, reason = status.partition(" ")
        if len(code) == 3 and code.isascii() and code.isdigit():
            number = int(code)
            if reason == _REASONS.get(number) or not reason:
                return number, None
            try:
                return number, reason.encode("latin-1")
            except UnicodeEncodeError:
                pass
    raise InvalidResponse(
        f"start_response was called with the status {status!r:.80}: it is a str such as '200 OK' "
        "(PEP 3333)"
    )


def readHeaders(headers: list[tuple[str, str]]) -> tuple[Pairs, int | None]:
    """
    Headers as they are sent: text is bytes in disguise (PEP 3333).

    @return: The headers, and the length that they declare.
    @raise InvalidHeader: If they are no list of pairs of such text.
    """
    if not isinstance(headers, list):
        raise InvalidHeader(
            f"start_response was called with the headers in a {type(headers).__name__}: they are "
            "a list of pairs of str (PEP 3333)"
        )
    pairs: Pairs = []
    declared: int | None = None
    for pair in headers:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InvalidHeader(f"the header {pair!r:.80} is not a tuple of two str (PEP 3333)")
        name, value = pair
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidHeader(f"the header {pair!r:.80} is not a tuple of two str (PEP 3333)")
        if not (name.isascii() and value.isascii()):
            try:
                pairs.append((name.encode("latin-1"), value.encode("latin-1")))
            except UnicodeEncodeError:
                raise InvalidHeader(
                    f"the header {name!r} has characters beyond latin-1: {value!r:.80}; its "
                    "text is encoded, and then decoded as latin-1 (PEP 3333)"
                ) from None
            continue
        pairs.append(pair)
        if len(name) == 14 and name.lower() == "content-length" and value.isdigit():
            declared = int(value)
    return pairs, declared
