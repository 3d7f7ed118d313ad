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
    What is needed of a client here.
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
    Shows what it wraps, and everything below it, to those whom an Authorizer allows to see it.

    Only an answer with status 200 allows anything. Its C{Variable-} headers, and nothing else of
    it, go to the wrapped resource: as C{IAuthorizedVariables(request)}, and as params if that
    passes the request on to a back end. Any other answer is the browser's. If there is none, the
    browser gets a 502, 503 or 504, and never what is wrapped.
    """

    isLeaf = True

    def __init__(
        self, client: IsAuthorizerClient, wrapped: IResource, options: GatewayOptions | None = None
    ) -> None:
        """
        @param client: A L{FastCGIClient<txfcgi.client.client.FastCGIClient>} for the Authorizer.
        @param options: As of any gateway. The Authorization header is what an Authorizer looks at,
            so without any options it is passed on to it.
        """
        super().__init__()
        self._client = client
        self._wrapped = wrapped
        self._gateway = Gateway(client, passingAuthorization(options))

    def render(self, request: IRequest) -> int:
        """
        Ask, before anything is known of what is wrapped.
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

    wrapped: IResource

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
