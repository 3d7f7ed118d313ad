"""
What a request needs of the connection that brought it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IAddress

from ..streams.incoming import Source
from ..streams.spool import SpoolBudget
from ..transport.outlet import Outlet
from ..transport.sparing import SparingLog
from ..wire import fastcgiserver, scgiserver
from .limits import Limits
from .paths import Paths

if TYPE_CHECKING:
    from .request import Request

# What can be served. They have in common what this package uses of them.
ServerWire = fastcgiserver.ServerConnection | scgiserver.ServerConnection


class Channel(Source, Protocol):
    """
    The connection, as its requests and the application see it.
    """

    outlet: Outlet
    wire: ServerWire
    limits: Limits

    @property
    def sparing(self) -> SparingLog:
        """
        Where to log what may come again and again.
        """

    paths: Paths
    interim: bool
    spool: SpoolBudget

    @property
    def peer(self) -> IAddress:
        """
        The web server's end.
        """

    @property
    def host(self) -> IAddress:
        """
        Our end, while the connection is open.
        """

    def requestFailed(self, request: Request, error: Exception) -> None:
        """
        The request can't go on, whatever its app does.
        """

    def breakOff(self, requestID: int) -> None:
        """
        End the request in the middle of its answer, which must not look complete.
        """

    def requestEnded(self, request: Request) -> None:
        """
        The request was answered.
        """
