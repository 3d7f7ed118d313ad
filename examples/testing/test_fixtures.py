"""
The pytest fixtures in memory, in plain functions: with pytest-twisted, with pytest-asyncio, and
without either.

    pytest examples/testing/test_fixtures.py
"""

from txfcgi import Request, Response, cgiParams
from txfcgi.testing import MemoryBackEnd
from txfcgi.testing.fixtures import Clients, MemoryFrontEnds


async def hello(request: Request) -> Response:
    """
    The app that is tested.
    """
    return Response(200, {}, b"hello " + await request.stdin.read())


def test_frontEnd(memory_front_end: MemoryFrontEnds) -> None:
    """
    An app behind nginx: the Deferred has fired.
    """
    frontEnd = memory_front_end(hello, server="nginx")
    response = memory_front_end.wait(frontEnd.post("/", b"you"))
    assert response.body == b"hello you"


def test_backEnd(fcgi_client: Clients) -> None:
    """
    A client of a back end.
    """
    backEnd = MemoryBackEnd("hello")
    response = fcgi_client.wait(fcgi_client(backEnd).request(cgiParams("GET", "/")))
    assert fcgi_client.wait(response.text()) == "hello"


def test_loggedErrors(memory_front_end: MemoryFrontEnds) -> None:
    """
    A logged error fails the test, unless the test takes it.
    """

    def failing(request: Request) -> Response:
        raise RuntimeError("broken")

    response = memory_front_end.wait(memory_front_end(failing).get("/"))
    assert response.code == 500
    assert len(memory_front_end.flushLoggedErrors(RuntimeError)) == 1


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
