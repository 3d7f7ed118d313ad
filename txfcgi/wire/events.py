"""
The events that a connection reports, the same for FastCGI and SCGI, and for client and server.

C{receive} turns bytes into a list of these. Events are values: they are equal if their fields are
(errors, if their messages are), and do not change.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RemoteProtocolError, TxFCGIError
from .compiling import mypyc_attr
from .params import Params
from .records import Role, Stream


@mypyc_attr(allow_interpreted_subclasses=True)
class Connection:
    """
    One end of a connection, which can fail.
    """

    __slots__ = ("_error",)

    def __init__(self) -> None:
        self._error: RemoteProtocolError | None = None

    @property
    def failed(self) -> RemoteProtocolError | None:
        """
        The error that ended this connection.
        """
        return self._error

    def _raiseAgain(self) -> None:
        """
        Raise the error that ended this connection, for more was received.
        """
        if self._error is not None:
            # With its traceback, the error would keep the data of each such call.
            raise self._error.with_traceback(None)


class Event:
    """
    Something that a peer did.
    """

    __slots__ = ()


@dataclass(slots=True, unsafe_hash=True)
class RequestReceived(Event):
    """
    A request began, and its params are complete.

    @ivar requestID: The id, 1 to 65535, that the other events of this request carry.
    @ivar keepConnection: Whether the connection stays open after the answer.
    @ivar params: The params, which are decoded when they are looked up.
    """

    requestID: int
    role: Role
    keepConnection: bool
    params: Params


@dataclass(slots=True, eq=False)
class RequestRefused(Event):
    """
    A request that must not reach an app; the receiver of this event answers it and ends it.

    @ivar role: Its role, as the number on the wire.
    @ivar reason: L{Overloaded<txfcgi.errors.Overloaded>},
        L{UnknownRole<txfcgi.errors.UnknownRole>},
        L{CantMultiplex<txfcgi.errors.CantMultiplex>} or
        L{ParamsTooLarge<txfcgi.errors.ParamsTooLarge>}.
    """

    requestID: int
    role: int
    reason: TxFCGIError

    def _values(self) -> tuple[object, ...]:
        return self.requestID, self.role, type(self.reason), str(self.reason)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RequestRefused) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())


@dataclass(slots=True, unsafe_hash=True)
class DataReceived(Event):
    """
    The next bytes of a stream; never empty.
    """

    requestID: int
    stream: Stream
    data: bytes


@dataclass(slots=True, unsafe_hash=True)
class StreamEnded(Event):
    """
    A stream is complete.
    """

    requestID: int
    stream: Stream


@dataclass(slots=True, unsafe_hash=True)
class RequestAborted(Event):
    """
    The web server wants the request to end now (FastCGI 1.0, section 5.4).
    """

    requestID: int


@dataclass(slots=True, unsafe_hash=True)
class RequestEnded(Event):
    """
    The application ended the request (FastCGI 1.0, section 5.5).

    @ivar appStatus: The application's exit status, 0 to 2**32 - 1.
    @ivar protocolStatus: As on the wire; a L{ProtocolStatus<txfcgi.wire.records.ProtocolStatus>}
        where it is a known one.
    """

    requestID: int
    appStatus: int
    protocolStatus: int


@dataclass(slots=True, unsafe_hash=True)
class ValuesRequested(Event):
    """
    The peer asked for variables (GET_VALUES, section 4.1). The answer is already due.
    """

    names: tuple[bytes, ...]


@dataclass(slots=True, unsafe_hash=True)
class ValuesReceived(Event):
    """
    The answer to GET_VALUES (section 4.1); what the application does not know is absent.
    """

    values: tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True, unsafe_hash=True)
class UnknownTypeReceived(Event):
    """
    The peer did not know the type of a management record (UNKNOWN_TYPE, section 4.2).

    @ivar type: The type, as it was sent to the peer.
    """

    type: int


@dataclass(slots=True, eq=False)
class ConnectionFailed(Event):
    """
    The peer broke a rule, and the connection can't continue. Nothing after that is read; everything
    before it, in the same read too, has been reported.
    """

    error: RemoteProtocolError

    def _values(self) -> tuple[object, ...]:
        return type(self.error), str(self.error)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConnectionFailed) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())
