"""
The pytest fixtures, in plain functions that wait with C{wait}.

    pytest -p no:twisted examples/testing/test_fixtures.py
"""

from txfcgi import Request, Response, cgiParams
from txfcgi.testing import MemoryBackEnd
from txfcgi.testing.fixtures import Clients, MemoryFrontEnds, Servers


async def hello(request: Request) -> Response:
    """
    The app that is tested.
    """
    return Response(200, {}, b"hello " + await request.stdin.read())


def test_inMemory(memory_front_end: MemoryFrontEnds) -> None:
    """
    An app behind nginx, in memory: the Deferred has fired.
    """
    frontEnd = memory_front_end(hello, server="nginx")
    response = memory_front_end.wait(frontEnd.post("/", b"you"))
    assert response.body == b"hello you"


def test_sockets(fcgi_server: Servers, fcgi_client: Clients) -> None:
    """
    An app and its caller on real sockets.
    """
    server = fcgi_server(hello)
    client = fcgi_client(server)
    response = fcgi_client.wait(client.request(cgiParams("POST", "/"), b"you"))
    assert fcgi_client.wait(response.content()) == b"hello you"


def test_backEnd(fcgi_client: Clients) -> None:
    """
    A caller of a back end in memory.
    """
    backEnd = MemoryBackEnd("hello")
    response = fcgi_client.wait(fcgi_client(backEnd).request(cgiParams("GET", "/")))
    assert fcgi_client.wait(response.text()) == "hello"


def test_loggedErrors(memory_front_end: MemoryFrontEnds) -> None:
    """
    An error that is logged fails the test, unless it expects it.
    """

    def failing(request: Request) -> Response:
        raise RuntimeError("broken")

    response = memory_front_end.wait(memory_front_end(failing).get("/"))
    assert response.code == 500
    assert len(memory_front_end.flushLoggedErrors(RuntimeError)) == 1
