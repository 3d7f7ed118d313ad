"""
L{ResourceApp}: a twisted.web resource or site as an app.

Resources get twisted.web's own requests, each over a channel of its own; see
L{txfcgi.adapters.webchannel}.
"""

from __future__ import annotations

import sys
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource
from twisted.web.server import Site
from zope.interface import implementer

from ..errors import UnknownRole
from ..server.application import IStartsAndStops
from ..server.apps import nameOf
from ..server.kinds import kindOf
from ..server.request import Request
from ..server.response import Response
from ..streams.spool import BoundedBody
from ..wire.records import Role
from ..wire.variables import ParamNames
from .mounthint import MountHint
from .webchannel import WebChannel

MAX_BODY_BYTES: Final = 1_073_741_824

_RESPONDER: Final = Role.RESPONDER


@implementer(IStartsAndStops)
class ResourceApp:
    """
    A twisted.web resource or site as an app::

        serve(ResourceApp(resource))
        FastCGIServerFactory(ResourceApp(site))
        SCGIServerFactory(ResourceApp(kleinApp.resource))

    A request of twisted.web has the L{Request<txfcgi.Request>} behind it as
    C{request.channel.request}, with params that are not HTTP headers, such as REMOTE_USER.

    @ivar site: The site that was given, or one around the resource.
    """

    def __init__(
        self,
        resource: object,
        *,
        maxBodyBytes: int = MAX_BODY_BYTES,
    ) -> None:
        """
        @param resource: A resource, a site, or a Klein app's C{resource} method. A site writes its
            own access log, as it does over HTTP.
        @param maxBodyBytes: The most bytes of the body of a request. A request with more is
            answered with 413.
        @raise TypeError: If C{resource} is none of these.
        """
        root = resourceOf(resource)
        self._given = isinstance(root, Site)
        self.site: Any = root if self._given else Site(root)
        self._maxBodyBytes = maxBodyBytes
        self._names = ParamNames()
        self._hint = MountHint(repr(self))

    def __repr__(self) -> str:
        return f"ResourceApp({self.site if self._given else self.site.resource!r})"

    def startup(self) -> None:
        """
        Let a site that was given open its log.
        """
        if self._given:
            self.site.doStart()

    def shutdown(self) -> None:
        """
        Let a site that was given close its log.
        """
        if self._given:
            self.site.doStop()

    def __call__(self, request: Request) -> Response | Deferred[Any] | None:
        """
        Answer a request.
        """
        if request.role is not _RESPONDER:
            raise UnknownRole("a twisted.web resource serves the Responder role only")
        channel = WebChannel(request, self.site, self._names, self._hint)
        length = channel.bodyLength
        if request.bodiless and not length:
            channel.open(0)
            return channel.render()
        return Deferred.fromCoroutine(self._callWithBody(channel, length))

    async def _callWithBody(self, channel: WebChannel, length: int | None) -> Response | None:
        channel.open(length)
        spool = channel.request.channel.spool
        body = BoundedBody(channel.keep, spool, maxBytes=self._maxBodyBytes)
        try:
            await body.fill(channel.request.stdin)
            result = channel.render()
            return await result if isinstance(result, Deferred) else result
        except BaseException as error:
            channel.lose(error)
            raise
        finally:
            body.release()


def resourceOf(thing: object) -> object:
    """
    The resource or site that something is, or that a Klein app's C{resource} method makes.

    @raise TypeError: If it is something else.
    """
    if _isKleinMethod(thing):
        thing = cast(Any, thing)()
    if isinstance(thing, Site) or IResource.providedBy(thing):
        return thing
    kind = kindOf(thing)
    if kind is None:
        hint = f"is of type {type(thing).__name__}"
    elif kind.arguments is None:
        hint = f"is {kind.what}: its resource method is named, or what that returns"
    else:
        hint = f"is {kind.what}: {kind.option} serves it"
    name = nameOf(thing) if callable(thing) else f"{thing!r:.80}"
    raise TypeError(f"a resource or a site of twisted.web is wanted, and {name} {hint}")


def _isKleinMethod(thing: object) -> bool:
    """
    Whether this is the C{resource} method of a Klein app. It is the one thing that is called
    without being asked to: Klein's documentation names it where others name a resource.
    """
    klein = getattr(sys.modules.get("klein"), "Klein", None)
    if klein is None or not isinstance(getattr(thing, "__self__", None), klein):
        return False
    return getattr(thing, "__name__", "") == "resource"
