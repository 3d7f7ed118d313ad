"""
FastCGI name-value pairs (FastCGI 1.0, section 3.4), as bytes: written and read.

A length is one byte up to 127, and four bytes with the highest bit set from 128 on; the four-byte
form of a short length is accepted too. Names and values are any bytes, the empty string included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..errors import MalformedParams, ParamTooLarge
from .variables import ParamNames

MAX_LENGTH: Final = 0x7FFFFFFF
MAX_CONTENT: Final = 65535

#: The lengths that take one byte.
SHORT: Final = tuple(bytes((size,)) for size in range(128))


def findValue(block: bytes, name: bytes) -> bytes | None:
    """
    Look up one name without decoding the rest, but check every length on the way.

    @return: The value of the last pair of this name, or L{None}.
    @raise MalformedParams: If the lengths do not add up to the length of the block.
    """
    wanted = len(name)
    end = len(block)
    value: bytes | None = None
    position = last = 0
    # That the name stands somewhere proves nothing: only a walk over all lengths tells whether a
    # pair starts there. So the walk goes from one such place to the next, and then to the end.
    place = block.find(name, 2)
    stop = end if place < 0 else place
    try:
        while True:
            while position < stop:
                last = position
                size = block[position] + block[position + 1]
                if size < 128:
                    position += size + 2
                else:
                    nameLength, valueLength, position = _lengths(block, position)
                    position += nameLength + valueLength
            if place < 0:
                break
            nameLength, valueLength, start = _lengths(block, last)
            if start == place and nameLength == wanted:
                value = block[position - valueLength : position]
            place = block.find(name, start if place < start else position + 2)
            stop = end if place < 0 else place
    except IndexError:
        position = -1
    if position != end:
        raise _truncated(end)
    return value


def countPairs(block: bytes) -> int:
    """
    How many pairs a whole stream has.

    @raise MalformedParams: If the lengths do not add up to the length of the block.
    """
    count = position = 0
    end = len(block)
    try:
        while position < end:
            size = block[position] + block[position + 1]
            if size < 128:
                position += size + 2
            else:
                nameLength, valueLength, position = _lengths(block, position)
                position += nameLength + valueLength
            count += 1
    except IndexError:
        position = -1
    if position != end:
        raise _truncated(end)
    return count


def decodePairs(block: bytes) -> list[tuple[bytes, bytes]]:
    """
    Every pair of a whole stream, in its order, duplicates kept.

    @raise MalformedParams: If the lengths do not add up to the length of the block.
    """
    pairs: list[tuple[bytes, bytes]] = []
    position = 0
    end = len(block)
    try:
        while position < end:
            nameLength = block[position]
            valueLength = block[position + 1]
            if nameLength | valueLength < 128:
                position += 2
            else:
                nameLength, valueLength, position = _lengths(block, position)
            middle = position + nameLength
            name = block[position:middle]
            position = middle + valueLength
            pairs.append((name, block[middle:position]))
    except IndexError:
        position = -1
    if position != end:
        raise _truncated(end)
    return pairs


def decodeTexts(block: bytes) -> dict[str, str]:
    """
    The last pair of each name of a whole stream, as text (UTF-8 with surrogateescape).

    The block is made text once, byte by byte, and cut up as text: most of it is plain ASCII, and
    then that is all there is to do.

    @raise MalformedParams: If the lengths do not add up to the length of the block.
    """
    texts: dict[str, str] = {}
    text = block.decode("latin-1")
    plain = True
    position = start = 0
    end = len(block)
    try:
        while position < end:
            nameLength = block[position]
            valueLength = block[position + 1]
            if nameLength | valueLength < 128:
                position += 2
            else:
                # A long length is not ASCII: what lies between two of them is looked at as one.
                plain = plain and text[start:position].isascii()
                nameLength, valueLength, position = _lengths(block, position)
                start = position
            middle = position + nameLength
            name = text[position:middle]
            position = middle + valueLength
            texts[name] = text[middle:position]
    except IndexError:
        position = -1
    if position != end:
        raise _truncated(end)
    if plain and text[start:].isascii():
        return texts
    return {_asText(name): _asText(value) for name, value in texts.items()}


def _asText(text: str) -> str:
    """
    What bytes are as text that were made text byte by byte.
    """
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")


def dividePairs(
    block: bytes, names: ParamNames
) -> tuple[list[tuple[bytes, bytes]], dict[str, str]]:
    """
    The pairs of a whole stream in two: the HTTP headers, in their order, duplicates kept; and the
    last of each other name, as text (UTF-8 with surrogateescape).

    @raise MalformedParams: If the lengths do not add up to the length of the block.
    """
    headers: list[tuple[bytes, bytes]] = []
    others: dict[str, str] = {}
    known = names.known
    text = block.decode("latin-1")
    position = 0
    end = len(block)
    try:
        while position < end:
            nameLength = block[position]
            valueLength = block[position + 1]
            if nameLength | valueLength < 128:
                position += 2
            else:
                nameLength, valueLength, position = _lengths(block, position)
            middle = position + nameLength
            name = block[position:middle]
            position = middle + valueLength
            try:
                header, other = known[name]
            except KeyError:
                header, other = names.learn(name)
            if header is None:
                others[other] = text[middle:position]
            else:
                headers.append((header, block[middle:position]))
    except IndexError:
        position = -1
    if position != end:
        raise _truncated(end)
    if not "".join(others.values()).isascii():
        for other, value in others.items():
            others[other] = value.encode("latin-1").decode("utf-8", "surrogateescape")
    return headers, others


def encodeLength(length: int) -> bytes:
    """
    The length that goes before a name or a value.

    @raise ParamTooLarge: If it is more than four bytes can say.
    """
    if length < 128:
        return SHORT[length]
    if length > MAX_LENGTH:
        raise ParamTooLarge(f"{length} bytes are more than a name-value pair can have")
    return (length | 0x80000000).to_bytes(4, "big")


def decodeLength(block: bytes, position: int = 0) -> tuple[int, int]:
    """
    Read a length, in either of its forms.

    @return: The length, and where what follows it starts.
    @raise MalformedParams: If the block ends within it.
    """
    size = len(block) - position
    if position < 0 or size < 1 or (block[position] > 127 and size < 4):
        raise MalformedParams(
            f"the length at byte {position} of {len(block)} is not complete (section 3.4)"
        )
    if block[position] < 128:
        return block[position], position + 1
    return _longLength(block, position), position + 4


def encodedLength(name: bytes, value: bytes) -> int:
    """
    How many bytes a pair takes in a stream, its lengths included.

    @raise ParamTooLarge: If the name or the value is longer than a length can say.
    """
    lengths = len(encodeLength(len(name))) + len(encodeLength(len(value)))
    return lengths + len(name) + len(value)


def encodePair(name: bytes, value: bytes) -> bytes:
    """
    One pair as it goes into a stream.

    @raise ParamTooLarge: If the name or the value is longer than a length can say.
    """
    return b"".join((encodeLength(len(name)), encodeLength(len(value)), name, value))


def packPairs(encoded: Iterable[bytes], allowSplit: bool = False) -> Iterator[bytes]:
    """
    The contents of the records that carry these pairs, none longer than a record may be. A pair
    that fits into one of them is never split over two, for not every reader joins it again.

    @param encoded: Each pair as L{encodePair} makes it.
    @param allowSplit: Whether a pair that fits into no record is split, as section 3.3 has it.
    @raise ParamTooLarge: If it is not, and there is one.
    """
    waiting: list[bytes] = []
    size = 0
    for pair in encoded:
        if waiting and size + len(pair) > MAX_CONTENT:
            yield b"".join(waiting)
            waiting, size = [], 0
        if len(pair) > MAX_CONTENT:
            if allowSplit:
                for start in range(0, len(pair), MAX_CONTENT):
                    yield pair[start : start + MAX_CONTENT]
                continue
            [(name, _)] = decodePairs(pair)
            raise ParamTooLarge(
                f"the param {name[:64]!r} takes {len(pair)} bytes, and a record holds {MAX_CONTENT}"
            )
        waiting.append(pair)
        size += len(pair)
    if waiting:
        yield b"".join(waiting)


def _lengths(block: bytes, position: int) -> tuple[int, int, int]:
    """
    Both lengths of a pair when one of them at least has four bytes, and where the name starts.
    """
    nameLength = block[position]
    if nameLength < 128:
        position += 1
    else:
        nameLength = _longLength(block, position)
        position += 4
    valueLength = block[position]
    if valueLength < 128:
        position += 1
    else:
        valueLength = _longLength(block, position)
        position += 4
    return nameLength, valueLength, position


def _longLength(block: bytes, position: int) -> int:
    return (
        (block[position] & 0x7F) << 24
        | block[position + 1] << 16
        | block[position + 2] << 8
        | block[position + 3]
    )


def _truncated(size: int) -> MalformedParams:
    return MalformedParams(
        f"the lengths of the name-value pairs do not add up to the {size} bytes of their stream "
        "(section 3.4)"
    )
