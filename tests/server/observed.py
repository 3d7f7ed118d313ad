"""
A server whose observer writes down what it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress
from zope.interface import implementer

from txfcgi import Limits, Request
from txfcgi.server.factory import ServerFactory
from txfcgi.server.observing import Account, IServerObserver, reasonOf
from txfcgi.wire.params import Params

from .conversation import ServerTests, WebServer, ok


@implementer(IServerObserver)
class Watcher:
    """
    Writes down what it is told.

    @ivar told: The names of the events.
    @ivar ended: The account of each request that is over.
    @ivar refused: Why requests were refused.
    @ivar limits: The limits that were reached.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ended: list[Account] = []
        self.refused: list[tuple[int, str, str | None]] = []
        self.limits: list[str] = []

    tracksRequests = False

    def ticked(self, server: ServerFactory) -> None:
        """
        Write it down.
        """
        self.told.append("ticked")

    def connectionOpened(self, peer: IAddress) -> None:
        """
        Write it down.
        """
        self.told.append("opened")

    def connectionClosed(self, peer: IAddress) -> None:
        """
        Write it down.
        """
        self.told.append("closed")

    def connectionRefused(self, peer: IAddress | None, reason: str) -> None:
        """
        Write it down.
        """
        self.told.append(f"refused for {reason}")

    def connectionFailed(self, peer: IAddress, error: BaseException) -> None:
        """
        Write it down.
        """
        self.told.append(type(error).__name__)

    def requestBegan(self, request: Request, account: Account) -> None:
        """
        Write it down.
        """
        assert request.account is account
        self.told.append("began")

    def requestEnded(self, request: Request, account: Account) -> None:
        """
        Write it down.
        """
        self.told.append("ended")
        self.ended.append(account)

    def requestRefused(
        self, peer: IAddress, role: int, params: Params | None, error: BaseException
    ) -> None:
        """
        Write it down.
        """
        uri = None if params is None else params.get("REQUEST_URI")
        self.refused.append((role, reasonOf(error), uri))

    def limitReached(self, name: str) -> None:
        """
        Write it down.
        """
        self.limits.append(name)


class ObservedTests(ServerTests):
    """
    Tests with a watcher.
    """

    def setUp(self) -> None:
        super().setUp()
        self.watcher = Watcher()

    def observed(
        self, app: Callable[[Any], Any] = ok, limits: Limits | None = None, **options: Any
    ) -> WebServer:
        """
        Connect a web server to an app that is watched.
        """
        return self.serve(app, limits, observers=[self.watcher], **options)

    def account(self) -> Account:
        """
        The account of the one request that there was.
        """
        [account] = self.watcher.ended
        return account

    def assertAnswered(self, code: int, bodyBytes: int, appStatus: int = 0) -> Account:
        """
        Check what the account of the one request says of its answer.
        """
        account = self.account()
        self.assertEqual(
            (account.code, account.bodyBytes, account.appStatus), (code, bodyBytes, appStatus)
        )
        return account
