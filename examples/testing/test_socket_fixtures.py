"""
The pytest fixtures on real sockets, in plain functions that wait with C{wait}. This works with
pytest-asyncio and without; for pytest-twisted, see C{test_pytest_twisted.py}.

    pytest -p no:twisted examples/testing/test_socket_fixtures.py
"""

from txfcgi import Request, Response, cgiParams
from txfcgi.testing.fixtures import Clients, Servers


async def hello(request: Request) -> Response:
    """
    The app that is tested.
    """
    return Response(200, {}, b"hello " + await request.stdin.read())


def test_sockets(fcgi_server: Servers, fcgi_client: Clients) -> None:
    """
    An app and a client on real sockets.
    """
    server = fcgi_server(hello)
    client = fcgi_client(server)
    response = fcgi_client.wait(client.request(cgiParams("POST", "/"), b"you"))
    assert fcgi_client.wait(response.content()) == b"hello you"


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
