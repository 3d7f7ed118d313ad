"""
SCGI with the codec alone, with blocking sockets and without a reactor: a server for one request,
and a client that makes it.

    python examples/scgi_codec_sync.py
"""

import socket
from threading import Thread

from txfcgi.wire.scgicodec import HeadersDecoder, encodeHeaderList

QUESTION = b"What is the answer to life?"


def serve(listening: socket.socket) -> None:
    """
    Answer one request.
    """
    connection, _ = listening.accept()
    with connection:
        decoder, body = HeadersDecoder(lenient=False), b""
        while decoder.headers is None:
            body += decoder.receive(connection.recv(4096))
        headers = dict(decoder.headers)
        while len(body) < int(headers[b"CONTENT_LENGTH"]):
            body += connection.recv(4096)
        print(headers[b"REQUEST_URI"], body)
        connection.sendall(b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n42")


def ask(address: tuple[str, int]) -> bytes:
    """
    Send a request, and read its answer.
    """
    headers = {"CONTENT_LENGTH": str(len(QUESTION)), "SCGI": "1", "REQUEST_URI": "/deepthought"}
    with socket.create_connection(address) as connection:
        connection.sendall(encodeHeaderList(headers) + QUESTION)
        return b"".join(iter(lambda: connection.recv(4096), b""))


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Thread(target=serve, args=(listening,))
        server.start()
        answer = ask(listening.getsockname())
        server.join()
    print(answer)
