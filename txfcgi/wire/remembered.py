"""
L{Remembered}: tables of results, kept for as long as their owner exists.

No table belongs to a module. A server's factory or a client makes one, and passes it to the code
here that uses it. The owner also says which params' values may be kept, as a table outlives the
requests that they come from.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final, TypeVar

K = TypeVar("K")
V = TypeVar("V")

# The bytes of an entry beside its text: the objects' heads, and their places in the table.
_ENTRY: Final = 400


class Remembered(dict[K, V]):
    """
    A table of results; a subclass works out what is not in it, in C{__missing__}.

    @ivar names: The names whose values may be kept.
    """

    __slots__ = ("_limit", "_size", "names")

    def __init__(self, names: Container[bytes] = frozenset(), limit: int = 262_144) -> None:
        """
        @param limit: Most bytes that the entries take, as near as that can be told.
        """
        super().__init__()
        self.names = names
        self._limit = limit
        self._size = 0

    def keep(self, key: K, value: V, length: int) -> None:
        """
        Keep a result. When the table is full, all are forgotten: those that are needed soon come
        back.

        @param length: How many bytes of text the entry has. One that takes a sixteenth of all room
            is not kept.
        """
        size = length + _ENTRY
        if 16 * size > self._limit:
            return
        if self._size + size > self._limit:
            self.clear()
            self._size = 0
        self._size += size
        self[key] = value
