"""
Tests of L{txfcgi.server.output}: what an app writes to stdout and to stderr.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from tests.producers import Producer
from txfcgi import (
    Limits,
    Request,
    Response,
)
from txfcgi.errors import (
    OutputTooLarge,
    StreamClosed,
)
from txfcgi.wire.records import EndRequest, Stderr, Stdout

from .apps import PAGE, asynchronous, returning, synchronous
from .conversation import Held, ServerTests


class OutputTests(ServerTests):
    """
    Output that the web server does not take.
    """

    def test_tooMuch(self) -> None:
        """
        An app that writes on and on when nobody takes it fails: its request, not the process. It is
        logged once, with the app's name.
        """

        async def coroutine(request: Request) -> None:
            await succeed(None)
            write(request)

        def write(request: Request) -> None:
            request.stdout.write(b"Status: 200 OK\n\n")
            while True:
                request.stdout.write(b"x" * 1000)

        for app in (coroutine, write):
            self.events.clear()
            server = self.serve(app, Limits(outputBytes=5000))
            server.protocol.outlet.pauseProducing()
            server.get()
            self.assertEqual(server.protocol.factory.requests, 0)
            self.assertSaid(app.__qualname__, "wait for drain(), or register a producer")
            self.assertEqual(len(self.said.splitlines()), 1)
            self.assertLess(len(server.transport.value()), 8000)

    def test_tooMuchLater(self) -> None:
        """
        So it is for a coroutine that had waited for something.
        """
        wait: Deferred[None] = Deferred()
        ended: list[Any] = []

        async def app(request: Request) -> None:
            await wait
            try:
                while True:
                    request.stdout.write(b"Status: 200 OK\n\n" + b"x" * 1000)
            finally:
                ended.append(True)

        server = self.serve(app, Limits(outputBytes=5000))
        server.protocol.outlet.pauseProducing()
        server.get()
        wait.callback(None)
        self.assertEqual(ended, [True])
        self.assertEqual(len(self.said.splitlines()), 1)

    def test_otherWriter(self) -> None:
        """
        When another writes than the app's coroutine, that is cancelled.
        """
        app = Held()
        server = self.serve(app, Limits(outputBytes=10))
        server.protocol.outlet.pauseProducing()
        server.begin()
        stdout = app.requests[0].stdout
        self.assertRaises(OutputTooLarge, stdout.write, b"Status: 200 OK\n\n")
        self.assertEqual(app.cancelled, app.requests)
        self.assertRaises(StreamClosed, stdout.write, b"more")

    def test_counted(self) -> None:
        """
        Only what is written while there is no room counts.
        """

        def app(request: Request) -> None:
            outlet = server.protocol.outlet
            request.stdout.write(b"Status: 200 OK\n\n")
            for _ in range(100):
                outlet.pauseProducing()
                request.stdout.write(b"x" * 1000)
                outlet.resumeProducing()
                request.stdout.write(b"x" * 1000)

        server = self.serve(app, Limits(outputBytes=5000))
        self.assertEqual(len(server.get().body), 200_000)

    def test_waits(self) -> None:
        """
        Each kind of body waits when there is no room, and goes on when there is.
        """
        bodies: list[Any] = [
            synchronous(*[bytes(100_000)] * 10),
            asynchronous(*[bytes(100_000)] * 10),
        ]
        for body in bodies:
            server = self.serve(returning(Response(200, PAGE, body)))
            server.protocol.outlet.pauseProducing()
            server.get()
            self.assertLess(len(server.answer().stdout), 400_000)
            rounds = 0
            while server.answer().end is None:
                server.protocol.outlet.resumeProducing()
                self.clock.advance(0)
                rounds += 1
                self.assertLess(rounds, 20)
            self.assertEqual(len(server.answer().body), 1_000_000)

    def test_turns(self) -> None:
        """
        A body that the web server takes as fast as it comes leaves room for others, a turn of the
        reactor from time to time.
        """
        for body in (synchronous(*[bytes(400_000)] * 6), asynchronous(*[bytes(400_000)] * 6)):
            server = self.serve(returning(Response(200, PAGE, body)))
            self.assertIsNone(server.get().end)
            self.assertGreater(len(server.answer().stdout), 1_000_000)
            self.advance(5)
            self.assertEqual(len(server.answer().body), 2_400_000)

    def test_producerWaits(self) -> None:
        """
        A producer is paused and resumed; it is stopped when the request is over.
        """
        producer = Producer()
        server = self.serve(lambda _: Response(200, PAGE, producer))
        server.begin()
        server.protocol.outlet.pauseProducing()
        producer.consumer.write(b"a")
        server.protocol.outlet.resumeProducing()
        server.abort()
        self.assertEqual(producer.calls, ["start", "pause", "resume", "stop"])
        producer.consumer.write(b"ignored")
        self.assertEqual(server.answer().body, b"a")

    def test_producerFails(self) -> None:
        """
        A producer that fails when it is resumed costs its request.
        """
        producer = Producer()
        self.patch(producer, "resumeProducing", lambda: 1 / 0)
        held = Held()
        server = self.serve(
            lambda request: (
                Response(200, PAGE, producer) if request.requestID == 1 else held(request)
            )
        )
        server.begin(2)
        server.begin(1)
        server.protocol.outlet.pauseProducing()
        producer.consumer.write(b"a")
        server.protocol.outlet.resumeProducing()
        self.assertFailed(ZeroDivisionError)
        self.assertEqual(server.answer(1).status, (1, 0))
        self.assertEqual(producer.calls, ["start", "pause", "stop"])
        held.answer()
        self.assertEqual(server.answer(2).body, b"ok")

    def test_producerFailsToStop(self) -> None:
        """
        One that can't be stopped is logged.
        """
        producer = Producer()
        self.patch(producer, "stopProducing", lambda: 1 / 0)

        def app(request: Request) -> None:
            request.stdout.registerProducer(producer, True)
            request.stdout.write(b"Status: 200 OK\n\n")

        server = self.serve(app)
        self.assertEqual(server.get().status, (0, 0))
        self.assertFailed(ZeroDivisionError)
        self.assertSaid("Producer object", "failed when it was stopped")
        self.assertServes(server)


class StderrTests(ServerTests):
    """
    STDERR.
    """

    def test_none(self) -> None:
        """
        There is no STDERR record when nothing was written, and STDOUT is always closed.
        """
        server = self.serve()
        server.get()
        self.assertFalse(any(isinstance(each, Stderr) for each in server.records))
        self.assertEqual(server.records.count(Stdout(1)), 1)

    def test_interleaved(self) -> None:
        """
        It may come between pieces of STDOUT, is not cut or joined, and is closed by one record.
        """

        def app(request: Request) -> None:
            request.stderr.write(b"one")
            request.stdout.write(b"Status: 200 OK\r\n\r\n")
            request.stderr.write(b"")
            request.stderr.write(b"two\n")
            request.stdout.write(b"all")

        server = self.serve(app)
        self.assertEqual(
            server.get().records,
            [
                Stderr(1, b"one"),
                Stdout(1, b"Status: 200 OK\r\n\r\n"),
                Stderr(1, b"two\n"),
                Stdout(1, b"all"),
                Stdout(1),
                Stderr(1),
                EndRequest(1),
            ],
        )

    def test_withResponse(self) -> None:
        """
        It goes with every kind of answer.
        """

        def app(request: Request) -> Response:
            request.stderr.write(b"oops")
            return Response(200, PAGE, b"all")

        server = self.serve(app)
        server.get()
        self.assertEqual(server.answer().stderr, b"oops")
        self.assertEqual(server.records[-3:], [Stdout(1), Stderr(1), EndRequest(1)])

    def test_large(self) -> None:
        """
        It is split into records as STDOUT is.
        """

        def app(request: Request) -> Response:
            request.stderr.write(b"x" * 200_000)
            return Response()

        self.assertEqual(len(self.serve(app).get().stderr), 200_000)

    def test_tooMuch(self) -> None:
        """
        It is held to the same limit as STDOUT.
        """

        def app(request: Request) -> Response:
            request.stderr.write(b"x" * 200)
            return Response()

        server = self.serve(app, Limits(outputBytes=100))
        server.protocol.outlet.pauseProducing()
        self.assertEqual(server.get().code, 500)
        self.assertSaid("200 bytes were written that the peer did not take")
