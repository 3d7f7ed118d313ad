"""
The Twisted floor of clients: the same bytes again and again by C{transport.write}, as soon as a
record of type 3 was seen. Nothing is encoded, and nothing else looked at but the answer's length:
that of the first one, whose body is looked for in it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorUNIX
from twisted.internet.protocol import ClientFactory, Protocol

from ..params import nginxParams
from .common import Account, told


def encoded(params: dict[str, str]) -> bytes:
    """
    Name-value pairs.
    """
    parts = []
    for name, value in params.items():
        for text in (name, value):
            size = len(text)
            parts.append(bytes((size,)) if size < 128 else struct.pack(">I", size | 1 << 31))
        parts.append(f"{name}{value}".encode())
    return b"".join(parts)


def request(params: dict[str, str], keep: bool) -> bytes:
    """
    A whole request without a body.
    """
    content = encoded(params)
    head = struct.Struct(">BBHHBx")
    padding = -len(content) % 8
    return b"".join(
        (
            head.pack(1, 1, 1, 8, 0) + bytes((0, 1, keep)) + bytes(5),
            head.pack(1, 4, 1, len(content), padding) + content + bytes(padding),
            head.pack(1, 4, 1, 0, 0),
            head.pack(1, 5, 1, 0, 0),
        )
    )


class Floor(Protocol):
    """
    One connection.
    """

    factory: FloorFactory

    def connectionMade(self) -> None:
        """
        Ask.
        """
        self._rest = b""
        self._size = 0
        self._ask()

    def _ask(self) -> None:
        assert self.transport is not None
        self.transport.write(self.factory.request)

    def dataReceived(self, data: bytes) -> None:
        """
        Look for the end.
        """
        factory = self.factory
        self._size += len(data)
        if self._rest:
            data = self._rest + data
        at = 0
        size = len(data)
        while size - at >= 8:
            after = at + 8 + (data[at + 4] << 8) + data[at + 5] + data[at + 6]
            if after > size:
                break
            if data[at + 1] == 3:
                if self._size != factory.size and not factory.knows(self._size, data):
                    factory.account.wrong(f"{self._size} bytes: {data[:200]!r}")
                self._size = 0
                factory.account.done += 1
                if factory.keep:
                    self._ask()
                else:
                    assert self.transport is not None
                    self.transport.loseConnection()
                    factory.again()
            at = after
        self._rest = data[at:]


class FloorFactory(ClientFactory):
    """
    What all connections need.

    @ivar answer: the body of each answer.
    @ivar size: of an answer, as it is on the wire.
    @ivar again: makes a connection.
    """

    noisy = False
    request: bytes
    account: Account
    keep: bool
    answer: bytes
    size = 0
    again: Callable[[], object]

    def knows(self, size: int, data: bytes) -> bool:
        """
        Whether this is the first answer, and the right one.
        """
        if self.size or self.answer not in data:
            return False
        self.size = size
        return True

    def buildProtocol(self, addr: object) -> Any:
        """
        For a new connection.
        """
        floor = Floor()
        floor.factory = self
        return floor


def main() -> None:
    """
    Run.
    """
    from twisted.internet import reactor

    options = told("The Twisted floor.")
    factory = FloorFactory()
    factory.request = request(nginxParams("/hello", 0, options.script), options.keep)
    factory.account = account = Account()
    factory.keep = options.keep
    factory.answer = options.answer
    factory.again = lambda: IReactorUNIX(reactor).connectUNIX(options.address, factory)
    account.run(reactor, options, factory.again)


if __name__ == "__main__":
    main()
