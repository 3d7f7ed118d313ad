"""
Tests of L{txfcgi.service.failurepage}: what a developer sees of an app that failed, and who else
does not.
"""

from __future__ import annotations

from typing import Any

from tests.server.conversation import ServerTests, WebServer
from txfcgi import Overloaded, Response
from txfcgi.errors import BodyTooLarge
from txfcgi.service import failurepage
from txfcgi.service.failurepage import failurePage, loadPage

LOCAL = {
    "HTTP_HOST": "localhost:8080",
    "HTTP_ACCEPT": "text/html",
    "REMOTE_ADDR": "127.0.0.1",
    "SERVER_ADDR": "127.0.0.1",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/<b>?token=12345&page=2",
    "QUERY_STRING": "token=12345&page=2",
    "HTTP_COOKIE": "sid=67890",
    "HTTP_X_NOTE": "<script>alert(1)</script>",
}


def fails(request: Any) -> Response:
    """
    An app with a mistake.
    """
    raise KeyError("<i>no such thing</i>")


class FailurePageTests(ServerTests):
    """
    Tests of L{failurePage}.
    """

    def page(self, app: Any = fails, **params: str) -> tuple[str, bytes]:
        """
        Ask an app of a developer's.

        @return: The head and the body of the answer.
        """
        factory = self.factory(app)
        factory.application.failurePage = failurePage
        answer = WebServer(factory).get(params={**LOCAL, **params})
        assert answer.end is not None
        self.assertEqual(answer.end.appStatus, 1)
        head, _, body = answer.stdout.partition(b"\r\n\r\n")
        return head.decode(), body

    def test_traceback(self) -> None:
        """
        The page has the traceback, the request and its params. All is escaped, secrets are masked,
        and nothing is there that runs or loads. The log has the same error under the same id.
        """
        head, body = self.page()
        page = body.decode()
        self.assertIn("Status: 500", head)
        self.assertIn("Content-Security-Policy: default-src 'none'", head)
        self.assertIn("no-store", head)
        for said in (
            "&lt;i&gt;no such thing&lt;/i&gt;",
            "in fails",
            "raise KeyError(",
            "GET /&lt;b&gt;?token=***&amp;page=2",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "<th>HTTP_HOST</th><td>localhost:8080</td>",
            "<th>HTTP_COOKIE</th><td>***</td>",
            '<meta name="viewport"',
        ):
            self.assertIn(said, page)
        for hidden in ("12345", "67890", "<script", "<i>", "<b>", "href=", "src="):
            self.assertNotIn(hidden, page)
        errorID = page.partition("Error <code>")[2].partition("<")[0]
        self.assertRegex(errorID, "^[0-9a-f]{8}$")
        self.assertSaid(f"Error {errorID} is KeyError")
        self.flushLoggedErrors(KeyError)

    def test_text(self) -> None:
        """
        A program that takes no HTML gets the same as text.
        """
        head, body = self.page(HTTP_ACCEPT="*/*")
        self.assertIn("text/plain", head)
        self.assertIn(b"KeyError: '<i>no such thing</i>'", body)
        self.assertIn(b"HTTP_COOKIE=***\n", body)
        self.assertNotIn(b"12345", body)
        self.flushLoggedErrors(KeyError)

    def test_head(self) -> None:
        """
        HEAD gets the head alone.
        """
        head, body = self.page(REQUEST_METHOD="HEAD")
        self.assertIn("Status: 500", head)
        self.assertEqual(body, b"")
        self.flushLoggedErrors(KeyError)

    def test_strangers(self) -> None:
        """
        Whoever may not be a browser on this machine gets the page that all get.
        """
        for name, value in (
            ("HTTP_HOST", "evil.example"),
            ("REMOTE_ADDR", "192.0.2.7"),
            ("SERVER_ADDR", "0.0.0.0"),
            ("SERVER_PROTOCOL", "HTTP/1.0"),
            ("HTTP_X_FORWARDED_FOR", "127.0.0.1"),
            ("HTTP_FORWARDED", "for=127.0.0.1"),
            ("HTTP_VIA", "1.1 nginx"),
        ):
            _, body = self.page(**{name: value})
            self.assertEqual(body, b"500 Internal Server Error\n", name)
        self.flushLoggedErrors(KeyError)

    def test_notAFault(self) -> None:
        """
        A refusal, and a limit that was reached, are answered as ever.
        """

        def overloaded(request: Any) -> Response:
            raise Overloaded

        def tooLarge(request: Any) -> Response:
            raise BodyTooLarge("large")

        self.assertIn("Status: 503", self.page(overloaded)[0])
        self.assertIn("Status: 413", self.page(tooLarge)[0])

    def test_usually(self) -> None:
        """
        An app that is served otherwise shows nothing of itself.
        """
        answer = WebServer(self.factory(fails)).get(params=LOCAL)
        self.assertTrue(answer.stdout.endswith(b"\r\n\r\n500 Internal Server Error\n"))
        self.flushLoggedErrors(KeyError)

    def test_long(self) -> None:
        """
        What is too long is cut: a traceback at its beginning, a value at its end.
        """

        def recurs(request: Any) -> Response:
            raise ValueError("x" * 300_000)

        _, body = self.page(recurs, HTTP_X_NOTE="y" * 10_000)
        self.assertLess(len(body), 120_000)
        self.assertIn(b"(10000 characters)", body)
        self.flushLoggedErrors(ValueError)

    def test_ownMistake(self) -> None:
        """
        A page that can't be made is logged, and the usual one is sent.
        """
        self.patch(failurepage, "masked", None)
        _, body = self.page()
        self.assertEqual(body, b"500 Internal Server Error\n")
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.flushLoggedErrors(KeyError)


class LoadPageTests(ServerTests):
    """
    Tests of L{loadPage}.
    """

    def test_page(self) -> None:
        """
        The page has what went wrong, escaped, the last line by itself; and looks again.
        """
        page = loadPage("mod.app failed:\n\n  File <string>\nSyntaxError: <b>\n").decode()
        self.assertIn('<p class="last">SyntaxError: &lt;b&gt;</p>', page)
        self.assertIn("File &lt;string&gt;", page)
        self.assertIn('http-equiv="refresh"', page)
        self.assertNotIn("<b>", page)
