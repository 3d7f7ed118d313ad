"""
FastCGI and SCGI on one port: the first byte of a connection tells which of them it speaks.

Start it, in the checkout, for a web server that passes requests on to port 9000::

    python examples/one_port.py tcp:9000:interface=127.0.0.1
"""

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import react
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from twisted.python.log import startLogging

from txfcgi import (
    FastCGIServerFactory,
    FastCGIServerProtocol,
    Request,
    Response,
    SCGIServerFactory,
    SCGIServerProtocol,
)


def app(request: Request) -> Response:
    """
    Answer a request.
    """
    return Response(200, {"Content-Type": "text/plain"}, f"Hello {request.path}\n".encode())


FASTCGI, SCGI = FastCGIServerFactory(app), SCGIServerFactory(app)


class FirstByte(Protocol, TimeoutMixin):
    """
    A connection that has sent nothing yet. It is closed if that does not change in half a minute.
    """

    def __init__(self, peer: IAddress | None) -> None:
        self.peer = peer

    def connectionMade(self) -> None:
        """
        Begin to wait.
        """
        self.setTimeout(30)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Wait no more.
        """
        self.setTimeout(None)

    def dataReceived(self, data: bytes) -> None:
        """
        Hand the connection over to the protocol that it speaks.
        """
        self.setTimeout(None)
        # A FastCGI record starts with its version, 1; an SCGI request with the digits of a length.
        factory = FASTCGI if data[0] == 1 else SCGI
        protocol = factory.buildProtocol(self.peer)
        assert self.transport is not None
        if not isinstance(protocol, (FastCGIServerProtocol, SCGIServerProtocol)):
            # None: too many connections, or an address that may not connect.
            self.transport.loseConnection()
            return
        self.transport.protocol = protocol  # type: ignore[attr-defined]
        protocol.makeConnection(self.transport)
        protocol.dataReceived(data)


class FirstByteFactory(Factory):
    """
    Accepts connections of both kinds.
    """

    def buildProtocol(self, addr: IAddress | None) -> FirstByte:
        """
        A protocol for one connection.
        """
        return FirstByte(addr)


async def main(reactor: Any, endpoint: str) -> None:
    """
    Run until the reactor is stopped.
    """
    port = await serverFromString(reactor, endpoint).listen(FirstByteFactory())
    print(f"Listens on {port.getHost()}.", flush=True)
    await Deferred()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    startLogging(sys.stderr)
    react(main, sys.argv[1:])
