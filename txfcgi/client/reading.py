"""
L{ResponseCall}: a request whose output is read as a response.
"""

from __future__ import annotations

from ..errors import (
    BadResponse,
    BodyTooLong,
    BodyTooShort,
    EmptyResponse,
    HeadTooLarge,
    IncompleteHead,
    MalformedHead,
    ResponseCutOff,
)
from ..streams import InputStream
from ..wire.cgi import HeadReader, ResponseHead, bodyAllowed
from .call import Call
from .response import ClientResponse


def _incomplete() -> IncompleteHead:
    return IncompleteHead("the response ended within its head")


class ResponseCall(Call):
    """
    A request whose caller gets a L{ClientResponse} as soon as its head is there.

    @ivar head: The head.
    @ivar bodyLength: How long the body is, if that is known.
    @ivar delivering: Whether the body is being delivered to a protocol.
    """

    delivering = False
    head: ResponseHead | None = None
    bodyLength: int | None = None
    _received = 0
    _chunks: list[bytes] | None = None
    _reader: HeadReader | None = None
    _stream: InputStream | None = None

    def receiveOutput(self, data: bytes) -> None:
        """
        Take a piece of STDOUT.
        """
        if self.head is not None:
            self._receiveBody(data)
        else:
            self._readHead(data)

    def receiveWhole(self, output: bytes) -> None:
        """
        Take all of the output at once: the application has ended the request, and all went well.
        """
        if self.seen or self.connection is None:
            super().receiveWhole(output)
            return
        self.seen = True
        if self.trace is not None:
            self.trace.note("firstByte")
        try:
            found = self.connection.memory.heads.read(output, self.options.headBytes)
        except (MalformedHead, HeadTooLarge) as error:
            self.fail(BadResponse, error)
        else:
            if found is None:
                self.fail(BadResponse, _incomplete())
            else:
                head, body = found
                self._setHead(head)
                self._receiveBody(body)
        self.end(0, 0)

    def _readHead(self, data: bytes) -> None:
        """
        Take more of the head, and what lies behind it.
        """
        reader = self._reader
        if reader is None:
            lines = None if self.connection is None else self.connection.memory.heads.lines
            reader = self._reader = HeadReader(self.options.headBytes, lines, interim=True)
        try:
            head = reader.receive(data)
        except (MalformedHead, HeadTooLarge) as error:
            self.fail(BadResponse, error)
            return
        if head is not None:
            self._reader = None
            self._setHead(head)
            self._receiveBody(reader.rest)

    def _setHead(self, head: ResponseHead) -> None:
        self.head = head
        if self.trace is not None:
            self.trace.note("head")
        if (head.code != 200 and not bodyAllowed(head.code)) or self.prepared.isHead:
            self.bodyLength = 0
        else:
            self.bodyLength = head.contentLength

    def _receiveBody(self, data: bytes) -> None:
        if not data:
            return
        length = self.bodyLength
        if length is not None:
            self._received += len(data)
            if self._received > length:
                assert self.head is not None
                if self.prepared.isHead or not bodyAllowed(self.head.code):
                    return
                self.fail(
                    BadResponse,
                    BodyTooLong(f"the body is longer than the {length} bytes that it declared"),
                )
                return
        if self._stream is not None:
            self._stream.receive(data)
        elif self._chunks is None:
            self._chunks = [data]
        else:
            self._chunks.append(data)

    def checkEnd(self) -> None:
        """
        See whether the response is whole.
        """
        if self.head is None:
            self.fail(
                BadResponse,
                EmptyResponse("the request ended without a response")
                if self._reader is None
                else _incomplete(),
            )
        elif self.bodyLength is not None and self._received < self.bodyLength:
            self.fail(
                ResponseCutOff,
                BodyTooShort(
                    f"the body ended after {self._received} bytes, and {self.bodyLength} were "
                    "declared"
                ),
            )
        elif self._stream is not None:
            self._stream.finish()

    @property
    def wentWrong(self) -> bool:
        """
        Whether the status is that of an error.
        """
        return self.head is not None and self.head.code >= 400

    def drop(self, error: Exception) -> None:
        """
        Let go of what came; whoever reads the body is told.
        """
        self._chunks = None
        if self._stream is not None:
            self._stream.fail(error)

    def give(self) -> None:
        """
        Give the caller the response, as soon as its head is here.
        """
        if self.head is not None:
            if not self.ended:
                # Whatever arrives from now on is counted, and held back when nobody reads it.
                self.bodyStream()
            self.fire().callback(ClientResponse(self, self.head))
            if not self.ended and self._stream is not None:
                self._stream.flush()

    def flush(self) -> None:
        """
        Let whoever reads the body go on. This runs the caller's code.
        """
        if self._stream is not None:
            self._stream.flush()

    # The body

    def bodyStream(self) -> InputStream:
        """
        The body of the response.
        """
        stream = self._stream
        if stream is None:
            stream = self._stream = InputStream(
                self,
                streamBytes=self.options.streamBytes,
                collectBytes=self.options.collectBytes,
                unwanted=self.abandon,
            )
            for chunk in self._chunks or ():
                stream.receive(chunk)
            self._chunks = None
            if self.error is not None:
                stream.fail(self.error)
            elif self.ended:
                stream.finish()
        return stream

    def whole(self) -> bytes | None:
        """
        Take the body at once, if all of it is here, nobody has begun to read it, and it is not more
        than may be collected.
        """
        if not self.ended or self.error is not None or self._stream is not None:
            return None
        chunks = self._chunks or ()
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if len(body) > self.options.collectBytes:
            return None
        self._chunks = None
        return body

    def inputFull(self, stream: InputStream) -> None:
        """
        Too much of the response waits to be read.
        """
        if not self.ended and self.connection is not None:
            self.held = True
            self.connection.hold(self)

    def inputDrained(self, stream: InputStream) -> None:
        """
        The response is being read again.
        """
        if self.held and self.connection is not None:
            self.held = False
            self.connection.resume(self)

    @property
    def buffered(self) -> int:
        """
        How many bytes of the response wait to be read.
        """
        return 0 if self._stream is None else self._stream.buffered

    @property
    def satisfied(self) -> bool:
        """
        Whether all of the response is here that its head has declared.
        """
        return self.bodyLength is not None and self._received >= self.bodyLength

    @property
    def unwanted(self) -> bool:
        """
        Whether whoever read the response has stopped.
        """
        return self._stream is not None and self._stream.error is not None
