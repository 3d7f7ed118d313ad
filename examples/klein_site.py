"""
A Klein site, served over FastCGI.

Start it, in the checkout, for a web server that passes requests on to a Unix socket::

    twistd -n fcgi --port unix:/tmp/app.sock --mount / --resource examples.klein_site.app.resource

It needs ``pip install klein``.
"""

from klein import Klein
from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest

app = Klein()


@app.route("/")
def home(request: IRequest) -> str:
    """
    Answer at once.
    """
    return "Hello from Klein.\n"


@app.route("/later/<int:seconds>")
async def later(request: IRequest, seconds: int) -> str:
    """
    Answer later, without blocking other requests.
    """
    from twisted.internet import reactor

    await deferLater(reactor, seconds)
    return f"That took {seconds} seconds.\n"
