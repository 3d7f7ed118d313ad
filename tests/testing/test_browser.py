"""
Visitors of a front end in memory: plain responses, cookies, and what they send.
"""

from __future__ import annotations

import json
from email import message_from_bytes
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Overloaded, Request, Response
from txfcgi.testing import Browser, CutOff, MemoryFrontEnd, Unanswered

from .apps import Held, echo


async def show(request: Request) -> Response:
    """
    Answer with what was sent, as JSON.
    """
    body = await request.stdin.read()
    shown = {
        "type": request.params.get("CONTENT_TYPE", ""),
        "body": body.decode("latin-1"),
        "cookie": request.params.get("HTTP_COOKIE", ""),
        "agent": request.params.get("HTTP_USER_AGENT", ""),
    }
    return Response(200, {"Content-Type": "application/json"}, json.dumps(shown).encode())


def shop(request: Request) -> Response:
    """
    An app with a session.
    """
    if request.path == "/in":
        headers = [
            ("Set-Cookie", "session=7; Path=/; HttpOnly; Secure"),
            ("Set-Cookie", "basket=full; Path=/basket"),
        ]
        return Response(303, [("Location", "/"), *headers], b"")
    if request.path == "/out":
        return Response(200, {"Set-Cookie": "session=; Path=/; Max-Age=0"}, b"")
    return Response(200, {}, request.params.get("HTTP_COOKIE", "nobody").encode())


class BrowserTests(SynchronousTestCase):
    """
    A visitor.
    """

    def browser(self, app: Any, **options: Any) -> Browser:
        """
        One in front of an app.
        """
        return MemoryFrontEnd(app, testCase=self, **options).browser()

    def test_plain(self) -> None:
        """
        A response is there, and is what it is.
        """
        browser = self.browser(echo)
        response = browser.post("/a", b"body")
        self.assertEqual((response.code, response.text), (200, "POST body"))
        self.assertEqual(browser.get("/").text, "GET ")
        self.assertEqual(browser.request("PUT", "/", body=b"x").text, "PUT x")
        self.assertEqual(browser.post().text, "POST ")

    def test_unanswered(self) -> None:
        """
        An app that waits for something gave no answer; the request is given up.
        """
        app = Held()
        error = self.assertRaises(Unanswered, self.browser(app).get, "/slow")
        self.assertIn("GET /slow: the app has not answered", str(error))
        self.assertEqual(app.cancelled, ["/slow"])

    def test_cookies(self) -> None:
        """
        Cookies come back where they belong, until they are taken away; a visitor is not another.
        """
        browser = self.browser(shop)
        self.assertEqual(browser.get("/").text, "nobody")
        self.assertEqual(browser.get("/in").header("location"), "/")
        self.assertEqual(browser.cookie("session"), "7")
        self.assertIsNone(browser.cookie("other"))
        self.assertEqual(browser.get("/").text, "session=7")
        self.assertEqual(browser.get("/basket").text, "basket=full; session=7")
        self.assertEqual(browser.get("/", {"Cookie": "own=1"}).text, "own=1")
        self.assertEqual(browser.frontEnd.browser().get("/").text, "nobody")
        browser.get("/out")
        self.assertEqual(browser.get("/").text, "nobody")

    def test_cookiesOfHosts(self) -> None:
        """
        A cookie of one host is not sent to another.
        """
        browser = self.browser(shop)
        browser.get("/in", {"Host": "a.example"})
        self.assertEqual(browser.get("/", {"Host": "a.example"}).text, "session=7")
        self.assertEqual(browser.get("/", {"Host": "b.example"}).text, "nobody")
        self.assertEqual(browser.request("OPTIONS", "*", {"Host": "b.example"}).text, "nobody")

    def test_headers(self) -> None:
        """
        A visitor has headers; a request may have others.
        """
        with MemoryFrontEnd(show) as frontEnd:
            browser = frontEnd.browser({"User-Agent": "one"})
            self.assertEqual(browser.get("/").json()["agent"], "one")
            self.assertEqual(browser.get("/", {"user-agent": "two"}).json()["agent"], "two")


class PayloadTests(SynchronousTestCase):
    """
    Bodies of all kinds.
    """

    def setUp(self) -> None:
        self.frontEnd = MemoryFrontEnd(show, testCase=self)

    def sent(self, **options: Any) -> dict[str, str]:
        """
        What comes of it.
        """
        sent: dict[str, str] = self.successResultOf(self.frontEnd.post("/", **options)).json()
        return sent

    def test_json(self) -> None:
        """
        A value as JSON; C{None} is one.
        """
        sent = self.sent(json={"a": [1, "ü"]})
        self.assertEqual(sent["type"], "application/json")
        self.assertEqual(json.loads(sent["body"]), {"a": [1, "ü"]})
        self.assertEqual(self.sent(json=None)["body"], "null")

    def test_form(self) -> None:
        """
        The fields of a form; a name may be there twice.
        """
        sent = self.sent(form=[("a", "1 2"), ("a", "ü&")])
        self.assertEqual(sent["type"], "application/x-www-form-urlencoded")
        self.assertEqual(sent["body"], "a=1+2&a=%C3%BC%26")
        self.assertEqual(self.sent(form={"b": ""})["body"], "b=")

    def test_files(self) -> None:
        """
        Files, with fields beside them; whatever is in a file, it ends where it ends.
        """
        files = {
            "one": b"--txfcgi\r\n",
            "two": ('q"\r\n.txt', b"2"),
            "three": ("t.png", b"", "image/png"),
        }
        sent = self.sent(form={"field": "value"}, files=files)
        message = message_from_bytes(
            f"Content-Type: {sent['type']}\r\n\r\n{sent['body']}".encode("latin-1")
        )
        parts = [
            (
                part.get_param("name", header="content-disposition"),
                part.get_filename(),
                part.get_content_type(),
                part.get_payload(decode=True),
            )
            for part in message.get_payload()
            if not isinstance(part, str)
        ]
        self.assertEqual(
            parts,
            [
                ("field", None, "text/plain", b"value"),
                ("one", "one", "application/octet-stream", b"--txfcgi\r\n"),
                ("two", "q%22%0D%0A.txt", "application/octet-stream", b"2"),
                ("three", "t.png", "image/png", b""),
            ],
        )

    def test_ownType(self) -> None:
        """
        A Content-Type of one's own is kept.
        """
        kind = {"Content-Type": "application/vnd.api+json"}
        self.assertEqual(self.sent(json=1, headers=kind)["type"], kind["Content-Type"])

    def test_twoBodies(self) -> None:
        """
        Of several bodies, none is dropped in silence; what is no file is told.
        """
        for options in (
            {"body": b"", "json": 1},
            {"json": 1, "form": {}},
            {"body": b"", "files": {}},
        ):
            error = self.assertRaises(TypeError, self.frontEnd.post, "/", **options)
            self.assertIn("a request has one body", str(error))
        for file in ("text", ("name", "text"), (b"name", b""), ("a", b"", "b", "c"), None):
            error = self.assertRaises(TypeError, self.frontEnd.post, "/", files={"f": file})
            self.assertIn("the file 'f' is bytes", str(error))
        self.assertEqual(self.frontEnd.links, [])


class ResponseTests(SynchronousTestCase):
    """
    What a response has.
    """

    def response(self, headers: dict[str, str], body: bytes) -> Any:
        """
        One with these.
        """
        frontEnd = MemoryFrontEnd(lambda request: Response(200, headers, body), testCase=self)
        return self.successResultOf(frontEnd.get())

    def test_header(self) -> None:
        """
        A header by its name, in any case.
        """
        response = self.response({"X-A": "1"}, b"")
        self.assertEqual(response.header("x-a"), "1")
        self.assertIsNone(response.header("x-b"))
        self.assertEqual(response.header("x-b", "none"), "none")

    def test_text(self) -> None:
        """
        Text in the charset that the response names, or UTF-8; other bytes are an error.
        """
        for kind in ("text/plain; charset=latin-1", 'text/plain; a=b; Charset="latin-1"'):
            self.assertEqual(self.response({"Content-Type": kind}, b"\xfc").text, "ü")
        self.assertEqual(self.response({}, "ü".encode()).text, "ü")
        response = self.response({}, b"\xfc")
        self.assertRaises(UnicodeDecodeError, lambda: response.text)

    def test_notJSON(self) -> None:
        """
        What is not JSON is shown.
        """
        error = self.assertRaises(ValueError, self.response({}, b"<html>").json)
        self.assertIn("200 b'<html>'> is not JSON", str(error))


class RaiseTests(SynchronousTestCase):
    """
    Errors of an app, raised in the test.
    """

    def failing(self, request: Request) -> Response:
        """
        An app with a bug.
        """
        raise KeyError("a bug")

    def test_raised(self) -> None:
        """
        With C{raiseErrors}, a request fails with the app's error, which is not logged; its
        traceback leads to the app.
        """
        frontEnd = MemoryFrontEnd(self.failing, testCase=self, raiseErrors=True)
        failure = self.failureResultOf(frontEnd.get(), KeyError)
        self.assertIn("in failing", failure.getTraceback())
        self.assertRaises(KeyError, frontEnd.browser().get)

    def test_ofOneRequest(self) -> None:
        """
        A request may have it otherwise.
        """
        frontEnd = MemoryFrontEnd(self.failing, testCase=self)
        self.failureResultOf(frontEnd.get(raiseErrors=True), KeyError)
        self.assertEqual(self.successResultOf(frontEnd.get()).code, 500)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_later(self) -> None:
        """
        So do an app that fails later, and one that has begun to answer.
        """
        app = Held()
        frontEnd = MemoryFrontEnd(app, testCase=self, raiseErrors=True)
        asked = frontEnd.get()
        app.results[0].errback(KeyError("a bug"))
        self.failureResultOf(asked, KeyError)

        def body() -> Any:
            yield b"so far"
            raise KeyError("a bug")

        frontEnd = MemoryFrontEnd(lambda request: Response(200, {}, body()), testCase=self)
        self.failureResultOf(frontEnd.get(raiseErrors=True), KeyError)
        self.failureResultOf(frontEnd.get(), CutOff)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_noFault(self) -> None:
        """
        What an app answers by raising is an answer.
        """

        def busy(request: Request) -> Response:
            raise Overloaded

        frontEnd = MemoryFrontEnd(busy, testCase=self, raiseErrors=True)
        self.assertEqual(self.successResultOf(frontEnd.get()).code, 503)

    def test_gone(self) -> None:
        """
        For a browser that has left, the error is logged as ever.
        """
        result: Deferred[Response] = Deferred(lambda _: result.errback(KeyError("a bug")))
        frontEnd = MemoryFrontEnd(lambda request: result, testCase=self, raiseErrors=True)
        frontEnd.get().addErrback(lambda failure: None).cancel()
        frontEnd.pump()
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
