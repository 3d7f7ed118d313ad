"""
L{FastCGIHTTPClient}: a client like treq's whose requests go to a back end. It needs treq, the extra
C{txfcgi[treq]}.
"""

from __future__ import annotations

from typing import Any

from ..cgiparams import cgiParams
from .agent import GatewayAgent, MakesParams
from .env import EnvPolicy
from .gateway import IsClient

try:
    from treq.client import HTTPClient
except ImportError as error:
    raise ImportError("FastCGIHTTPClient needs treq: pip install txfcgi[treq]") from error


class FastCGIHTTPClient(HTTPClient):
    """
    Makes requests of a FastCGI or SCGI back end as treq does: C{get}, C{post} with C{json=},
    C{data=} and C{files=}, C{put}, C{patch}, C{delete}, C{head} and C{request}. Cookies are
    kept, and redirects followed. All of these are treq's own.

    All requests go to one client: the host in a URL only becomes the Host header and SERVER_NAME::

        http = FastCGIHTTPClient(FastCGIClient(reactor, "unix:/run/app.sock"))
        response = await http.post("http://app/items", json={"name": "pen"})
    """

    def __init__(
        self,
        client: IsClient,
        makeParams: MakesParams = cgiParams,
        env: EnvPolicy | None = None,
        **options: Any,
    ) -> None:
        """
        @param client: A L{FastCGIClient<txfcgi.FastCGIClient>} or L{SCGIClient<txfcgi.SCGIClient>}.
        @param makeParams: Makes the params of a request; for php-fpm
            C{PHPFPM("/srv/site").params}.
        @param env: How the back end sees the web server that this stands for.
        @param options: Arguments of C{treq.client.HTTPClient}, such as C{cookiejar}.
        """
        super().__init__(GatewayAgent(client, makeParams, env), **options)
