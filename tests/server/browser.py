"""
A web server over a real socket, which sends and takes at once.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable, Iterator

from txfcgi.wire.records import AnyRecord, EndRequest, RecordReader, Stdin, Stdout, interpret

from ..service.processes import PATIENCE
from .conversation import Answer, beginning

#: What a socket raises that can't go on now; that of TLS may want the other direction.
BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Exchange:
    """
    One request over a socket.

    @ivar sent: How many bytes the socket has taken.
    @ivar taken: How many bytes of STDOUT have come.
    @ivar records: What else has come.
    """

    def __init__(self, connection: socket.socket, records: Iterable[AnyRecord]) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._coming: Iterator[bytes] = (record.encode() for record in records)
        self._unsent = memoryview(b"")
        self._reader = RecordReader()
        self._keep = 1 << 20
        self.sent = 0
        self.taken = 0
        self.records: list[AnyRecord] = []

    def _next(self) -> bool:
        """
        Have something to send.

        @return: Whether there is anything.
        """
        if not self._unsent:
            self._unsent = memoryview(next(self._coming, b""))
        return bool(self._unsent)

    def send(self) -> bool:
        """
        Send what the socket takes.

        @return: Whether it took anything.
        """
        before = self.sent
        while self._next():
            try:
                sent = self._socket.send(self._unsent)
            except BLOCKED:
                break
            self._unsent = self._unsent[sent:]
            self.sent += sent
        return self.sent > before

    def take(self) -> bool:
        """
        Take what has come.

        @return: Whether anything had.
        """
        try:
            data = self._socket.recv(1 << 18)
        except BLOCKED:
            return False
        assert data, f"the connection ended after {self.taken} bytes: {self.records[-3:]}"
        for record in map(interpret, self._reader.receive(data)):
            if isinstance(record, Stdout):
                self.taken += len(record.content)
            if not isinstance(record, Stdout) or self.taken <= self._keep:
                self.records.append(record)
        return True

    @property
    def size(self) -> int:
        """
        How many bytes of body have come.
        """
        return self.taken - Answer(self.records).stdout.index(b"\r\n\r\n") - 4

    @property
    def ended(self) -> bool:
        """
        Whether the request has.
        """
        return bool(self.records) and isinstance(self.records[-1], EndRequest)

    def sendAll(self) -> None:
        """
        Send all, and take nothing meanwhile.
        """
        while self._next():
            if not self.send():
                ready = select.select([], [self._socket], [], PATIENCE)
                assert any(ready), f"the server reads nothing after {self.sent} bytes"

    def wait(self) -> None:
        """
        Wait until the socket can go on.
        """
        writing = [self._socket] if self._next() else []
        ready = select.select([self._socket], writing, [], PATIENCE)
        assert any(ready), f"nothing happens after {self.sent} bytes sent, {self.taken} taken"

    def finish(self) -> Answer:
        """
        Send and take until the request has ended. Of an answer that is large, the start is kept.
        """
        while not self.ended:
            if not self.send() and not self.take():
                self.wait()
        return Answer(self.records)


def body(size: int, requestID: int = 1) -> Iterator[AnyRecord]:
    """
    The records of a body of zeros.
    """
    piece = bytes(65_536 - 8)
    while size > 0:
        yield Stdin(requestID, piece[:size])
        size -= len(piece)
    yield Stdin(requestID)


def request(
    path: str, query: str = "", *, size: int | None = None, keep: bool = True
) -> Iterator[AnyRecord]:
    """
    The records of a request to one of the apps.

    @param size: How many bytes of body it has.
    """
    params = {"PATH_INFO": path, "QUERY_STRING": query}
    if size is not None:
        params["CONTENT_LENGTH"] = str(size)
    yield from beginning(1, params, keep=keep)
    yield from body(size or 0)
