"""
Mistakes of the peer: L{RemoteProtocolError}.
"""

from __future__ import annotations

from .local import TxFCGIError


class RemoteProtocolError(TxFCGIError):
    """
    The peer broke a rule. The message names the rule and the section of the specification.

    @cvar code: The HTTP status that the request gets if it can still be answered.
    """

    code: int = 400


class NotFastCGI(RemoteProtocolError):
    """
    The first bytes of a connection are not FastCGI, but another protocol: HTTP, TLS, SCGI.
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
    Request id 0 in an application record, or another id in a management record (section 3.3).
    """


class RequestAlreadyActive(RemoteProtocolError):
    """
    BEGIN_REQUEST for an id that is active (section 3.3).
    """


class UnexpectedRecord(RemoteProtocolError):
    """
    A record that must not be received here, or not in the state of its request: STDOUT by a server,
    STDIN before the end of PARAMS (sections 3.3, 6 and appendix A).
    """


class MalformedParams(RemoteProtocolError):
    """
    Name-value pairs whose lengths do not add up to the length of their stream (section 3.4).
    The app sees none of them: a part could pass for the whole.
    """


class MalformedValue(RemoteProtocolError):
    """
    A param whose value does not fit its name, such as a CONTENT_LENGTH that is not a number.
    """


class MalformedBody(RemoteProtocolError):
    """
    The body of a request is not what it should be: not JSON, or not the form that its Content-Type
    says.
    """


class UnsupportedBody(RemoteProtocolError):
    """
    The body of a request has another media type than the app expects.
    """

    code = 415


class NotXMLRPC(MalformedValue):
    """
    The answer to a call is not XML-RPC.

    @ivar content: The answer.
    """

    def __init__(self, message: str, content: bytes) -> None:
        super().__init__(message)
        self.content = content


class NotMounted(RemoteProtocolError):
    """
    A request whose path is not below the path where the app is mounted.
    """

    code = 404


class PathOutsideRoot(RemoteProtocolError):
    """
    A REQUEST_URI whose dot segments lead beyond the root of the site (RFC 3986, section 5.2.4).
    """


class NotSCGI(RemoteProtocolError):
    """
    The first byte of a connection is not a digit, but that of another protocol: FastCGI, HTTP, TLS.
    """


class MalformedNetstring(RemoteProtocolError):
    """
    The headers of an SCGI request are not in a valid netstring (SCGI, section 3).
    """


class MalformedLength(MalformedNetstring):
    """
    The length of the netstring is not a decimal number, or has a leading zero.
    """


class MissingComma(MalformedNetstring):
    """
    The netstring has no comma where, by its length, it ends.
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
    Two headers of an SCGI request have the same name (SCGI, section 3); or two params of a FastCGI
    request, where the server rejects that.
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


class IncompleteRead(RemoteProtocolError, EOFError):
    """
    A stream ended before all the bytes of a read had arrived.

    @ivar partial: The bytes that had arrived.
    @ivar expected: How many bytes were to be read.
    """

    def __init__(self, partial: bytes, expected: int) -> None:
        super().__init__(
            f"the stream ended after {len(partial)} of the {expected} bytes that were to be read"
        )
        self.partial = partial
        self.expected = expected


class BodyTooLong(RemoteProtocolError):
    """
    A stream is longer than its declared length. The bytes beyond that are dropped.
    """


class InactiveRequestID(RemoteProtocolError):
    """
    A response to a request that was never made (section 3.3).
    """

    code = 502


class EndedTwice(RemoteProtocolError):
    """
    A record for a request that has ended already, such as a second END_REQUEST (section 3.3).
    """

    code = 502


class BrokenOff(RemoteProtocolError):
    """
    The back end broke off its response, as its application failed in the middle. It sends eight
    zero bytes, where a record would begin, and closes the connection.
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
