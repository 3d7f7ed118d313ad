"""
L{CollectedCall}: a request whose output is collected, without reading a response head from it.
"""

from __future__ import annotations

from typing import Any

from ..errors import ReadTooLarge, ResponseCutOff
from .call import Call
from .response import Result


class CollectedCall(Call):
    """
    A request whose caller wants all of its output at its end, as a L{Result}.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pieces: list[bytes] = []
        self._size = 0

    def receiveOutput(self, data: bytes) -> None:
        """
        Take a piece of STDOUT.
        """
        self._size += len(data)
        self._pieces.append(data)
        limit = self.options.collectBytes
        if self._size > limit:
            self.fail(
                ResponseCutOff,
                ReadTooLarge(
                    f"more than {limit} bytes of output; ClientOptions(collectBytes=...) takes more"
                ),
            )

    def drop(self, error: Exception) -> None:
        """
        Let go of what came.
        """
        self._pieces.clear()

    def give(self) -> None:
        """
        Give the caller all of it, when it is whole.
        """
        if self.ended:
            assert self.appStatus is not None and self.protocolStatus is not None
            output, self._pieces = b"".join(self._pieces), []
            self.fire().callback(
                Result(output, self.stderr, self.appStatus, self.protocolStatus, self.stderrDropped)
            )
