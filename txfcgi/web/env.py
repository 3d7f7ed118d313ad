"""
L{EnvPolicy}: what a back end hears of the web server in front of it, rather than of a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class EnvPolicy:
    """
    The environment of requests, beside what is made of each of them.

    @ivar gatewayInterface: GATEWAY_INTERFACE.
    @ivar serverSoftware: SERVER_SOFTWARE. Some programs only do for the servers that they know what
        those can do.
    @ivar redirectStatus: REDIRECT_STATUS, which PHP wants if it was built to be safe from being
        asked directly. L{None} leaves it to what serves PHP, which sets it to 200.
    @ivar params: Any others, by name.
    """

    gatewayInterface: str = "CGI/1.1"
    serverSoftware: str = "txfcgi"
    redirectStatus: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """
        All of it, as params.
        """
        made = {
            "GATEWAY_INTERFACE": self.gatewayInterface,
            "SERVER_SOFTWARE": self.serverSoftware,
        }
        if self.redirectStatus is not None:
            made["REDIRECT_STATUS"] = self.redirectStatus
        return made | dict(self.params)
