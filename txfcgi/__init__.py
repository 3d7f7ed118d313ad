"""
FastCGI and SCGI for Twisted, client and server. This package has the public names; exceptions are
in L{txfcgi.errors}, the test kit is in L{txfcgi.testing}, and adapters for WSGI, ASGI and
twisted.web are in L{txfcgi.adapters}.
"""

from importlib.metadata import version

from .adapters.threads import threaded
from .cgiparams import PHPFPM, cgiParams
from .client.bare import FastCGIClientFactory, FastCGIClientProtocol
from .client.client import FastCGIClient
from .client.options import ClientOptions, RetryPolicy, Timeouts
from .client.response import ClientResponse, Result
from .client.scgi import SCGIClient, SCGIClientProtocol
from .errors import Overloaded, RequestAborted, TxFCGIError, UnknownRole
from .server.admission import AllowList
from .server.application import roles
from .server.body import Form, FormLimits, UploadedFile
from .server.events import Event, EventStream
from .server.fastcgi import FastCGIServerFactory, FastCGIServerProtocol
from .server.files import SendFile
from .server.limits import Limits
from .server.request import Request
from .server.response import Allow, Deny, Response
from .server.roles import AuthorizerRequest, FilterRequest, ResponderRequest
from .server.scgi import SCGIServerFactory, SCGIServerProtocol
from .server.tasks import asFuture
from .service.embedded import ServerService
from .service.listen import listen
from .service.spawned import serve
from .streams import InputStream, OutputStream
from .wire.params import Params
from .wire.records import Role

__version__ = version("txfcgi")

__all__ = [
    "PHPFPM",
    "Allow",
    "AllowList",
    "AuthorizerRequest",
    "ClientOptions",
    "ClientResponse",
    "Deny",
    "Event",
    "EventStream",
    "FastCGIClient",
    "FastCGIClientFactory",
    "FastCGIClientProtocol",
    "FastCGIServerFactory",
    "FastCGIServerProtocol",
    "FilterRequest",
    "Form",
    "FormLimits",
    "InputStream",
    "Limits",
    "OutputStream",
    "Overloaded",
    "Params",
    "Request",
    "RequestAborted",
    "ResponderRequest",
    "Response",
    "Result",
    "RetryPolicy",
    "Role",
    "SCGIClient",
    "SCGIClientProtocol",
    "SCGIServerFactory",
    "SCGIServerProtocol",
    "SendFile",
    "ServerService",
    "Timeouts",
    "TxFCGIError",
    "UnknownRole",
    "UploadedFile",
    "__version__",
    "asFuture",
    "cgiParams",
    "listen",
    "roles",
    "serve",
    "threaded",
]
