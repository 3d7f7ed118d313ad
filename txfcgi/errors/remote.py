"""
The peer's mistakes: L{RemoteProtocolError}.
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
    The first bytes of a connection are not FastCGI's, but of another protocol: HTTP, TLS, SCGI.
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
    A param whose value does not fit its name, such as a CONTENT_LENGTH that is not a number.
    """


class MalformedBody(RemoteProtocolError):
    """
    The body of a request is not what it is taken for: not JSON, or not the form that it says.
    """


class UnsupportedBody(RemoteProtocolError):
    """
    The body of a request is something else than what is wanted.
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
    The first byte of a connection is not a digit, as in FastCGI, HTTP or TLS.
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
    request, where the server was told to reject that.
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
    A stream ended before the bytes that were to be read were all there.

    @ivar partial: What came.
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
