"""
Tests of L{txfcgi.cli.ping} and L{txfcgi.cli.fpm}: whether a back end is healthy.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.protocol import Factory, Protocol

from txfcgi import Request, Response

from .commands import CommandCase


class PingTests(CommandCase):
    """
    C{txfcgi ping}.
    """

    async def test_well(self) -> None:
        """
        A status below 500 is well, unless more is asked for.
        """

        async def app(request: Request) -> Response:
            return Response(int(request.queryString or 404), {}, b"all is well")

        path = await self.serve(app)
        done = await self.command("ping", path)
        self.assertEqual(done.status, 0)
        self.assertRegex(done.out, r"^OK status 404 in [0-9.]+ ms\n$")
        self.assertEqual((await self.command("ping", path, "--uri", "/?500")).status, 1)
        for words, status in (
            (("--status", "200"), 1),
            (("--status", "400-404"), 0),
            (("--expect", "well"), 0),
            (("--expect", "bad"), 1),
        ):
            done = await self.command("ping", path, *words)
            self.assertEqual(done.status, status, done)
        self.assertIn("'bad' is not in the body: all is well", done.out)

    async def test_ill(self) -> None:
        """
        One that can't be reached, or asked.
        """
        done = await self.command("ping", f"unix:{self.folder}/nothing.sock")
        self.assertEqual((done.status, done.out[:21]), (1, "FAILED RequestNotSent"))
        self.assertEqual((await self.command("ping", "x:1", "--uri", "/%00")).status, 1)

    async def test_slow(self) -> None:
        """
        One that takes too long.
        """

        class Silent(Protocol):
            pass

        path = await self.listen(Factory.forProtocol(Silent))
        done = await self.command("ping", path, "--timeout", "0.05")
        self.assertEqual(done.status, 1)
        self.assertIn("timeout of 0.05 seconds is over", done.out)

    async def test_json(self) -> None:
        """
        What was found, as one JSON object.
        """

        async def app(request: Request) -> Response:
            return Response(503, {}, b"")

        done = await self.command("ping", await self.serve(app), "--json")
        found = json.loads(done.out)
        self.assertGreater(found.pop("seconds"), 0)
        self.assertEqual(found, {"ok": False, "problem": "status 503", "status": 503, "fpm": None})
        done = await self.command("ping", f"unix:{self.folder}/nothing.sock", "--json")
        self.assertIn("RequestNotSent", json.loads(done.out)["problem"])


class StatusTests(CommandCase):
    """
    C{txfcgi ping --fpm-status}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.answer: Any = {
            "pool": "www",
            "active processes": 5,
            "listen queue": 3,
            "slow requests": 1,
            "idle processes": 2,
        }
        self.queries: list[str] = []

    async def app(self, request: Request) -> Response:
        """
        Stands for php-fpm.
        """
        assert request.params["SCRIPT_NAME"] == request.params["SCRIPT_FILENAME"] == "/status"
        self.queries.append(request.queryString)
        return Response(200, {}, json.dumps(self.answer).encode())

    async def test_figures(self) -> None:
        """
        Its figures are shown, the others are in the JSON object.
        """
        path = await self.serve(self.app)
        done = await self.command("ping", path, "--fpm-status")
        self.assertRegex(
            done.out,
            "^OK active processes 5, idle processes 2, listen queue 3, slow requests 1 in",
        )
        done = await self.command("ping", path, "--fpm-status", "--json")
        self.assertEqual(json.loads(done.out)["fpm"], self.answer)

    async def test_query(self) -> None:
        """
        The page may have a query; the format is JSON, whatever it says.
        """
        path = await self.serve(self.app)
        for page in ("/status", "/status?full", "/status?json", "/status?html&full", "/status?xml"):
            self.assertEqual((await self.command("ping", path, "--fpm-status", page)).status, 0)
        self.assertEqual(self.queries, ["json", "full&json", "json", "full&json", "json"])

    async def test_thresholds(self) -> None:
        """
        What is over its threshold is named.
        """
        path = await self.serve(self.app)
        for words, said in (
            (("--max-active", "5", "--max-queue", "3", "--max-slow", "1"), "OK active"),
            (("--max-active", "4"), "FAILED active processes 5, more than 4 (--max-active): "),
            (("--max-queue", "2"), "FAILED listen queue 3, more than 2 (--max-queue): "),
            (("--max-slow", "0"), "FAILED slow requests 1, more than 0 (--max-slow): "),
            (
                ("--max-queue", "0", "--max-slow", "0"),
                "FAILED listen queue 3, more than 0 (--max-queue); slow requests 1, more",
            ),
        ):
            done = await self.command("ping", path, "--fpm-status", *words)
            self.assertEqual(done.out[: len(said)], said)
            self.assertEqual(done.status, 0 if said.startswith("OK") else 1)
        del self.answer["slow requests"]
        done = await self.command("ping", path, "--fpm-status", "--max-slow", "9")
        self.assertIn("FAILED the status page has no slow requests (--max-slow)", done.out)

    async def test_thresholdForNothing(self) -> None:
        """
        A threshold without the page is a mistake.
        """
        done = await self.command("ping", "localhost:1", "--max-queue", "2")
        self.assertEqual(
            (done.status, done.err), (2, "txfcgi ping: --max-queue is for --fpm-status\n")
        )

    async def test_otherPage(self) -> None:
        """
        What is not such a page is told.
        """
        path = await self.serve(self.app)
        for answer in (["something else"], {"listen queue": "x"}, 7):
            self.answer = answer
            done = await self.command("ping", path, "--fpm-status")
            self.assertEqual((done.status, "is not php-fpm's status page" in done.out), (1, True))
