"""
A client, tested with the recorded responses of a real back end: the first run, with the back end,
records a cassette, and all other runs play it.

    trial examples/testing/test_cassette.py
    pytest examples/testing/test_cassette.py
"""

import os
import shutil
import tempfile

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from txfcgi import FastCGIClient, Request, Response, cgiParams
from txfcgi.testing import BadCassette, MemoryBackEnd, Recording, cassette, play, serve


def page(request: Request) -> Response:
    """
    A stand-in for a real back end, such as php-fpm.
    """
    return Response(200, {"Set-Cookie": "session=7", "Content-Type": "text/plain"}, b"hello")


async def title(endpoint: "Recording | MemoryBackEnd") -> str:
    """
    The code that is tested.
    """
    client = FastCGIClient(reactor, endpoint)
    response = await client.request(cgiParams("GET", "/page?token=secret"))
    text = await response.text()
    await client.close()
    return f"{response.code} {text}"


class TitleTests(TestCase):
    """
    The same test, twice.
    """

    async def test_title(self) -> None:
        """
        The second time, the back end is gone.
        """
        # In a project of your own, the file is in the repository, beside the test.
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "page.cassette")

        server = serve(self, page)
        recording = cassette(reactor, server.endpoint, path, bodies=True)
        self.assertEqual(await title(recording), "200 hello")
        recording.close()
        await server.stop()

        played = cassette(reactor, server.endpoint, path)
        self.assertEqual(await title(played), "200 hello")
        played.close()

        with open(path) as file:
            text = file.read()
        self.assertNotIn("session=7", text)
        self.assertIn("/page?token=***", text)

    def test_damaged(self) -> None:
        """
        A file that a merge has damaged is named, with the line.
        """
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "page.cassette")
        with open(path, "w") as file:
            file.write("<<<<<<< HEAD\n")
        error = self.assertRaises(BadCassette, play, path)
        self.assertIn(path, str(error))


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
