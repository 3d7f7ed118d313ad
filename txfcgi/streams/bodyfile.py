"""
L{BodyFile}: the body of a request as a file, for programs that read one.
"""

from __future__ import annotations

import io
import os
from tempfile import TemporaryFile
from typing import IO, Final, cast

from . import InputStream
from .spool import BoundedBody, SpoolBudget

# Bytes that are written at once: many more would hold up the reactor, and with fewer the system
# calls count.
_WRITTEN: Final = 131_072
# What is shorter is put together, so that many little pieces take no more than their bytes.
_SHORT: Final = 4_096
# How many pieces one system call writes, at the most (IOV_MAX is 1,024).
_PIECES: Final = 512
# What a reader of the file reads ahead.
_READ: Final = 65_536


class BodyFile(BoundedBody):
    """
    The body of a request as a file. Pieces are not copied on their way there, and written several
    at a time.

    @ivar file: The file, once it is filled: in memory, if it is short.
    """

    file: IO[bytes]

    def __init__(self, budget: SpoolBudget, *, memoryBytes: int, maxBytes: int) -> None:
        """
        @param memoryBytes: How many bytes are kept in memory.
        """
        super().__init__(self._keepPiece, budget, maxBytes=maxBytes)
        self.file = io.BytesIO()
        self._pieces: list[bytes | bytearray] = []
        self._last: bytearray | None = None
        self._waiting = 0
        self._room = memoryBytes
        self._raw: io.RawIOBase | None = None

    async def fill(self, stream: InputStream) -> None:
        """
        Read a stream to its end, and go back to the beginning of the file. If that fails, the file
        is closed.
        """
        try:
            await super().fill(stream)
            if self._raw is None:
                self.file = io.BytesIO(b"".join(self._pieces))
                self._pieces = []
            else:
                self._write(self._raw)
                self._raw.seek(0)
                self.file = io.BufferedReader(self._raw, _READ)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """
        Close the file. To be called once, in the reactor's thread.
        """
        super().release()
        self._pieces = []
        self.file.close()
        if self._raw is not None:
            self._raw.close()

    def _keepPiece(self, data: bytes) -> None:
        if len(data) >= _SHORT:
            self._pieces.append(data)
            self._last = None
        elif self._last is None:
            self._last = bytearray(data)
            self._pieces.append(self._last)
        else:
            self._last += data
        self._waiting += len(data)
        if self._waiting > self._room:
            if self._raw is None:
                self._raw = cast(io.RawIOBase, TemporaryFile(buffering=0))
                self._room = _WRITTEN
            self._write(self._raw)

    def _write(self, raw: io.RawIOBase) -> None:
        """
        Write what waits.
        """
        descriptor = raw.fileno()
        pieces: list[bytes | bytearray | memoryview] = [*self._pieces]
        self._pieces, self._last, self._waiting = [], None, 0
        at = 0
        while at < len(pieces):
            written = os.writev(descriptor, pieces[at : at + _PIECES])
            while at < len(pieces) and written >= len(pieces[at]):
                written -= len(pieces[at])
                at += 1
            if written:
                pieces[at] = memoryview(pieces[at])[written:]
