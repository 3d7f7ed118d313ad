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

    @ivar options: What it was given.
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
        @param clock: Where the time comes from, if not from the reactor.
        @raise InvalidEndpoint: If C{endpoint} is not an endpoint, or an empty list.
        """
        timers = Timers(reactor if clock is None else clock)
        super().__init__(timers.clock, checkedOptions(options))
        endpoints = clientEndpoints(reactor, endpoint)
        self.pool = Pool(timers, self.options, endpoints, self.protocol)

    def submit(self, call: Call) -> None:
        """
        Give a call the next connection that there is for it.
        """
        self.pool.submit(call)

    def figures(self) -> ClientFigures:
        """
        How its pool is doing: the connections that there are, the requests that wait, and how many
        had to be made again or failed.
        """
        return self.pool.figures()

    def close(self) -> Deferred[None]:
        """
        Close all connections; requests that are under way fail.

        @return: Fires when they are closed. Nothing of the client is left in the reactor then.
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
        own. That is never done unasked: some applications close the connection instead of
        answering. If the answer says that connections can be shared, they are from now on, unless
        C{options.multiplex} forbids it.

        @param endpoint: Which one is asked, if there are several.
        @return: Fires with those that the application knows.
        """
        return Deferred.fromCoroutine(
            self.pool.askValues(
                names, endpoint, self.options.timeouts if timeouts is None else timeouts
            )
        )
