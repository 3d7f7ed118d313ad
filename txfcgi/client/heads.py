"""
L{Heads}: the start of an output to the head of a response.
"""

from __future__ import annotations

from typing import Final

from ..wire.cgi import HeadReader, ResponseHead

# Heads that were read already: those of short responses are often the same. A cookie is nobody
# else's, so heads with one are not here.
_KNOWN: Final = 256
_KNOWN_LENGTH: Final = 512
_known: Final[dict[bytes, ResponseHead]] = {}


def knownHead(data: bytes, limit: int) -> tuple[ResponseHead, int] | None:
    """
    Look the start of an output up among the heads that were read already.

    @param limit: Most bytes of a head.
    @return: The head, which is another response's too, and where it ends; L{None} if it has to be
        read.
    """
    end = data.find(b"\r\n\r\n") + 4
    head = _known.get(data[:end])
    return None if head is None or end > limit else (head, end)


class Heads:
    """
    Reads the final head of a response, and passes over interim ones.

    @ivar rest: What came behind the head.
    """

    __slots__ = ("_limit", "_reader", "rest")

    def __init__(self, limit: int) -> None:
        """
        @param limit: Most bytes of a head.
        """
        self._limit = limit
        self._reader: HeadReader | None = None
        self.rest = b""

    def receive(self, data: bytes) -> ResponseHead | None:
        """
        Take the next bytes.

        @return: The head as soon as it is complete. It may be another response's too: leave it as
            it is.
        @raise MalformedHead: If it is none.
        @raise HeadTooLarge: If it does not end within the limit.
        """
        reader = self._reader
        whole = reader is None
        if reader is None:
            reader = self._reader = HeadReader(self._limit)
        head = reader.receive(data)
        while head is not None and head.code < 200:
            # The next head may be here already.
            whole = False
            head = reader.receive(reader.rest) if reader.rest else None
        if head is not None:
            self.rest = reader.rest
            if whole:
                _remember(data[: len(data) - len(self.rest)], head)
        return head


def _remember(block: bytes, head: ResponseHead) -> None:
    """
    Keep a head, if the same bytes will be found by looking for the first blank line.
    """
    if len(block) <= _KNOWN_LENGTH and block.find(b"\r\n\r\n") == len(block) - 4:
        if head.get(b"set-cookie") is None:
            if len(_known) >= _KNOWN:
                _known.clear()
            _known[block] = head
