"""
Finding out that a silent back end speaks HTTP: many HTTP servers wait for the end of a line, which
a FastCGI request does not have, so a command would only say that the time limit is over.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from ..client.endpoints import clientEndpoint
from ..errors import BadResponse
from .failures import unanswered

T = TypeVar("T")

#: Seconds for an HTTP server to answer.
PATIENCE: Final = 1.0

_QUESTION: Final = b"OPTIONS * HTTP/1.0\r\n\r\n"
_ANSWER: Final = b"HTTP/"


class Probe(Protocol):
    """
    A separate connection, on which an HTTP server would answer.

    @ivar found: Fires with whether the peer speaks HTTP.
    """

    def __init__(self) -> None:
        self._seen = b""
        self.found: Deferred[bool] = Deferred()

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
        self._seen += data[: len(_ANSWER)]
        if len(self._seen) >= len(_ANSWER):
            self._tell(self._seen.startswith(_ANSWER))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        There will be no answer.
        """
        self._tell(False)

    def _tell(self, found: bool) -> None:
        if not self.found.called:
            self.found.callback(found)


async def speaksHTTP(reactor: Any, endpoint: str) -> bool:
    """
    Whether a back end answers HTTP, within L{PATIENCE}.
    """
    probe = Probe()
    try:
        asking: Deferred[Any] = connectProtocol(clientEndpoint(reactor, endpoint), probe)
        asking.addCallback(lambda _: probe.found)
        return bool(await asking.addTimeout(PATIENCE, reactor))
    except Exception:
        # The error of the request says more than this one.
        return False
    finally:
        if probe.transport is not None:
            probe.transport.loseConnection()


async def unlessHTTP(reactor: Any, endpoint: str, protocol: str, answer: Deferred[T]) -> T:
    """
    Wait for an answer. If there will be none, check whether the back end speaks HTTP: never before,
    as an application server counts that as a broken connection.

    @param endpoint: The back end.
    @param protocol: The expected protocol.
    @param answer: The awaited answer.

    @raise BadResponse: If the back end speaks HTTP.
    """
    try:
        return await answer
    except Exception as error:
        if not unanswered(error) or not await speaksHTTP(reactor, endpoint):
            # By its name: what the probe met is the current exception by now, in an older Twisted.
            raise error
        raise BadResponse(
            f"{endpoint} speaks HTTP, not {protocol}: call it with an HTTP client, or give the "
            "address at which its application listens"
        ) from error
