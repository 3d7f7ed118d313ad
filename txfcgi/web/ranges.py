"""
Parts of a file (RFC 9110, section 14): which bytes a Range header asks for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

# How many ranges one request may ask for; the header is ignored where it has more (section 14.2).
RANGES: Final = 16

_range: Final = re.compile(rb"([0-9]*)-([0-9]*)").fullmatch


class Part(NamedTuple):
    """
    Some bytes of a file.

    @ivar offset: How many are before them.
    @ivar size: How many they are.
    """

    offset: int
    size: int

    def contentRange(self, total: int) -> bytes:
        """
        The value of their Content-Range header.

        @param total: The bytes of the file.
        """
        return b"bytes %d-%d/%d" % (self.offset, self.offset + self.size - 1, total)


def partsOf(header: bytes | None, total: int) -> Sequence[Part] | None:
    """
    Read a Range header.

    @param total: The bytes of the file.
    @return: What it asks for and there is: nothing, if none of it is there. L{None} if the header
        is missing or is to be ignored: it is malformed, of another unit, has more than L{RANGES}
        ranges, or asks for more than all.
    """
    if header is None:
        return None
    unit, _, value = header.partition(b"=")
    if unit.strip().lower() != b"bytes":
        return None
    ranges = [each.strip(b" \t") for each in value.split(b",")]
    found = [_range(each) for each in ranges if each]
    if not found or len(found) > RANGES:
        return None
    parts = []
    for match in found:
        if match is None or match[0] == b"-":
            return None
        first, last = (int(digits[:20]) if digits else None for digits in match.groups())
        if first is None:
            size = min(last or 0, total)
            part = Part(total - size, size)
        elif last is None:
            part = Part(first, total - first)
        elif first > last:
            return None
        else:
            part = Part(first, min(last + 1, total) - first)
        if part.size > 0:
            parts.append(part)
    return None if sum(part.size for part in parts) > total else parts
