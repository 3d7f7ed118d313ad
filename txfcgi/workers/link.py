"""
L{Link}: the messages between a master and a worker, over descriptor 3 of the worker.

A message is a kind and its values: a JSON array in a netstring. It is data only, of at most
L{MAX_BYTES}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from twisted.internet.interfaces import IPushProducer, ITransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import NetstringReceiver
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

#: The descriptor of a worker that leads to its master.
DESCRIPTOR: Final = 3

#: The most bytes of one message.
MAX_BYTES: Final = 1_048_576


def encode(kind: str, values: Mapping[str, Any]) -> bytes:
    """
    Encode a message.

    @param values: Any JSON values.
    """
    encoded = json.dumps([kind, values]).encode("ascii")
    return b"%d:%s," % (len(encoded), encoded)


class ILinkEnd(Interface):
    """
    The receiver of messages at one end of a L{Link}.
    """

    def heard(kind: str, values: Mapping[str, Any]) -> None:
        """
        A message arrived.
        """

    def unlinked(why: str) -> None:
        """
        The link is closed.

        @param why: What the other end did wrong, or empty.
        """


@implementer(IPushProducer)
class Link(NetstringReceiver):
    """
    One end of the link between a master and a worker.

    Messages are dropped and counted while the other end does not read, so nothing piles up in a
    process because another one hangs.

    @ivar unsent: How many messages were not sent.
    """

    MAX_LENGTH = MAX_BYTES

    def __init__(self, end: ILinkEnd) -> None:
        self._end = end
        self._why = ""
        self._full = False
        self._open = False
        self.unsent = 0

    def connectionMade(self) -> None:
        """
        The link is open.
        """
        self._open = True
        self._transport.registerProducer(self, True)

    @property
    def _transport(self) -> Any:
        return cast(ITransport, self.transport)

    def tell(self, kind: str, **values: object) -> bool:
        """
        Send a message.

        @param kind: Its kind.
        @param values: Any JSON values.
        @return: Whether it was sent: not if the other end is gone or does not read, or if it is
            longer than L{MAX_BYTES}.
        """
        message = encode(kind, values)
        if not self._open or self._full or len(message) > MAX_BYTES:
            self.unsent += 1
            return False
        self._transport.write(message)
        return True

    def close(self) -> None:
        """
        Close the link after all messages were sent.
        """
        if self._open:
            self._open = False
            self._transport.unregisterProducer()
            self._transport.loseConnection()

    def stringReceived(self, string: bytes) -> None:
        """
        Decode a message, and deliver it.
        """
        try:
            kind, values = json.loads(string)
            if type(kind) is not str or type(values) is not dict:
                raise ValueError(f"a {type(kind).__name__} and a {type(values).__name__}")
        except (ValueError, TypeError, RecursionError) as error:
            self._refuse(f"it sent {string[:100]!r}, which is not a message ({error})")
        else:
            self._end.heard(kind, values)

    def dataReceived(self, data: bytes) -> None:
        """
        Read messages. Anything else closes the link.
        """
        if self._why:
            return
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        if self.brokenPeer and not self._why:
            self._refuse(f"it sent {data[:100]!r}, which is not a message")

    def _refuse(self, why: str) -> None:
        self._why = why
        self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The other end is gone.
        """
        self._open = False
        self._end.unlinked(self._why)

    # As a producer: the transport says when the other end does not read.

    def pauseProducing(self) -> None:
        """
        Drop messages for now.
        """
        self._full = True

    def resumeProducing(self) -> None:
        """
        Send messages again.
        """
        self._full = False

    def stopProducing(self) -> None:
        """
        The other end is gone.
        """
        self._open = False
