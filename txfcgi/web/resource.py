"""
L{GatewayResource}: a twisted.web resource whose responses come from a back end.
"""

from __future__ import annotations

from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from zope.interface import implementer

from ..errors import InvalidPath
from .gateway import Gateway, IsClient
from .options import GatewayOptions
from .params import mountedAt
from .request import IStreamsBody


@implementer(IStreamsBody)
class GatewayResource(Resource):
    """
    Passes all requests to a back end: any method, and any path at and below its own.

    C{StreamingSite(FastCGIResource(client))} is a whole site. There, request bodies are passed on
    as they arrive; any other site collects them first. Responses always stream.

    SCRIPT_NAME is the path to this resource, and PATH_INFO the rest.
    """

    isLeaf = True

    def __init__(self, client: IsClient, options: GatewayOptions | None = None) -> None:
        """
        @param client: A L{FastCGIClient<txfcgi.client.client.FastCGIClient>}, or another with its
            C{request} method. It is not closed with the resource.
        @param options: The options of the gateway.
        """
        super().__init__()
        self._gateway = Gateway(client, options)

    def render(self, request: IRequest) -> int:
        """
        Pass a request on.
        """
        try:
            scriptName, pathInfo = mountedAt(request)
        except InvalidPath as error:
            return self._gateway.refuse(request, error)
        return self._gateway.forward(request, scriptName, pathInfo)


#: Named after the protocol of most back ends; the protocol is that of the client.
FastCGIResource = GatewayResource
