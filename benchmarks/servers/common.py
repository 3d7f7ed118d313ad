"""
What the Twisted servers here share: what they are told, how they listen, and the answer's bytes.
"""

from __future__ import annotations

from argparse import ArgumentParser
from struct import Struct

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

HEADER = Struct(">BBHHBx")


def serverArguments(description: str) -> ArgumentParser:
    """
    The command line that every server has.
    """
    parser = ArgumentParser(description=description)
    parser.add_argument("socket")
    parser.add_argument("--answer", required=True)
    parser.add_argument("--times", type=int, default=1)
    return parser


def answerHead(size: int) -> bytes:
    """
    The head of an answer, as a program writes it to its standard output.

    @param size: of the body, in bytes.
    """
    return b"Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % size


def records(requestID: int, output: bytes) -> bytes:
    """
    An answer as FastCGI records, up to the end of the request.
    """
    parts = []
    for start in range(0, len(output), 65535):
        content = output[start : start + 65535]
        parts += [HEADER.pack(1, 6, requestID, len(content), 0), content]
    parts += [HEADER.pack(1, 6, requestID, 0, 0), HEADER.pack(1, 3, requestID, 8, 0), bytes(8)]
    return b"".join(parts)


def described(address: str) -> str:
    """
    An endpoint, as Twisted reads it.

    @param address: The path of a unix socket, or an address and a port.
    """
    if address.startswith("/"):
        return f"unix:{address}:backlog=4096"
    host, _, port = address.partition(":")
    return f"tcp:{port}:interface={host}:backlog=4096"


def listen(address: str, factory: IProtocolFactory) -> None:
    """
    Serve until the process is ended.

    @param address: The path of a unix socket, or an address and a port.
    """
    from twisted.internet import endpoints, reactor

    serve(endpoints.serverFromString(reactor, described(address)).listen(factory))


def serve(listening: Deferred[IListeningPort]) -> None:
    """
    Run until the process is ended.

    @param listening: fails when it can't be listened where that was wanted.
    """
    from twisted.internet import reactor

    def failed(failure: object) -> None:
        print(failure, flush=True)
        reactor.callWhenRunning(reactor.stop)

    listening.addErrback(failed)
    reactor.run()
