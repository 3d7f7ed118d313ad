"""
Bytes to be streamed: made without end from a short period, and looked at as they come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

PERIOD = 251  # a prime: no piece's end falls on its end
PIECE = 65_536
# What goes through before anything is measured.
WARMUP = 16 << 20

_BYTES = bytes(range(PERIOD)) * (4 * PIECE // PERIOD + 2)


def pieces(size: int) -> Iterator[bytes]:
    """
    So many bytes.
    """
    for at in range(0, size, PIECE):
        yield _at(at, min(PIECE, size - at))


async def stream(size: int) -> AsyncIterator[bytes]:
    """
    The same, as a body that streams.
    """
    for piece in pieces(size):
        yield piece


def _at(position: int, length: int) -> bytes:
    start = position % PERIOD
    return _BYTES[start : start + length]


class Pattern:
    """
    Looks at what came.

    @ivar right: how many bytes came before one was wrong, more or less.
    """

    def __init__(self) -> None:
        self.right = 0
        self._wrong = False

    def take(self, data: bytes) -> None:
        """
        Take the next bytes.
        """
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            self._wrong = self._wrong or piece != _at(self.right, len(piece))
            if not self._wrong:
                self.right += len(piece)
