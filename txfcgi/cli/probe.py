"""
Finding out that a silent back end speaks HTTP: many HTTP servers wait for the end of a line, which
a FastCGI request does not have, so a command would wait until its time limit.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Protocol

from ..client.endpoints import clientEndpoint
from ..errors import BadResponse

T = TypeVar("T")

#: Seconds without an answer before the check.
PATIENCE: Final = 1.0

_QUESTION: Final = b"OPTIONS * HTTP/1.0\r\n\r\n"
_ANSWER: Final = b"HTTP/"


class Probe(Protocol):
    """
    A separate connection, on which an HTTP server would answer.
    """

    def __init__(self, answer: Deferred[Any]) -> None:
        """
        @param answer: The awaited answer, which is cancelled if the peer speaks HTTP.
        """
        self._answer = answer
        self._seen = b""
        self.found = False

    def connectionMade(self) -> None:
        """
        Ask.
        """
        assert self.transport is not None
        self.transport.write(_QUESTION)

    def dataReceived(self, data: bytes) -> None:
        """
        Check the beginning of the response.
        """
        assert self.transport is not None
        self._seen += data[: len(_ANSWER)]
        if len(self._seen) >= len(_ANSWER):
            self.found = self._seen.startswith(_ANSWER)
            self.transport.loseConnection()
            if self.found:
                self._answer.cancel()


async def unlessHTTP(reactor: Any, endpoint: str, protocol: str, answer: Deferred[T]) -> T:
    """
    Wait for an answer, and check after a while whether the back end speaks HTTP.

    @param endpoint: The back end.
    @param protocol: The expected protocol.
    @param answer: The awaited answer.

    @raise BadResponse: If the back end speaks HTTP.
    """
    probe = Probe(answer)
    connections: list[Deferred[Any]] = []

    def ask() -> None:
        connecting: Deferred[Any] = connectProtocol(clientEndpoint(reactor, endpoint), probe)
        # The awaited answer reports a failure to connect.
        connections.append(connecting.addErrback(lambda failure: None))

    later = reactor.callLater(PATIENCE, ask)
    try:
        return await answer
    except Exception as error:
        if not probe.found:
            raise
        raise BadResponse(
            f"{endpoint} speaks HTTP, not {protocol}: call it with an HTTP client, or give the "
            "address at which its application listens"
        ) from error
    finally:
        if later.active():
            later.cancel()
        for connecting in connections:
            connecting.cancel()
        if probe.transport is not None:
            probe.transport.loseConnection()
