"""
An ASGI application in memory, with pytest-twisted.

    pytest --reactor=asyncio examples/testing_asgi/test_asgi_pytest_twisted.py
"""

import pytest_twisted
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


@pytest_twisted.ensureDeferred
async def test_hello(memory_front_end: MemoryFrontEnds) -> None:
    """
    The fixture stops the site when the test ends.
    """
    frontEnd = memory_front_end(ASGIApp(site), server="nginx")
    await frontEnd.started
    response = await frontEnd.get("/")
    assert response.json() == {"hello": "world"}


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
