"""
L{Stderr}: the error messages of a back end for one request.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger, LogLevel

from ..transport.sparing import SparingLog
from .options import ClientOptions, Context


class Stderr:
    """
    The stderr of one request, up to C{stderrBytes}.

    @ivar dropped: How many bytes more there were.
    """

    _log: Final = Logger()

    __slots__ = ("_kept", "_options", "_sparing", "dropped")

    def __init__(self, options: ClientOptions, sparing: SparingLog) -> None:
        """
        @param sparing: Where it is said that the caller's own function failed.
        """
        self._options = options
        self._sparing = sparing
        self._kept = bytearray()
        self.dropped = 0

    @property
    def kept(self) -> bytes:
        """
        What is kept.
        """
        return bytes(self._kept)

    def receive(self, data: bytes, context: Context) -> None:
        """
        Take a piece, and pass it on to whoever asked for it.
        """
        piece = data[: max(0, self._options.stderrBytes - len(self._kept))]
        self._kept += piece
        self.dropped += len(data) - len(piece)
        if self._options.onStderr is not None:
            try:
                self._options.onStderr(data, context)
            except Exception:
                self._sparing.failure(self._log, "onStderr of the client failed")

    def log(self, requestID: int, connection: object, failed: bool) -> None:
        """
        Log it, if that is wanted.

        @param failed: Whether the request went wrong.
        """
        if self._options.logStderr:
            # repr escapes what could forge a line of the log, or drive the terminal of its reader.
            self._log.emit(
                LogLevel.error if failed else LogLevel.info,
                "stderr of request {requestID} to {connection}: {stderr}{more}",
                requestID=requestID,
                connection=connection,
                stderr=repr(self._kept.decode("utf-8", "backslashreplace")),
                more=f" and {self.dropped} bytes more" if self.dropped else "",
            )
