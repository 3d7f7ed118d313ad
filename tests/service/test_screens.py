"""
The pages of ours that a browser shows: they can be read on a phone and in the dark.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.server.conversation import ServerTests, WebServer
from txfcgi import Response
from txfcgi.service.failurepage import failurePage, loadPage
from txfcgi.service.welcome import Welcome
from txfcgi.web.pages import plainPage

from .browsing import COLOURS, PHONE, measured

LONG = "long" * 50
REQUEST = {
    "HTTP_HOST": "localhost:8080",
    "HTTP_ACCEPT": "text/html",
    "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
    "HTTP_X_LONG": LONG,
    f"HTTP_X_{LONG.upper()}": "",
    "REMOTE_ADDR": "127.0.0.1",
    "SERVER_ADDR": "127.0.0.1",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REQUEST_METHOD": "POST",
    "REQUEST_URI": f"/{LONG}?{LONG}",
    "QUERY_STRING": LONG,
}


def fails(request: Any) -> Response:
    """
    An app with a mistake.
    """
    raise KeyError(LONG)


class ScreenTests(ServerTests):
    """
    Tests of the pages, in a browser.
    """

    def page(self, app: Any) -> str:
        """
        What a developer gets from an app.
        """
        factory = self.factory(app)
        factory.application.failurePage = failurePage
        answer = WebServer(factory).post(b"<b>" + LONG.encode(), params=REQUEST)
        return answer.stdout.partition(b"\r\n\r\n")[2].decode()

    def test_phone(self) -> None:
        """
        In a browser as narrow as a phone, the built-in app's page, the traceback, the page of an
        app that can't be loaded, and those of errors need no scrolling sideways, however long what
        they show is. The names of params have the whole line. Where the dark is preferred, the text
        is light.
        """
        pages = {
            "welcome": self.page(Welcome()),
            "traceback": self.page(fails),
            "load": loadPage(f"Traceback: {LONG}\nImportError: {LONG}").decode(),
            **{
                f"error {code}": plainPage(code, "0123abcd")[1].decode()
                for code in (400, 404, 413, 500, 502, 503, 504)
            },
        }
        self.flushLoggedErrors(KeyError)
        self.assertIn(f"<td>{LONG}</td>", pages["welcome"])
        self.assertIn(f"KeyError: &#x27;{LONG}", pages["traceback"])
        for scheme, colour in COLOURS.items():
            with TemporaryDirectory() as folder:
                found = measured(Path(folder), pages, scheme)
            for name, shown in found.items():
                self.assertLessEqual(shown.needed, shown.available, name)
                self.assertEqual(shown.colour, colour, name)
                if name in ("welcome", "traceback"):
                    self.assertGreater(shown.nameWidth, 0.8 * PHONE, name)

    def test_errorID(self) -> None:
        """
        An error page has the id that the log has, if the log has one, and says so.
        """
        page = plainPage(502, "0123abcd")[1].decode()
        self.assertIn("<p>Error <code>0123abcd</code> in the log.</p>", page)
        self.assertNotIn("in the log", plainPage(404)[1].decode())
