"""
What a server tells its observers: counters, an access log, a status page.

Without an observer, this costs a request no more than a comparison. An observer that fails costs a
line in the log, and never a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, ClassVar, Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import Attribute, Interface, implementer

from ..errors import CantMultiplex, LimitExceeded, Overloaded, RemoteProtocolError, UnknownRole
from ..transport.sparing import SparingLog
from .refusal import pageOf

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from ..wire.params import Params
    from .factory import ServerFactory
    from .request import Request


class Account:
    """
    How a request went. It is filled in while the request runs.

    @ivar began: When its app was called, in seconds of the server's clock.
    @ivar seconds: How long it took, when it is over.
    @ivar code: The HTTP status of the response; without one, that of C{error}, or 0.
    @ivar bodyBytes: How many bytes of the response's body were sent.
    @ivar appStatus: The application's exit status (FCGI_END_REQUEST, section 5.5).
    @ivar error: The error with which it failed or was aborted; L{None} after a response of the app.
    @ivar brokenOff: Whether it ended without a complete response: the web server aborted it, or the
        app failed in the middle of the body.
    @ivar coroutine: The app's coroutine, if it did not end with its first step.
    @ivar thread: The identifier of the thread that is working on it, if one is.
    """

    __slots__ = (
        "appStatus",
        "began",
        "bodyBytes",
        "brokenOff",
        "code",
        "coroutine",
        "error",
        "seconds",
        "thread",
    )

    def __init__(self, began: float) -> None:
        self.began = began
        self.seconds = 0.0
        self.code = 0
        self.bodyBytes = 0
        self.appStatus = 0
        self.error: BaseException | None = None
        self.brokenOff = False
        self.coroutine: Coroutine[Any, Any, object] | None = None
        self.thread: int | None = None


#: The request for which the running code works, if an observer needs it: see
#: L{IServerObserver.tracksRequests}.
currentRequest: ContextVar[Request | None] = ContextVar("currentRequest", default=None)


def reasonOf(error: BaseException) -> str:
    """
    Why something was refused, in one word: the name of the limit that was reached, as
    L{Limits<txfcgi.server.limits.Limits>} has it, or C{overloaded}, C{role}, C{multiplex},
    C{malformed} or C{error}.
    """
    limit: str | None = getattr(error, "limit", None)
    if limit is not None:
        return limit
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return "error"


#: Errors that are not a fault of the app.
NO_FAULT: Final = (LimitExceeded, Overloaded, RemoteProtocolError, UnknownRole)

_REASONS: Final = (
    (Overloaded, "overloaded"),
    (UnknownRole, "role"),
    (CantMultiplex, "multiplex"),
    (RemoteProtocolError, "malformed"),
    (LimitExceeded, "limit"),
)


class IServerObserver(Interface):
    """
    Is told what a server does. Its methods are called in the reactor, some of them for each
    request, so they must be quick. What they return is ignored.

    L{ServerObserver} does nothing in any of these methods, and is a base class for observers that
    need only some of them.
    """

    tracksRequests: bool = Attribute(
        "Whether L{currentRequest} is to tell which request the app's code runs for, in coroutines "
        "and in threads too."
    )

    def connectionOpened(peer: IAddress) -> None:
        """
        A web server connected.
        """

    def connectionClosed(peer: IAddress) -> None:
        """
        Its connection is gone.
        """

    def connectionRefused(peer: IAddress | None, reason: str) -> None:
        """
        A connection was closed at once.

        @param reason: C{peer}, if that may not connect; C{connections}, if there are too many.
        """

    def connectionFailed(peer: IAddress, error: BaseException) -> None:
        """
        A connection is closed, as the web server broke the protocol, or txfcgi has a bug.
        """

    def requestBegan(request: Request, account: Account) -> None:
        """
        An app is about to be called.
        """

    def requestEnded(request: Request, account: Account) -> None:
        """
        A request that had begun is over. Its account is complete.
        """

    def requestRefused(
        peer: IAddress, role: int, params: Params | None, error: BaseException
    ) -> None:
        """
        A request was refused, and its app not called.

        @param params: Its params, if they had arrived.
        @param error: Why; L{reasonOf} names it in one word, and its C{code} is the HTTP status.
        """

    def limitReached(name: str) -> None:
        """
        A request, or a connection, reached one of the limits.

        @param name: The limit, as L{Limits<txfcgi.server.limits.Limits>} has it.
        """

    def ticked(server: ServerFactory) -> None:
        """
        About a second has passed since the last call. Called while connections are open.
        """


@implementer(IServerObserver)
class ServerObserver:
    """
    An observer that ignores everything, for subclasses that implement some methods: those that they
    leave out are not called at all. C{tracksRequests} is for an observer that needs
    L{currentRequest}.
    """

    tracksRequests = False

    def connectionOpened(self, peer: IAddress) -> None:
        """
        Called when a web server has connected.

        @param peer: Its address.
        """

    def connectionClosed(self, peer: IAddress) -> None:
        """
        Called when a connection is gone that was reported as opened.

        @param peer: The address of the web server.
        """

    def connectionRefused(self, peer: IAddress | None, reason: str) -> None:
        """
        Called when a connection was closed at once. It is not reported as opened or closed.

        @param peer: The address of the peer, if known.
        @param reason: C{"peer"}, if that may not connect; C{"connections"}, if there are too many.
        """

    def connectionFailed(self, peer: IAddress, error: BaseException) -> None:
        """
        Called when a connection is about to be closed because the web server broke the protocol,
        or because txfcgi has a bug.

        @param peer: The address of the web server.
        @param error: What went wrong.
        """

    def requestBegan(self, request: Request, account: Account) -> None:
        """
        Called when an app is about to be called. C{requestEnded} follows, with the same arguments.

        @param request: The request.
        @param account: When it began; the rest is filled in while it runs.
        """

    def requestEnded(self, request: Request, account: Account) -> None:
        """
        Called when a request that had begun is over, whatever its end: a response, a failure, an
        abort.

        @param request: The request.
        @param account: How it went: see L{Account}.
        """

    def requestRefused(
        self, peer: IAddress, role: int, params: Params | None, error: BaseException
    ) -> None:
        """
        Called when a request was refused, and its app not called. Neither C{requestBegan} nor
        C{requestEnded} is called for it.

        @param peer: The address of the web server.
        @param role: The role, as the number on the wire.
        @param params: The params, if they had arrived.
        @param error: Why; L{reasonOf} names it in one word, and its C{code} is the HTTP status.
        """

    def limitReached(self, name: str) -> None:
        """
        Called when a request or a connection reached one of the limits.

        @param name: The limit, as L{Limits<txfcgi.server.limits.Limits>} has it.
        """

    def ticked(self, server: ServerFactory) -> None:
        """
        Called about once a second while connections are open.

        @param server: The factory.
        """


# The methods of an observer, and what a name looks like that may be meant for one.
_HOOKS: Final = tuple(name for name in IServerObserver.names() if name != "tracksRequests")
_LIKE_A_HOOK: Final = re.compile("(request|connection|limit)[A-Z]")


#: What a factory takes. A type checker without the plugin mypy-zope does not see that the class
#: implements the interface.
AnyObservers = Sequence["IServerObserver | ServerObserver"]


class Observers:
    """
    All observers of one server. An observer that fails does not affect the server.

    @ivar track: Whether L{currentRequest} is to be known.
    @ivar hearsConnections: Whether anyone takes notice of connections that come and go: to find out
        whose they are costs something.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        observers: AnyObservers,
        clock: IReactorTime,
        sparing: SparingLog,
    ) -> None:
        """
        @param sparing: Logs the failures of observers.
        """
        self._seconds = clock.seconds
        self._sparing = sparing
        for observer in observers:
            self._checkNames(observer)
        self.track = any(observer.tracksRequests for observer in observers)
        self.hearsConnections = bool(
            _methods(observers, "connectionOpened") or _methods(observers, "connectionClosed")
        )
        self.opened = self._teller(observers, "connectionOpened")
        self.closed = self._teller(observers, "connectionClosed")
        self.connectionRefused = self._teller(observers, "connectionRefused")
        self.connectionFailed = self._teller(observers, "connectionFailed")
        self.limitReached = self._teller(observers, "limitReached")
        self.ticked = self._teller(observers, "ticked")
        self._refused = self._teller(observers, "requestRefused")
        # These are on the path of each request.
        self._began = _methods(observers, "requestBegan")
        self._ended = _methods(observers, "requestEnded")

    def _checkNames(self, observer: IServerObserver | ServerObserver) -> None:
        """
        Log the methods of an observer that look like one of the interface, and that nobody calls.
        """
        kind = type(observer)
        for name in dir(kind):
            if _LIKE_A_HOOK.match(name) and name not in _HOOKS and callable(getattr(kind, name)):
                self.log.warn(
                    "{kind}.{name} is never called: an observer has {hooks}",
                    kind=kind.__qualname__,
                    name=name,
                    hooks=", ".join(_HOOKS),
                )

    def _teller(self, observers: AnyObservers, name: str) -> Callable[..., None]:
        """
        What tells one kind of event to all observers.
        """
        methods = _methods(observers, name)

        def tell(*what: Any) -> None:
            for method in methods:
                try:
                    method(*what)
                except Exception:
                    self._harmed(method)

        return tell

    def _harmed(self, method: Callable[..., None]) -> None:
        self._sparing.failure(self.log, "An observer failed in {method}", method=method)

    def began(self, request: Request) -> Account:
        """
        Open the account of a request.
        """
        account = request.account = Account(self._seconds())
        for method in self._began:
            try:
                method(request, account)
            except Exception:
                self._harmed(method)
        return account

    @staticmethod
    def inContext(request: Request, run: Callable[[Request], object]) -> None:
        """
        Run an app with its request as the L{currentRequest}, there and in all that it starts.
        """
        context = copy_context()
        context.run(currentRequest.set, request)
        context.run(run, request)

    def ended(self, request: Request) -> None:
        """
        A request was answered.
        """
        account = request.account
        if account is not None:
            seconds = self._seconds() - account.began
            account.seconds = seconds if seconds > 0 else 0.0
            for method in self._ended:
                try:
                    method(request, account)
                except Exception:
                    self._harmed(method)

    def brokenOff(self, request: Request, error: BaseException | None) -> None:
        """
        A request is over and was not answered, or not to the end.
        """
        # Its app may not have been called yet.
        account = request.account or self.began(request)
        account.error = error
        account.brokenOff = True
        account.code = account.code or getattr(error, "code", 0)
        self._told(error)
        self.ended(request)

    def failed(self, request: Request, error: BaseException | None) -> None:
        """
        A request fails: it gets a page that says so, where nothing of its answer has left.
        """
        if request.headSent:
            self.brokenOff(request, error)
            return
        account = request.account or self.began(request)
        account.error = error
        account.code = account.bodyBytes = 0
        account.appStatus = 1
        if request.mayWrite():
            account.code, page, isSent = pageOf(error, request.isHead)
            account.bodyBytes = len(page) if isSent else 0
        self._told(error)
        self.ended(request)

    def refused(
        self, peer: IAddress, role: int, params: Params | None, error: BaseException
    ) -> None:
        """
        A request was refused before its app was called.
        """
        self._told(error)
        self._refused(peer, role, params, error)

    def _told(self, error: BaseException | None) -> None:
        limit: str | None = getattr(error, "limit", None)
        if limit is not None:
            self.limitReached(limit)


def _methods(observers: AnyObservers, name: str) -> tuple[Callable[..., None], ...]:
    """
    The methods for one kind of event, of those observers that take notice of it.
    """
    ignored = getattr(ServerObserver, name)
    methods = [getattr(observer, name) for observer in observers]
    return tuple(each for each in methods if getattr(each, "__func__", each) is not ignored)
