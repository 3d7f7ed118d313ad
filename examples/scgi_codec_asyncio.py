"""
SCGI with the codec alone, in asyncio: a server, and a client that makes a request to it.

    python examples/scgi_codec_asyncio.py
"""

import asyncio

from txfcgi.wire.scgicodec import HeadersDecoder, encodeHeaderList

QUESTION = b"What is the answer to life?"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """
    Answer one request.
    """
    decoder, body = HeadersDecoder(lenient=False), b""
    while decoder.headers is None:
        body += decoder.receive(await reader.read(4096))
    headers = dict(decoder.headers)
    body += await reader.readexactly(int(headers[b"CONTENT_LENGTH"]) - len(body))
    print(headers[b"REQUEST_URI"], body)
    writer.write(b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n42")
    writer.close()
    await writer.wait_closed()


async def main() -> None:
    """
    Serve, and ask.
    """
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        headers = {"CONTENT_LENGTH": str(len(QUESTION)), "SCGI": "1", "REQUEST_URI": "/deepthought"}
        writer.write(encodeHeaderList(headers) + QUESTION)
        print(await reader.read())
        writer.close()
        await writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
