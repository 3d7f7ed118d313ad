"""
Sending a body, whatever it is made of, as fast as the peer takes it and no faster.

The same kinds of body go out as the response of an app and as the request of a client.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Iterable
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer

from ..errors import InvalidResponse
from . import InputStream, OutputStream

Body = bytes | IBodyProducer | Iterable[bytes] | AsyncIterable[bytes]

# Bytes in memory are sent in slices of this size: other requests on the same connection wait for
# one slice at most. It is a whole number of full records.
SLICE: Final = 32 * 65_528


def knownLength(body: Body) -> int | None:
    """
    The length of a body in bytes, or L{None} if it is known only at its end.

    @raise InvalidResponse: If it is not a body.
    """
    if isinstance(body, bytes):
        return len(body)
    if isinstance(body, InputStream):
        return body.length
    if IBodyProducer.providedBy(body):
        length = body.length
        return None if length is UNKNOWN_LENGTH else int(length)
    kind: type = type(body)
    if issubclass(kind, Awaitable) and not issubclass(kind, AsyncIterable):
        raise InvalidResponse(
            f"a body is bytes, and not the {kind.__name__} of them: await it ({body!r:.80})"
        )
    if issubclass(kind, (str, dict)) or not issubclass(kind, (AsyncIterable, Iterable)):
        raise InvalidResponse(
            "a body is bytes, an IBodyProducer, or an iterable or asynchronous iterable of bytes, "
            f"not {kind.__name__}: {body!r:.80}"
        )
    return None


async def sendBody(body: Body, output: OutputStream) -> None:
    """
    Write a whole body. Returns when its last byte is written; raises what its source raises.

    Cancelling the L{Deferred} that this coroutine runs in stops the source.
    """
    if isinstance(body, bytes):
        await _sendBytes(body, output)
    elif IBodyProducer.providedBy(body):
        await _sendProduced(body, output)
    elif isinstance(body, InputStream):
        await _sendStream(body, output)
    elif isinstance(body, AsyncIterable):
        await _sendAsync(body, output)
    else:
        await _sendAsync(_pieces(body), output)


async def _sendBytes(body: bytes, output: OutputStream) -> None:
    view = memoryview(body)
    for start in range(0, len(body), SLICE):
        output.write(view[start : start + SLICE])
        if output.full:
            await output.drain()


async def _pieces(body: Iterable[bytes]) -> AsyncGenerator[bytes, None]:
    """
    An iterable as an asynchronous one.
    """
    iterator = iter(body)
    try:
        for chunk in iterator:
            yield chunk
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


async def _sendAsync(body: AsyncIterable[bytes], output: OutputStream) -> None:
    iterator = body.__aiter__()
    try:
        async for chunk in iterator:
            output.write(chunk)
            if output.enough:
                break
            if output.full:
                await output.drain()
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


async def _sendStream(body: InputStream, output: OutputStream) -> None:
    try:
        await _sendAsync(body, output)
    finally:
        # Nothing happens if all of it was sent.
        body.giveUp()


async def _sendProduced(body: IBodyProducer, output: OutputStream) -> None:
    finished: Deferred[None] = body.startProducing(output)
    if not finished.called:
        output.registerProducer(body, True)
    try:
        await finished
    except CancelledError:
        output.unregisterProducer()
        body.stopProducing()
        raise
    finally:
        output.unregisterProducer()


def releaseBody(body: Body) -> None:
    """
    Let go of a body that will not be sent: the answer to a HEAD request, the response of an app
    whose request is over.
    """
    if isinstance(body, InputStream):
        body.discard()
        body.giveUp()
        return
    if IBodyProducer.providedBy(body):
        try:
            body.stopProducing()
        except AttributeError:
            # twisted.web's FileBodyProducer closes its file, and then misses that it was started.
            return
    for name in ("aclose", "close"):
        close = getattr(body, name, None)
        if close is not None:
            closing = close()
            if name == "aclose":
                Deferred.fromCoroutine(closing)
            return
