"""
C{--status}: the status pages of a service.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

from twisted.application.service import IService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IStreamServerEndpoint

from ..monitor.board import Board
from ..monitor.pages import StatusResource
from ..web import StreamingSite
from .healthoptions import PUBLIC_STATUS
from .serving import Serving, Together

# Seconds for open connections to the page after the service has ended.
_DRAIN: Final = 1.0


class StatusPages(Serving):
    """
    Shows a L{Board}.
    """

    def __init__(
        self,
        reactor: Any,
        board: Board,
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
        **options: Any,
    ) -> None:
        """
        @param endpoints: Where to listen: descriptions and endpoints.
        @param options: As for L{Serving}.
        """
        site = StreamingSite(
            StatusResource(board), reactor=reactor, allowFrom=options.get("allowFrom")
        )
        site.log = _noLog  # type: ignore[method-assign]
        self._board = board
        super().__init__(
            reactor,
            site,
            endpoints,
            refusal=PUBLIC_STATUS,
            drainTimeout=_DRAIN,
            drainIdle=0.0,
            **options,
        )

    def startService(self) -> None:
        """
        Start serving the pages.
        """
        super().startService()
        if find_spec("prometheus_client") is None:
            self._log.warn(
                "The status page has no /metrics, as prometheus_client is not installed: "
                "pip install txfcgi[metrics]"
            )
        self._board.start()

    def stopService(self) -> Deferred[None]:
        """
        Stop serving the pages.
        """
        self._board.stop()
        return super().stopService()


class Monitored(Together):
    """
    A service with its status pages, which are served until the service has ended.
    """

    def __init__(self, served: IService, pages: StatusPages) -> None:
        """
        @param served: The service.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._served = served
        self._pages = pages
        served.setServiceParent(self)
        pages.setServiceParent(self)  # type: ignore[no-untyped-call]

    def stopService(self) -> Deferred[Any]:
        """
        Stop the service, then its pages.
        """
        self.running = 0

        def ended(result: object) -> Deferred[Any]:
            return self._pages.stopService().addCallback(lambda _: result)

        stopped: Deferred[Any] = maybeDeferred(self._served.stopService).addBoth(ended)
        return stopped


def _noLog(request: object) -> None:
    """
    Log nothing: a page that refreshes every other second would fill any log.
    """
