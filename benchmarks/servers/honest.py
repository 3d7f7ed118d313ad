"""
The honest server: what a Twisted programmer writes who takes FastCGI's specification and follows
it, without a thought of speed and without a limit.

Each record is split off and dispatched, the params become a dict, the application is called through
a Deferred, and the answer is put together from its headers.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from .common import HEADER, listen, records, serverArguments

BEGIN_BODY = Struct(">HB5x")


class Request:
    """
    A request on its way.
    """

    def __init__(self, requestID: int, keep: bool) -> None:
        self.requestID = requestID
        self.keep = keep
        self.block = b""
        self.params: dict[bytes, bytes] = {}
        self.bodySize = 0


@dataclass
class Answer:
    """
    What the application gives back.
    """

    status: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Application:
    """
    Answers with the same text, or with the number of bytes of the body.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text

    def __call__(self, request: Request) -> Answer:
        """
        Answer a request.
        """
        body = self._text
        if request.params[b"REQUEST_URI"] == b"/upload":
            body = b"%d\n" % request.bodySize
        length = str(len(body)).encode()
        headers = [(b"Content-Type", b"text/plain"), (b"Content-Length", length)]
        return Answer(b"200 OK", headers, body)


def decoded(block: bytes) -> dict[bytes, bytes]:
    """
    The params of a block.
    """
    params = {}
    at = 0
    while at < len(block):
        nameSize = block[at]
        at += 1
        if nameSize > 127:
            nameSize = int.from_bytes(block[at - 1 : at + 3], "big") - 0x80000000
            at += 3
        valueSize = block[at]
        at += 1
        if valueSize > 127:
            valueSize = int.from_bytes(block[at - 1 : at + 3], "big") - 0x80000000
            at += 3
        middle = at + nameSize
        end = middle + valueSize
        params[block[at:middle]] = block[middle:end]
        at = end
    return params


class HonestProtocol(Protocol):
    """
    One connection.
    """

    application: Application

    def __init__(self) -> None:
        self._buffer = b""
        self._requests: dict[int, Request] = {}

    def dataReceived(self, data: bytes) -> None:
        """
        Split records off.
        """
        if self._buffer:
            data = self._buffer + data
        at = 0
        while len(data) - at >= 8:
            _, kind, requestID, size, padding = HEADER.unpack_from(data, at)
            end = at + 8 + size
            if end + padding > len(data):
                break
            self.recordReceived(kind, requestID, data[at + 8 : end])
            at = end + padding
        self._buffer = data[at:]

    def recordReceived(self, kind: int, requestID: int, content: bytes) -> None:
        """
        Do what a record asks for.
        """
        if kind == 1:
            _, flags = BEGIN_BODY.unpack(content)
            self._requests[requestID] = Request(requestID, bool(flags & 1))
            return
        request = self._requests.get(requestID)
        if request is None:
            return
        if kind == 4:
            if content:
                request.block += content
            else:
                request.params = decoded(request.block)
        elif kind == 5:
            if content:
                request.bodySize += len(content)
            else:
                answered = maybeDeferred(self.application, request)
                answered.addCallback(self.answer, request)
                answered.addErrback(self.failed)

    def answer(self, answer: Answer, request: Request) -> None:
        """
        Send the answer and end the request.
        """
        assert self.transport is not None
        lines = [b"Status: " + answer.status]
        lines += [name + b": " + value for name, value in answer.headers]
        output = b"\r\n".join(lines) + b"\r\n\r\n" + answer.body
        self.transport.write(records(request.requestID, output))
        del self._requests[request.requestID]
        if not request.keep:
            self.transport.loseConnection()

    def failed(self, failure: Failure) -> None:
        """
        Give the connection up.
        """
        failure.printTraceback()
        assert self.transport is not None
        self.transport.loseConnection()


def main() -> None:
    """
    Serve until the process is ended.
    """
    parser = serverArguments("A straightforward server.")
    options = parser.parse_args()
    HonestProtocol.application = Application(options.answer.encode() * options.times)
    listen(options.socket, Factory.forProtocol(HonestProtocol))


if __name__ == "__main__":
    main()
