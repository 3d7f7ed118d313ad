"""
Resources of twisted.web, served over FastCGI.

Start it, in the checkout, for a web server that passes requests on to a Unix socket::

    twistd -n fcgi --port unix:/tmp/app.sock --mount / --resource examples.twisted_resource.root

A ``twisted.web.server.Site`` is served in the same way.
"""

from twisted.web.resource import Resource
from twisted.web.server import Request
from twisted.web.static import Data


class Visits(Resource):
    """
    Count a visitor's visits, in a session.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        """
        Count one.
        """
        session = request.getSession()
        session.visits = getattr(session, "visits", 0) + 1
        return b"You were here %d times.\n" % session.visits


root = Resource()
root.putChild(b"", Data(b'<a href="visits">Visits</a>\n', "text/html"))
root.putChild(b"visits", Visits())
