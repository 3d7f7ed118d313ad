"""
The web servers that are recorded, with their settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.interop.frontends import (
    APACHE_TCP,
    AUTHORIZERS,
    HAPROXY_TCP,
    MULTIPLEXED,
    NGINX_TCP,
    NOT_BUFFERED,
    NOT_KEPT,
    FrontEnd,
    responder,
)


@dataclass(frozen=True)
class Variant:
    """
    A web server with one of its settings.

    @ivar name: that of the recording.
    @ivar options: what L{txfcgi.testing.MemoryFrontEnd} is given for the same.
    @ivar frontEnd: the web server.
    """

    name: str
    options: Mapping[str, Any]
    frontEnd: FrontEnd

    @property
    def protocol(self) -> str:
        """
        Which of the two it speaks.
        """
        protocol: str = self.options.get("protocol", "fastcgi")
        return protocol


def changed(name: str, **settings: Any) -> FrontEnd:
    """
    One with other settings.
    """
    return replace(responder(name), **settings)


GET_VALUES = {"    option keep-conn": "    option keep-conn\n    option get-values"}
# A pool of connections that are closed after each request gives out some that are closed already.
NO_POOL = {"    keepalive 16;\n": ""}
# Each of its threads keeps connections of its own.
ONE_THREAD = {"defaults\n": "global\n    nbthread 1\n\ndefaults\n"}
NO_KEEP = {"    option keep-conn": "    no option keep-conn"}
VARIANTS = [
    Variant("nginx", {"server": "nginx"}, changed("nginx", tcp=NGINX_TCP)),
    Variant(
        "nginx-not-kept",
        {"server": "nginx", "keep": False},
        changed("nginx", tcp=NGINX_TCP, settings={**NOT_KEPT, **NO_POOL}),
    ),
    Variant(
        "nginx-not-buffered",
        {"server": "nginx", "buffered": False},
        changed("nginx", tcp=NGINX_TCP, settings=NOT_BUFFERED),
    ),
    Variant("apache", {"server": "apache"}, changed("apache", tcp=APACHE_TCP)),
    Variant("apache-not-kept", {"server": "apache", "keep": False}, responder("apache-not-kept")),
    Variant("lighttpd", {"server": "lighttpd"}, responder("lighttpd")),
    Variant(
        "haproxy", {"server": "haproxy"}, changed("haproxy", tcp=HAPROXY_TCP, settings=ONE_THREAD)
    ),
    Variant(
        "haproxy-not-kept",
        {"server": "haproxy", "keep": False},
        changed("haproxy", tcp=HAPROXY_TCP, settings={**ONE_THREAD, **NO_KEEP}),
    ),
    Variant(
        "haproxy-multiplexed",
        {"server": "haproxy", "multiplex": True},
        changed("haproxy", tcp=HAPROXY_TCP, settings={**ONE_THREAD, **MULTIPLEXED}),
    ),
    Variant(
        "haproxy-values",
        {"server": "haproxy", "multiplex": True, "getValues": True},
        changed("haproxy", tcp=HAPROXY_TCP, settings={**ONE_THREAD, **MULTIPLEXED, **GET_VALUES}),
    ),
    Variant("caddy", {"server": "caddy"}, responder("caddy")),
    Variant(
        "nginx-scgi",
        {"server": "nginx", "protocol": "scgi"},
        responder("nginx-scgi"),
    ),
    Variant(
        "apache-scgi",
        {"server": "apache", "protocol": "scgi"},
        responder("apache-scgi"),
    ),
    Variant(
        "lighttpd-scgi",
        {"server": "lighttpd", "protocol": "scgi"},
        responder("lighttpd-scgi"),
    ),
    *(
        Variant(
            f"{frontEnd.name}-authorizer",
            {"server": frontEnd.name.partition("-")[0]},
            frontEnd,
        )
        for frontEnd in AUTHORIZERS
    ),
]
