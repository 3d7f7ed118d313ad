"""
The manners of the web servers: how each of them uses connections and records, as recorded from the
real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, Literal

from ..wire.framing import FULL
from ..wire.records import Role
from . import variables
from .variables import Asked, Pair

Protocol = Literal["fastcgi", "scgi"]
Server = Literal["nginx", "apache", "lighttpd", "haproxy", "caddy", "plain"]
Variables = Callable[[Asked], list[Pair]]


class Leaving(Enum):
    """
    What a web server does when the browser leaves before it has its answer.
    """

    CLOSES = "closes the connection at once"
    CLOSES_ON_OUTPUT = "closes the connection when the application writes, unless others use it"
    ABORTS = "sends ABORT_REQUEST"


class Ending(Enum):
    """
    Whether an Authorizer gets the end of a STDIN that it does not have.
    """

    NEVER = "no STDIN record"
    WITHOUT_BODY = "an empty STDIN record, unless the browser sends a body"
    ALWAYS = "an empty STDIN record"


@dataclass(frozen=True, kw_only=True)
class Manners:
    """
    How a web server behaves.

    @ivar variables: What it tells the application, by the role; a role that is not here it never
        asks for.
    @ivar keeps: Whether it asks to keep connections, and uses them again.
    @ivar multiplexes: Whether it has several requests at once on a connection.
    @ivar step: From one request id to the next on a connection; 0: an id is used again.
    @ivar recordBytes: The most content of its STDIN records.
    @ivar pads: Whether it fills records up to a multiple of eight.
    @ivar waits: Whether it waits for the end of a body that comes in chunks, and so knows its
        length.
    @ivar chunkedBytes: The most bytes of such a body.
    @ivar refusal: The status with which it refuses more, by itself.
    @ivar leaving: What it does when the browser leaves.
    @ivar authorizerStdin: What an Authorizer gets.
    @ivar resets: Whether it resets a connection that it does not keep.
    @ivar asks: The variables that it asks a new connection for.
    @ivar authorizerKept: Whether it keeps the connection to an Authorizer.
    """

    variables: Mapping[int, Variables]
    keeps: bool = False
    multiplexes: bool = False
    step: int = 0
    recordBytes: int = FULL
    pads: bool = False
    waits: bool = True
    chunkedBytes: int | None = None
    refusal: int = 411
    leaving: Leaving = Leaving.CLOSES_ON_OUTPUT
    authorizerStdin: Ending = Ending.NEVER
    resets: bool = False
    asks: tuple[bytes, ...] = ()
    authorizerKept: bool = False

    def keepsFor(self, role: int) -> bool:
        """
        Whether a request of this role asks to keep the connection.
        """
        return self.keeps and (role != Role.AUTHORIZER or self.authorizerKept)

    def refusesChunks(self, length: int) -> bool:
        """
        Whether a body of so many bytes that comes in chunks is more than it takes.
        """
        return self.chunkedBytes is not None and length > self.chunkedBytes


@dataclass(frozen=True, kw_only=True)
class Settings:
    """
    Settings of a web server, as in its own configuration; L{None} for the value in
    C{docs/deploy/conf}.

    @ivar keep: Whether connections are kept: C{fastcgi_keep_conn}, C{enablereuse}, C{keep-conn}.
    @ivar multiplex: Whether several requests share one: HAProxy's C{mpxs-conns}.
    @ivar buffered: Whether a body is collected before the request is sent:
        C{fastcgi_request_buffering}.
    @ivar getValues: Whether a new connection is asked for its variables: HAProxy's
        C{get-values}.
    """

    keep: bool | None = None
    multiplex: bool | None = None
    buffered: bool | None = None
    getValues: bool | None = None


@dataclass(frozen=True)
class _Known:
    """
    A web server, and which settings it has.
    """

    manners: Manners
    settings: frozenset[str] = field(default_factory=frozenset)


_RESPONDER: Final = Role.RESPONDER
_AUTHORIZER: Final = Role.AUTHORIZER

_KNOWN: Final[dict[tuple[str, str], _Known]] = {
    ("nginx", "fastcgi"): _Known(
        Manners(
            variables={_RESPONDER: variables.nginx},
            keeps=True,
            recordBytes=32_768,
            pads=True,
            leaving=Leaving.CLOSES,
        ),
        frozenset({"keep", "buffered"}),
    ),
    ("apache", "fastcgi"): _Known(
        Manners(
            variables={_RESPONDER: variables.apache, _AUTHORIZER: variables.apacheAuthorizer},
            keeps=True,
            recordBytes=8_192,
            waits=False,
        ),
        frozenset({"keep"}),
    ),
    ("lighttpd", "fastcgi"): _Known(
        Manners(
            variables={_RESPONDER: variables.lighttpd, _AUTHORIZER: variables.lighttpdAuthorizer},
            recordBytes=65_535,
            authorizerStdin=Ending.WITHOUT_BODY,
        )
    ),
    ("haproxy", "fastcgi"): _Known(
        Manners(
            variables={_RESPONDER: variables.haproxy},
            keeps=True,
            step=2,
            recordBytes=16_320,
            chunkedBytes=10_000,
            refusal=400,
        ),
        frozenset({"keep", "multiplex", "getValues"}),
    ),
    ("caddy", "fastcgi"): _Known(
        Manners(
            variables={_RESPONDER: variables.caddy},
            recordBytes=65_500,
            pads=True,
            waits=False,
            resets=True,
        )
    ),
    ("plain", "fastcgi"): _Known(
        Manners(
            variables=dict.fromkeys(Role, variables.plain),
            keeps=True,
            multiplexes=True,
            pads=True,
            waits=False,
            leaving=Leaving.ABORTS,
            authorizerStdin=Ending.ALWAYS,
            authorizerKept=True,
        ),
        frozenset({"keep", "multiplex", "buffered", "getValues"}),
    ),
    ("nginx", "scgi"): _Known(
        Manners(variables={_RESPONDER: variables.nginxSCGI}, leaving=Leaving.CLOSES)
    ),
    ("apache", "scgi"): _Known(
        Manners(variables={_RESPONDER: variables.apacheSCGI}, chunkedBytes=-1)
    ),
    ("lighttpd", "scgi"): _Known(Manners(variables={_RESPONDER: variables.lighttpdSCGI})),
    ("plain", "scgi"): _Known(
        Manners(variables={_RESPONDER: variables.plainSCGI}, leaving=Leaving.CLOSES)
    ),
}


def _meant(protocol: str) -> str:
    servers = {name for name, _ in _KNOWN}
    return f'. Did you mean server="{protocol}"?' if protocol in servers else ""


def mannersOf(server: str, protocol: str, settings: Settings) -> Manners:
    """
    How a web server behaves with some settings.

    @raise ValueError: If the web server is not known, does not speak this protocol, or lacks such
        a setting.
    """
    known = _KNOWN.get((server, protocol))
    if known is None:
        there = ", ".join(name for name, spoken in _KNOWN if spoken == protocol)
        raise ValueError(
            f"{server!r} is not a web server that speaks {protocol}: choose one of {there}"
            if there
            else f"{protocol!r} is not a protocol: it is 'fastcgi' or 'scgi'{_meant(protocol)}"
        )
    manners = known.manners
    for name in ("keep", "multiplex", "buffered", "getValues"):
        if getattr(settings, name) is not None and name not in known.settings:
            raise ValueError(f"{server} over {protocol} has no setting {name}")
    if settings.keep is not None:
        manners = replace(manners, keeps=settings.keep)
    if settings.multiplex is not None:
        manners = replace(manners, multiplexes=settings.multiplex)
    if settings.getValues:
        manners = replace(manners, asks=(b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS"))
    if settings.buffered is not None:
        manners = replace(manners, waits=settings.buffered)
        if server == "nginx" and not settings.buffered:
            manners = replace(manners, recordBytes=8_192)
    return manners
