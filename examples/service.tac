"""
A Twisted application of two services: one counts seconds, the other serves FastCGI.

Start it, in the checkout, for a web server that passes requests on to port 9000::

    twistd -ny examples/service.tac

SIGTERM or control-C ends it, after the running requests have ended.
"""

from twisted.application.internet import TimerService
from twisted.application.service import Application

from txfcgi import FastCGIServerFactory, Request, Response, ServerService


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

    async def app(self, request: Request) -> Response:
        """
        Answer with the number of seconds, and the length of the body.
        """
        body = await request.stdin.read()
        text = f"{self.ticks} seconds, {len(body)} bytes\n"
        return Response(200, {"Content-Type": "text/plain"}, text.encode())


application = Application("seconds")
ticker = Ticker()
TimerService(1, ticker.tick).setServiceParent(application)
factory = FastCGIServerFactory(ticker.app)
server = ServerService(factory, "tcp:9000:interface=127.0.0.1", drainTimeout=30)
server.setServiceParent(application)
