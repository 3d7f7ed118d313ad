"""
C{--http} with C{--reload}: the app runs in a process of its own, which is replaced when one of its
files changes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from twisted.logger import Logger

from ..client.client import Client
from ..client.options import ClientOptions
from ..server.limits import HTTPLimits
from ..workers.child import Child
from ..workers.master import Master, MasterOptions
from .development import Development
from .listener import SocketFile
from .mastering import WorkerCommand, spawnWorker
from .sharing import SharedSocket
from .watching import makeWatch

#: Seconds that requests get to end in when their app is replaced: a stream of events would keep the
#: old one for ever.
DRAIN: Final = 1.0


@dataclass(frozen=True)
class Reloadable:
    """
    An app that can be loaded again and again.

    @ivar command: How the process that loads it is started.
    @ivar directory: Where its modules are.
    @ivar options: What is asked of that process.
    """

    command: WorkerCommand
    directory: str
    options: MasterOptions


class Reloading(Development):
    """
    Answers HTTP by asking an app in another process.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        app: Reloadable,
        makeClient: Callable[..., Client],
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
        limits: HTTPLimits,
        **options: Any,
    ) -> None:
        """
        @param app: The app.
        @param options: As for L{Development}.
        """

        def notKeeping(reactor: Any, endpoint: IStreamClientEndpoint) -> Client:
            # A kept connection would bring its next request to the app as it was.
            return makeClient(reactor, endpoint, ClientOptions(keepConnections=False))

        super().__init__(reactor, None, notKeeping, endpoints, limits, **options)
        self._reloadable = app
        self._shared: SharedSocket | None = None
        self._waiting: list[Deferred[None]] = []
        self._master = Master(
            reactor,
            replace(app.options, workers=1, drainTimeout=DRAIN),
            self._spawn,
            self._changedState,
        )
        self._watch = makeWatch(reactor, self._changed)

    def trouble(self) -> str:
        """
        @return: Why the app can't be loaded; nothing, if it can.
        """
        return self._master.trouble

    def loading(self) -> Deferred[None] | None:
        """
        @return: Fires when it is known whether the app can be loaded; L{None}, if it is.
        """
        self._watch.look()
        if not self._isLoading():
            return None
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def _isLoading(self) -> bool:
        master = self._master
        return self._shared is not None and (
            master.reloading or not (master.ready or master.trouble)
        )

    def startApp(self, listening: socket.socket, file: SocketFile | None) -> None:
        """
        Have the app loaded.
        """
        listening.setblocking(False)
        self._shared = SharedSocket("unix:", listening, file)
        # What it fails with is shown by the page, and logged by the master.
        self._master.started.addErrback(
            lambda failure: self._log.error("{error}", error=failure.getErrorMessage())
        )
        self._master.start()
        self._changedState()

    async def stopApp(self) -> None:
        """
        End the process of the app.
        """
        self._watch.stop()
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.withdraw()
            shared.close()
        self._changedState()
        await self._master.stop()

    def _spawn(self, child: Child) -> None:
        if self._shared is not None:
            spawnWorker(
                self._reactor, child, self._reloadable.command, [self._shared], ["--develop"]
            )

    def _changed(self, path: str) -> None:
        self._log.info("{path} has changed: the app is loaded again.", path=path)
        self._master.reload()

    def _changedState(self) -> None:
        """
        Let go on what waited, and watch what the app consists of by now: its own files, those on
        which it failed to load, and what is beside them, where a missing module may appear.
        """
        if not self._isLoading():
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(None)
        if self._shared is None:
            return
        files = set(self._master.files())
        directory = os.path.realpath(self._reloadable.directory)
        try:
            files |= {entry.path for entry in os.scandir(directory) if entry.name.endswith(".py")}
        except OSError as error:
            self._log.warn("{path} can't be read: {error}", path=directory, error=error)
        self._watch.watch(files)
