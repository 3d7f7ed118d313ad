"""
L{Memory}: what a client remembers from one request to the next.
"""

from __future__ import annotations

from ..masking import REMEMBERED
from ..wire.cgi import ReadLines
from ..wire.encoding import EncodedPairs


class Memory:
    """
    What need not be worked out again, of values that can't be secrets; limited in bytes.

    @ivar pairs: Params as they are sent.
    @ivar lines: Lines of response heads, as they are read.
    """

    __slots__ = ("lines", "pairs")

    def __init__(self) -> None:
        self.pairs = EncodedPairs(REMEMBERED)
        self.lines = ReadLines(REMEMBERED)
