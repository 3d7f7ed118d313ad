"""
An ASGI application in memory, with trial.

    trial --reactor=asyncio examples/testing_asgi/test_asgi_trial.py
"""

from fastapi import FastAPI
from twisted.trial.unittest import TestCase

from txfcgi.adapters.asgi import ASGIApp
from txfcgi.testing import MemoryFrontEnd

site = FastAPI()


@site.get("/")
async def hello() -> dict[str, str]:
    """
    The page that is tested.
    """
    return {"hello": "world"}


class SiteTests(TestCase):
    """
    Tests that trial's reactor runs.
    """

    async def test_hello(self) -> None:
        """
        The site is stopped when the test ends.
        """
        frontEnd = MemoryFrontEnd(ASGIApp(site), server="nginx", testCase=self)
        await frontEnd.started
        response = await frontEnd.get("/")
        self.assertEqual(response.json(), {"hello": "world"})


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
