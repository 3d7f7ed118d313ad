"""
The STDOUT of a request: a CGI response head, and a body that keeps to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ContentLengthMismatch, HeadTooLarge, InvalidResponse, MalformedHead
from ..streams import OutputStream
from ..wire.cgi import HeadReader, ResponseHead, bodyAllowed
from ..wire.framing import Buffer
from ..wire.records import Role, Stream

if TYPE_CHECKING:
    from .channel import Channel
    from .served import ServedRequest


class CGIOutput:
    """
    What an app writes, checked on its way out.

    The head is held until it is whole, so that it leaves in one record and can still be replaced
    by an error page. The body is dropped where there must be none (HEAD, 204, 304), and has the
    length that the head declares, or the request fails. An Authorizer's yes is held until the app
    has ended well, and has no body.

    @ivar stream: Where the app writes.
    @ivar headSent: Whether the head is out, and the answer can't be another any more.
    """

    __slots__ = (
        "_channel",
        "_error",
        "_reader",
        "_remaining",
        "_request",
        "_suppressed",
        "_yes",
        "headSent",
        "stream",
    )

    def __init__(self, request: ServedRequest, channel: Channel) -> None:
        self._request = request
        self._channel = channel
        self._reader = HeadReader(channel.limits.headBytes)
        self._error: Exception | None = None
        self._remaining: int | None = None
        self._suppressed = False
        self._yes: bytes | None = None
        self.headSent = False
        self.stream = OutputStream(
            channel.outlet, self._write, request.fail, channel.limits.outputBytes
        )

    @property
    def untouched(self) -> bool:
        """
        Whether the app wrote nothing at all.
        """
        return not (self.headSent or self._reader.held or self._yes or self._error)

    def begin(self, head: bytes, declared: int | None, suppressed: bool) -> None:
        """
        Send a head that was formatted already.

        @param declared: The length that it declares, if it does.
        @param suppressed: Whether the body must not be sent.
        """
        self.headSent = True
        self._remaining = declared
        self._suppressed = suppressed
        self._send(head)

    def finish(self) -> None:
        """
        The app has written all.

        @raise InvalidResponse: If that is no response, or less than it declared.
        """
        if self._error is not None:
            raise self._error
        if self._yes is not None:
            self.begin(self._yes, None, True)
        if not self.headSent:
            raise InvalidResponse(
                "what the app wrote to stdout has no response head: headers, and a blank line"
                if self._reader.held
                else "the app returned None and wrote nothing to stdout"
            )
        if self._remaining and not self._suppressed:
            raise ContentLengthMismatch(
                f"the body ended {self._remaining} bytes before its Content-Length"
            )

    def _write(self, data: Buffer) -> None:
        if self.headSent:
            self._writeBody(data)
            return
        if self._error is not None:
            raise self._error
        if self._yes is not None:
            return
        try:
            if not self._request.mayWrite():
                raise InvalidResponse("a Filter writes when its stdin is complete, not before")
            self._writeHead(bytes(data))
        except (MalformedHead, HeadTooLarge) as error:
            self._error = InvalidResponse(f"the app wrote no response head to stdout: {error}")
            raise self._error from error
        except InvalidResponse as error:
            self._error = error
            raise

    def _writeHead(self, data: bytes) -> None:
        head = self._reader.receive(data)
        if head is None:
            return
        self._check(head)
        if self._request.role is Role.AUTHORIZER and head.code == 200:
            self._yes = head.encode()
            return
        suppressed = not bodyAllowed(head.code) or self._request.isHead()
        self.begin(head.encode(), head.contentLength, suppressed)
        if self._reader.rest:
            self._writeBody(self._reader.rest)

    def _check(self, head: ResponseHead) -> None:
        if head.code < 200:
            raise InvalidResponse(f"{head.code} is not the status of a final response")
        if self._request.role is Role.AUTHORIZER and head.code == 200 and not head.explicit:
            raise InvalidResponse("an Authorizer that says yes says it: Status: 200")

    def _writeBody(self, data: Buffer) -> None:
        if self._remaining is not None and not self._suppressed:
            self._remaining -= len(data)
            if self._remaining < 0:
                self._error = self._error or ContentLengthMismatch(
                    f"the body is longer than its Content-Length, by {-self._remaining} bytes "
                    "or more"
                )
                raise self._error
        if not self._suppressed:
            self._send(data)

    def _send(self, data: Buffer) -> None:
        channel = self._channel
        channel.outlet.writeSequence(
            channel.wire.send(self._request.requestID, Stream.STDOUT, data)
        )
