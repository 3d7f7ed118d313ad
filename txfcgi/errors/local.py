"""
Our own program's mistakes: L{LocalProtocolError}.
"""

from __future__ import annotations

from .base import TxFCGIError


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
