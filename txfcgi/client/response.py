"""
What a call gives back: L{ClientResponse}, which is there as soon as the head is, and L{Result},
which is there at the end.
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
    All that a back end said to one request.

    @ivar stdout: Its output as it came, the head included.
    @ivar stderr: Its messages, as far as they are kept.
    @ivar stderrDropped: How many bytes of them are not.
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

        @param headBytes: Most bytes of its head.
        @return: Its head and its body.
        @raise MalformedHead: If it begins with no head, or with a part of one
            (L{IncompleteHead<txfcgi.errors.IncompleteHead>}).
        @raise EmptyResponse: If the back end wrote no output.
        @raise HeadTooLarge: If the head is longer than that.
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
        What a back end says whose response is this one.

        @param code: The HTTP status; without one, it is not said.
        @param headers: Pairs. Content-Length and Content-Type are added where they are missing.
        @raise InvalidHeader: If one of these can't be sent.
        """
        head, _ = formatHead(code, headers, len(body))
        return cls(head + body, stderr, applicationStatus, 0)


@implementer(IResponse)
class ClientResponse:
    """
    The response to a request. Its body streams; as long as nobody reads it, the back end is held
    back.

    It can be used wherever twisted.web's response can: C{treq.content(response)} works.

    @ivar head: The head as it was read.
    @ivar code: The HTTP status.
    @ivar version: What stands in the place of HTTP's version.
    @ivar previousResponse: For C{IResponse}: what was answered before this, if anything was.
    @ivar request: For C{IResponse}: what the Agent says was asked.
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
        The words behind the status: as the back end said them, or as they usually are.
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
        The length of the body as declared, or C{UNKNOWN_LENGTH}; 0 where there is none.
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
        What the caller gave along with the request.
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
        What the back end wrote to its stderr so far, as far as it is kept.
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
        What an Authorizer that says yes wants the request to have (section 6.3): the C{Variable-}
        headers of a response with status 200, without that prefix. Anything else has none.
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
        Take the body at once, if all of it is here already and nobody has begun to read it.

        @return: It, or L{None} if it is to be read.
        """
        return self._call.whole()

    def content(self) -> Deferred[bytes]:
        """
        The whole body.

        @return: Fires when the request has ended. It fails with
            L{ReadTooLarge<txfcgi.errors.ReadTooLarge>} if that is more than the client collects,
            and with a L{RequestFailed<txfcgi.errors.RequestFailed>} if the response was cut off.
        """
        whole = self._call.whole()
        return self.stdout.read() if whole is None else succeed(whole)

    def text(self, encoding: str = "utf-8") -> Deferred[str]:
        """
        The whole body as text.

        @param encoding: Which is used if the Content-Type names no C{charset}.
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

        @return: Fires with the number of bytes when the request has ended; fails with what the
            function raises, and the rest of the response is then not wanted.
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
        Do without the rest of the response: the back end is told, or the connection closed.
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
        Remember what was answered before this.
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
        # Imported now, for it brings most of twisted.web with it.
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
