"""
What a gateway may be told: which headers pass, what is answered when a back end fails, and how
much is spent on one request.
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
    Makes the page for an error.
    """

    def __call__(self, request: IRequest, code: int) -> tuple[str, bytes]:
        """
        Make it.

        @param request: What was asked for. If the log says something of the error, C{errorID} is
            the id that it has there.
        @param code: The HTTP status: 502, 503, 504, or another from 400 up.
        @return: Its media type, and the page.
        """


@dataclass(frozen=True, kw_only=True)
class GatewayOptions:
    """
    The options of a gateway. What bounds something says so in its metadata (C{help}).

    @ivar params: Params that every request gets. They win over those that are made of the request.
    @ivar addParams: Called with each request and its params, which it may change. Use it to pass
        on what the request was found to be, such as a user's name.
    @ivar env: What every request hears of the gateway itself.
    @ivar envFor: Called with each request; what it returns holds in place of C{env}.
    @ivar serverName: SERVER_NAME; without it, the host that the browser asked for.
    @ivar passAuthorization: Whether a browser's Authorization header is passed on. As the gateway
        does not look at it, an app that does has to say so. With L{None}, it goes to PHP, as with
        nginx and Caddy, and to Authorizers.
    @ivar ambiguousHeaders: What becomes of a header whose name has other characters than letters,
        digits and hyphens, and so could become the same param as another: C{"drop"} it,
        C{"refuse"} the request with status 400, or C{"pass"} it if its only such characters are
        underscores.
    @ivar dropHeaders: Names of request headers that are not passed on.
    @ivar passHeaders: Names of the only request headers that are passed on; L{None} for all.
        Content-Type and Host are, in any case.
    @ivar dropResponseHeaders: Names of response headers that no browser gets to see.
    @ivar sendfileRoot: A folder. A response with the header X-Sendfile (the path of a file) or
        X-Accel-Redirect (its path from this folder) is answered with that file, if it is in there.
        Without it, these headers mean nothing.
    @ivar localRedirects: How many times a response that only has a Location with a path is
        answered with what is there (RFC 3875, section 6.2.2); with 0 such a response becomes a 302.
    @ivar interceptErrors: Statuses for which the error page is shown and not the back end's.
    @ivar errorPage: Makes the error pages.
    @ivar timeouts: In place of the client's, which hold without the one for a whole request: that
        would cut event streams, slow uploads and slow downloads off. Every single wait is bounded.
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
    The options of a gateway that passes Authorization on, unless it is told otherwise.
    """
    options = GatewayOptions() if options is None else options
    passed = True if options.passAuthorization is None else options.passAuthorization
    return replace(options, passAuthorization=passed)
