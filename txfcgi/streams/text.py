"""
A stream of bytes as text. Errors say at which byte the text is wrong.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from ..errors import MalformedBody

if TYPE_CHECKING:
    from .input import InputStream


def decoded(stream: InputStream, encoding: str, errors: str) -> AsyncGenerator[str, None]:
    """
    The pieces of a stream as text; see L{InputStream.text<txfcgi.streams.input.InputStream.text>}.
    """
    codecs.lookup_error(errors)
    return _pieces(stream, codecs.getincrementaldecoder(encoding)(errors))


def decodedLines(
    stream: InputStream, encoding: str, errors: str, limit: int | None
) -> AsyncGenerator[str, None]:
    """
    The lines of a stream as text; see
    L{InputStream.lines<txfcgi.streams.input.InputStream.lines>}.
    """
    codecs.lookup_error(errors)
    codecs.lookup(encoding)
    return _lines(stream, encoding, errors, limit)


async def _pieces(
    stream: InputStream, decoder: codecs.IncrementalDecoder
) -> AsyncGenerator[str, None]:
    before = 0  # the bytes in front of those that the decoder looks at
    try:
        async for chunk in stream:
            held = len(decoder.getstate()[0])
            before -= held
            text = decoder.decode(chunk)
            before += held + len(chunk)
            if text:
                yield text
        before -= len(decoder.getstate()[0])
        text = decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        raise _malformed(error, before) from error
    if text:
        yield text


async def _lines(
    stream: InputStream, encoding: str, errors: str, limit: int | None
) -> AsyncGenerator[str, None]:
    before = 0
    while line := await stream.readline(limit):
        try:
            text = line.decode(encoding, errors)
        except UnicodeDecodeError as error:
            raise _malformed(error, before) from error
        before += len(line)
        yield text


def _malformed(error: UnicodeDecodeError, before: int) -> MalformedBody:
    """
    @param before: How many bytes came before those that could not be decoded.
    """
    wrong = error.object[error.start]
    return MalformedBody(
        f"the body is not {error.encoding}: byte {before + error.start} is 0x{wrong:02x} "
        f"({error.reason})"
    )
