"""
A browser of an app: plain responses, cookies that are kept, JSON, forms and files, and the app's
own exception if it has a bug.

    pytest examples/testing/test_browser.py
    trial examples/testing/test_browser.py
"""

import json

from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Request, Response
from txfcgi.testing import Browser, MemoryFrontEnd


async def forum(request: Request) -> Response:
    """
    The app that is tested.
    """
    body = await request.stdin.read()
    if request.path == "/login":
        return Response(204, {"Set-Cookie": "session=7; Path=/; HttpOnly"}, b"")
    if request.params.get("HTTP_COOKIE") != "session=7":
        return Response(403, {}, b"who are you?\n")
    post = json.loads(body)
    saved = {"id": 1, "text": post["text"]}
    return Response(201, {"Content-Type": "application/json"}, json.dumps(saved).encode())


class ForumTests(SynchronousTestCase):
    """
    A visit.
    """

    def setUp(self) -> None:
        frontEnd = MemoryFrontEnd(forum, server="nginx", raiseErrors=True, testCase=self)
        self.browser: Browser = frontEnd.browser()

    def test_post(self) -> None:
        """
        A visitor who has logged in can post.
        """
        self.assertEqual(self.browser.post("/posts", json={"text": "hello"}).code, 403)
        self.browser.post("/login", form={"name": "me", "password": "x"})
        self.assertEqual(self.browser.cookie("session"), "7")
        response = self.browser.post("/posts", json={"text": "hello"})
        self.assertEqual(response.code, 201)
        self.assertEqual(response.header("content-type"), "application/json")
        self.assertEqual(response.json(), {"id": 1, "text": "hello"})

    def test_bug(self) -> None:
        """
        An exception of the app is raised in the test, because the front end has C{raiseErrors}.
        """
        self.browser.post("/login", files={"photo": ("me.png", b"...", "image/png")})
        self.assertRaises(KeyError, self.browser.post, "/posts", json={"title": "hello"})


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
