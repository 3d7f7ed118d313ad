"""
Straightforward Twisted code for a client: it encodes the params of each request, gives a Deferred,
takes the records apart and reads the head. No limits, no checks, no timeouts, no pool.
"""

from __future__ import annotations

import struct
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorUNIX
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from ..params import nginxParams
from .common import Account, Told, told
from .floor import request

Answer = tuple[dict[bytes, bytes], bytes, bytes, int]

HEADER = struct.Struct(">BBHHBx")


class Honest(Protocol):
    """
    One connection, for one request at a time.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._output: list[bytes] = []
        self._errors: list[bytes] = []
        self._waiting: Deferred[Answer] | None = None

    def request(self, params: dict[str, str], keep: bool) -> Deferred[Answer]:
        """
        Make a request.
        """
        assert self.transport is not None
        self._output, self._errors = [], []
        self._waiting = Deferred()
        self.transport.write(request(params, keep))
        return self._waiting

    def dataReceived(self, data: bytes) -> None:
        """
        Take the records that are whole.
        """
        self._buffer += data
        while len(self._buffer) >= 8:
            _, kind, _, length, padding = HEADER.unpack(self._buffer[:8])
            if len(self._buffer) < 8 + length + padding:
                return
            content = self._buffer[8 : 8 + length]
            self._buffer = self._buffer[8 + length + padding :]
            if kind == 6:
                self._output.append(content)
            elif kind == 7:
                self._errors.append(content)
            elif kind == 3:
                self._ended(*struct.unpack(">IB3x", content))

    def _ended(self, appStatus: int, protocolStatus: int) -> None:
        head, _, body = b"".join(self._output).partition(b"\r\n\r\n")
        headers = {}
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip()
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        waiting.callback((headers, body, b"".join(self._errors), appStatus))


class HonestFactory(ClientFactory):
    """
    Connects, and asks.
    """

    noisy = False

    def __init__(self, account: Account, told: Told) -> None:
        self._account = account
        self._answer = told.answer
        self._keep = told.keep
        self._address = told.address
        self._params = nginxParams("/hello", 0, told.script)
        self._port = 40_000

    def connect(self, reactor: Any) -> None:
        """
        Make a connection.
        """
        self._reactor = reactor
        IReactorUNIX(reactor).connectUNIX(self._address, self)

    def buildProtocol(self, addr: object) -> Any:
        """
        For a new connection.
        """
        honest = Honest()
        honest.connectionMade = lambda: self._ask(honest)  # type: ignore[method-assign]
        return honest

    def _ask(self, honest: Honest) -> None:
        self._port = self._port % 60_000 + 1
        self._params["REMOTE_PORT"] = str(self._port)
        asked = honest.request(self._params, self._keep)
        asked.addCallback(self._answered, honest).addErrback(self._failed)

    def _answered(self, answer: Answer, honest: Honest) -> None:
        self._account.done += 1
        if answer[1] != self._answer:
            self._account.wrong(f"another body: {answer[1][:50]!r}")
        if self._keep:
            self._ask(honest)
        else:
            assert honest.transport is not None
            honest.transport.loseConnection()
            self.connect(self._reactor)

    def _failed(self, failure: Failure) -> None:
        self._account.wrong(failure.getErrorMessage())


def main() -> None:
    """
    Run.
    """
    from twisted.internet import reactor

    options = told("A straightforward client.")
    account = Account()
    factory = HonestFactory(account, options)
    account.run(reactor, options, lambda: factory.connect(reactor))


if __name__ == "__main__":
    main()
