"""
The options for health checks and metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from twisted.application.service import IService
from twisted.internet.interfaces import IReactorTime
from twisted.python.usage import UsageError

from ..monitor.probes import Pool, Probes
from ..server.application import App
from ..server.factory import ServerFactory
from .commandline import CommandOptions
from .snapshots import ofThisProcess

if TYPE_CHECKING:
    from ..monitor.board import Snapshot
    from ..monitor.counters import Counters


PUBLIC_STATUS: Final = (
    "{address} is open to other machines, and shows what this service does. Listen "
    "on this machine only ({local}), name who may connect with --allow-from, or "
    "override with --insecure"
)


def _path(option: str) -> Callable[[str], str]:
    """
    @return: The function that parses an option whose value is a path.
    """

    def read(text: str) -> str:
        if not text.startswith("/") or "?" in text or "#" in text:
            example = option.partition("-")[0]
            raise UsageError(f"--{option} takes a path such as /{example}, not {text!r}")
        return text

    return read


class HealthOptions(CommandOptions):
    """
    Status endpoint, ping path and status path.

    @ivar summary: The last summary of all workers that the master sent to this worker.
    """

    optParameters: ClassVar[Sequence[Sequence[Any]]] = [
        [
            "status",
            None,
            None,
            "Where to serve the status over HTTP, such as tcp:9100:interface=127.0.0.1: a "
            "page at /, and /status.json, /metrics, /ping",
        ],
        [
            "ping-path",
            None,
            None,
            "Answer pong on this path in place of the app, or 503 while draining",
            _path("ping-path"),
        ],
        [
            "status-path",
            None,
            None,
            "Answer on this path with the fields of php-fpm's status page; with ?json, as JSON",
            _path("status-path"),
        ],
    ]

    summary: Mapping[str, Any] | None = None

    def checkHealth(self) -> None:
        """
        @raise UsageError: Two options contradict each other.
        """
        if self["ping-path"] is not None and self["ping-path"] == self["status-path"]:
            raise UsageError("--ping-path and --status-path are the same path")

    @property
    def counts(self) -> bool:
        """
        Whether requests are counted.
        """
        return bool(self["status"] or self["status-path"])

    def probing(self) -> Probing | None:
        """
        @return: What answers the given paths, if any.
        """
        if self["ping-path"] is None and self["status-path"] is None:
            return None
        return Probing(self)

    def monitored(
        self, reactor: IReactorTime, served: IService, source: Callable[[], Snapshot]
    ) -> IService:
        """
        Add the status pages to a service, if they are wanted.

        @param source: Returns the state of the service.

        @return: The service with its pages.
        """
        if not self["status"]:
            return served
        from ..monitor.board import Board
        from .statuspages import Monitored, StatusPages

        name = f"{self.command} {' '.join(self.named())}".strip()
        board = Board(name, reactor, source, time.time())
        pages = StatusPages(
            reactor,
            board,
            self["statusEndpoints"],
            allowFrom=self["allowFrom"],
            insecure=bool(self["insecure"]),
        )
        return Monitored(served, pages)

    def named(self) -> list[str]:
        """
        @return: The served app, in the words of the command line.
        """
        raise NotImplementedError


class Probing:
    """
    The paths that are answered before the app. They need the server's figures.
    """

    def __init__(self, options: HealthOptions) -> None:
        self._options = options
        self._pool = Pool(options.command, time.time())
        self._factory: ServerFactory | None = None
        self._source: Callable[[], Snapshot] | None = None

    def before(self, app: App) -> Probes:
        """
        Put the paths before an app.

        @return: The app to serve.
        """
        ping, status = self._options["ping-path"], self._options["status-path"]
        return Probes(app, ping, status, self._figures, self._isWell)

    def serveBy(self, factory: ServerFactory, counters: Counters | None) -> None:
        """
        Set the factory that serves the app.

        @param counters: The counters of its requests.
        """
        self._factory = factory
        if counters is not None:
            self._source = ofThisProcess(factory.clock, [factory], counters, lambda: True)

    def _isWell(self) -> bool:
        return self._factory is not None and not self._factory.draining

    def _figures(self) -> Mapping[str, Any]:
        if self._options.summary is not None:
            return self._options.summary
        assert self._source is not None
        return self._pool.figures(self._source(), [], time.time())
