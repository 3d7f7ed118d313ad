"""
Apps, before any of them is run: what can be one, what it is called, and one app for all roles.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from zope.interface import Interface, implementer

from ..errors import NotAnApp, UnknownRole
from ..wire.records import Role
from .kinds import argumentsOf, howToServe, takes
from .request import Request
from .response import Allow, Deny, Response

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    # What an app returns, in the end.
    Settled = Response | Allow | Deny | int | None

# A function of one request.
App = Callable[[Any], "Settled | Awaitable[Settled] | Deferred[Any]"]


class IStartsAndStops(Interface):
    """
    An app that has to do something before its first request, and after its last one. C{twistd},
    L{serve<txfcgi.serve>}, L{ServerService<txfcgi.ServerService>} and the test kit call both; a
    program that listens by itself has to.
    """

    def startup() -> object:
        """
        Get ready. No connection is accepted before this has ended; if it fails, the server does
        not start.

        @return: Anything, or a Deferred or coroutine that ends when the app is ready.
        """

    def shutdown() -> object:
        """
        Let go of everything. No request is running any more, and none will follow.

        @return: Anything, or a Deferred or coroutine that ends when that is done.
        """


def checkApp(app: object) -> App:
    """
    Refuse what can't be an app, as far as that can be told without calling it.

    @raise NotAnApp: If it can't be.
    """
    how = howToServe(app)
    if isinstance(app, str):
        how = "Give the function itself: a name is for twistd fcgi --app"
    if not callable(app):
        raise NotAnApp(
            f"{app!r:.80} is not an app: an app is a function that is called with a request, and "
            f"{type(app).__name__} objects can't be called. {how}".rstrip()
        )
    name = _described(app)
    if inspect.isgeneratorfunction(app) or inspect.isasyncgenfunction(app):
        raise NotAnApp(
            f"{name} is not an app, but a generator: an app returns a response, whose body can be "
            "a generator"
        )
    if not takes(app, 1):
        if isinstance(app, type) and "__call__" in vars(app):
            how = f"To serve what it makes, make one: {app.__name__}()"
        elif not how and takes(app, 0):
            how = "If it makes an app, call it, or use --factory"
        raise NotAnApp(
            f"{name} is not an app: an app is called with one argument, the request, and this "
            f"takes {argumentsOf(app)}. {how}".rstrip()
        )
    if isinstance(app, type) and not issubclass(app, (Response, Allow, Deny)):
        raise NotAnApp(
            f"{name} is not an app, but a class: to serve what it makes, make one, as "
            f"{app.__name__}(...)"
        )
    return app


def nameOf(app: object) -> str:
    """
    What an app is called in messages.
    """
    return getattr(app, "__qualname__", None) or repr(app)


def placeOf(app: object) -> str:
    """
    The file and line where an app is written, or nothing where that can't be told.
    """
    function = inspect.unwrap(app) if callable(app) else app
    function = getattr(function, "func", function)  # a partial's
    for each in (function, inspect.getattr_static(type(function), "__call__", None)):
        code = getattr(each, "__code__", None)
        if code is not None:
            return f"{code.co_filename}, line {code.co_firstlineno}"
    return ""


def _described(app: object) -> str:
    place = placeOf(app)
    return f"{nameOf(app)} ({place})" if place else nameOf(app)


def roles(
    *, responder: App | None = None, authorizer: App | None = None, filter: App | None = None
) -> App:
    """
    Make one app of an app for each role (FastCGI 1.0, section 6). It starts and stops with those
    that do (L{IStartsAndStops}). A request in a role without an app is refused with UNKNOWN_ROLE.

    @raise NotAnApp: If no app is given, or if one of them can't be an app.
    """
    apps = {
        Role.RESPONDER: responder,
        Role.AUTHORIZER: authorizer,
        Role.FILTER: filter,
    }
    given = {role: checkApp(app) for role, app in apps.items() if app is not None}
    if not given:
        raise NotAnApp("roles() needs an app for at least one role, such as roles(responder=app)")
    return _Roles(given)


@implementer(IStartsAndStops)
class _Roles:
    """
    An app for each role.
    """

    def __init__(self, apps: dict[Role, App]) -> None:
        self._apps = apps
        named = ", ".join(f"{role.name.lower()}={nameOf(app)}" for role, app in apps.items())
        self.__qualname__ = f"roles({named})"

    def __call__(self, request: Request) -> Settled | Awaitable[Settled] | Deferred[Any]:
        app = self._apps.get(request.role)
        if app is None:
            name = request.role.name.lower()
            raise UnknownRole(f"no app was given for the role of {name}: roles({name}=)")
        return app(request)

    async def startup(self) -> None:
        """
        Let each app get ready, in turn.
        """
        for app in self._starting():
            await _awaited(app.startup())

    async def shutdown(self) -> None:
        """
        Let each app let go of everything; those that began first come last.
        """
        for app in reversed(self._starting()):
            await _awaited(app.shutdown())

    def _starting(self) -> list[IStartsAndStops]:
        # An app that has several roles is there once.
        apps: dict[int, Any] = {id(app): app for app in self._apps.values()}
        return [app for app in apps.values() if IStartsAndStops.providedBy(app)]


async def _awaited(result: object) -> object:
    """
    A result, which may have to be waited for.
    """
    return await result if isinstance(result, Awaitable) else result
