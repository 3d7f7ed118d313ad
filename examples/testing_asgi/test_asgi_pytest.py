"""
An ASGI application in memory, with pytest alone: C{asyncio.run} runs the test, without a reactor.

    pytest examples/testing_asgi/test_asgi_pytest.py
"""

import asyncio

from fastapi import FastAPI

from txfcgi.adapters.asgi import ASGIApp
from txfcgi.testing.fixtures import MemoryFrontEnds

site = FastAPI()


@site.get("/")
async def hello() -> dict[str, str]:
    """
    The page that is tested.
    """
    return {"hello": "world"}


def test_hello(memory_front_end: MemoryFrontEnds) -> None:
    """
    The site is stopped while asyncio still runs.
    """

    async def test() -> None:
        frontEnd = memory_front_end(ASGIApp(site), server="nginx")
        await frontEnd.started
        response = await frontEnd.get("/")
        assert response.json() == {"hello": "world"}
        await frontEnd.stop()

    asyncio.run(test())


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
