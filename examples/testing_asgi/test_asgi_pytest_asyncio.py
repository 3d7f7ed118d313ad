"""
An ASGI application in memory, with pytest-asyncio.

    pytest examples/testing_asgi/test_asgi_pytest_asyncio.py
"""

import pytest
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


@pytest.mark.asyncio
async def test_hello(memory_front_end: MemoryFrontEnds) -> None:
    """
    The site is stopped while the loop of the test still runs.
    """
    frontEnd = memory_front_end(ASGIApp(site), server="nginx")
    await frontEnd.started
    response = await frontEnd.get("/")
    assert response.json() == {"hello": "world"}
    await frontEnd.stop()


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
