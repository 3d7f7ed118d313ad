"""
A server as a part of a Twisted application: L{ServerService}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IStreamServerEndpoint

from ..server.factory import ServerFactory
from .lifetime import Lifetime
from .listen import notAFactory, serverEndpoint
from .serving import Serving


class ServerService(Serving):
    """
    Serves in an C{Application}, and stops gracefully with it, as C{twistd fcgi} does::

        application = Application("shop")
        server = ServerService(FastCGIServerFactory(app), "unix:/run/shop.sock:mode=660")
        server.setServiceParent(application)

    At the stop, running requests finish, and those that wait to be accepted are served. An app that
    starts and stops (L{IStartsAndStops<txfcgi.server.apps.IStartsAndStops>}) is started before the
    first connection is accepted, and stopped after the last request. A failure to listen ends the
    process with a message.
    """

    def __init__(
        self,
        factory: ServerFactory,
        *endpoints: str | IStreamServerEndpoint,
        drainTimeout: float = 30.0,
        insecure: bool = False,
        reactor: Any = None,
    ) -> None:
        """
        @param factory: A L{FastCGIServerFactory<txfcgi.FastCGIServerFactory>} or an
            L{SCGIServerFactory<txfcgi.SCGIServerFactory>}.
        @param endpoints: Where to listen: descriptions, as for L{listen<txfcgi.listen>}, or
            Twisted's endpoints. If one of them fails, the service listens on none.
        @param drainTimeout: Seconds for running requests to finish when the service stops.
        @param insecure: Whether other machines may connect to a TCP port although the factory has
            no C{allowFrom}, and a Unix socket may be in a directory that everyone can write to.
        @param reactor: The reactor to serve in; the running one, if not given.
        @raise BadEndpoint: One is not an endpoint, or a description that can't be understood.
        @raise NotAnApp: C{factory} is not the factory of a server, but an app, for example.
        @raise ValueError: No endpoint is given.
        """
        if not endpoints:
            raise ValueError("name an endpoint, such as ServerService(factory, 'unix:/run/a.sock')")
        if not isinstance(factory, ServerFactory):
            raise notAFactory(factory, "ServerService", endpoints[0])
        if reactor is None:
            from twisted.internet import reactor
        super().__init__(
            reactor,
            factory,
            [
                (
                    each if isinstance(each, str) else type(each).__name__,
                    serverEndpoint(each, reactor, insecure=insecure),
                )
                for each in endpoints
            ],
            drainTimeout=drainTimeout,
            allowFrom=factory.allowFrom,
            limitsUsers=factory.limitsUsers,
            insecure=insecure,
            lifetime=Lifetime(reactor, factory.application.app),
            connections=factory.limits.connections,
        )
