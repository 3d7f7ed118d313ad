"""
Tests of L{txfcgi.adapters.lifespan}, and of how L{txfcgi.adapters.asgi} starts and stops.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher

from txfcgi import asFuture
from txfcgi.adapters.asgi import ASGIApp
from txfcgi.errors import StartupFailed

from ..loop import turns
from .asgi import TEXT, ASGITests


async def answer(scope: Any, receive: Any, send: Any, text: str = "x") -> None:
    """
    Answer an HTTP request.
    """
    await send({"type": "http.response.start", "status": 200, "headers": TEXT})
    await send({"type": "http.response.body", "body": text.encode()})


class Recorder:
    """
    An application that does as it is told in its lifespan.

    @ivar events: What it heard.
    """

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.events: list[str] = []
        self._answers = list(answers)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """
        Be called.
        """
        self.events.append(scope["type"])
        if scope["type"] == "http":
            scope["state"]["own"] = 1
            await answer(scope, receive, send, repr(sorted(scope["state"])))
            return
        scope["state"]["kept"] = self
        for message in self._answers:
            self.events.append((await receive())["type"])
            await send(message)


STARTED = {"type": "lifespan.startup.complete"}
STOPPED = {"type": "lifespan.shutdown.complete"}


class LifespanTests(ASGITests):
    """
    An application before its first request, and after its last.
    """

    def setUp(self) -> None:
        """
        Keep what is logged.
        """
        self.logged: list[LogEvent] = []
        keep = cast(ILogObserver, self.logged.append)
        globalLogPublisher.addObserver(keep)
        self.addCleanup(globalLogPublisher.removeObserver, keep)

    def said(self) -> str:
        """
        What was logged.
        """
        return "\n".join(formatEvent(event) for event in self.logged)

    def live(self, application: Any, **options: Any) -> None:
        """
        Start an application, and stop it.
        """
        app = ASGIApp(application, **options)

        async def main() -> None:
            await asFuture(app.startup())
            await asFuture(app.shutdown())

        self.inLoop(main)

    def test_whole(self) -> None:
        """
        It is told once of each, and what it keeps in its state is in that of each request, which
        is a copy.
        """
        application = Recorder(STARTED, STOPPED)

        async def main() -> None:
            frontEnd = self.frontEnd(application, unstarted=True)
            await asFuture(self.app.startup())
            await asFuture(self.app.startup())
            for _ in range(2):
                got = await self.answer(frontEnd, frontEnd.get())
                self.assertEqual(got.body, b"['kept', 'own']")
            await asFuture(self.app.shutdown())

        self.inLoop(main)
        self.assertEqual(
            application.events,
            ["lifespan", "lifespan.startup", "http", "http", "lifespan.shutdown"],
        )

    def test_startsWithTheFirstRequest(self) -> None:
        """
        Where nobody waited for that, the first requests do.
        """
        application = Recorder(STARTED, STOPPED)

        async def main() -> None:
            frontEnd = self.frontEnd(application, unstarted=True)
            both = [frontEnd.get(), frontEnd.get()]
            for response in both:
                self.assertEqual((await self.answer(frontEnd, response)).code, 200)
            await asFuture(self.app.shutdown())

        self.inLoop(main)
        self.assertEqual(application.events.count("lifespan.startup"), 1)

    def test_frontEndInMemory(self) -> None:
        """
        The test kit starts and stops it.
        """
        application = Recorder(STARTED, STOPPED)

        async def main() -> None:
            frontEnd = self.frontEnd(application)
            await asFuture(frontEnd.started)
            self.assertEqual((await self.answer(frontEnd, frontEnd.get())).code, 200)
            await asFuture(frontEnd.stop())

        self.inLoop(main)
        self.assertEqual(application.events[-2:], ["http", "lifespan.shutdown"])

    def test_off(self) -> None:
        """
        It is not told where it is not to be.
        """
        application = Recorder(STARTED, STOPPED)
        self.live(application, lifespan="off")
        self.assertEqual(application.events, [])

    def test_takesNone(self) -> None:
        """
        One that takes no such event is served all the same, and the log says so; with C{on}, the
        start fails.
        """

        async def raising(scope: Any, receive: Any, send: Any) -> None:
            assert scope["type"] == "http"

        async def returning(scope: Any, receive: Any, send: Any) -> None:
            return

        async def late(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            raise ZeroDivisionError

        async def exiting(scope: Any, receive: Any, send: Any) -> None:
            raise SystemExit(3)

        for application, said in (
            (raising, "does not support lifespan events (it raised AssertionError"),
            (returning, "does not support lifespan events (it returned)"),
            (late, "failed on lifespan.startup and is served all the same"),
            (exiting, "does not support lifespan events (it raised SystemExit(3))"),
        ):
            self.logged.clear()
            self.live(application)
            self.assertIn(said, self.said())
            error = self.assertRaises(StartupFailed, self.live, application, lifespan="on")
            self.assertIn(f"{application.__qualname__} did not take lifespan.startup", str(error))

    def test_failed(self) -> None:
        """
        One that can't start fails the start with its own message, whatever the mode, and each
        request of one that is served all the same.
        """
        failed = {"type": "lifespan.startup.failed", "message": "no database"}
        for mode in ("auto", "on"):
            error = self.assertRaises(StartupFailed, self.live, Recorder(failed), lifespan=mode)
            self.assertEqual(str(error), "Recorder failed to start: no database")
        silent = Recorder({"type": "lifespan.startup.failed"})
        error = self.assertRaises(StartupFailed, self.live, silent)
        self.assertIn("did not say why", str(error))

        async def main() -> None:
            frontEnd = self.frontEnd(Recorder(failed), unstarted=True)
            for _ in range(2):
                self.assertEqual((await self.answer(frontEnd, frontEnd.get())).code, 500)

        self.inLoop(main)
        self.assertEqual(len(self.flushLoggedErrors(StartupFailed)), 2)

    def test_shutdownFailed(self) -> None:
        """
        What goes wrong at the end is logged.
        """

        async def raising(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(STARTED)
            await receive()
            raise ZeroDivisionError("at the end")

        async def returning(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(STARTED)

        self.live(Recorder(STARTED, {"type": "lifespan.shutdown.failed", "message": "no disk"}))
        self.assertIn("Recorder failed to shut down: no disk", self.said())
        self.live(raising)
        self.assertIn("at the end", self.said())
        self.live(returning)

    def test_slow(self) -> None:
        """
        One that takes too long to end is not waited for, nor is what it does behind its answers.
        """
        cancelled: list[str] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            try:
                if scope["type"] == "http":
                    await answer(scope, receive, send)
                else:
                    await receive()
                    await send(STARTED)
                    await receive()
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.append(scope["type"])
                raise

        async def main() -> None:
            frontEnd = self.frontEnd(application, unstarted=True, shutdownTimeout=0.01)
            await self.answer(frontEnd, frontEnd.get())
            await asFuture(self.app.shutdown())

        self.inLoop(main)
        self.assertEqual(cancelled, ["http", "lifespan"])
        self.assertIn("1 tasks of", self.said())
        self.assertIn("did not shut down in 0.01 s", self.said())

    def test_waitsForWhatIsBehindTheAnswers(self) -> None:
        """
        What it does behind its answers ends before its lifespan does.
        """
        order: list[str] = []
        event = asyncio.Event()

        async def application(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                await answer(scope, receive, send)
                await event.wait()
                order.append("request")
            else:
                await Recorder(STARTED)(scope, receive, send)
                await receive()
                order.append("lifespan")
                await send(STOPPED)

        async def main() -> None:
            frontEnd = self.frontEnd(application, unstarted=True)
            await self.answer(frontEnd, frontEnd.get())
            ending = asFuture(self.app.shutdown())
            await turns()
            event.set()
            await ending

        self.inLoop(main)
        self.assertEqual(order, ["request", "lifespan"])

    def test_mistakes(self) -> None:
        """
        A message that answers no event is an error of the application's.
        """
        caught: list[str] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            for kind in ("http.response.start", "lifespan.shutdown.complete", 5):
                try:
                    await send({"type": kind})
                except Exception as error:
                    caught.append(str(error))
            await receive()
            await send(STARTED)
            try:
                await send(STARTED)
            except Exception as error:
                caught.append(str(error))
            await receive()
            await send(STOPPED)

        self.live(application)
        self.assertEqual(len(caught), 4)
        for text in caught:
            self.assertIn("answers no event of its lifespan", text)
