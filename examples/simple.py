"""
The simplest app: it answers with the method and the URI of the request.

Start it, in the checkout, for a web server that passes requests on to port 9000::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --app examples.simple.app
"""

from txfcgi import Request, Response


def app(request: Request) -> Response:
    """
    Answer a request.
    """
    text = f"{request.method} {request.uri}\n"
    return Response(200, {"Content-Type": "text/plain; charset=utf-8"}, text.encode())
