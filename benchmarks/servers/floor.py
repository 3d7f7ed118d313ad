"""
The Twisted floor: the least that a Twisted server can do and still answer.

It walks over the record headers, looks at no name and no value, and answers the end of STDIN with
bytes made beforehand, by C{transport.write}. A server that decodes anything costs more, unless it
writes in another way.
"""

from __future__ import annotations

from twisted.internet.protocol import Factory, Protocol

from .common import answerHead, listen, records, serverArguments


class FastCGIFloor(Protocol):
    """
    One connection.

    @ivar answers: the whole answer for each request id.
    """

    answers: list[bytes] = []

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0
        self._keep = True

    def dataReceived(self, data: bytes) -> None:
        """
        Find the ends of requests.
        """
        transport = self.transport
        assert transport is not None
        if self._skip:
            if self._skip >= len(data):
                self._skip -= len(data)
                return
            data = data[self._skip :]
            self._skip = 0
        elif self._rest:
            data = self._rest + data
        at = 0
        size = len(data)
        while size - at >= 8:
            content = data[at + 4] << 8 | data[at + 5]
            kind = data[at + 1]
            if kind == 1:
                if size - at < 16:
                    break
                self._keep = data[at + 10] == 1
            elif kind == 5 and not content:
                transport.write(self.answers[data[at + 3]])
                if not self._keep:
                    transport.loseConnection()
            at += 8 + content + data[at + 6]
        if at > size:
            self._skip = at - size
            self._rest = b""
        else:
            self._rest = data[at:]


class SCGIFloor(Protocol):
    """
    One connection, which is one request.

    @ivar answer: the whole answer.
    """

    answer = b""

    def __init__(self) -> None:
        self._head = b""
        self._missing = -1

    def dataReceived(self, data: bytes) -> None:
        """
        Find the end of the request.
        """
        transport = self.transport
        assert transport is not None
        if self._missing < 0:
            self._head += data
            size, colon, block = self._head.partition(b":")
            if not colon or len(block) < 64:
                return
            # CONTENT_LENGTH stands first.
            length = int(block[15 : block.index(b"\0", 15)])
            self._missing = int(size) + 1 + length - len(block)
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            transport.write(self.answer)
            transport.loseConnection()


def main() -> None:
    """
    Serve until the process is ended.
    """
    parser = serverArguments("The Twisted floor.")
    parser.add_argument("--scgi", action="store_true")
    options = parser.parse_args()
    body = options.answer.encode() * options.times
    output = answerHead(len(body)) + body
    if options.scgi:
        SCGIFloor.answer = output
        listen(options.socket, Factory.forProtocol(SCGIFloor))
    else:
        ids = range(256 if len(body) < 1000 else 2)
        FastCGIFloor.answers = [records(requestID, output) for requestID in ids]
        listen(options.socket, Factory.forProtocol(FastCGIFloor))


if __name__ == "__main__":
    main()
