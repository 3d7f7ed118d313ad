"""
Every exception of the project, in one tree.

Three questions decide where an error belongs: whose mistake was it (ours: L{LocalProtocolError};
the peer's: L{RemoteProtocolError}), was it a limit that was reached (L{LimitExceeded}), or did the
request end before its time (L{RequestAborted})?

An error that costs a request and can be told to a browser has a C{code}, the HTTP status it
becomes.
"""

from __future__ import annotations


class TxFCGIError(Exception):
    """
    The root of the tree: whatever goes wrong in this project is one of these.
    """


# Our own program's mistakes


class LocalProtocolError(TxFCGIError):
    """
    The program used a connection, a stream or a response in a way that the protocol does not
    allow. The peer did nothing wrong, and has seen nothing of it.
    """


class InvalidHeader(LocalProtocolError):
    """
    A response header whose name is not a token, or whose value has a control character in it.
    """


class InvalidResponse(LocalProtocolError):
    """
    What an app returned or wrote is not a response: an unknown type of result, text where bytes
    belong, an impossible status code, a head that can't be read.
    """


class ContentLengthMismatch(InvalidResponse):
    """
    A response body that is longer or shorter than the Content-Length that went before it.
    """


class StreamClosed(LocalProtocolError):
    """
    Something was written to, or read from, a stream that is over.
    """


class AlreadyReading(LocalProtocolError):
    """
    A second read was asked for while the first still waits: a stream has one reader at a time.
    """


class ParamTooLarge(LocalProtocolError):
    """
    A name or a value that no record can carry.
    """


class InvalidRequest(LocalProtocolError):
    """
    What a caller asked for is no request: data for a role that has none, a body that is none.
    """


class InvalidParam(InvalidRequest):
    """
    A param that is neither text nor bytes, or whose name no environment could hold.
    """


class InvalidPath(InvalidRequest):
    """
    A path that must not become a script's name: it has control characters, or leaves its root.
    """


class LengthRequired(InvalidRequest):
    """
    A request body of unknown length, where that is refused.
    """


class RequestBodyMismatch(InvalidRequest):
    """
    A request body that is longer or shorter than its declared length.
    """


# The peer's mistakes


class RemoteProtocolError(TxFCGIError):
    """
    The peer broke a rule. The message names the rule and the section of the specification.

    @cvar code: The HTTP status that the request gets if it can still be answered.
    """

    code: int = 400


class NotFastCGI(RemoteProtocolError):
    """
    The first bytes of a connection are no FastCGI record: an HTTP client, a gopher URL, a probe.
    """


class UnsupportedVersion(RemoteProtocolError):
    """
    A record whose version is not 1 (FastCGI 1.0, section 3.3).
    """


class MalformedRecord(RemoteProtocolError):
    """
    A record whose content has the wrong length for its type (FastCGI 1.0, sections 4 and 5).
    """


class InvalidRequestID(RemoteProtocolError):
    """
    Request id 0 on an application record, or another id on a management record (section 3.3).
    """


class RequestAlreadyActive(RemoteProtocolError):
    """
    BEGIN_REQUEST for an id that is active (section 3.3).
    """


class UnexpectedRecord(RemoteProtocolError):
    """
    A record that this end never receives, or not in the state that its request is in: STDOUT at
    a server, STDIN before the end of PARAMS (sections 3.3, 6 and appendix A).
    """


class MalformedParams(RemoteProtocolError):
    """
    Name-value pairs whose lengths do not add up to the length of their stream (section 3.4).
    None of them is shown: a part of the set could pass for the whole.
    """


class MalformedValue(RemoteProtocolError):
    """
    A param whose value can't be what its name says: a CONTENT_LENGTH that is no number.
    """


class NotSCGI(RemoteProtocolError):
    """
    The first byte of a connection is no digit: an HTTP client, a FastCGI web server, a probe.
    """


class MalformedNetstring(RemoteProtocolError):
    """
    The netstring around the headers of an SCGI request is none (SCGI, section 3).
    """


class MalformedLength(MalformedNetstring):
    """
    Its length is not a decimal number, or starts with a zero that is not all of it.
    """


class MissingComma(MalformedNetstring):
    """
    There is no comma where its length says that it ends.
    """


class UnterminatedString(MalformedParams):
    """
    The headers of an SCGI request do not end with NUL (SCGI, section 3).
    """


class OddStrings(MalformedParams):
    """
    The last of the headers of an SCGI request has no value (SCGI, section 3).
    """


class EmptyName(MalformedParams):
    """
    One of the headers of an SCGI request has no name (SCGI, section 3).
    """


class DuplicateName(MalformedParams):
    """
    Two headers of an SCGI request have the same name (SCGI, section 3).
    """


class ContentLengthNotFirst(MalformedParams):
    """
    The first header of an SCGI request is not CONTENT_LENGTH (SCGI, section 3).
    """


class MalformedContentLength(MalformedParams, MalformedValue):
    """
    The CONTENT_LENGTH of an SCGI request is not a decimal number (SCGI, section 3).
    """


class MissingVersion(MalformedParams):
    """
    The header SCGI is missing from an SCGI request, or is not "1" (SCGI, section 3).
    """


class IncompleteHeaders(RemoteProtocolError):
    """
    An SCGI request ended within its headers.
    """


class MalformedHead(RemoteProtocolError):
    """
    A CGI response head that can't be read: no name before the colon, control characters, two
    different lengths (RFC 3875, section 6).
    """


class BodyTooShort(RemoteProtocolError):
    """
    A stream ended before its declared length (section 6.2: CONTENT_LENGTH).
    """


class BodyTooLong(RemoteProtocolError):
    """
    A stream brought more than its declared length. What is beyond it is dropped.
    """


class InactiveRequestID(RemoteProtocolError):
    """
    An answer to a request that was never made (section 3.3).
    """

    code = 502


class EndedTwice(RemoteProtocolError):
    """
    A record for a request that has ended already, such as a second END_REQUEST (section 3.3).
    """

    code = 502


class IncompleteHead(MalformedHead):
    """
    The response ended within its head (RFC 3875, section 6.2).
    """

    code = 502


class EmptyResponse(RemoteProtocolError):
    """
    The request ended without a byte of response (RFC 3875, section 6.2).
    """

    code = 502


# Limits


class LimitExceeded(TxFCGIError):
    """
    One of the limits was reached; the message names it.

    @cvar code: The HTTP status that the request gets if it can still be answered.
    """

    code: int = 400


class ParamsTooLarge(LimitExceeded):
    """
    The params have more bytes, or more pairs, than is allowed.
    """

    code = 431


class BodyTooLarge(LimitExceeded):
    """
    The request's body is longer than the server accepts.
    """

    code = 413


class ReadTooLarge(LimitExceeded):
    """
    A read that collects (C{read()}, C{readline()}) met more bytes than its limit.
    """

    code = 413


class HeadTooLarge(LimitExceeded):
    """
    A response head is longer than is allowed.
    """

    code = 502


class OutputTooLarge(LimitExceeded):
    """
    More output waits to be taken by the peer than is allowed: the writer did not wait for it.
    """

    code = 500


class BufferTooLarge(LimitExceeded):
    """
    The input that the apps of one connection have not read yet is more than is allowed.
    """

    code = 503


class TimedOut(LimitExceeded):
    """
    Something took longer than its timer allows; the message says what.
    """

    code = 408

    def __init__(self, message: str = "", code: int = 408) -> None:
        super().__init__(message)
        self.code = code


# The end of a request before its time


class RequestAborted(TxFCGIError):
    """
    The request is over before it was answered: the web server aborted it, the connection was
    lost, or this end gave it up. The message says which.
    """


class ConnectionClosed(RequestAborted):
    """
    The connection that carried the request is gone.
    """


# What an application may say of a request, and a client may hear


class Overloaded(TxFCGIError):
    """
    No request is taken now (FCGI_OVERLOADED, section 5.5). An app raises it; a browser sees 503.

    @ivar retryAfter: Seconds after which the client may try again, or L{None} to not say.
    """

    code = 503

    def __init__(self, message: str = "overloaded", retryAfter: int | None = 1) -> None:
        super().__init__(message)
        self.retryAfter = retryAfter


class UnknownRole(TxFCGIError):
    """
    The application does not serve this role (FCGI_UNKNOWN_ROLE, section 5.5).
    """


class CantMultiplex(TxFCGIError):
    """
    The application serves one request at a time on a connection (FCGI_CANT_MPX_CONN, section
    5.5).
    """


# What a caller hears: how far its request came. The message, and C{reason}, say why it stopped.


class RequestFailed(TxFCGIError):
    """
    A request got no answer, or not all of it. Each subclass is a phase.

    @ivar reason: Why: an error of this tree, or one of L{twisted.internet.error}.
    @ivar stale: Whether the connection was kept from an earlier request, and was lost before any
        of the response came: the usual end of a connection that nobody used for a while.
    @ivar appStatus: The application's exit status, if it told.
    @ivar protocolStatus: The protocol's status, if the application told.
    @ivar stderr: What it wrote to its stderr so far, as far as that is kept.
    """

    def __init__(
        self,
        reason: Exception | str,
        *,
        stale: bool = False,
        appStatus: int | None = None,
        protocolStatus: int | None = None,
        stderr: bytes = b"",
    ) -> None:
        self.reason = reason if isinstance(reason, Exception) else TxFCGIError(reason)
        super().__init__(str(self.reason) or type(self.reason).__name__)
        self.stale = stale
        self.appStatus = appStatus
        self.protocolStatus = protocolStatus
        self.stderr = stderr

    @property
    def code(self) -> int:
        """
        The HTTP status for a browser that waits: 504 after a timeout, 503 if there is no room,
        else 502.
        """
        if isinstance(self.reason, BackendTimedOut):
            return 504
        return 503 if isinstance(self.reason, (Overloaded, PoolFull)) else 502

    @property
    def timedOut(self) -> bool:
        """
        Whether one of the timeouts is the reason.
        """
        return isinstance(self.reason, BackendTimedOut)


class RequestNotSent(RequestFailed):
    """
    Not a byte of the request was sent: it can safely be made again.
    """


class RequestSentInPart(RequestFailed):
    """
    The request was not sent to its end, and nothing of a response came.
    """


class NoResponse(RequestFailed):
    """
    The whole request was sent, and nothing of a response came.
    """


class ResponseCutOff(RequestFailed):
    """
    A part of the response came, and the rest did not.
    """


class BadResponse(RequestFailed):
    """
    The back end broke a rule, so that nothing it says can be relied on; C{reason} names the rule.
    """


class RequestRefused(RequestFailed):
    """
    The application ended the request without running it; C{reason} is L{Overloaded},
    L{UnknownRole} or L{CantMultiplex}.
    """


class BackendTimedOut(TimedOut):
    """
    A back end took longer than one of the client's timeouts allows.

    @ivar timer: Its name, as in L{Timeouts<txfcgi.client.options.Timeouts>}.
    """

    def __init__(self, timer: str, seconds: float) -> None:
        super().__init__(f"the {timer} timeout of {seconds:g} seconds is over", 504)
        self.timer = timer


class PoolFull(LimitExceeded):
    """
    All connections are busy, and as many requests wait for one as may.
    """

    code = 503


class ClientClosed(TxFCGIError):
    """
    The client was closed.
    """
