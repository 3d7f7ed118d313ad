"""
One stream of a request on its way out.
"""

from __future__ import annotations

from collections.abc import Callable

from ..bodies import Body, sendBody
from ..errors import RequestAborted, RequestBodyMismatch
from ..streams import OutputStream
from ..transport import Outlet
from ..wire.fastcgiclient import ClientConnection
from ..wire.framing import Buffer
from ..wire.records import Stream


async def sendStream(
    connection: ClientConnection,
    outlet: Outlet,
    requestID: int,
    stream: Stream,
    body: Body,
    length: int | None,
    limit: int,
    failed: Callable[[Exception], None],
) -> None:
    """
    Send STDIN or DATA, and its end, as fast as the peer takes it.

    @param length: How many bytes it was declared to have, if it was.
    @param limit: How many bytes its source may write while there is no room.
    @param failed: Is told when the source did not keep to that.
    @raise RequestBodyMismatch: If the body has another length.
    """
    sent = 0

    def send(data: Buffer) -> None:
        nonlocal sent
        sent += len(data)
        if length is not None and sent > length:
            raise RequestBodyMismatch(
                f"the {stream.name} of a request is longer than the {length} bytes declared"
            )
        outlet.writeSequence(connection.send(requestID, stream, data))

    output = OutputStream(outlet, send, failed, limit)
    try:
        await sendBody(body, output)
    except BaseException:
        output.fail(RequestAborted("the request is over"))
        raise
    output.close()
    if length is not None and sent < length:
        raise RequestBodyMismatch(
            f"the {stream.name} of a request has {sent} bytes, and {length} were declared"
        )
    outlet.write(connection.endStream(requestID, stream))
