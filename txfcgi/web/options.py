"""
What a gateway may be told: which headers pass, what is answered when there is no back end, and how
much it does for one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from twisted.web.iweb import IRequest

from ..client.options import Timeouts

AmbiguousHeaders = Literal["drop", "refuse", "pass"]

AddParams = Callable[[IRequest, dict[str, str]], None]


class ErrorPage(Protocol):
    """
    Makes the page for an error.
    """

    def __call__(self, request: IRequest, code: int) -> tuple[str, bytes]:
        """
        Make it.

        @param code: The HTTP status: 502, 503, 504, or another from 400 up.
        @return: Its media type, and the page.
        """


@dataclass(frozen=True, kw_only=True)
class SiteLimits:
    """
    The limits of a site towards browsers. What has an option on a command line says so in its
    metadata (C{help}).

    @ivar lingerBytes: How much of a body is still read, and dropped, after its request was
        answered or refused, before the connection is closed.
    @ivar lingerTimeout: Seconds that a browser gets to send the rest of a request that was refused.
    """

    headBytes: int = field(
        default=65_536,
        metadata={
            "help": "Bytes of the request line and headers of an HTTP request. Longer headers get "
            "a 431, a longer request line a 414"
        },
    )
    headerCount: int = field(
        default=200, metadata={"help": "Headers of an HTTP request. More get a 431"}
    )
    writeTimeout: float | None = field(
        default=60.0,
        metadata={"help": "Seconds in which a browser takes none of its answer"},
    )
    lingerBytes: int = 1_048_576
    lingerTimeout: float = 5.0


@dataclass(frozen=True, kw_only=True)
class GatewayOptions:
    """
    The options of a gateway. What bounds something says so in its metadata (C{help}).

    @ivar params: Params that every request gets. They win over those that are made of the request.
    @ivar addParams: Called with each request and its params, which it may change. Use it to pass
        on what the request was found to be, such as a user's name.
    @ivar serverName: SERVER_NAME; without it, the host that the browser asked for.
    @ivar passAuthorization: Whether a browser's Authorization header is passed on. As the gateway
        does not look at it, an app that does has to say so.
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
    @ivar timeouts: In place of the client's.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    addParams: AddParams | None = None
    serverName: str | None = None
    passAuthorization: bool = False
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
