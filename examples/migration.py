"""
Move a site from HTTP to FastCGI without an interruption: the same objects are served over both,
until the web server's configuration has changed.

Start it, in the checkout, for a web server that passes requests on to either socket::

    python examples/migration.py unix:/tmp/http.sock unix:/tmp/app.sock

nginx uses the first with ``proxy_pass http://unix:/tmp/http.sock:;``, and the second with
``fastcgi_pass unix:/tmp/app.sock;``. Over FastCGI the site gets the address of the browser; over
HTTP it gets that of nginx.
"""

import sys
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react
from twisted.python.log import startLogging
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from txfcgi import FastCGIServerFactory, listen
from txfcgi.adapters.resource import ResourceApp


class Hello(Resource):
    """
    The site.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        """
        Greet the browser by its address.
        """
        return f"Hello {getattr(request.getClientAddress(), 'host', 'there')}\n".encode()


async def main(reactor: Any, http: str, fastcgi: str) -> None:
    """
    Run until the reactor is stopped.
    """
    site = Site(Hello())
    factory = FastCGIServerFactory(ResourceApp(site))
    ports = [
        await serverFromString(reactor, http).listen(site),
        await listen(factory, fastcgi, reactor),
    ]
    print(f"Listens on {http} and {fastcgi}.", flush=True)

    async def stop() -> None:
        await gatherResults([maybeDeferred(port.stopListening) for port in ports])
        await factory.drain(10)

    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stop()))
    await Deferred()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    startLogging(sys.stderr)
    react(main, sys.argv[1:])
