"""
C{--http} with C{--reload}: the app runs in its own process, which is replaced when a file of the
app changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import (
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from zope.interface import implementer

from ..client.client import Client
from ..client.options import ClientOptions
from ..server.limits import HTTPLimits
from ..workers.child import Child, ChildState
from ..workers.master import Master, MasterOptions
from .development import Development
from .mastering import WorkerCommand, spawnWorker
from .sharing import SharedSocket
from .sockets import UNIXSocketOptions, listenUNIX
from .watching import makeWatch

#: Seconds for running requests to finish when their app is replaced. Without a limit, a stream of
#: events would keep the old process for ever.
DRAIN: Final = 1.0


@dataclass(frozen=True)
class Reloadable:
    """
    An app that can be reloaded.

    @ivar command: The command that starts its process.
    @ivar directory: The directory of its modules.
    @ivar options: How the master runs that process.
    """

    command: WorkerCommand
    directory: str
    options: MasterOptions


@implementer(IStreamClientEndpoint)
class LastReady:
    """
    An endpoint that leads to the process that loaded the app last.

    @ivar paths: The socket of each running process.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._path = ""
        self.paths: dict[Child, str] = {}

    def choose(self) -> None:
        """
        Choose the process that loaded the app last.
        """
        for child, path in list(self.paths.items()):
            if child.state is ChildState.READY:
                self._path = path
            elif child.state is ChildState.GONE:
                del self.paths[child]
                with suppress(FileNotFoundError):
                    os.remove(path)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """
        Connect to it.
        """
        endpoint = UNIXClientEndpoint(self._reactor, self._path)
        connected: Deferred[Any] = endpoint.connect(protocolFactory)
        return connected


class Reloading(Development):
    """
    Serves HTTP by calling an app in another process.
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
            # A kept connection would send its next request to the old app.
            return makeClient(reactor, endpoint, ClientOptions(keepConnections=False))

        super().__init__(reactor, None, notKeeping, endpoints, limits, **options)
        self._reloadable = app
        self._loads: str | None = None
        self._endpoint = LastReady(reactor)
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
        @return: Why the app can't be loaded; empty if it can.
        """
        return self._master.trouble

    def loading(self) -> Deferred[None] | None:
        """
        @return: Fires when it is known whether the app can be loaded; L{None} if that is known now.
        """
        self._watch.look()
        if not self._isLoading():
            return None
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def _isLoading(self) -> bool:
        master = self._master
        return self._loads is not None and (
            master.reloading or not (master.ready or master.trouble)
        )

    def startApp(self, folder: str) -> IStreamClientEndpoint:
        """
        Load the app, in a new process.
        """
        self._loads = folder
        # The page shows the failure, and the master logs it.
        self._master.started.addErrback(
            lambda failure: self._log.error("{error}", error=failure.getErrorMessage())
        )
        self._master.start()
        self._changedState()
        return self._endpoint

    async def stopApp(self) -> None:
        """
        End the process of the app.
        """
        self._watch.stop()
        self._loads = None
        self._changedState()
        await self._master.stop()

    def _spawn(self, child: Child) -> None:
        """
        Start a process that loads the app, on its own socket, so that requests on that socket never
        reach the old app.
        """
        assert self._loads is not None
        path = os.path.join(self._loads, f"{child.number}.sock")
        listening, file = listenUNIX(path, UNIXSocketOptions(mode=0o600, lock=False))
        self._endpoint.paths[child] = path
        shared = SharedSocket("unix:", listening, file)
        try:
            command = self._reloadable.command
            spawnWorker(self._reactor, child, command, [shared], ["--develop"])
        finally:
            shared.close()

    def _changed(self, path: str) -> None:
        self._log.info("{path} has changed: reloading the app.", path=path)
        self._master.reload()

    def _changedState(self) -> None:
        """
        Release waiting requests, and watch the app's current files: its own, those on which it
        failed to load, and the files beside them, where a missing module may appear.
        """
        self._endpoint.choose()
        if not self._isLoading():
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(None)
        if self._loads is None:
            return
        files = set(self._master.files())
        directory = os.path.realpath(self._reloadable.directory)
        try:
            files |= {entry.path for entry in os.scandir(directory) if entry.name.endswith(".py")}
        except OSError as error:
            self._log.warn("{path} can't be read: {error}", path=directory, error=error)
        self._watch.watch(files)
