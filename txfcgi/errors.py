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
    Something took longer than its timer allows; the message names the timer.
    """

    code = 408


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
