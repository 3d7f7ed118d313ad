"""
A Twisted program that serves FastCGI beside its other work.

Start it, in the checkout, for a web server that passes requests on to a port or a Unix socket::

    python examples/embedded.py tcp:9000:interface=127.0.0.1

The argument is an endpoint, as for C{--port}. SIGTERM or control-C ends the program, after the
running requests have ended.
"""

import sys
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall, react
from twisted.python.log import startLogging

from txfcgi import FastCGIServerFactory, Limits, Request, Response, listen


class Ticker:
    """
    The other work of the program: counting seconds.
    """

    def __init__(self) -> None:
        self.ticks = 0

    def tick(self) -> None:
        """
        Count a second.
        """
        self.ticks += 1

    def app(self, request: Request) -> Response:
        """
        Answer with the number of seconds.
        """
        return Response(200, {"Content-Type": "text/plain"}, b"%d seconds\n" % self.ticks)


async def main(reactor: Any, endpoint: str) -> None:
    """
    Run until the reactor is stopped.
    """
    ticker = Ticker()
    LoopingCall(ticker.tick).start(1, now=False)
    factory = FastCGIServerFactory(ticker.app, Limits(requestTimeout=60))
    port: IListeningPort = await listen(factory, endpoint, reactor)
    print(f"Listens on {port.getHost()}.", flush=True)

    async def stop() -> None:
        await maybeDeferred(port.stopListening)
        await factory.drain(10)

    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stop()))
    await Deferred()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    startLogging(sys.stderr)
    react(main, sys.argv[1:])
