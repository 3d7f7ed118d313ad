"""
L{AccessLog}: a line for each request that has ended or was refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from ..errors import TxFCGIError
from ..server.observing import Account, ServerObserver
from .formats import compileFormat

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from ..server.request import Request
    from ..wire.params import Params

_NONE: Final[Mapping[str, str]] = {}


class AccessLog(ServerObserver):
    """
    Writes the access log of a server.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        format: str = "combined",
        worker: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param write: Takes each line, as does
            L{LineWriter.write<txfcgi.monitor.lines.LineWriter.write>}.
        @param format: See L{compileFormat<txfcgi.monitor.formats.compileFormat>}.
        @param worker: The name of this worker.
        @param now: The time of day, in seconds since 1970.
        @raise BadFormat: The format is invalid.
        @raise ValueError: If C{write} can't be called.
        """
        if not callable(write):
            raise ValueError(
                "write is called with each line, as LineWriter('access.log').write can be; "
                f"{write!r:.80} can't"
            )
        self._write = write
        self._line = compileFormat(format, worker)
        self._now = now

    def requestEnded(self, request: Request, account: Account) -> None:
        """
        Write the line of a request.
        """
        try:
            params = request.params.texts()
        except TxFCGIError:
            params = _NONE
        began = self._now() - account.seconds
        self._write(self._line(params, account, began, request.role, request))

    def requestRefused(
        self, peer: IAddress, role: int, params: Params | None, error: BaseException
    ) -> None:
        """
        Write the line of a request that did not reach the app.
        """
        account = Account(0.0)
        account.code = getattr(error, "code", 500)
        account.appStatus = 1
        account.error = error
        try:
            given = _NONE if params is None else params.texts()
        except TxFCGIError:
            given = _NONE
        self._write(self._line(given, account, self._now(), role, None))
