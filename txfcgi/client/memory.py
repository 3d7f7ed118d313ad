"""
L{Memory}: what a client remembers from one request to the next.
"""

from __future__ import annotations

from ..masking import REMEMBERED
from ..wire.cgi import ReadHeads
from ..wire.encoding import Shapes


class Memory:
    """
    Results that are kept for later requests, of values that can't be secrets; limited in bytes.

    @ivar shapes: The names of params, as they are sent.
    @ivar heads: Response heads, and lines of them, as they are read.
    """

    __slots__ = ("heads", "shapes")

    def __init__(self) -> None:
        self.shapes = Shapes()
        self.heads = ReadHeads(REMEMBERED)
