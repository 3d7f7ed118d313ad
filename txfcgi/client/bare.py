"""
L{FastCGIClientProtocol}: a connection to a back end, without a pool.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.python.failure import Failure

from ..errors import ClientClosed, InvalidRequest, PoolFull
from ..transport.timers import Timers
from ..transport.tracing import trace
from .call import Call
from .caller import Caller
from .connection import ClientProtocol
from .options import ClientOptions, checkedOptions
from .questions import encodedNames

# What an application may be asked (section 4.1).
VALUES: Final = ("FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS")


class FastCGIClientProtocol(ClientProtocol, Caller):
    """
    A connection to a FastCGI back end, for programs that connect by themselves. All requests go
    over this one; those that find it busy share it, or fail if C{options.multiplex} is not true.
    """

    def __init__(self, reactor: IReactorTime, options: ClientOptions | None = None) -> None:
        options = checkedOptions(options)
        ClientProtocol.__init__(self, Timers(reactor), options)
        Caller.__init__(self, reactor, options)
        if options.onRecord is not None:
            trace(self, self.sparing, options.onRecord)

    def getValues(self, names: Iterable[str] = VALUES) -> Deferred[dict[str, str]]:
        """
        Ask for variables of the application (GET_VALUES, section 4.1). Some applications close the
        connection instead of answering.

        @return: Fires with the variables that the application knows, by name.
        """
        try:
            encoded = encodedNames(names)
        except InvalidRequest:
            return fail()
        return self.askValues(encoded, self.options.timeouts.firstByte)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The connection is gone.
        """
        self.stopCollecting()
        super().connectionLost(reason)
        self.sparing.flush()

    def submit(self, call: Call) -> None:
        """
        Make a call over this connection, or let it fail.
        """
        if not self.usable:
            call.interrupt(ClientClosed("the connection takes no more requests"))
        elif self.active and not self.options.multiplex:
            call.interrupt(
                PoolFull(
                    "the connection is busy: ClientOptions(multiplex=True) lets requests share it"
                )
            )
        else:
            self.start(call)
            return
        call.deliver()


class FastCGIClientFactory(ClientFactory):
    """
    Makes L{FastCGIClientProtocol}s, for C{endpoint.connect}.
    """

    noisy = False

    def __init__(self, reactor: IReactorTime, options: ClientOptions | None = None) -> None:
        self._reactor = reactor
        self._options = checkedOptions(options)

    def buildProtocol(self, addr: IAddress | None) -> FastCGIClientProtocol:
        """
        A protocol for one connection.
        """
        return FastCGIClientProtocol(self._reactor, self._options)
