"""
The HTTP gateway: twisted.web in front of a FastCGI or SCGI back end. It has resources that pass
requests to a back end, an Agent that makes requests of one, and a resource that asks an Authorizer
first.

C{FastCGIHTTPClient} is imported at its first use, as it needs treq.
"""

from typing import TYPE_CHECKING, Any

from ..server.limits import HTTPLimits
from .agent import FastCGIAgent, GatewayAgent
from .authorizer import AuthorizerResource
from .conversions import (
    RequestDict,
    ResponseDict,
    paramsOf,
    requestAsDict,
    requestFromDict,
    respondWith,
    resultAsDict,
    resultFromDict,
)
from .env import EnvPolicy
from .forwarded import TrustedProxies
from .options import GatewayOptions
from .params import IAuthorizedVariables
from .php import PHPResource, PHPSite
from .resource import FastCGIResource, GatewayResource
from .site import StreamingSite

if TYPE_CHECKING:
    from .httpclient import FastCGIHTTPClient

__all__ = [
    "AuthorizerResource",
    "EnvPolicy",
    "FastCGIAgent",
    "FastCGIHTTPClient",
    "FastCGIResource",
    "GatewayAgent",
    "GatewayOptions",
    "GatewayResource",
    "HTTPLimits",
    "IAuthorizedVariables",
    "PHPResource",
    "PHPSite",
    "RequestDict",
    "ResponseDict",
    "StreamingSite",
    "TrustedProxies",
    "paramsOf",
    "requestAsDict",
    "requestFromDict",
    "respondWith",
    "resultAsDict",
    "resultFromDict",
]


def __getattr__(name: str) -> Any:
    """
    @raise ImportError: If C{FastCGIHTTPClient} is asked for, and treq is not installed.
    """
    if name == "FastCGIHTTPClient":
        from .httpclient import FastCGIHTTPClient

        return FastCGIHTTPClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
