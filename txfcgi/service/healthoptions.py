"""
The options that let others see how a service is.
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
    @return: What reads the value of an option that is a path.
    """

    def read(text: str) -> str:
        if not text.startswith("/") or "?" in text or "#" in text:
            example = option.partition("-")[0]
            raise UsageError(f"--{option} takes a path such as /{example}, not {text!r}")
        return text

    return read


class HealthOptions(CommandOptions):
    """
    Pings, figures, and a page of their own.

    @ivar summary: What the master of this worker said last of all its workers.
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
        @return: What answers the paths that were asked for, if some were.
        """
        if self["ping-path"] is None and self["status-path"] is None:
            return None
        return Probing(self)

    def monitored(
        self, reactor: IReactorTime, served: IService, source: Callable[[], Snapshot]
    ) -> IService:
        """
        Give a service its status pages, if they are wanted.

        @param source: Says how it is.

        @return: Both of them.
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
        @return: What is served, in the words of the command line.
        """
        raise NotImplementedError


class Probing:
    """
    The paths before an app, which need what serves the app.
    """

    def __init__(self, options: HealthOptions) -> None:
        self._options = options
        self._pool = Pool(options.command, time.time())
        self._factory: ServerFactory | None = None
        self._source: Callable[[], Snapshot] | None = None

    def before(self, app: App) -> Probes:
        """
        Put them before an app.

        @return: What is to be served.
        """
        ping, status = self._options["ping-path"], self._options["status-path"]
        return Probes(app, ping, status, self._figures, self._isWell)

    def serveBy(self, factory: ServerFactory, counters: Counters | None) -> None:
        """
        Know what serves the app.

        @param counters: What counts its requests.
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
