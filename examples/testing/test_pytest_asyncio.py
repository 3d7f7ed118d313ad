"""
The pytest fixtures with pytest-asyncio: tests can be coroutine functions, and can await apps and
back ends in memory. Real sockets need Twisted's reactor: see C{test_socket_fixtures.py}.

    pytest examples/testing/test_pytest_asyncio.py
"""

import asyncio

import pytest

from txfcgi import Request, Response, cgiParams
from txfcgi.testing import MemoryBackEnd
from txfcgi.testing.fixtures import Clients, MemoryFrontEnds


async def hello(request: Request) -> Response:
    """
    The app that is tested.
    """
    return Response(200, {}, b"hello " + await request.stdin.read())


@pytest.mark.asyncio
async def test_frontEnd(memory_front_end: MemoryFrontEnds) -> None:
    """
    An app in memory.
    """
    await asyncio.sleep(0)
    response = await memory_front_end(hello).post("/", b"you")
    assert response.body == b"hello you"


@pytest.mark.asyncio
async def test_backEnd(fcgi_client: Clients) -> None:
    """
    A client of a back end in memory.
    """
    await asyncio.sleep(0)
    response = await fcgi_client(MemoryBackEnd("hello")).request(cgiParams("GET", "/"))
    assert await response.text() == "hello"


@pytest.mark.asyncio
async def test_appOfAsyncio(memory_front_end: MemoryFrontEnds) -> None:
    """
    An app that awaits asyncio's own objects.
    """

    async def slow(request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(200, {}, b"at last")

    response = await memory_front_end(slow).get("/")
    assert response.text == "at last"


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
