"""
The options of a gateway: which headers it passes on, how it answers when a back end fails, and how
much it does for one request.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from twisted.web.iweb import IRequest

from ..client.options import Timeouts
from .env import EnvPolicy

AmbiguousHeaders = Literal["drop", "refuse", "pass"]

AddParams = Callable[[IRequest, dict[str, str]], None]
EnvFor = Callable[[IRequest], EnvPolicy | None]


class ErrorPage(Protocol):
    """
    Makes the page of an error.
    """

    def __call__(self, request: IRequest, code: int) -> tuple[str, bytes]:
        """
        Make the page.

        @param request: The request. Its C{errorID} is the id of the error in the log, if the error
            was logged.
        @param code: The HTTP status: 502, 503, 504, or another from 400 up.
        @return: Its media type, and the page.
        """


@dataclass(frozen=True, kw_only=True)
class GatewayOptions:
    """
    The options of a gateway.

    @ivar params: Params that every request gets. They replace those that are made of the request.
    @ivar addParams: Called with each request and its params, which it may change. Use it to pass on
        what this program knows about a request, such as a user's name.
    @ivar env: How back ends see the gateway itself.
    @ivar envFor: Called with each request; returns the policy that replaces C{env} for it.
    @ivar serverName: SERVER_NAME; without it, the host that the browser asked for.
    @ivar passAuthorization: Whether a browser's Authorization header is passed on. With L{None}, it
        is passed to PHP, as nginx and Caddy do, and to Authorizers; to any other app, if it is
        L{True}.
    @ivar ambiguousHeaders: What happens to a header whose name has characters other than letters,
        digits and hyphens, and so could become the same param as another one: C{"drop"} it,
        C{"refuse"} the request with status 400, or C{"pass"} it if its only such characters are
        underscores.
    @ivar dropHeaders: Names of request headers that are not passed on.
    @ivar passHeaders: Names of the only request headers that are passed on; L{None} for all.
        Content-Type and Host are, in any case.
    @ivar dropResponseHeaders: Names of response headers that are not passed to browsers.
    @ivar sendfileRoot: A folder. A response with the header X-Sendfile (the path of a file) or
        X-Accel-Redirect (its path from this folder) is answered with that file, if it is in the
        folder. Without C{sendfileRoot}, these headers have no effect.
    @ivar localRedirects: How many local redirects (RFC 3875, section 6.2.2) are followed for one
        request; with 0, such a response becomes a 302.
    @ivar interceptErrors: Statuses for which the error page replaces the back end's response.
    @ivar errorPage: Makes the error pages.
    @ivar timeouts: Used in place of the client's. By default those are used without C{total}, which
        would cut off event streams, slow uploads and slow downloads; each single wait is bounded.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    addParams: AddParams | None = None
    env: EnvPolicy | None = None
    envFor: EnvFor | None = None
    serverName: str | None = None
    passAuthorization: bool | None = None
    ambiguousHeaders: AmbiguousHeaders = "drop"
    dropHeaders: Collection[str] = ()
    passHeaders: Collection[str] | None = None
    dropResponseHeaders: Collection[str] = ()
    bodyBytes: int | None = field(
        default=None, metadata={"help": "Bytes of a request body. A longer one gets a 413"}
    )
    sendfileRoot: str | None = None
    localRedirects: int = 10
    interceptErrors: Collection[int] = ()
    errorPage: ErrorPage | None = None
    timeouts: Timeouts | None = None


def passingAuthorization(options: GatewayOptions | None) -> GatewayOptions:
    """
    Make options of a gateway that passes Authorization on, unless they say otherwise.
    """
    options = GatewayOptions() if options is None else options
    passed = True if options.passAuthorization is None else options.passAuthorization
    return replace(options, passAuthorization=passed)
