"""
What a test must not leave behind, and the message about it.

    trial examples/testing/test_leftovers.py
    pytest examples/testing/test_leftovers.py
"""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txfcgi import Request, Response, cgiParams
from txfcgi.testing import Leftovers, MemoryBackEnd, MemoryFrontEnd, answers


class LeftoverTests(SynchronousTestCase):
    """
    Each test closes its front end or back end by hand; C{testCase=self} would do that at its end.
    """

    def test_forgottenDeferred(self) -> None:
        """
        An app whose Deferred never fires.
        """

        def forgetful(request: Request) -> Deferred[Response]:
            return Deferred()

        frontEnd = MemoryFrontEnd(forgetful)
        frontEnd.get("/slow")
        message = str(self.assertRaises(Leftovers, frontEnd.close))
        self.assertIn("GET /slow", message)
        self.assertIn("forgetful has not answered", message)

    def test_unreadBody(self) -> None:
        """
        An app that accepts an upload without reading it.
        """

        def careless(request: Request) -> Response:
            return Response(200, {}, b"thank you\n")

        frontEnd = MemoryFrontEnd(careless)
        frontEnd.post("/upload", b"12345")
        message = str(self.assertRaises(Leftovers, frontEnd.close))
        self.assertIn("POST /upload", message)
        self.assertIn("careless did not read the body", message)

    def test_unreadBodyThatIsMeant(self) -> None:
        """
        An app may refuse an upload without reading it, and a test may allow it to leave one unread.
        """

        def refusing(request: Request) -> Response:
            return Response(413 if request.pathInfo == "/large" else 200, {}, b"")

        frontEnd = MemoryFrontEnd(refusing)
        frontEnd.post("/large", b"12345")
        frontEnd.post("/small", b"12345", mayLeaveBody=True)
        frontEnd.close()

    def test_openStream(self) -> None:
        """
        An app that begins an answer and does not end it.
        """

        def endless(request: Request) -> Deferred[None]:
            request.stdout.write(b"Content-Type: text/plain\r\n\r\nbegun\n")
            return Deferred()

        frontEnd = MemoryFrontEnd(endless)
        frontEnd.get("/events")
        message = str(self.assertRaises(Leftovers, frontEnd.close))
        self.assertIn("GET /events", message)
        self.assertIn("its stream is not closed", message)

    def test_caller(self) -> None:
        """
        A client that does not read a response, and one that gets none.
        """
        backEnd = MemoryBackEnd({"/page": "text", "/never": answers.silent()})
        client = backEnd.client()
        client.request(cgiParams("GET", "/page"))
        client.request(cgiParams("GET", "/never"))
        message = str(self.assertRaises(Leftovers, backEnd.close))
        self.assertIn("GET /page: the body of the response was not read", message)
        self.assertIn("GET /never: the Deferred for the response never fired", message)


if __name__ == "__main__":
    raise SystemExit(__doc__)  # how to run these
