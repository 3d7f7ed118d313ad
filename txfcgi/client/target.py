"""
L{Target}: one of the endpoints of a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import ClientFactory

from ..errors import BackendTimedOut, RequestNotSent
from ..transport.tracing import trace
from .call import Call
from .claims import Claims
from .connecting import connectAgain, queueFull
from .connection import ClientProtocol
from .endpoints import DirectEndpoint, nameOf
from .lifetime import Life
from .options import Timeouts

if TYPE_CHECKING:
    from .pool import Pool


class Target(ClientFactory):
    """
    One endpoint, and the connections to it.

    @ivar pool: The pool.
    @ivar name: What the endpoint is called in messages.
    @ivar idle: The connections that nobody uses; the one used last is at the end.
    @ivar open: All of them.
    @ivar connecting: The calls for which one is being made.
    @ivar multiplex: Whether requests share connections.
    @ivar claims: Which of them wait for others to be closed.
    @ivar failedUntil: Until when this endpoint comes last, for it could not be reached.
    @ivar memory: What the pool remembers between requests.
    @ivar sparing: The pool's log of what may come again and again.
    """

    noisy = False

    def __init__(
        self,
        pool: Pool,
        endpoint: IStreamClientEndpoint,
        make: type[ClientProtocol],
        multiplex: bool | None,
    ) -> None:
        self.endpoint = endpoint
        self.name = nameOf(endpoint)
        self._direct = endpoint if isinstance(endpoint, DirectEndpoint) else None
        self.idle: list[ClientProtocol] = []
        self.open: set[ClientProtocol] = set()
        self.connecting: dict[Call, Deferred[ClientProtocol]] = {}
        self.multiplex = multiplex
        self.failedUntil = 0.0
        self.claims = Claims(pool.timers, self.closeIdle)
        self.memory = pool.memory
        self.sparing = pool.sparing
        self.pool = pool
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        """
        A protocol for a new connection.
        """
        protocol = self._make(self.pool.timers, self.pool.options, self)
        protocol.where = self.name
        if self.pool.options.onRecord is not None:
            trace(protocol, self.sparing, self.pool.options.onRecord)
        return protocol

    def connectAtOnce(self) -> ClientProtocol | None:
        """
        Connect, if that takes no waiting.
        """
        if self._direct is None:
            return None
        return cast("ClientProtocol | None", self._direct.connectAtOnce(self))

    def closeIdle(self) -> bool:
        """
        Close the connection that nobody has used for longest: it would be the next to be found
        closed.

        @return: Whether there was one.
        """
        if not self.idle:
            return False
        self.idle[0].close()
        return True

    @property
    def load(self) -> int:
        """
        How many requests are on their way there.
        """
        return len(self.connecting) + sum(protocol.active for protocol in self.open)

    async def askValues(self, names: list[bytes], timeouts: Timeouts) -> dict[str, str]:
        """
        Ask for variables, over a connection of its own that is closed afterwards: there are
        applications that close it instead of answering.
        """
        clock = self.pool.timers.clock
        connecting = Deferred.fromCoroutine(self._connectToAsk(clock))
        if timeouts.connect is not None:
            connecting.addTimeout(timeouts.connect, clock)
        try:
            protocol = await connecting
        except DeferredTimeout:
            assert timeouts.connect is not None
            late = BackendTimedOut("connect", timeouts.connect)
            raise RequestNotSent(late, where=self.name) from None
        except Exception as error:
            raise RequestNotSent(error, where=self.name) from error
        protocol.lifetime.become(Life.RETIRED)  # it takes no requests
        self.open.add(protocol)
        values = await protocol.askValues(names, timeouts.firstByte)
        protocol.close()
        if self.pool.options.multiplex is None:
            self.multiplex = values.get("FCGI_MPXS_CONNS") == "1"
        return values

    async def _connectToAsk(self, clock: IReactorTime) -> ClientProtocol:
        connecting = self.endpoint.connect(self)
        while True:
            try:
                return cast(ClientProtocol, await connecting)
            except ConnectError as error:
                if queueFull(error) is None:
                    raise
                connecting = connectAgain(self.endpoint, self, clock)

    def retired(self, protocol: ClientProtocol) -> None:
        """
        A connection takes no more requests.
        """
        if protocol in self.idle:
            self.idle.remove(protocol)

    def gone(self, protocol: ClientProtocol) -> None:
        """
        A connection is closed.
        """
        self.open.discard(protocol)
        self.claims.gone(protocol)
        self.pool.gone()
