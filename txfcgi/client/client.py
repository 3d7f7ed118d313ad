"""
L{FastCGIClient}: requests to a back end, or to several that serve the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..transport.timers import Timers
from .bare import VALUES
from .call import Call
from .caller import Caller
from .connection import ClientProtocol
from .endpoints import Endpoint, clientEndpoints
from .figures import ClientFigures
from .options import ClientOptions, Timeouts, checkedOptions
from .pool import Pool


class Client(Caller):
    """
    A client with its pool of connections, whatever the protocol.

    @cvar protocol: The class of the protocol of its connections.
    @ivar options: Its limits and timeouts.
    @ivar pool: Its pool of connections.
    """

    protocol: ClassVar[type[ClientProtocol]]

    def __init__(
        self,
        reactor: Any,
        endpoint: Endpoint | list[Endpoint] | tuple[Endpoint, ...],
        options: ClientOptions | None = None,
        *,
        clock: IReactorTime | None = None,
    ) -> None:
        """
        @param endpoint: Where the back end is: an endpoint, or its description, such as
            C{unix:/run/php/php-fpm.sock} or C{tcp:127.0.0.1:9000}. If there are several, a request
            goes to the least busy of those that can be reached.
        @param options: Its limits and timeouts.
        @param clock: Measures time; the reactor, if not given.
        @raise InvalidEndpoint: If C{endpoint} is not an endpoint, or an empty list.
        """
        timers = Timers(reactor if clock is None else clock)
        super().__init__(timers.clock, checkedOptions(options))
        endpoints = clientEndpoints(reactor, endpoint)
        self.pool = Pool(timers, self.options, endpoints, self.protocol)

    def submit(self, call: Call) -> None:
        """
        Give a call the next connection that is free for it.
        """
        self.pool.submit(call)

    def figures(self) -> ClientFigures:
        """
        The state of its pool: open connections, waiting requests, and how many requests were
        retried or failed.
        """
        return self.pool.figures()

    def close(self) -> Deferred[None]:
        """
        Close all connections; requests that are running fail.

        @return: Fires when they are closed. The client then leaves nothing in the reactor.
        """
        self.stopCollecting()
        return self.pool.close()


class FastCGIClient(Client):
    """
    Makes requests to FastCGI back ends.

    C{client = FastCGIClient(reactor, "unix:/run/php/php-fpm.sock")}
    """

    protocol = ClientProtocol

    def getValues(
        self,
        names: Iterable[str] = VALUES,
        *,
        endpoint: int = 0,
        timeouts: Timeouts | None = None,
    ) -> Deferred[dict[str, str]]:
        """
        Ask for variables of the application (GET_VALUES, section 4.1), over a connection of its
        own. Only this method asks: some applications close the connection instead of answering. If
        the answer says that connections can be shared, they are shared from then on, unless
        C{options.multiplex} forbids it.

        @param names: The names of the variables.
        @param endpoint: The back end to ask, by its place in the list of endpoints, from 0.
        @param timeouts: Used in place of the client's.
        @return: Fires with the variables that the application knows, by name.
        """
        return Deferred.fromCoroutine(
            self.pool.askValues(
                names, endpoint, self.options.timeouts if timeouts is None else timeouts
            )
        )
