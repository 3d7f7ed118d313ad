"""
Tests of L{txfcgi.adapters.asgicall}: what an application sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

from twisted.logger import capturedLogs, formatEvent

from txfcgi import Role, asFuture
from txfcgi.errors import (
    Disconnected,
    InvalidHeader,
    InvalidResponse,
)
from txfcgi.server.files import SendFile
from txfcgi.testing.exchange import CutOff

from ..folders import folderFor
from ..loop import turns
from .asgi import TEXT, ASGITests, body, echo, sending, start


class AnswerTests(ASGITests):
    """
    What an application sends.
    """

    def test_whole(self) -> None:
        """
        A head and one body are a response with a length, over both protocols.
        """
        for protocol in ("fastcgi", "scgi"):
            application = sending(start(201, [*TEXT, (b"x-a", b"1"), (b"x-a", b"2")]), body(b"hi"))
            answer = self.ask(application, protocol=protocol, mount=None)
            self.assertEqual((answer.code, answer.body), (201, b"hi"))
            self.assertEqual(answer.headers.getRawHeaders("x-a"), ["1", "2"])
            self.assertEqual(answer.headers.getRawHeaders("content-length"), ["2"])

    def test_defaults(self) -> None:
        """
        Headers, body and C{more_body} may be left out.
        """
        answer = self.ask(
            sending({"type": "http.response.start", "status": 200}, {"type": "http.response.body"})
        )
        self.assertEqual((answer.code, answer.body), (200, b""))

    def test_streamed(self) -> None:
        """
        A body in pieces is one body, and has no length but what the application says.
        """
        pieces = [body(b"a", more_body=True), body(more_body=True), body(b"b" * 70_000)]
        answer = self.ask(sending(start(), *pieces))
        self.assertEqual(answer.body, b"a" + b"b" * 70_000)
        self.assertFalse(answer.headers.hasHeader("content-length"))
        length = (b"content-length", b"70001")
        answer = self.ask(sending(start(headers=[*TEXT, length]), *pieces))
        self.assertEqual(answer.headers.getRawHeaders("content-length"), ["70001"])

    def test_bytesLike(self) -> None:
        """
        A body may be a bytearray or a memoryview.
        """
        pieces = [body(bytearray(b"a"), more_body=True), body(memoryview(b"b"))]
        self.assertEqual(self.ask(sending(start(), *pieces)).body, b"ab")

    def test_headAtOnce(self) -> None:
        """
        An empty piece with more to come sends the head.
        """
        event = asyncio.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await send(start())
            await send(body(more_body=True))
            await event.wait()
            await send(body(b"late"))

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = await self.begin(frontEnd, "GET", length=0)
            exchange.close()
            self.assertIn(b"Status: 200", exchange.stdout)
            event.set()
            answer = await asFuture(exchange.response)
            self.assertEqual(answer.body, b"late")

        self.inLoop(main)

    def test_head(self) -> None:
        """
        The body of an answer to HEAD is not sent, whole or in pieces, and the application ends as
        ever; one that goes on and on is told to stop.
        """
        ended: list[Any] = []

        async def endless(scope: Any, receive: Any, send: Any) -> None:
            await send(start())
            try:
                while True:
                    await send(body(b"x" * 100_000, more_body=True))
            except OSError as error:
                ended.append(error)
                raise

        async def pieces(scope: Any, receive: Any, send: Any) -> None:
            await sending(start(), body(b"a", more_body=True), body(b"b"))(scope, receive, send)
            ended.append((await receive())["type"])

        async def empty(scope: Any, receive: Any, send: Any) -> None:
            await send(start())
            while True:
                await send(body(b"", more_body=True))

        self.assertEqual(self.ask(sending(start(), body(b"abc")), "HEAD").body, b"")
        self.assertEqual(self.ask(pieces, "HEAD").body, b"")
        self.assertEqual(self.ask(endless, "HEAD").body, b"")
        self.assertEqual(ended[0], "http.disconnect")
        self.assertIsInstance(ended[1], Disconnected)

        async def main() -> None:
            frontEnd = self.frontEnd(empty, lifespan="off")
            answer = await self.answer(frontEnd, frontEnd.request("HEAD"))
            self.assertEqual(answer.body, b"")
            await turns(number=1_100)

        self.inLoop(main)  # which sees that nothing is left running

    def test_letsOthersGoOn(self) -> None:
        """
        An application that asks on when its request is over, sends on when it is gone, or sends
        nothing again and again, leaves the loop to others.
        """
        stop = asyncio.Event()
        loops = 0

        async def asks(scope: Any, receive: Any, send: Any) -> None:
            nonlocal loops
            await sending(start(), body(b"x"))(scope, receive, send)
            while not stop.is_set():
                loops += 1
                assert (await receive())["type"] == "http.disconnect"

        async def sendsOn(scope: Any, receive: Any, send: Any) -> None:
            nonlocal loops
            await sending(start(), body(b"x"))(scope, receive, send)
            while not stop.is_set():
                loops += 1
                with contextlib.suppress(OSError, InvalidResponse):
                    await send(body(b"y"))

        async def sendsNothing(scope: Any, receive: Any, send: Any) -> None:
            nonlocal loops
            await send(start())
            while not stop.is_set():
                loops += 1
                await send(body(b"", more_body=True))
            await send(body(b"x"))

        async def main() -> None:
            for application in (asks, sendsOn, sendsNothing):
                stop.clear()
                before = loops
                frontEnd = self.frontEnd(application, lifespan="off")
                answer = frontEnd.request()
                await turns(frontEnd)
                self.assertGreater(loops - before, 5)
                stop.set()
                self.assertEqual((await self.answer(frontEnd, answer)).body, b"x")

        self.inLoop(main)

    def test_sendsOnWhenGone(self) -> None:
        """
        So does one that sends on although its browser has gone.
        """
        stop = asyncio.Event()
        errors: list[OSError] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            assert (await receive())["type"] == "http.request"
            assert (await receive())["type"] == "http.disconnect"
            while not stop.is_set():
                try:
                    await send(start())
                except OSError as error:
                    errors.append(error)

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = await self.begin(frontEnd, "GET", length=0)
            exchange.close()
            await turns(frontEnd)
            exchange.leave()
            exchange.response.addErrback(lambda _: None)
            await turns(frontEnd)
            self.assertGreater(len(errors), 5)
            stop.set()

        self.inLoop(main)

    def test_noBody(self) -> None:
        """
        Neither is that of a 204 or a 304.
        """
        for code in (204, 304):
            for messages in ([body(b"x")], [body(b"x", more_body=True), body(b"y")]):
                answer = self.ask(sending(start(code), *messages))
                self.assertEqual((answer.code, answer.body), (code, b""))

    def test_behindTheAnswer(self) -> None:
        """
        What an application does behind its answer holds nothing up, and is not cancelled.
        """
        event = asyncio.Event()
        done: list[str] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await sending(start(), body(b"answer"))(scope, receive, send)
            await event.wait()
            done.append((await receive())["type"])

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            answer = await asFuture(frontEnd.get())
            self.assertEqual((answer.body, done), (b"answer", []))
            event.set()
            await turns()
            self.assertEqual(done, ["http.disconnect"])

        self.inLoop(main)

    def test_backpressure(self) -> None:
        """
        An application waits while its reader takes nothing, with little waiting in memory.
        """
        sent: list[int] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await send(start())
            for number in range(100):
                await send(body(b"x" * 50_000, more_body=True))
                sent.append(number)
            await send(body())

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            exchange = frontEnd.start("GET", length=0, readRate=0)
            exchange.close()
            await turns(frontEnd)
            self.assertLess(len(sent), 10)
            while not exchange.over:
                exchange.read(200_000)
                await turns(frontEnd, 3)
            self.assertEqual(len((await asFuture(exchange.response)).body), 5_000_000)

        self.inLoop(main)

    def test_task(self) -> None:
        """
        Each request is a task of its own.
        """
        tasks: set[Any] = set()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            async with asyncio.timeout(5) if hasattr(asyncio, "timeout") else asyncio.Lock():
                tasks.add(asyncio.current_task())
            await sending(start(), body(b"x"))(scope, receive, send)

        async def main() -> None:
            frontEnd = self.frontEnd(application, lifespan="off")
            for _ in range(3):
                await asFuture(frontEnd.get())

        self.inLoop(main)
        self.assertEqual((len(tasks), None in tasks), (3, False))


class PathSendTests(ASGITests):
    """
    A file that is sent by its name.
    """

    def setUp(self) -> None:
        """
        Make a file.
        """
        self.path = os.path.realpath(folderFor(self))
        self.file = os.path.join(self.path, "a ä.txt")
        with open(self.file, "wb") as file:
            file.write(b"0123456789" * 20_000)

    def send(self, path: Any, *headers: Any, **options: Any) -> Any:
        """
        Ask an application that sends a file.
        """
        message = {"type": "http.response.pathsend", "path": path}
        return self.ask(sending(start(headers=[*TEXT, *headers]), message), **options)

    def test_fromHere(self) -> None:
        """
        It is sent from here, with its length.
        """
        for headers in ([], [(b"Content-Length", b"200000")]):
            answer = self.send(self.file, *headers)
            self.assertEqual(answer.body, b"0123456789" * 20_000)
            self.assertEqual(answer.headers.getRawHeaders("content-length"), ["200000"])

    def test_byTheWebServer(self) -> None:
        """
        The web server sends it, where it is told so, and the file is in a folder of its.
        """
        length = (b"content-length", b"200000")
        answer = self.send(self.file, length, sendFile=SendFile())
        quoted = self.file.replace("ä", "%C3%A4").replace(" ", "%20")
        self.assertEqual(answer.headers.getRawHeaders("x-sendfile"), [quoted])
        self.assertFalse(answer.headers.hasHeader("content-length"))
        accel = SendFile("X-Accel-Redirect", {self.path: "/files/"})
        answer = self.send(self.file, sendFile=accel)
        self.assertEqual(
            answer.headers.getRawHeaders("x-accel-redirect"), ["/files/a%20%C3%A4.txt"]
        )
        elsewhere = SendFile("X-Accel-Redirect", {os.path.join(self.path, "sub"): "/files"})
        self.assertEqual(self.send(self.file, sendFile=elsewhere).body, b"0123456789" * 20_000)

    def test_mistakes(self) -> None:
        """
        A file that is not there, and a path that is none, are errors of the application.
        """
        for path, error in (
            (self.file + "x", FileNotFoundError),
            (self.path, IsADirectoryError),
            ("relative", InvalidResponse),
            (b"/bytes", InvalidResponse),
        ):
            self.assertEqual(self.send(path).code, 500)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_failsAfterwards(self) -> None:
        """
        An application that fails after its response is logged with the method, and the URI without
        secrets.
        """

        async def late(scope: Any, receive: Any, send: Any) -> None:
            await send(start())
            await send(body(b"x"))
            raise ZeroDivisionError

        with capturedLogs() as events:
            self.assertEqual(self.ask(late, "GET", "/a?token=1234").body, b"x")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        [said] = [text for text in map(formatEvent, events) if "was over" in text]
        self.assertIn("(GET /a?token=***) was over", said)


class MistakesTests(ASGITests):
    """
    Each mistake of an application costs its request a 500, and is told with the rule and the name.
    """

    def mistake(self, application: Any, error: type[Exception] = InvalidResponse) -> str:
        """
        Ask an application that makes one.

        @return: What is logged.
        """
        self.assertEqual(self.ask(application).code, 500)
        (failure,) = self.flushLoggedErrors(error)
        message = failure.getErrorMessage()
        if error is InvalidResponse:
            self.assertIn("application", message)
            self.assertIn("ASGI", message)
        return message

    def test_messages(self) -> None:
        """
        A message of the wrong kind or with the wrong things in it.
        """
        for messages, said in (
            ([], "returned without sending 'http.response.start'"),
            ([start()], "returned after 'http.response.start' without sending"),
            ([body(b"x")], "'http.response.start' comes first"),
            ([start(), start()], "comes next"),
            ([start("200")], "an int"),
            ([start(True)], "an int"),
            ([start(None)], "an int"),
            ([start(headers={b"a": b"b"})], "pairs of bytes"),
            ([start(headers=b"ab")], "pairs of bytes"),
            ([start(trailers=True)], "trailers"),
            ([start(), body("text")], "it is bytes"),
            ([start(), body(None)], "it is bytes"),
            ([{"type": "websocket.accept"}], "'websocket.accept' out of order"),
            ([{}], "None out of order"),
            ([[]], "None out of order"),
        ):
            self.assertIn(said, self.mistake(sending(*messages)))

    def test_headers(self) -> None:
        """
        Headers that are not pairs of bytes, or can't be sent.
        """
        pairs = "they are an iterable of pairs of bytes, a name and a value (ASGI, HTTP 2.4)"
        for headers, words in (
            ([("a", "b")], pairs),
            ([(b"a", 1)], pairs),
            ([(b"a",)], pairs),
            ([b"ab"], pairs),
            (5, pairs),
            ([(b"a b", b"c")], "a b"),
            ([(b"a", b"b\nc: d")], "control character"),
        ):
            said = self.mistake(sending(start(headers=headers), body()), InvalidHeader)
            self.assertIn(words, said)
            if words is pairs:
                self.assertIn("application sent 'http.response.start' with the headers", said)

    def test_raises(self) -> None:
        """
        An exception, that of an application which wants to end the process too.
        """

        async def failing(scope: Any, receive: Any, send: Any) -> None:
            raise ZeroDivisionError

        async def exiting(scope: Any, receive: Any, send: Any) -> None:
            raise SystemExit(3)

        self.mistake(failing, ZeroDivisionError)
        self.assertEqual(self.ask(exiting).code, 500)
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 1)

    def test_noCoroutine(self) -> None:
        """
        A plain function.
        """

        def application(scope: Any, receive: Any, send: Any) -> Any:
            return 5

        self.assertIn("returned int", self.mistake(application))

    def test_late(self) -> None:
        """
        What goes wrong behind the head breaks the answer off.
        """

        async def failing(scope: Any, receive: Any, send: Any) -> None:
            await send(start())
            await send(body(b"x", more_body=True))
            raise ZeroDivisionError

        for application, error in (
            (failing, ZeroDivisionError),
            (sending(start(), body(b"x", more_body=True)), InvalidResponse),
            (sending(start(), body(b"x", more_body=True), body("x")), InvalidResponse),
        ):
            with self.assertRaises(CutOff):
                self.ask(application)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_afterTheEnd(self) -> None:
        """
        What is sent after the end is an error of the application's, and no harm to the answer.
        """
        answer = self.ask(sending(start(), body(b"x"), body(b"y")))
        self.assertEqual((answer.code, answer.body), (200, b"x"))
        (failure,) = self.flushLoggedErrors(InvalidResponse)
        self.assertIn("the answer is complete", failure.getErrorMessage())

    def test_role(self) -> None:
        """
        An Authorizer is something else.
        """

        async def main() -> int:
            frontEnd = self.frontEnd(echo, lifespan="off")
            return (await asFuture(frontEnd.request(role=Role.AUTHORIZER))).code

        self.assertNotEqual(self.inLoop(main), 200)

    def test_elsewhere(self) -> None:
        """
        A path that is not below the mount is a 404.
        """
        self.assertEqual(self.ask(echo, "GET", "/other", mount="/shop").code, 404)
