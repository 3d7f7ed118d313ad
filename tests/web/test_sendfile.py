"""
Tests of L{txfcgi.web.sendfile}: files that a back end names.
"""

from __future__ import annotations

from urllib.parse import unquote

from txfcgi import Request, Response
from txfcgi.web import GatewayOptions

from .site import SiteCase


async def naming(request: Request) -> Response:
    """
    An app that names the file in its query: the header, a colon, the path.
    """
    name, _, value = unquote(request.queryString).partition(":")
    headers = {name: value, "Content-Type": "text/x-mine", "Set-Cookie": "a=b", "ETag": '"old"'}
    return Response(200, headers, b"not this")


class SendfileTests(SiteCase):
    """
    X-Sendfile and X-Accel-Redirect.
    """

    def setUp(self) -> None:
        super().setUp()
        self.root = self.folder / "files"
        self.root.mkdir()
        (self.root / "a b.txt").write_bytes(b"0123456789")
        (self.folder / "secret").write_text("secret")
        (self.root / "link").symlink_to(self.folder / "secret")

    async def start(self) -> None:
        """
        Serve.
        """
        await self.gateway(naming, GatewayOptions(sendfileRoot=str(self.root)))

    async def test_file(self) -> None:
        """
        The browser gets the file, with the headers of the app that still hold.
        """
        await self.start()
        for query in (
            f"X-Sendfile:{self.root}/a%20b.txt",
            "X-Sendfile:a%20b.txt",
            "X-Accel-Redirect:/a%2520b.txt",
        ):
            answer = await self.fetch(f"/?{query}")
            self.assertEqual((answer.code, answer.body), (200, b"0123456789"), query)
            self.assertEqual(answer.get("Content-Type"), ["text/x-mine"])
            self.assertEqual(answer.get("Content-Length"), ["10"])
            self.assertEqual(answer.get("Set-Cookie"), ["a=b"])
            self.assertNotIn('"old"', answer.get("ETag"))
            self.assertEqual(answer.get(query.partition(":")[0]), [])

    async def test_part(self) -> None:
        """
        Ranges and conditions are twisted.web's.
        """
        await self.start()
        answer = await self.fetch("/?X-Sendfile:a%20b.txt", headers={"Range": "bytes=2-4"})
        self.assertEqual((answer.code, answer.body), (206, b"234"))
        changed = answer.get("Last-Modified")[0]
        answer = await self.fetch("/?X-Sendfile:a%20b.txt", headers={"If-Modified-Since": changed})
        self.assertEqual((answer.code, answer.body), (304, b""))

    async def test_notThere(self) -> None:
        """
        A file that is missing or outside of the folder, by whatever way: 404.
        """
        await self.start()
        for query in (
            *("X-Sendfile:no.txt", "X-Sendfile:../secret", f"X-Sendfile:{self.folder}/secret"),
            *("X-Sendfile:link", "X-Accel-Redirect:/../secret", "X-Sendfile:."),
        ):
            answer = await self.fetch(f"/?{query}")
            self.assertEqual(answer.code, 404, query)
            self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.logged("which is not a file there")), 6)

    async def test_noPath(self) -> None:
        """
        What can be no path is the back end's fault: 502.
        """
        await self.start()
        for value in ("/a%2500b", "/%25zz", "/%25"):
            answer = await self.fetch(f"/?X-Accel-Redirect:{value}")
            self.assertEqual(answer.code, 502, value)
        self.assertEqual(len(self.logged("502: BadResponse: ")), 3)

    async def test_validators(self) -> None:
        """
        The file has an ETag, and If-Range is minded.
        """
        await self.start()
        target = "/?X-Sendfile:a%20b.txt"
        [tag] = (await self.fetch(target)).get("ETag")
        for value, code in ((tag, 206), ('"nope"', 200)):
            headers = {"Range": "bytes=0-1", "If-Range": value}
            self.assertEqual((await self.fetch(target, headers=headers)).code, code)
        answer = await self.fetch(target, headers={"Range": "bytes=" + "0-5," * 1_300})
        self.assertEqual((answer.code, answer.body), (200, b"0123456789"))

    async def test_off(self) -> None:
        """
        Without a folder the header is one like any other.
        """
        await self.gateway(naming)
        answer = await self.fetch("/?X-Sendfile:a%20b.txt")
        self.assertEqual((answer.get("X-Sendfile"), answer.body), (["a b.txt"], b"not this"))
