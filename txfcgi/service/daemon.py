"""
The start of a daemon. The command that starts it ends when the daemon serves, or says why it does
not.

C{twistd} waits, in the process that the user has started, for a message on a pipe. By itself it
sends that message when the services have been started, which is before the app is ready; and it
sends at most 100 bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import Any, Final

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface

from ..errors import CannotServe
from ..workers.master import StartFailed
from .errors import CannotStart

_STANDARD_ERROR: Final = 2

# The key of the pipe in the options of twistd.
_PIPE: Final = "statusPipe"


class IGetsReady(Interface):
    """
    A service that does not accept connections as soon as it is started.
    """

    accepting: Deferred[None] = Attribute(
        "Fires when connections are accepted; fails if that will never be so."
    )


class Daemon(MultiService):
    """
    The service of a daemon, whose parent waits until it serves.
    """

    def __init__(self, service: IService, options: MutableMapping[str, Any]) -> None:
        """
        Keep standard error, which a daemon gives up, until its parent knows how the start went.

        @param service: The service.
        @param options: The options of C{twistd}.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        service.setServiceParent(self)
        self._options = options
        self._pipe: int | None = None
        self._output = -1
        with suppress(OSError):  # it is closed
            self._output = os.dup(_STANDARD_ERROR)

    def privilegedStartService(self) -> None:
        """
        Start the service, before root is given up.

        @raise CannotStart: It can't start.
        """
        try:
            super().privilegedStartService()  # type: ignore[no-untyped-call]
        except CannotStart as error:
            self._failed(str(error))
            raise

    def startService(self) -> None:
        """
        Start the service. From now on, C{twistd} leaves its pipe to this service.

        @raise CannotStart: It can't start.
        """
        try:
            super().startService()  # type: ignore[no-untyped-call]
        except CannotStart as error:
            self._failed(str(error))
            raise
        self._takePipe()
        ready = gatherResults([each.accepting for each in _waitingIn(self)], consumeErrors=True)
        ready.addCallbacks(lambda _: self._tell(b"0"), self._notReady)

    def stopService(self) -> Deferred[Any]:
        """
        Stop the service.
        """
        if self._pipe is not None:
            self._failed("The server was stopped before it was ready.")
        stopped: Deferred[Any] = super().stopService()  # type: ignore[no-untyped-call]
        return stopped

    def _takePipe(self) -> None:
        self._pipe, self._options[_PIPE] = self._options.get(_PIPE), None

    def _notReady(self, failure: Failure) -> None:
        assert isinstance(failure.value, FirstError)
        error = failure.value.subFailure.value
        known = isinstance(error, (CannotServe, StartFailed))
        self._failed(str(error) if known else f"The server failed to start: {error!r}")

    def _failed(self, why: str) -> None:
        """
        Write the whole message to the standard error of the parent, which says no more than that.
        """
        if self._pipe is None:
            self._takePipe()
        if self._output >= 0:
            with suppress(OSError):
                os.write(self._output, f"{why}\n".encode("utf-8", "backslashreplace"))
        self._tell(b"1 see above")

    def _tell(self, message: bytes) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            with suppress(OSError):  # the parent is gone
                os.write(pipe, message)
            os.close(pipe)
        output, self._output = self._output, -1
        if output >= 0:
            os.close(output)


def _waitingIn(service: IService) -> Iterator[IGetsReady]:
    if IGetsReady.providedBy(service):
        yield service
    elif isinstance(service, MultiService):
        for each in service:
            yield from _waitingIn(each)
