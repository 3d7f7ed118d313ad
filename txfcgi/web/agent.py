"""
L{GatewayAgent}: a twisted.web Agent whose requests go to a back end, for treq and everything else
that takes an Agent.
"""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, fail
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IClientRequest, IResponse
from zope.interface import implementer

from ..cgiparams import cgiParams
from ..client.response import ClientResponse
from ..errors import InvalidRequest
from .env import EnvPolicy
from .gateway import IsClient
from .headers import RequestHeaders
from .options import GatewayOptions


class MakesParams(Protocol):
    """
    Makes the params of a request: L{cgiParams<txfcgi.cgiparams.cgiParams>} does, and the
    C{params} method of a L{PHPFPM<txfcgi.cgiparams.PHPFPM>}.
    """

    def __call__(self, method: str, uri: str, **more: Any) -> dict[str, str]:
        """
        Make the params of a request.

        @param uri: Path and query.
        @param more: C{headers} and C{scheme}, and any params by name.
        """


@implementer(IClientRequest)
class AgentRequest:
    """
    The request that an Agent made.
    """

    def __init__(self, method: bytes, absoluteURI: bytes, headers: Headers) -> None:
        self.method = method
        self.absoluteURI = absoluteURI
        self.headers = headers


@implementer(IAgent)
class GatewayAgent:
    """
    Makes HTTP requests of a back end. All requests go to one client: the host of a URI only becomes
    the Host header and SERVER_NAME.

    C{treq.client.HTTPClient(FastCGIAgent(client)).get("http://app/path")}
    """

    def __init__(
        self,
        client: IsClient,
        makeParams: MakesParams = cgiParams,
        env: EnvPolicy | None = None,
    ) -> None:
        """
        @param makeParams: Makes the params of a request; for php-fpm
            C{PHPFPM("/srv/site").params}.
        @param env: How the back end sees the web server that the Agent stands for.
        """
        self._client = client
        self._makeParams = makeParams
        self._env = env
        self._headers = RequestHeaders(GatewayOptions(passAuthorization=True))

    def withEnv(self, env: EnvPolicy | None) -> GatewayAgent:
        """
        Make an Agent for the same back end whose requests have another environment. It is cheap
        enough for each request to have one.
        """
        return type(self)(self._client, self._makeParams, env)

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """
        Make a request.

        @param method: The method, such as C{b"GET"}.
        @param uri: The absolute URI, with scheme and host.
        @return: Fires with the response when its head has arrived; fails as a request of the
            client does.
        """
        parts = urlsplit(uri)
        target = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
        headers = Headers() if headers is None else headers.copy()
        if not headers.hasHeader(b"host"):
            # Without a user's name, which does not belong to it.
            headers.setRawHeaders(b"Host", [parts.netloc.rpartition(b"@")[2]])
        try:
            params = self._makeParams(
                method.decode("ascii"),
                target.decode("utf-8", "surrogateescape"),
                headers=Headers({b"Host": headers.getRawHeaders(b"host", [])}),
                scheme=parts.scheme.decode("ascii"),
                **self._headers.params(headers),
            )
            if self._env is not None:
                params |= self._env.environment()
        except InvalidRequest:
            return fail()
        asked = self._client.request(params, bodyProducer)

        def answered(response: ClientResponse) -> IResponse:
            response.request = AgentRequest(method, uri, headers)
            return response

        return asked.addCallback(answered)


#: Named after the protocol of most back ends; the protocol is that of the client.
FastCGIAgent = GatewayAgent
