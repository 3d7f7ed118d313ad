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
    by an error page. The body is dropped where there must be none (HEAD, 204, 304), cut at the
    length that the head declares, and the request fails if it is shorter. An Authorizer's yes is
    held until the app has ended well, and has no body.

    @ivar stream: Where the app writes.
    @ivar headSent: Whether the head was sent, so that the response can't be replaced any more.
    """

    __slots__ = (
        "_channel",
        "_error",
        "_head",
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
        self._head: bytes | None = None
        self.headSent = False
        self.stream = OutputStream(
            channel.outlet,
            self._write,
            request.fail,
            channel.limits.outputBytes,
            channel.sparing,
        )

    @property
    def untouched(self) -> bool:
        """
        Whether the app wrote nothing at all.
        """
        return not (self.headSent or self._reader.held or self._yes or self._head or self._error)

    def hold(self, head: bytes, declared: int | None, suppressed: bool) -> None:
        """
        Keep a head that was formatted already until the first piece of its body, or L{release}.

        @param declared: The length that it declares, if it does.
        @param suppressed: Whether the body must not be sent.
        """
        self._head = head
        self._remaining = declared
        self._suppressed = suppressed

    def release(self) -> None:
        """
        Send the head that is held, if one is still.
        """
        head, self._head = self._head, None
        if head is not None and not self._request.ended:
            self.headSent = True
            self._send(head)

    def finish(self) -> None:
        """
        End the output.

        @raise InvalidResponse: If that is not a response, or is shorter than it declared.
        """
        if self._error is not None:
            raise self._error
        if self._remaining and not self._suppressed:
            raise ContentLengthMismatch(
                f"the body ended {self._remaining} bytes before its Content-Length"
            )
        if self._yes is not None:
            self.hold(self._yes, None, True)
        self.release()
        if not self.headSent:
            raise InvalidResponse(
                "the app wrote no response head to stdout: headers, and a blank line"
            )

    def _write(self, data: Buffer) -> None:
        if self.headSent or self._head is not None:
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
            if self._request.account is not None:
                self._request.account.code = 200
            return
        suppressed = not bodyAllowed(head.code) or self._request.isHead()
        self.hold(head.encode(), head.contentLength, suppressed)
        account = self._request.account
        if account is not None:
            account.code = head.code
        if self._reader.rest:
            self._writeBody(self._reader.rest)
        self.release()

    def _check(self, head: ResponseHead) -> None:
        mistake = self._request.mistake()
        if mistake is not None:
            raise mistake
        if head.code < 200:
            raise InvalidResponse(f"{head.code} is not the status of a final response")
        if self._request.role is Role.AUTHORIZER and head.code == 200 and not head.explicit:
            raise InvalidResponse("an Authorizer that allows a request has to write Status: 200")

    def _writeBody(self, data: Buffer) -> None:
        if self._suppressed:
            return
        if self._remaining is not None:
            if len(data) > self._remaining:
                data = self._cut(data)
            self._remaining -= len(data)
        if not data:
            return
        account = self._request.account
        if account is not None:
            account.bodyBytes += len(data)
        head, self._head = self._head, None
        if head is None:
            self._send(data)
        else:
            self.headSent = True
            self._send(head, data)

    def _cut(self, data: Buffer) -> Buffer:
        """
        Take from what is written only what belongs to the body.
        """
        if not self.stream.enough:
            self.stream.enough = True
            self._request.warnOfExcess()
        return memoryview(data)[: self._remaining]

    def _send(self, *pieces: Buffer) -> None:
        channel, requestID = self._channel, self._request.requestID
        send = channel.wire.send
        parts = send(requestID, Stream.STDOUT, pieces[0])
        for piece in pieces[1:]:
            parts += send(requestID, Stream.STDOUT, piece)
        channel.outlet.writeSequence(parts)
