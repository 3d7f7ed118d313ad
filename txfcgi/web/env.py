"""
L{EnvPolicy}: the params that describe the web server to a back end, rather than the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class EnvPolicy:
    """
    Params that all requests have, beside those that are made of each request.

    @ivar gatewayInterface: GATEWAY_INTERFACE.
    @ivar serverSoftware: SERVER_SOFTWARE. Some programs use features of a server only if they know
        its name.
    @ivar redirectStatus: REDIRECT_STATUS, which PHP requires if C{cgi.force_redirect} is on. With
        L{None}, it is 200 for PHP (L{PHPFPM<txfcgi.PHPFPM>}), and not sent otherwise.
    @ivar params: More params, by name.
    """

    gatewayInterface: str = "CGI/1.1"
    serverSoftware: str = "txfcgi"
    redirectStatus: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """
        All of them, by name.
        """
        made = {
            "GATEWAY_INTERFACE": self.gatewayInterface,
            "SERVER_SOFTWARE": self.serverSoftware,
        }
        if self.redirectStatus is not None:
            made["REDIRECT_STATUS"] = self.redirectStatus
        return made | dict(self.params)
