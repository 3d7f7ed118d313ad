"""
What a test may not leave behind fails it, with a message that names it; what it may does not.
"""

from __future__ import annotations

from typing import Any
from unittest.result import TestResult as Result

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.folders import folderFor
from txfcgi import FastCGIClient, FastCGIServerFactory, Limits, Request, Response, cgiParams
from txfcgi.errors import InvalidParam
from txfcgi.testing import Leftovers, MemoryBackEnd, MemoryFrontEnd, answers, serve


def never(request: Request) -> Deferred[Response]:
    """
    Forget to answer.
    """
    return Deferred()


def careless(request: Request) -> Response:
    """
    Answer without looking.
    """
    return Response(200, {}, b"fine")


async def halfHearted(request: Request) -> Response:
    """
    Read some of a body.
    """
    await request.stdin.read(3)
    return Response(200, {}, b"fine")


class AppTests(SynchronousTestCase):
    """
    Apps that leave something.
    """

    def left(self, app: Any, method: str = "POST", uri: str = "/upload", **options: Any) -> str:
        """
        What is said when a request of an app was made.
        """
        frontEnd = MemoryFrontEnd(app)
        frontEnd.request(method, uri, **options)
        try:
            frontEnd.close()
        except Leftovers as leftovers:
            self.assertEqual(len(leftovers.left), 1)
            return leftovers.left[0]
        return ""

    def test_deferred(self) -> None:
        """
        The Deferred of an app that never fires.
        """
        self.assertEqual(
            self.left(never, "GET", "/slow"),
            "GET /slow: never has not answered: the Deferred for its result never fired",
        )

    def test_body(self) -> None:
        """
        A body that was not read, or not to its end.
        """
        for app in (careless, halfHearted):
            self.assertEqual(
                self.left(app, body=b"12345"),
                f"POST /upload: {app.__name__} did not read the body to its end, of which 5 bytes "
                "came",
            )
        self.assertIn("did not read", self.left(halfHearted, body=[b"123", b"45"], chunked=True))

    def test_data(self) -> None:
        """
        The file of a Filter.
        """

        async def app(request: Any) -> Response:
            await request.data.read(1)
            return Response(200, {}, b"")

        self.assertIn("the data to its end", self.left(app, "GET", role=3, data=b"12345"))

    def test_stream(self) -> None:
        """
        An answer that was begun.
        """

        def app(request: Request) -> Deferred[None]:
            request.stdout.write(b"Content-Type: text/plain\r\n\r\n")
            return Deferred()

        self.assertIn("was begun, and its stream is not closed", self.left(app))

    def test_nothing(self) -> None:
        """
        Bodies that may be left: by who refuses, who fails, who is told to, and whose browser left.
        """

        async def reading(request: Request) -> Response:
            await request.stdin.read()
            return Response()

        async def later(request: Request) -> Response:
            return Response(404, {}, b"")

        def failing(request: Request) -> Response:
            raise RuntimeError("broken")

        self.assertEqual(self.left(reading, body=b"12345"), "")
        self.assertEqual(self.left(careless, body=b""), "")
        self.assertEqual(self.left(careless, body=b"12345", mayLeaveBody=True), "")
        self.assertEqual(self.left(lambda request: Response(413), body=b"12345"), "")
        self.assertEqual(self.left(later, body=b"12345"), "")
        self.assertEqual(self.left(failing, body=b"12345"), "")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_aborted(self) -> None:
        """
        An app whose request was aborted has nothing to answer for.
        """
        with MemoryFrontEnd(never, server="nginx") as frontEnd:
            frontEnd.post("/", b"12345", abortAfter=0).addErrback(lambda failure: None)

    def test_testCase(self) -> None:
        """
        A test that names itself to the front end fails, whatever it finds else.
        """

        class Forgetful(SynchronousTestCase):
            def test_it(self) -> None:
                MemoryFrontEnd(never, testCase=self).get("/slow")

        found = Result()
        Forgetful("test_it").run(found)
        ((_, text),) = found.errors
        self.assertIn("GET /slow: never has not answered", text)

    def test_errorInTheTestComesFirst(self) -> None:
        """
        In a C{with}, what the test failed with is not hidden.
        """
        with self.assertRaises(KeyError), MemoryFrontEnd(never) as frontEnd:
            frontEnd.get()
            raise KeyError
        with self.assertRaises(KeyError), MemoryBackEnd(answers.silent()) as backEnd:
            backEnd.client().request(cgiParams())
            raise KeyError

    def test_unreadableParams(self) -> None:
        """
        A request without a name of its own is named by what it is.
        """
        frontEnd = MemoryFrontEnd(never, limits=Limits(paramsCount=2))
        frontEnd.get("/")
        self.assertIn("ResponderRequest 1", str(self.assertRaises(Leftovers, frontEnd.close)))


class CallerTests(SynchronousTestCase):
    """
    Callers that leave something.
    """

    def left(self, backEnd: MemoryBackEnd) -> list[str]:
        """
        What is said when a back end is closed.
        """
        return self.assertRaises(Leftovers, backEnd.close).left

    def test_deferred(self) -> None:
        """
        A request that is not answered.
        """
        backEnd = MemoryBackEnd(answers.silent())
        backEnd.client().request([(b"REQUEST_METHOD", b"PUT"), (b"SCRIPT_NAME", b"/x")])
        self.assertEqual(self.left(backEnd), ["PUT /x: the Deferred for the response never fired"])
        backEnd = MemoryBackEnd(answers.silent())
        backEnd.client().request({"SCRIPT_NAME": "/x", "QUERY_STRING": "n=1"})
        backEnd.client().request({"REQUEST_METHOD": "GET"})
        self.assertEqual(
            self.left(backEnd),
            [
                "GET /x?n=1: the Deferred for the response never fired",
                "GET (no path): the Deferred for the response never fired",
            ],
        )

    def test_unread(self) -> None:
        """
        Responses of which nothing, or not all, is read.
        """
        backEnd = MemoryBackEnd("text")
        self.successResultOf(backEnd.client().request(cgiParams("GET", "/a")))
        self.assertEqual(self.left(backEnd), ["GET /a: the body of the response was not read"])
        backEnd = MemoryBackEnd("text")
        response = self.successResultOf(backEnd.client().request(cgiParams("GET", "/a")))
        self.assertEqual(self.successResultOf(response.stdout.read(3)), b"tex")
        self.assertIn("1 of 4 bytes are left", self.left(backEnd)[0])

    def test_open(self) -> None:
        """
        A response that goes on.
        """
        backEnd = MemoryBackEnd(answers.unfinished("text"))
        self.successResultOf(backEnd.client().request(cgiParams("GET", "/a")))
        self.assertIn("GET /a: the stream of the response is not closed", self.left(backEnd)[0])

    def test_foreignClient(self) -> None:
        """
        A client that the test made and did not close.
        """
        backEnd = MemoryBackEnd()
        client = FastCGIClient(backEnd.clock, backEnd)
        asked = client.request(cgiParams())
        backEnd.pump()
        self.successResultOf(asked)
        self.assertEqual(self.left(backEnd), ["connection 0 to the back end is not closed"])
        backEnd = MemoryBackEnd()
        client = FastCGIClient(backEnd.clock, backEnd)
        client.request(cgiParams())
        backEnd.pump()
        client.close()
        backEnd.close()

    def test_tooFewAnswers(self) -> None:
        """
        More requests than answers.
        """
        backEnd = MemoryBackEnd(["first"])
        client = backEnd.client()
        first = self.successResultOf(client.request(cgiParams()))
        self.assertEqual(self.successResultOf(first.content()), b"first")
        self.assertEqual(self.successResultOf(client.request(cgiParams("GET", "/b"))).code, 500)
        self.assertEqual(self.left(backEnd), ["GET /b: there was no answer left for it"])

    def test_nothing(self) -> None:
        """
        What was read, refused, aborted or cancelled is not left; nor is what has no body.
        """
        backEnd = MemoryBackEnd({"/a": "text", "/empty": "", "/s": answers.unfinished("text")})
        client = backEnd.client()
        read = self.successResultOf(client.request(cgiParams("GET", "/a")))
        self.successResultOf(read.content())
        self.successResultOf(client.request(cgiParams("GET", "/none")))
        self.successResultOf(client.request(cgiParams("GET", "/empty")))
        self.successResultOf(client.request(cgiParams("GET", "/s"))).abort()
        backEnd.close()

    def test_refusedParams(self) -> None:
        """
        A request that the client refused for its params leaves nothing.
        """
        backEnd = MemoryBackEnd("text")
        params: Any = {"REQUEST_METHOD": 7}
        self.failureResultOf(backEnd.client().request(params), InvalidParam)
        backEnd.close()


def caseWithCleanups() -> tuple[TestCase, list[Any]]:
    """
    A test case that never ends by itself.

    @return: It, and what is to be called at its end.
    """
    cleanups: list[Any] = []
    case = TestCase("run")
    case.addCleanup = cleanups.append  # type: ignore[assignment,method-assign]
    return case, cleanups


class SocketTests(TestCase):
    """
    The same on real sockets.
    """

    async def test_app(self) -> None:
        """
        An app that leaves something fails the test when it is over.
        """
        case, cleanups = caseWithCleanups()
        server = serve(case, careless)
        response = await server.client().request(cgiParams("POST", "/upload"), b"12345")
        self.assertEqual(server.left[0], server._application.left()[0])
        (stop,) = cleanups
        leftovers = await self.assertFailure(stop(), Leftovers)
        self.assertEqual(response.code, 200)
        self.assertEqual(len(leftovers.left), 2)
        self.assertIn("POST /upload: careless did not read the body", leftovers.left[0])
        self.assertIn("POST /upload: the body of the response was not read", leftovers.left[1])

    async def test_mayLeave(self) -> None:
        """
        A test may leave what it is about; over a Unix socket, too, and with a factory of its own.
        """
        server = serve(
            self, FastCGIServerFactory(careless), path=f"{folderFor(self)}/socket", mayLeave=True
        )
        self.assertEqual((server.port, server.endpoint[:5]), (0, "unix:"))
        await server.client().request(cgiParams("POST", "/upload"), b"12345")

    async def test_unanswered(self) -> None:
        """
        A request that nobody answered is cut off, and named.
        """
        called: Deferred[None] = Deferred()

        def app(request: Request) -> Deferred[Response]:
            called.callback(None)
            return Deferred()

        case, cleanups = caseWithCleanups()
        server = serve(case, app, "scgi")
        server.client().request(cgiParams("GET", "/never"))
        await called
        leftovers = await self.assertFailure(cleanups[0](), Leftovers)
        self.assertEqual(len(leftovers.left), 2)
