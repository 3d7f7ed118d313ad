"""
SCGI without a reactor, sockets or threads: client and server exchange bytes in memory.

    python examples/scgi_without_twisted.py
"""

from txfcgi.wire.events import RequestReceived
from txfcgi.wire.records import Stream
from txfcgi.wire.scgiclient import ClientConnection
from txfcgi.wire.scgiserver import ServerConnection

client, server = ClientConnection(), ServerConnection()
question = b"What is the answer to life?"
requestID, headers = client.begin(
    {"CONTENT_LENGTH": str(len(question)), "REQUEST_METHOD": "POST", "REQUEST_URI": "/deepthought"}
)
sent = headers + b"".join(client.send(requestID, Stream.STDIN, question))
print(sent)

request, *body = server.receive(sent)
assert isinstance(request, RequestReceived)
print(dict(request.params), body)

answer = server.respond(request.requestID, b"Content-Type: text/plain\r\n\r\n", b"42")
print(client.receive(answer), server.closing)
