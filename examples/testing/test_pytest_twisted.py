"""
The pytest fixtures with pytest-twisted: tests can be coroutine functions.

    pytest examples/testing/test_pytest_twisted.py
"""

import pytest_twisted

from txfcgi import Request, Response, cgiParams
from txfcgi.testing.fixtures import Clients, Servers


async def hello(request: Request) -> Response:
    """
    The app that is tested.
    """
    return Response(200, {}, b"hello " + await request.stdin.read())


@pytest_twisted.ensureDeferred
async def test_sockets(fcgi_server: Servers, fcgi_client: Clients) -> None:
    """
    An app and a client on real sockets.
    """
    client = fcgi_client(fcgi_server(hello))
    response = await client.request(cgiParams("POST", "/"), b"you")
    assert await response.content() == b"hello you"


@pytest_twisted.ensureDeferred
async def test_scgi(fcgi_server: Servers, fcgi_client: Clients) -> None:
    """
    The same over SCGI.
    """
    client = fcgi_client(fcgi_server(hello, "scgi"))
    response = await client.request(cgiParams("POST", "/"), b"you")
    assert await response.content() == b"hello you"


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
