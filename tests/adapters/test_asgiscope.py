"""
Tests of L{txfcgi.adapters.asgiscope}: what an ASGI application is told of a request.
"""

from __future__ import annotations

from typing import Any

from .asgi import TEXT, ASGITests


class ScopeTests(ASGITests):
    """
    The scope of a request.
    """

    def scope(self, uri: str = "/", headers: Any = (), **options: Any) -> dict[str, Any]:
        """
        Ask an application, and take the scope that it saw.
        """
        seen: list[dict[str, Any]] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope)
            assert not (await receive())["more_body"]
            await send({"type": "http.response.start", "status": 200, "headers": TEXT})
            await send({"type": "http.response.body"})

        method, body = options.pop("method", "GET"), options.pop("body", None)
        answer = self.ask(application, method, uri, headers, body, **options)
        self.assertEqual(answer.code, 200)
        return seen[0]

    def test_whole(self) -> None:
        """
        All that the specification asks for is there, in its types.
        """
        scope = self.scope("/a%20b/%C3%A9?x=1&y=%2F", [("X-One", "1")])
        remote = scope["client"][1]
        self.assertIsInstance(remote, int)
        headers = scope.pop("headers")
        others = scope["extensions"].pop("txfcgi")
        self.assertEqual(
            scope,
            {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.4"},
                "http_version": "1.1",
                "method": "GET",
                "scheme": "http",
                "path": "/a b/é",
                "raw_path": b"/a%20b/%C3%A9",
                "query_string": b"x=1&y=%2F",
                "root_path": "",
                "client": ("127.0.0.1", remote),
                "server": ("127.0.0.1", 8080),
                "state": {},
                "extensions": {"http.response.pathsend": {}},
            },
        )
        self.assertIn((b"x-one", b"1"), headers)
        self.assertIn((b"host", b"127.0.0.1:8080"), headers)
        self.assertEqual(others["REQUEST_URI"], "/a%20b/%C3%A9?x=1&y=%2F")
        self.assertNotIn("HTTP_HOST", others)

    def test_params(self) -> None:
        """
        What carries no header is in an extension, with every byte that came; HTTP_PROXY is
        nowhere among the headers.
        """
        params = {"REMOTE_USER": "ada", "X_ODD": "\udcff", "HTTP_PROXY": "http://evil"}
        scope = self.scope(params=params)
        others = scope["extensions"]["txfcgi"]
        self.assertEqual((others["REMOTE_USER"], others["X_ODD"]), ("ada", "\udcff"))
        self.assertNotIn(b"proxy", [name for name, _ in scope["headers"]])

    def test_bodyHeaders(self) -> None:
        """
        CONTENT_TYPE and CONTENT_LENGTH are headers where they say something.
        """
        names = ("content-type", "content-length")

        def told(**options: Any) -> list[Any]:
            headers = dict(self.scope(**options)["headers"])
            return [headers.get(name.encode()) for name in names]

        sent = [("Content-Type", "text/x")]
        self.assertEqual(told(method="POST", headers=sent, body=b"abc"), [b"text/x", b"3"])
        for length in ("", "-1"):
            params = {"CONTENT_LENGTH": length, "CONTENT_TYPE": ""}
            self.assertEqual(told(params=params), [None, None])

    def test_mounted(self) -> None:
        """
        C{root_path} is the mount, and C{path} begins with it.
        """
        params = {"SCRIPT_NAME": "/shop/a", "REQUEST_URI": "/shop/a"}
        for mount, root in (("/shop", "/shop"), ("/", ""), (None, "/shop/a")):
            scope = self.scope(params={**params, "PATH_INFO": ""}, mount=mount)
            self.assertEqual((scope["root_path"], scope["path"]), (root, "/shop/a"))

    def test_paths(self) -> None:
        """
        C{raw_path} is what the browser sent, or what it must have been like; bytes that are no
        UTF-8 are replaced in C{path} only.
        """
        scope = self.scope(params={"REQUEST_URI": "", "PATH_INFO": "/a b/é;x", "SCRIPT_NAME": ""})
        self.assertEqual((scope["path"], scope["raw_path"]), ("/a b/é;x", b"/a%20b/%C3%A9;x"))
        scope = self.scope("/%FF")
        self.assertEqual((scope["path"], scope["raw_path"]), ("/\ufffd", b"/%FF"))

    def test_scheme(self) -> None:
        """
        HTTPS says it, and where that is not there, REQUEST_SCHEME.
        """
        for params, scheme in (
            ({"HTTPS": "on"}, "https"),
            ({"HTTPS": "1"}, "https"),
            ({"HTTPS": "off", "REQUEST_SCHEME": "https"}, "http"),
            ({"HTTPS": "", "REQUEST_SCHEME": "https"}, "https"),
            ({"HTTPS": "", "REQUEST_SCHEME": ""}, "http"),
        ):
            self.assertEqual(self.scope(params=params)["scheme"], scheme)

    def test_versions(self) -> None:
        """
        The version of HTTP, as ASGI writes it.
        """
        for protocol, version in (
            ("HTTP/1.0", "1.0"),
            ("HTTP/1.1", "1.1"),
            ("HTTP/2.0", "2"),
            ("HTTP/3.0", "3"),
            ("INCLUDED", "1.1"),
        ):
            scope = self.scope(params={"SERVER_PROTOCOL": protocol})
            self.assertEqual(scope["http_version"], version)

    def test_addresses(self) -> None:
        """
        Addresses that are none are not told; a port that is none is 0.
        """
        scope = self.scope(params={"REMOTE_ADDR": "unix:", "SERVER_ADDR": "", "SERVER_NAME": "x"})
        self.assertEqual((scope["client"], scope["server"]), (None, ("x", 8080)))
        scope = self.scope(params={"REMOTE_ADDR": "2001:db8::1", "REMOTE_PORT": "x"})
        self.assertEqual(scope["client"], ("2001:db8::1", 0))

    def test_oddNames(self) -> None:
        """
        Names are read the same however long they are.
        """
        long = "X" * 300
        scope = self.scope(params={long: "1", f"HTTP_{long}": "2"})
        self.assertEqual(scope["extensions"]["txfcgi"][long], "1")
        self.assertIn((long.lower().encode(), b"2"), scope["headers"])
