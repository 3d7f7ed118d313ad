"""
Tests of L{txfcgi.cli.calling}: requests from the command line.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

from twisted.internet.protocol import Factory, Protocol

from txfcgi import (
    Allow,
    AuthorizerRequest,
    FilterRequest,
    Request,
    Response,
    SCGIServerFactory,
    roles,
)

from .commands import CommandCase, Done


async def show(request: Request) -> Response:
    """
    An app that shows its params and its body.
    """
    body = await request.stdin.read()
    params = json.dumps({**request.params, "body": body.decode("latin-1")})
    return Response(200, {"Content-Type": "application/json"}, params.encode())


def shown(done: Done) -> dict[str, str]:
    """
    What L{show} showed.
    """
    assert done.status == 0, done
    params: dict[str, str] = json.loads(done.out)
    return params


class RequestTests(CommandCase):
    """
    What is asked for.
    """

    async def test_get(self) -> None:
        """
        Path and query, headers and params.
        """
        path = await self.serve(show)
        params = shown(
            await self.command(
                *("get", path, "/a%20b?c=d", "-H", "X-One: 1", "-H", "Host: me:81"),
                *("-p", "REMOTE_USER=alice", "--param", "SERVER_SOFTWARE=x=y"),
            )
        )
        expected = {
            "HTTP_HOST": "me:81",
            "HTTP_X_ONE": "1",
            "PATH_INFO": "/a b",
            "QUERY_STRING": "c=d",
            "REMOTE_USER": "alice",
            "REQUEST_METHOD": "GET",
            "REQUEST_URI": "/a%20b?c=d",
            "SCRIPT_NAME": "",
            "SERVER_NAME": "me",
            "SERVER_PORT": "81",
            "SERVER_SOFTWARE": "x=y",
            "body": "",
        }
        self.assertEqual({name: params.get(name) for name in expected}, expected)

    async def test_method(self) -> None:
        """
        Any method.
        """
        path = await self.serve(show)
        params = shown(await self.command("get", path, "/", "-X", "PURGE"))
        self.assertEqual(params["REQUEST_METHOD"], "PURGE")

    async def test_post(self) -> None:
        """
        A body from the command line, from a file, or from stdin.
        """
        path = await self.serve(show)
        params = shown(await self.command("post", path, "/", "-d", "a=b"))
        self.assertEqual((params["body"], params["CONTENT_LENGTH"]), ("a=b", "3"))
        self.assertEqual(params["CONTENT_TYPE"], "application/x-www-form-urlencoded")
        file = self.write("body", b"\x00\xff")
        params = shown(await self.command("post", path, "/", "--body", file, "--type", "a/b"))
        self.assertEqual((params["body"], params["CONTENT_TYPE"]), ("\x00\xff", "a/b"))
        stdin = io.TextIOWrapper(io.BytesIO(b"from stdin"))
        self.patch(sys, "stdin", stdin)
        params = shown(await self.command("post", path, "/", "--body", "-"))
        self.assertEqual(params["body"], "from stdin")

    async def test_php(self) -> None:
        """
        Scripts for php-fpm, by the site's folder or by the file.
        """
        path = await self.serve(show)
        params = shown(await self.command("get", path, "/a.php/x", "--root", "/srv/www"))
        self.assertEqual(params["SCRIPT_FILENAME"], "/srv/www/a.php")
        self.assertEqual(params["PATH_INFO"], "/x")
        words = ("--root", "/srv/www", "--front-controller", "index.php")
        params = shown(await self.command("get", path, "/some/page", *words))
        self.assertEqual(params["SCRIPT_FILENAME"], "/srv/www/index.php")
        params = shown(await self.command("get", path, "/x", "--script", "/srv/b.php"))
        self.assertEqual(params["SCRIPT_FILENAME"], "/srv/b.php")
        self.assertEqual((params["SCRIPT_NAME"], params["REDIRECT_STATUS"]), ("/b.php", "200"))

    async def test_paramsFile(self) -> None:
        """
        Params from files: lines, JSON, or an environment.
        """
        path = await self.serve(show)
        for content in ("# comment\nA=1\nB=x=y\n", '{"A": 1, "B": "x=y"}', "A=1\0B=x=y\0"):
            file = self.write("params", content)
            params = shown(await self.command("call", path, "--params", file, "-p", "A=2"))
            self.assertEqual((params["A"], params["B"]), ("2", "x=y"))
            self.assertEqual(set(params) - {"A", "B"}, {"body"})

    async def test_scgi(self) -> None:
        """
        The same over SCGI.
        """
        factory = SCGIServerFactory(show)
        self.addCleanup(factory.drain, 0.0)
        path = await self.listen(factory)
        params = shown(await self.command("post", path, "/x", "--scgi", "-d", "abc"))
        self.assertEqual((params["SCGI"], params["body"]), ("1", "abc"))

    async def test_roles(self) -> None:
        """
        An app can be called in any role.
        """

        async def allow(request: AuthorizerRequest) -> Allow:
            return Allow({"USER": request.params["NAME"]})

        async def upper(request: FilterRequest) -> Response:
            return Response(200, {}, (await request.data.read()).upper())

        path = await self.serve(roles(authorizer=allow, filter=upper))
        done = await self.command("call", path, "--role", "authorizer", "-p", "NAME=alice")
        self.assertIn("< Variable-USER: alice", done.err)
        file = self.write("page", "some text")
        done = await self.command("call", path, "--role", "filter", "--filter-data", file)
        self.assertEqual((done.status, done.out), (0, "SOME TEXT"))
        done = await self.command("call", path)
        self.assertEqual(done.status, 1)
        self.assertIn("RequestRefused", done.err)


class ResultTests(CommandCase):
    """
    What is told of an answer.
    """

    async def test_apart(self) -> None:
        """
        The body goes to stdout; head, stderr and status to stderr, marked, and fit for a terminal.
        """

        async def app(request: Request) -> int:
            request.stderr.write(b"one\ntwo \x1b[31m")
            request.stdout.write(b"Status: 202 Fine\nX-A: b\n\nbody\n")
            return 7

        path = await self.serve(app)
        done = await self.command("get", path, "/")
        self.assertEqual((done.status, done.out), (3, "body\n"))
        self.assertEqual(
            sorted(done.err.splitlines()),
            ["! one", "! two \\x1b[31m", "< Status: 202 Fine", "< X-A: b", "= appStatus 7"],
        )
        done = await self.command("get", path, "/", "-q", "-i")
        self.assertEqual(done.out, "Status: 202 Fine\nX-A: b\n\nbody\n")
        self.assertEqual(done.err, "")

    async def test_statuses(self) -> None:
        """
        The exit status tells of the response's.
        """

        async def app(request: Request) -> Response:
            return Response(int(request.queryString), {}, b"")

        path = await self.serve(app)
        for code, status in ((200, 0), (302, 0), (404, 4), (503, 5)):
            self.assertEqual((await self.command("get", path, f"/?{code}")).status, status)

    async def test_noAnswer(self) -> None:
        """
        No answer, or not all of it: the reason, and status 1.
        """

        class Silent(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.loseConnection()

        done = await self.command("get", f"unix:{self.folder}/nothing.sock", "/")
        self.assertEqual(done.status, 1)
        self.assertIn("RequestNotSent", done.err)
        done = await self.command("get", await self.listen(Factory.forProtocol(Silent)), "/")
        self.assertEqual(done.status, 1)
        self.assertIn("NoResponse", done.err)

    async def test_mistakes(self) -> None:
        """
        What can't be asked for is not.
        """
        done = await self.command("get", "localhost:1", "/a%00")
        self.assertEqual((done.status, "control character" in done.err), (1, True))
        done = await self.command("post", "localhost:1", "/", "--body", "/no/such/file")
        self.assertEqual((done.status, "No such file" in done.err), (1, True))


class PHPFPMTests(CommandCase):
    """
    C{txfcgi get} of a page of php-fpm's own.
    """

    async def app(self, request: Request) -> Response:
        """
        Stands for php-fpm.
        """
        params = request.params
        if params.get("SCRIPT_NAME") == params.get("SCRIPT_FILENAME") == "/status":
            assert params.get("PATH_INFO", "") == ""
            return Response(200, {}, request.queryString.encode())
        request.stderr.write(b"Primary script unknown")
        return Response(404, {}, b"File not found.\n")

    async def test_page(self) -> None:
        """
        What php-fpm finds no script for may be one of its own pages, and is asked for as such.
        """
        path = await self.serve(self.app)
        done = await self.command("get", path, "/status?json")
        self.assertEqual((done.status, done.out), (0, "json"))
        self.assertNotIn("Primary script unknown", done.err)

    async def test_noPage(self) -> None:
        """
        What is none either is told once.
        """
        path = await self.serve(self.app)
        done = await self.command("get", path, "/nothing")
        self.assertEqual((done.status, done.out), (4, "File not found.\n"))
        self.assertEqual(done.err.count("! Primary script unknown\n"), 1)

    async def test_script(self) -> None:
        """
        Where a script was named, or another method, nothing else is asked for.
        """
        asked: list[str] = []

        def app(request: Request) -> Any:
            asked.append(request.params["SCRIPT_NAME"])
            return self.app(request)

        path = await self.serve(app)
        for words in (
            ("get", path, "/status", "--script", "/srv/a.php"),
            ("post", path, "/status", "-d", "a"),
        ):
            self.assertEqual((await self.command(*words)).status, 4)
        self.assertEqual(asked, ["/a.php", ""])


class ValuesTests(CommandCase):
    """
    C{txfcgi values}.
    """

    async def test_values(self) -> None:
        """
        What an application says of itself.
        """
        path = await self.serve(show)
        done = await self.command("values", path)
        names = [line.partition("=")[0] for line in done.lines]
        self.assertEqual(names, ["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"])
        done = await self.command("values", path, "FCGI_MPXS_CONNS", "FCGI_NONSENSE")
        self.assertEqual((done.status, done.lines), (0, ["FCGI_MPXS_CONNS=1"]))

    async def test_none(self) -> None:
        """
        One that says nothing.
        """
        done = await self.command("values", f"unix:{self.folder}/nothing.sock")
        self.assertEqual((done.status, "RequestNotSent" in done.err), (1, True))
