"""
What a call returns: a L{ClientResponse}, as soon as its head has arrived, or a L{Result}, at the
end of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer, IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from zope.interface import implementer

from ..errors import AlreadyReading, EmptyResponse, IncompleteHead
from ..streams import InputStream
from ..wire.cgi import HeadReader, ResponseHead, Text, formatHead
from .options import Context

if TYPE_CHECKING:
    from .reading import ResponseCall

_PHRASES: Final = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}


@dataclass(frozen=True)
class Result:
    """
    All that a back end sent for one request.

    @ivar stdout: Its output, unchanged, with the head.
    @ivar stderr: Its error messages, up to C{stderrBytes} of the client's options.
    @ivar stderrDropped: How many bytes of them were dropped.
    @ivar applicationStatus: Its exit status, 0 to 2**32 - 1.
    @ivar protocolStatus: A L{ProtocolStatus<txfcgi.wire.records.ProtocolStatus>}.
    """

    stdout: bytes
    stderr: bytes
    applicationStatus: int
    protocolStatus: int
    stderrDropped: int = 0

    def parsed(self, headBytes: int = 65_535) -> tuple[ResponseHead, bytes]:
        """
        Read the output as a response.

        @param headBytes: The most bytes that the head may have.
        @return: Its head and its body.
        @raise MalformedHead: If it does not begin with a head, or begins with a part of one
            (L{IncompleteHead<txfcgi.errors.IncompleteHead>}).
        @raise EmptyResponse: If the back end wrote no output.
        @raise HeadTooLarge: If the head is longer than C{headBytes}.
        """
        if not self.stdout:
            raise EmptyResponse("the request ended without a response")
        reader = HeadReader(headBytes, interim=True)
        head = reader.receive(self.stdout)
        if head is None:
            raise IncompleteHead("the response ended within its head")
        return head, reader.rest

    @classmethod
    def of(
        cls,
        code: int | None,
        headers: Iterable[tuple[Text, Text]],
        body: bytes,
        *,
        stderr: bytes = b"",
        applicationStatus: int = 0,
    ) -> Result:
        """
        Make the result of a back end that sent this response.

        @param code: The HTTP status, or L{None} to leave it out.
        @param headers: Pairs. Content-Length and Content-Type are added where they are missing.
        @raise InvalidHeader: If one of these can't be sent.
        """
        head, _ = formatHead(code, headers, len(body))
        return cls(head + body, stderr, applicationStatus, 0)


@implementer(IResponse)
class ClientResponse:
    """
    The response to a request. Its body is a stream; the back end is held back while nobody reads
    it.

    It can be used in place of twisted.web's response: C{treq.content(response)} works.

    @ivar head: The head as it was read.
    @ivar code: The HTTP status.
    @ivar version: For C{IResponse}: the protocol, its major and its minor version.
    @ivar previousResponse: For C{IResponse}: the redirect that led here, or L{None}.
    @ivar request: For C{IResponse}: the request, if an Agent made it.
    """

    version: tuple[bytes, int, int] = (b"CGI", 1, 1)
    request: Any = None
    previousResponse: IResponse | None = None
    _length: Any = None

    def __init__(self, call: ResponseCall, head: ResponseHead) -> None:
        self._call = call
        self.head = head
        self.code = head.code
        self._headers: Headers | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.code} of {self._call!r}>"

    @property
    def phrase(self) -> bytes:
        """
        The reason phrase: that of the back end, or the usual one of the status.
        """
        return self.head.reason or _PHRASES.get(self.code, b"Unknown")

    @property
    def headers(self) -> Headers:
        """
        The response's headers, without Status.
        """
        if self._headers is None:
            self._headers = Headers()
            for name, value in self.head.headers:
                self._headers.addRawHeader(name, value)
        return self._headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = headers

    @property
    def length(self) -> Any:
        """
        The length of the body as declared, or C{UNKNOWN_LENGTH}; 0 for a response without a body.
        """
        if self._length is not None:
            return self._length
        length = self._call.bodyLength
        return UNKNOWN_LENGTH if length is None else length

    @length.setter
    def length(self, length: Any) -> None:
        # Wrappers of Agents set it when they change the body.
        self._length = length

    @property
    def context(self) -> Context:
        """
        The values that the caller gave with the request.
        """
        return self._call.context

    @property
    def stdout(self) -> InputStream:
        """
        The body.
        """
        return self._call.bodyStream()

    @property
    def stderr(self) -> bytes:
        """
        What the back end has written to its stderr so far, up to C{stderrBytes} of the options.
        """
        return self._call.stderr

    @property
    def applicationStatus(self) -> int | None:
        """
        The application's exit status, or L{None} before the end.
        """
        return self._call.appStatus

    @property
    def protocolStatus(self) -> int | None:
        """
        The status of the protocol, or L{None} before the end.
        """
        return self._call.protocolStatus

    @property
    def variables(self) -> dict[str, str]:
        """
        The variables that an Authorizer adds to a request that it allows (section 6.3): the
        C{Variable-} headers of a response with status 200, without that prefix. Any other response
        has none.
        """
        if self.code != 200:
            return {}
        return {
            name[9:].decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
            for name, value in self.head.headers
            if name[:9].lower() == b"variable-"
        }

    def whole(self) -> bytes | None:
        """
        Take the whole body, if all of it has arrived and nobody has begun to read it.

        @return: The body, or L{None} if it has to be read.
        """
        return self._call.whole()

    def content(self) -> Deferred[bytes]:
        """
        Read the whole body.

        @return: Fires with the body when the request has ended. It fails with
            L{ReadTooLarge<txfcgi.errors.ReadTooLarge>} if it is longer than C{collectBytes},
            and with a L{RequestFailed<txfcgi.errors.RequestFailed>} if the response was cut off.
        """
        whole = self._call.whole()
        return self.stdout.read() if whole is None else succeed(whole)

    def text(self, encoding: str = "utf-8") -> Deferred[str]:
        """
        Read the whole body as text.

        @param encoding: Used if the Content-Type does not name a C{charset}.
        @return: Fires with the text; fails as L{content} does.
        """
        kind = (self.head.get(b"content-type") or b"").decode("latin-1")
        for part in kind.split(";")[1:]:
            name, _, value = part.strip().partition("=")
            if name.lower() == "charset" and value:
                encoding = value.strip("\"'")
        return self.content().addCallback(lambda body: body.decode(encoding, "replace"))

    def collect(self, collector: Callable[[bytes], Any]) -> Deferred[int]:
        """
        Call a function with each piece of the body.

        @return: Fires with the number of bytes when the request has ended; fails with
            the error that the function raises, and then drops the rest of the response.
        """
        return Deferred.fromCoroutine(self._collect(collector))

    async def _collect(self, collector: Callable[[bytes], Any]) -> int:
        size = 0
        try:
            async for piece in self.stdout:
                size += len(piece)
                collector(piece)
        except BaseException:
            self.abort()
            raise
        return size

    def abort(self) -> None:
        """
        Drop the rest of the response: the request is aborted, or its connection closed.
        """
        self._call.abandon()

    # IResponse

    def deliverBody(self, protocol: IProtocol) -> None:
        """
        Deliver the body to a protocol; its C{connectionLost} gets a
        L{ResponseDone<twisted.web.client.ResponseDone>} at the end, or what cut the response off.
        """
        if self._call.delivering:
            raise AlreadyReading("the body is being delivered already")
        self._call.delivering = True
        delivery = _Delivery(self, protocol)
        protocol.makeConnection(cast(ITransport, delivery))
        self.stdout.deliverTo(delivery).addCallbacks(delivery.finished, delivery.failed)

    def setPreviousResponse(self, response: IResponse) -> None:
        """
        Set the redirect that led to this response.
        """
        self.previousResponse = response


@implementer(IConsumer, IPushProducer)
class _Delivery:
    """
    A response's body on its way to a protocol, for which this is the transport.
    """

    disconnecting = False

    def __init__(self, response: ClientResponse, protocol: IProtocol) -> None:
        self._response = response
        self._protocol = protocol
        self._producer: IPushProducer | None = None
        self._paused = False

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        The body's stream is about to write.
        """
        self._producer = producer
        if self._paused:
            producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """
        The body's stream has ended.
        """
        self._producer = None

    def write(self, data: bytes) -> None:
        """
        Pass a piece on.
        """
        self._protocol.dataReceived(data)

    def finished(self, _: int) -> None:
        """
        Tell the protocol of the end.
        """
        # Imported only here, as it imports most of twisted.web.
        from twisted.web.client import ResponseDone

        self._protocol.connectionLost(Failure(ResponseDone()))

    def failed(self, failure: Failure) -> None:
        """
        Tell the protocol that the body is not whole.
        """
        self._response.abort()
        self._protocol.connectionLost(failure)

    def pauseProducing(self) -> None:
        """
        The protocol takes no more for now.
        """
        self._paused = True
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """
        The protocol takes more again.
        """
        self._paused = False
        if self._producer is not None:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """
        The protocol wants no more.
        """
        self.disconnecting = True
        self._response.abort()

    loseConnection = stopProducing
    abortConnection = stopProducing
