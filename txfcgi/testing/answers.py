"""
The answers of a back end in memory: L{Answer}, and the faults that back ends have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..errors import ContentLengthMismatch, InvalidResponse
from ..server.response import Response
from ..wire.cgi import formatHead
from ..wire.records import ProtocolStatus


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    The answer to one request, and how it is sent.

    @ivar stdout: The output, with its head; L{None} for no STDOUT at all.
    @ivar stderr: The bytes on stderr, which are sent before it.
    @ivar appStatus: The application's exit status.
    @ivar protocolStatus: A L{ProtocolStatus<txfcgi.wire.records.ProtocolStatus>}.
    @ivar delay: Seconds, by the clock, before the first byte.
    @ivar pieceBytes: The most bytes of each read by the client.
    @ivar every: Seconds, by the clock, between two pieces.
    @ivar cutAfter: The connection is lost after so many bytes of the answer.
    @ivar closes: Whether the connection is closed after the answer, even if it was to be kept.
    @ivar early: Whether it is sent when the params have arrived, before the end of the body. Not
        for an answer that a function chooses: that is called with complete requests.
    @ivar idShift: A number to add to the request's id in the records of the answer.
    @ivar raw: Bytes to send in place of records.
    @ivar ends: Whether END_REQUEST is sent.
    @ivar twice: Whether END_REQUEST is sent twice.
    @ivar staleOnly: Whether the fault is limited to connections that have served a request; a new
        connection answers without it.
    """

    stdout: bytes | None = b""
    stderr: bytes = b""
    appStatus: int = 0
    protocolStatus: int = ProtocolStatus.REQUEST_COMPLETE
    delay: float = 0.0
    pieceBytes: int | None = None
    every: float = 0.0
    cutAfter: int | None = None
    closes: bool = False
    early: bool = False
    idShift: int = 0
    raw: bytes | None = None
    ends: bool = True
    twice: bool = False
    staleOnly: bool = False


CanAnswer = Answer | Response | bytes | str
"""
What a test may give for an answer: text and bytes are the body of a response with status 200.
"""

_PLAIN: Final = {"Content-Type": "text/plain; charset=utf-8"}
_HELLO: Final = Response(200, _PLAIN, b"hello\n")


def asAnswer(answer: CanAnswer) -> Answer:
    """
    Make an L{Answer} of an answer of any kind.

    @raise InvalidResponse: If it is not an answer, or a response whose body is not bytes.
    """
    if isinstance(answer, Answer):
        return answer
    if isinstance(answer, (str, bytes)):
        body = answer.encode("utf-8") if isinstance(answer, str) else answer
        answer = Response(200, _PLAIN, body)
    if not isinstance(answer, Response) or not isinstance(answer.body, bytes):
        raise InvalidResponse(f"a canned answer has a body of bytes, not {answer!r:.80}")
    head, declared = formatHead(answer.code, answer.pairs(), len(answer.body))
    if declared is not None and declared < len(answer.body):
        raise ContentLengthMismatch(
            f"Content-Length says {declared} bytes, and the body has {len(answer.body)}"
        )
    return Answer(stdout=head + answer.body)


# Attributes that only FastCGI's records can carry.
_NOT_OVER_SCGI: Final = ("stderr", "appStatus", "protocolStatus", "idShift", "twice")


def answerOver(protocol: str, answer: CanAnswer) -> Answer:
    """
    Make an answer of any kind one that is sent over a protocol.

    @raise InvalidResponse: If it is not an answer, or the protocol can't carry it.
    """
    answer = asAnswer(answer)
    if answer.pieceBytes is not None and answer.pieceBytes < 1:
        raise InvalidResponse(f"pieceBytes is {answer.pieceBytes}: a piece has 1 byte or more")
    if protocol == "scgi":
        said = [name for name in _NOT_OVER_SCGI if getattr(answer, name)]
        if said:
            raise InvalidResponse(f"SCGI can't say {' and '.join(said)}: that is for FastCGI")
    return answer


def answered(answer: CanAnswer = _HELLO, **options: object) -> Answer:
    """
    An answer with options of its own: C{answered("hello", stderr=b"oops", appStatus=1)}.

    @param options: The attributes of L{Answer}.
    """
    return replace(asAnswer(answer), **options)  # type: ignore[arg-type]


# Faults


def stale(answer: CanAnswer = _HELLO) -> Answer:
    """
    A connection that was kept is closed as soon as it is used again; a new one answers.
    """
    return answered(answer, cutAfter=0, staleOnly=True)


def lost(answer: CanAnswer = _HELLO, after: int = 0) -> Answer:
    """
    The connection is lost after so many bytes of the answer; before any, if not given.
    """
    return answered(answer, cutAfter=after)


def silent() -> Answer:
    """
    No answer, ever.
    """
    return Answer(stdout=None, ends=False)


def unfinished(answer: CanAnswer = _HELLO) -> Answer:
    """
    The output, and no END_REQUEST.
    """
    return answered(answer, ends=False)


def slow(answer: CanAnswer = _HELLO, delay: float = 0.0, every: float = 1.0, by: int = 1) -> Answer:
    """
    The answer is sent slowly.

    @param delay: Seconds before the first byte.
    @param every: Seconds between two pieces.
    @param by: The bytes of a piece.
    """
    return answered(answer, delay=delay, every=every, pieceBytes=by)


def overloaded() -> Answer:
    """
    FCGI_OVERLOADED.
    """
    return Answer(stdout=None, protocolStatus=ProtocolStatus.OVERLOADED)


def unknownRole() -> Answer:
    """
    FCGI_UNKNOWN_ROLE.
    """
    return Answer(stdout=None, protocolStatus=ProtocolStatus.UNKNOWN_ROLE)


def cantMultiplex() -> Answer:
    """
    FCGI_CANT_MPX_CONN.
    """
    return Answer(stdout=None, protocolStatus=ProtocolStatus.CANT_MPX_CONN)


def wrongID(answer: CanAnswer = _HELLO, shift: int = 1) -> Answer:
    """
    An answer to a request that was not made.
    """
    return answered(answer, idShift=shift)


def endedTwice(answer: CanAnswer = _HELLO) -> Answer:
    """
    END_REQUEST comes twice.
    """
    return answered(answer, twice=True)


def garbage(data: bytes = b"HTTP/1.1 400 Bad Request\r\n\r\n") -> Answer:
    """
    Bytes that are not FastCGI.
    """
    return Answer(raw=data)


def authorized(variables: Mapping[str, str] | None = None) -> Answer:
    """
    An Authorizer allows the request.

    @param variables: The variables that it adds, by name.
    """
    headers = [(f"Variable-{name}", value) for name, value in (variables or {}).items()]
    return asAnswer(Response(200, headers))
