"""
Cassettes of the real php-fpm.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor

from tests.folders import folderFor
from txfcgi.client.client import FastCGIClient
from txfcgi.testing import Recording, cassette

from .backends import PHP
from .test_backends import BackendCase

BODY = b"a=1&b=" + b"x" * 100_000


class TestPHP(BackendCase):
    """
    What php-fpm said is said again without it.
    """

    kind = PHP

    async def said(self, endpoint: Any) -> list[tuple[int, bytes, bytes, int | None]]:
        """
        Ask for a page, a large upload, an error, and a script that does not exist.
        """
        client = FastCGIClient(reactor, endpoint)
        found = []
        for params, body in (
            (self.backend.params("hello"), None),
            (self.backend.params("echo", "POST"), BODY),
            (self.backend.params("error"), None),
            (self.backend.params("hello", SCRIPT_FILENAME="/nowhere/at/all.php"), None),
        ):
            response = await client.request(params, body)
            content = await response.content()
            status = response.applicationStatus
            found.append((response.code, content, response.stderr, status))
        await client.close()
        return found

    async def test_again(self) -> None:
        """
        Responses, errors, stderr and statuses are the same, byte for byte.
        """
        path = str(folderFor(self) / "php.cassette")
        endpoint = self.backend.endpoints[self.endpoint]
        recording = cassette(reactor, endpoint, path, bodies=True, params=["SCRIPT_FILENAME"])
        assert isinstance(recording, Recording)
        first = await self.said(recording)
        recording.close()
        self.assertEqual([code for code, *_ in first], [200, 200, 500, 404])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        played = cassette(reactor, endpoint, path)
        self.assertEqual(await self.said(played), first)
        played.close()
