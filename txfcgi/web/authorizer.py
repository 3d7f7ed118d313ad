"""
L{AuthorizerResource}: an Authorizer in front of any twisted.web resource (FastCGI 1.0, section
6.3).
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from ..client.caller import Authorization
from ..client.options import Timeouts
from .gateway import Gateway, IsClient, Passage
from .options import GatewayOptions, passingAuthorization
from .params import IAuthorizedVariables, mountedAt
from .request import IStreamsBody, renderOn


class IsAuthorizerClient(IsClient, Protocol):
    """
    A client that can ask an Authorizer.
    """

    def authorize(
        self, params: dict[str, str], *, timeouts: Timeouts | None = None
    ) -> Deferred[Authorization]:
        """
        Ask an Authorizer.
        """


@implementer(IStreamsBody)
class AuthorizerResource(Resource):
    """
    Serves the resource that it wraps, and everything below that, to requests that an Authorizer
    allows.

    Only a response with status 200 allows a request. Its C{Variable-} headers, and nothing else of
    it, go to the wrapped resource: as C{IAuthorizedVariables(request)}, and as params if that
    passes the request to a back end. Any other response goes to the browser. If the Authorizer
    fails, the browser gets a 502, 503 or 504, and never the wrapped resource.
    """

    isLeaf = True

    def __init__(
        self,
        client: IsAuthorizerClient,
        wrapped: IResource | Resource,
        options: GatewayOptions | None = None,
    ) -> None:
        """
        @param client: A L{FastCGIClient<txfcgi.client.client.FastCGIClient>} for the Authorizer.
        @param wrapped: The resource to protect.
        @param options: The options of a gateway. Without them, the Authorization header is passed
            on, as most Authorizers need it.
        """
        super().__init__()
        self._client = client
        self._wrapped = wrapped
        self._gateway = Gateway(client, passingAuthorization(options))

    def render(self, request: IRequest) -> int:
        """
        Ask the Authorizer, before the wrapped resource sees the request.
        """
        asking = _Asking(self._gateway, request)
        asking.wrapped = self._wrapped
        try:
            params = self._gateway.params.make(request, *mountedAt(request))
        except Exception:
            asking.failed(Failure())
        else:
            asking.wait(
                self._client.authorize(params, timeouts=self._gateway.timeouts),
                asking.decided,
            )
        return NOT_DONE_YET


class _Asking(Passage):
    """
    One request that an Authorizer is asked about.
    """

    wrapped: IResource | Resource

    def decided(self, authorization: Authorization) -> None:
        """
        Let the request go on, or pass the refusal back.
        """
        if not authorization.allowed:
            self.answer(authorization.response)
            return
        request = self.request
        before = request.getComponent(IAuthorizedVariables, {})
        request.setComponent(IAuthorizedVariables, {**before, **authorization.variables})
        renderOn(request, getChildForRequest(self.wrapped, request))
