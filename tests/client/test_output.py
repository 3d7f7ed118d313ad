"""
The output of a back end, both streams in their order.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from txfcgi import SCGIClient
from txfcgi.client.caller import Caller
from txfcgi.errors import (
    InvalidParam,
    NoResponse,
    Overloaded,
    RequestRefused,
    ResponseCutOff,
)
from txfcgi.wire.records import Stream

from .backends import GET, HEAD, POST, Backend, client, outcome

OUT, ERR = Stream.STDOUT, Stream.STDERR


class Reader:
    """
    Somebody who reads all of it.

    @ivar pieces: What came.
    @ivar result: What became of it.
    """

    def __init__(self, calling: Caller, *arguments: Any, most: int = 1000, **more: Any) -> None:
        self.pieces: list[tuple[Stream, bytes]] = []
        self.reading = Deferred.fromCoroutine(self._read(calling.stream(*arguments, **more), most))
        self.result = outcome(self.reading)

    async def _read(self, stream: Any, most: int) -> None:
        try:
            async for piece in stream:
                self.pieces.append(piece)
                if len(self.pieces) == most:
                    break
        finally:
            await stream.aclose()


class TestStream:
    """
    What is read.
    """

    def test_order(self) -> None:
        """
        The pieces of both streams, as they came, and the end.
        """
        backend = Backend()
        reader = Reader(client(backend), POST, b"body")
        assert backend.last.input() == (b"body", True)
        backend.last.stderr(b"first")
        backend.last.stdout(b"no he")
        assert reader.pieces == [(ERR, b"first"), (OUT, b"no he")]
        backend.last.stdout(b"ad")
        backend.last.stderr(b"last")
        assert reader.result == []
        backend.last.end(appStatus=3)
        assert reader.pieces[2:] == [(OUT, b"ad"), (ERR, b"last")]
        assert reader.result == [None]

    def test_atOnce(self) -> None:
        """
        Output that comes in one read with its end, and none at all; the connection is kept.
        """
        backend = Backend()
        calling = client(backend)
        reader = Reader(calling, GET)
        backend.last.answer(b"hello")
        assert (reader.pieces, reader.result) == ([(OUT, HEAD + b"hello")], [None])
        reader = Reader(calling, GET)
        backend.last.read()
        backend.last.end()
        assert (reader.pieces, reader.result) == ([], [None])
        assert len(backend.connections) == 1

    def test_SCGI(self) -> None:
        """
        By SCGI, it ends with the connection, whatever the head declares.
        """
        backend = Backend()
        reader = Reader(SCGIClient(Clock(), backend), GET)
        backend.last.send(b"Content-Length: 1\r\n\r\nab")
        assert reader.result == []
        backend.last.close()
        assert (reader.pieces, reader.result) == ([(OUT, b"Content-Length: 1\r\n\r\nab")], [None])

    def test_heldBack(self) -> None:
        """
        A back end whose output nobody reads is held back, until all that came is read.
        """
        backend = Backend()
        stream = client(backend, streamBytes=10).stream(GET)

        def read() -> Any:
            (piece,) = outcome(Deferred.fromCoroutine(anext(stream)))
            return piece

        first = outcome(Deferred.fromCoroutine(anext(stream)))
        backend.last.read()
        backend.last.stdout(b"a")
        assert first == [(OUT, b"a")]
        backend.last.stdout(b"b" * 8)
        backend.last.stderr(b"c" * 3)
        assert backend.last.transport.producerState == "paused"
        assert read() == (OUT, b"b" * 8)
        assert backend.last.transport.producerState == "paused"
        assert read() == (ERR, b"ccc")
        assert backend.last.transport.producerState == "producing"
        backend.last.end()
        assert isinstance(read(), StopAsyncIteration)


class TestFailures:
    """
    What goes wrong, and readers who want no more.
    """

    def test_cutOff(self) -> None:
        """
        What came is read, and then the error raised.
        """
        backend = Backend()
        reader = Reader(client(backend), GET)
        backend.last.read()
        backend.last.stdout(b"half")
        backend.last.close()
        assert reader.pieces == [(OUT, b"half")]
        assert isinstance(reader.result[0], ResponseCutOff)

    def test_nothing(self) -> None:
        """
        Nothing came at all; a request on a connection that had gone is made again.
        """
        backend = Backend()
        calling = client(backend)
        reader = Reader(calling, GET)
        backend.last.close()
        assert isinstance(reader.result[0], NoResponse)
        first = Reader(calling, GET)
        backend.last.answer()
        second = Reader(calling, GET)
        backend.last.close()
        backend.last.answer()
        assert first.result == second.result == [None]

    def test_refused(self) -> None:
        """
        A request that was not run.
        """
        backend = Backend()
        reader = Reader(client(backend), GET)
        backend.last.read()
        backend.last.end(protocolStatus=2)
        assert isinstance(reader.result[0], RequestRefused)
        assert isinstance(reader.result[0].reason, Overloaded)

    def test_wrongParams(self) -> None:
        """
        A request that can't be made.
        """
        assert isinstance(Reader(client(Backend()), "/index.php").result[0], InvalidParam)

    def test_enough(self) -> None:
        """
        A reader who stops gives the request up.
        """
        backend = Backend()
        reader = Reader(client(backend), GET, most=1)
        backend.last.read()
        backend.last.stdout(b"a")
        assert reader.result == [None]
        assert backend.last.transport.aborted

    def test_enoughOfSeveral(self) -> None:
        """
        On a shared connection, only that request is aborted.
        """
        backend = Backend()
        calling = client(backend, multiplex=True)
        reader = Reader(calling, GET, most=1)
        other = outcome(calling.request(GET))
        backend.last.read()
        backend.last.stdout(b"a")
        assert reader.result == [None]
        assert backend.last.aborts() == [1]
        backend.last.answer(b"", 2)
        assert other[0].code == 200

    def test_cancelled(self) -> None:
        """
        A reader who is cancelled, before anything came and while it waits for more.
        """
        for output in (b"", b"a"):
            backend = Backend()
            reader = Reader(client(backend), GET)
            backend.last.read()
            backend.last.send(b"")
            if output:
                backend.last.stdout(output)
            reader.reading.cancel()
            assert isinstance(reader.result[0], CancelledError)
            assert backend.last.transport.aborted
