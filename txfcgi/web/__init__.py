"""
twisted.web in front of a FastCGI or SCGI back end: resources that pass requests on, an Agent that
asks a back end, and a resource that asks an Authorizer first.
"""

from ..server.limits import HTTPLimits
from .agent import FastCGIAgent, GatewayAgent
from .authorizer import AuthorizerResource
from .env import EnvPolicy
from .forwarded import TrustedProxies
from .options import GatewayOptions
from .params import IAuthorizedVariables
from .php import PHPResource, PHPSite
from .resource import FastCGIResource, GatewayResource
from .site import StreamingSite

__all__ = [
    "AuthorizerResource",
    "EnvPolicy",
    "FastCGIAgent",
    "FastCGIResource",
    "GatewayAgent",
    "GatewayOptions",
    "GatewayResource",
    "HTTPLimits",
    "IAuthorizedVariables",
    "PHPResource",
    "PHPSite",
    "StreamingSite",
    "TrustedProxies",
]
