"""
Tests of L{txfcgi.web.php}: which file a path leads to. An app of ours stands for php-fpm; the real
one is in C{tests/interop}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.web.resource import Resource

from txfcgi.web import GatewayOptions, PHPResource, PHPSite, php

from .site import Answer, SiteCase, paramsIn, showParams


class PHPTests(SiteCase):
    """
    A folder as it is served.
    """

    def setUp(self) -> None:
        super().setUp()
        self.root = self.folder / "site"
        for name in (
            *("index.php", "page.php", "blog/index.php", "plain/index.html", "plain/a.txt"),
            *(".env", ".git/config", ".well-known/x.txt", "SHOUT.PHP", "x.phpx", "dir.php/y.txt"),
            *("both.txt", "empty/other.txt", "a b.php", "back.bak"),
        ):
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"<?php {name}")
        (self.folder / "outside.php").write_text("<?php outside")
        (self.folder / "outside.txt").write_text("outside")
        (self.root / "link.php").symlink_to(self.folder / "outside.php")
        (self.root / "link.txt").symlink_to(self.folder / "outside.txt")

    async def start(self, site: PHPSite | None = None, root: Path | None = None) -> None:
        """
        Serve.
        """
        client = await self.backEnd(showParams)
        await self.site(PHPResource(str(root or self.root), client, site))

    async def get(self, target: str, method: str = "GET") -> Answer:
        """
        Ask for something.
        """
        return await self.fetch(target, method)

    async def script(self, target: str) -> tuple[str, str | None]:
        """
        The script that a path leads to, and its PATH_INFO.
        """
        answer = await self.get(target)
        self.assertEqual(answer.code, 200, target)
        params = paramsIn(answer)
        self.assertEqual(params["SCRIPT_FILENAME"], str(self.root) + params["SCRIPT_NAME"])
        self.assertEqual(params["DOCUMENT_ROOT"], str(self.root))
        self.assertEqual(params["REDIRECT_STATUS"], "200")
        return params["SCRIPT_NAME"], params.get("PATH_INFO")

    async def test_scripts(self) -> None:
        """
        Scripts are run, with what follows them as PATH_INFO; a folder by its index.
        """
        await self.start()
        self.assertEqual(await self.script("/page.php?x"), ("/page.php", None))
        self.assertEqual(await self.script("/page.php/a/b"), ("/page.php", "/a/b"))
        self.assertEqual(await self.script("/a%20b.php"), ("/a b.php", None))
        self.assertEqual(await self.script("/"), ("/index.php", None))
        self.assertEqual(await self.script("/blog/"), ("/blog/index.php", None))
        self.assertEqual(await self.script("//page.php"), ("/page.php", None))

    async def test_files(self) -> None:
        """
        Other files are shown, by GET and HEAD.
        """
        await self.start()
        answer = await self.get("/plain/a.txt")
        self.assertEqual(answer.body, b"<?php plain/a.txt")
        self.assertEqual(answer.get("Content-Type"), ["text/plain"])
        self.assertEqual((await self.get("/plain/")).get("Content-Type"), ["text/html"])
        self.assertEqual((await self.get("/.well-known/x.txt")).code, 200)
        self.assertEqual((await self.get("/dir.php/y.txt")).body, b"<?php dir.php/y.txt")
        self.assertEqual((await self.get("/plain/a.txt", "HEAD")).get("Content-Length"), ["17"])
        answer = await self.get("/plain/a.txt", "POST")
        self.assertEqual((answer.code, answer.get("Allow")), (405, ["GET, HEAD"]))
        answer = await self.get("/x.phpx")
        self.assertEqual(answer.get("Content-Type"), ["application/octet-stream"])

    async def test_notThere(self) -> None:
        """
        What is not there, is hidden, or is outside: 404, and no script is run for it.
        """
        await self.start()
        for target in (
            *("/no.php", "/no", "/plain/a.txt/x.php", "/plain/a.txt%2fx.php", "/empty/"),
            *("/.env", "/.git/config", "/blog/../.env", "/sub/..%2f.env"),
            *("/link.php", "/link.txt", "/SHOUT.PHP", "/dir.php", "/page.php%20", "/page.PHP"),
        ):
            answer = await self.get(target)
            self.assertEqual(answer.code, 404, target)
            self.assertNotIn(b"<?php", answer.body)
        for target in (
            *("/page.php%00.txt", "/page.php%0a/x", "/page.php/%zz", "/%"),
            *("/../outside.php", "/..%2foutside.txt", "/blog/../../outside.php"),
        ):
            self.assertEqual((await self.get(target)).code, 400)

    async def test_slash(self) -> None:
        """
        A folder without its slash is redirected to, and only ever to this site.
        """
        await self.start()
        self.assertEqual((await self.get("/empty")).get("Location"), ["/empty/"])
        answer = await self.get("/blog?x=1")
        self.assertEqual((answer.code, answer.get("Location")), (301, ["/blog/?x=1"]))
        self.assertEqual((await self.get("//blog")).get("Location"), ["/blog/"])

    async def test_frontController(self) -> None:
        """
        All that is not there is for one script, as WordPress wants it.
        """
        await self.start(PHPSite(frontController="index.php"))
        self.assertEqual(await self.script("/2026/hello-world/?p=1"), ("/index.php", None))
        params = paramsIn(await self.get("/no/such.php/x?p=1"))
        self.assertEqual(params["SCRIPT_NAME"], "/index.php")
        self.assertEqual(params["REQUEST_URI"], "/no/such.php/x?p=1")
        self.assertEqual((await self.get("/plain/a.txt")).get("Content-Type"), ["text/plain"])
        self.assertEqual((await self.get("/.env")).code, 404)

    async def test_tryFiles(self) -> None:
        """
        What is looked for can be told.
        """
        await self.start(PHPSite(tryFiles=("$uri.txt", "$uri.php", "$uri"), hidden=True))
        self.assertEqual((await self.get("/both")).body, b"<?php both.txt")
        self.assertEqual(await self.script("/page"), ("/page.php", None))
        self.assertEqual((await self.get("/.env")).body, b"<?php .env")

    async def test_mounted(self) -> None:
        """
        A site may be a part of another.
        """
        root = Resource()
        client = await self.backEnd(showParams)
        root.putChild(b"wp", PHPResource(str(self.root), client))
        await self.site(root)
        params = paramsIn(await self.get("/wp/page.php/x"))
        self.assertEqual((params["SCRIPT_NAME"], params["PATH_INFO"]), ("/wp/page.php", "/x"))
        self.assertEqual(params["SCRIPT_FILENAME"], f"{self.root}/page.php")
        self.assertEqual((await self.get("/wp")).get("Location"), ["/wp/"])

    async def test_roots(self) -> None:
        """
        php-fpm may see the folder elsewhere; a root that is a link can be named by what it leads
        to; and links may be allowed to lead out.
        """
        link = self.folder / "current"
        link.symlink_to(self.root)
        await self.start(PHPSite(scriptRoot="/var/www/"), link)
        params = paramsIn(await self.get("/page.php"))
        self.assertEqual(params["SCRIPT_FILENAME"], "/var/www/page.php")
        await self.start(PHPSite(resolveRoot=True), link)
        self.assertEqual(await self.script("/page.php"), ("/page.php", None))
        await self.start(PHPSite(followLinks=True), link)
        params = paramsIn(await self.get("/link.php"))
        self.assertEqual(params["SCRIPT_FILENAME"], f"{link}/link.php")

    async def test_pathInfo(self) -> None:
        """
        What follows a script is its own, be it a slash: an index is for folders.
        """
        for site in (PHPSite(), PHPSite(frontController="/index.php")):
            await self.start(site)
            for target, info in (
                ("/page.php/", "/"),
                ("/page.php/foo/", "/foo/"),
                ("/page.php//foo//", "/foo/"),
                ("/./page.php/./x", "/x"),
                ("/blog/../page.php/%C3%BC", "/ü"),
            ):
                self.assertEqual(await self.script(target), ("/page.php", info))

    async def test_documentURI(self) -> None:
        """
        DOCUMENT_URI is the path that was found, as nginx has it.
        """
        await self.start()
        params = paramsIn(await self.get("//blog//"))
        self.assertEqual(params["DOCUMENT_URI"], "/blog/index.php")

    async def test_links(self) -> None:
        """
        A link to a script, whatever its own name is, does not show the source.
        """
        (self.root / "alias.txt").symlink_to(self.root / "page.php")
        (self.root / "inner.txt").symlink_to(self.root / "both.txt")
        for follow in (False, True):
            await self.start(PHPSite(followLinks=follow))
            answer = await self.get("/alias.txt")
            self.assertEqual(answer.code, 404)
            self.assertNotIn(b"<?php", answer.body)
            self.assertEqual((await self.get("/inner.txt")).body, b"<?php both.txt")
            code = 200 if follow else 404
            self.assertEqual((await self.get("/link.txt")).code, code)

    async def test_frontControllerWithQuery(self) -> None:
        """
        A front controller may want the path in its query.
        """
        await self.start(PHPSite(frontController="/page.php?id=$path&x"))
        for target, query in (
            ("/wiki:syntax", "id=wiki:syntax&x"),
            ("/a%26b%20c/%C3%BC%FF?do=edit&y=%20", "id=a%26b%20c/%C3%BC%FF&x&do=edit&y=%20"),
            ("/a+b;c", "id=a%2Bb%3Bc&x"),
        ):
            params = paramsIn(await self.get(target))
            self.assertEqual((params["SCRIPT_NAME"], params["QUERY_STRING"]), ("/page.php", query))
            self.assertEqual(params["REQUEST_URI"], target)
        params = paramsIn(await self.get("/page.php?y"))
        self.assertEqual(params["QUERY_STRING"], "y")

    async def test_deny(self) -> None:
        """
        What is denied is a 403, whatever it is and whichever way leads there.
        """
        deny = ("/plain", "*.bak", "blog/*.php", "e?pty")
        await self.start(PHPSite(deny=deny, frontController="/index.php"))
        for target in (
            *("/plain", "/plain/", "/plain/a.txt", "/plain/no", "//plain/./a.txt", "/%70lain/"),
            *("/x/../plain/a.txt", "/back.bak", "/any/where.bak/x", "/empty/other.txt"),
            *("/blog/", "/blog/index.php", "/blog/index.php/x"),
        ):
            answer = await self.get(target)
            self.assertEqual(answer.code, 403, target)
            self.assertNotIn(b"<?php", answer.body)
        for target in ("/", "/page.php", "/both.txt", "/x/plain", "/plainer", "/blog/no"):
            self.assertEqual((await self.get(target)).code, 200, target)

    async def test_unreadable(self) -> None:
        """
        A file that is gone by the time it is opened, or that may not be read.
        """
        await self.start()
        for error, code in ((PermissionError(), 403), (FileNotFoundError(), 404)):

            def failing(*args: object, error: OSError = error) -> None:
                raise error

            self.patch(php, "serveFile", failing)
            self.assertEqual((await self.get("/both.txt")).code, code)

    async def test_noScripts(self) -> None:
        """
        Where anybody can upload files to, no script is run; other files are shown.
        """
        site = PHPSite(noScripts=("/blog", "*.tmp"), frontController="/index.php")
        (self.root / "blog" / "a.txt").write_text("text")
        await self.start(site)
        for target in ("/blog/", "/blog/index.php", "/blog/index.php/x", "//blog/./index.php"):
            answer = await self.get(target)
            self.assertEqual(answer.code, 403, target)
            self.assertNotIn(b"<?php", answer.body)
        self.assertEqual((await self.get("/blog/a.txt")).body, b"text")
        self.assertEqual(await self.script("/blog/no"), ("/index.php", None))

    async def test_cacheControl(self) -> None:
        """
        Files may be kept by browsers; scripts say it themselves, and errors are not kept.
        """
        await self.start(PHPSite(cacheControl="max-age=60"))
        answer = await self.get("/both.txt")
        self.assertEqual(answer.get("Cache-Control"), ["max-age=60"])
        headers = {"If-None-Match": answer.get("ETag")[0]}
        answer = await self.fetch("/both.txt", headers=headers)
        self.assertEqual((answer.code, answer.get("Cache-Control")), (304, ["max-age=60"]))
        answer = await self.fetch("/both.txt", headers={"Range": "bytes=999-"})
        self.assertEqual((answer.code, answer.get("Cache-Control")), (416, []))
        self.assertEqual((await self.get("/page.php")).get("Cache-Control"), [])

    async def test_authorization(self) -> None:
        """
        PHP gets to see the Authorization header, unless that is not wanted.
        """
        client = await self.backEnd(showParams)
        for options, passed in (
            (None, True),
            (GatewayOptions(), True),
            (GatewayOptions(passAuthorization=False), False),
        ):
            await self.site(PHPResource(str(self.root), client, None, options))
            answer = await self.fetch("/page.php", headers={"Authorization": "Basic eDp5"})
            self.assertEqual("HTTP_AUTHORIZATION" in paramsIn(answer), passed)
