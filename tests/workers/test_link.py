"""
Tests of L{txfcgi.workers.link} and L{txfcgi.workers.worker}: what is told, and what is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txfcgi.workers.link import MAX_BYTES, ILinkEnd, Link
from txfcgi.workers.worker import IWorks, Worker

from .processes import Orders


def link() -> tuple[Link, Orders, StringTransport]:
    """
    A link, what hears it, and its transport.
    """
    orders, transport = Orders(), StringTransport()
    made = Link(orders)
    made.makeConnection(transport)
    return made, orders, transport


def netstring(value: object) -> bytes:
    """
    A value as it is on the link.
    """
    encoded = json.dumps(value).encode("ascii")
    return b"%d:%s," % (len(encoded), encoded)


class LinkTests(SynchronousTestCase):
    """
    Messages.
    """

    def test_roundTrip(self) -> None:
        """
        What one end tells, the other hears, however it is cut up on the way.
        """
        speaker, _, transport = link()
        self.assertTrue(speaker.tell("figures", requests=3, name="\xe9\n"))
        hearer, orders, _ = link()
        for position in range(len(transport.value())):
            hearer.dataReceived(transport.value()[position : position + 1])
        self.assertEqual(orders.heardSoFar, [("figures", {"requests": 3, "name": "\xe9\n"})])

    def test_otherEndDoesNotRead(self) -> None:
        """
        What is told while the other end does not read is counted, and not kept.
        """
        speaker, _, transport = link()
        speaker.pauseProducing()
        self.assertFalse(speaker.tell("figures"))
        self.assertEqual((speaker.unsent, transport.value()), (1, b""))
        speaker.resumeProducing()
        self.assertTrue(speaker.tell("figures"))

    def test_tooLong(self) -> None:
        """
        A message over the limit is not sent, so that it does not cost the link.
        """
        speaker, _, transport = link()
        self.assertFalse(speaker.tell("figures", text="x" * MAX_BYTES))
        self.assertEqual((speaker.unsent, transport.value()), (1, b""))

    def test_close(self) -> None:
        """
        After the end nothing is sent; what was told before is.
        """
        speaker, _, transport = link()
        speaker.tell("ready")
        speaker.close()
        self.assertFalse(speaker.tell("figures"))
        self.assertIsNone(transport.producer)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(transport.value(), netstring(["ready", {}]))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"hello\n", id="text"),
        pytest.param(b"5:hello,", id="netstring-no-json"),
        pytest.param(netstring({"kind": "ready"}), id="no-array"),
        pytest.param(netstring(["ready", []]), id="values-no-object"),
        pytest.param(netstring([1, {}]), id="kind-no-text"),
        pytest.param(netstring(["ready"]), id="no-values"),
        pytest.param(b"99999999:", id="too-long"),
        pytest.param(b"2:[]x", id="no-comma"),
        pytest.param(b"20000:" + b"[" * 20000 + b",", id="deep"),
    ],
)
def test_nonsense(data: bytes) -> None:
    """
    What is not a message ends the link, and is told.
    """
    hearer, orders, transport = link()
    hearer.dataReceived(data)
    assert transport.disconnecting
    hearer.dataReceived(netstring(["ready", {}]))
    hearer.connectionLost()
    assert orders.heardSoFar == []
    assert "not a message" in orders.reasons[0]


@implementer(IWorks)
class Work:
    """
    Writes down what it is told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ends: Deferred[None] = Deferred()
        self.requests = 0

    def retire(self) -> Deferred[None]:
        self.told.append("retire")
        return self.ends

    def drain(self) -> Deferred[None]:
        self.told.append("drain")
        return self.ends

    def abort(self) -> None:
        self.told.append("abort")

    def reopen(self) -> None:
        self.told.append("reopen")

    def learn(self, summary: Mapping[str, Any]) -> None:
        self.told.append(f"learn {dict(summary)}")

    def figures(self) -> dict[str, Any]:
        return {"requests": self.requests}


class WorkerTests(SynchronousTestCase):
    """
    The worker's end.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.work = Work()
        self.over: list[str] = []
        self.worker = Worker(
            self.clock, self.work, lambda: self.over.append("over"), requests=100, chance=lambda: 1
        )
        self.transport = StringTransport()
        self.worker.link.makeConnection(self.transport)

    def said(self) -> list[str]:
        """
        The kinds of what the worker has told so far.
        """
        orders = Orders()
        reader = Link(orders)
        reader.makeConnection(StringTransport())
        reader.dataReceived(self.transport.value())
        return [kind for kind, _ in orders.heardSoFar]

    def test_interfaces(self) -> None:
        """
        What hears a link, and what a worker does, are what they say.
        """
        verifyObject(ILinkEnd, self.worker)
        verifyObject(IWorks, self.work)

    def test_ready(self) -> None:
        """
        It says that it is ready, and from then on each second how it is.
        """
        self.worker.ready()
        self.clock.pump([1.0] * 2)
        self.assertEqual(self.said(), ["ready", "figures", "figures", "figures"])

    def test_spent(self) -> None:
        """
        It asks for its successor after its requests and up to a tenth more.
        """
        self.worker.ready()
        self.work.requests = 109
        self.clock.advance(1)
        self.assertNotIn("spent", self.said())
        self.work.requests = 110
        self.clock.advance(1)
        self.assertIn("spent", self.said())

    def test_orders(self) -> None:
        """
        It does what its master says, and ends once.
        """
        self.worker.ready()
        for kind in ("reopen", "retire", "drain", "abort"):
            self.worker.link.dataReceived(netstring([kind, {}]))
        self.assertEqual(self.work.told, ["reopen", "retire", "abort"])
        self.assertEqual(self.over, [])
        self.work.ends.callback(None)
        self.assertEqual(self.over, ["over"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lastReport(self) -> None:
        """
        The last thing it says is how it was: nothing that it did goes uncounted.
        """
        self.worker.ready()
        self.work.ends = succeed(None)
        self.worker.link.dataReceived(netstring(["retire", {}]))
        self.assertEqual(self.said(), ["ready", "figures", "figures"])
        self.assertTrue(self.transport.disconnecting)

    def test_masterGone(self) -> None:
        """
        Without a master it drains: nobody would ever tell it to end.
        """
        self.work.ends = succeed(None)
        self.worker.link.connectionLost()
        self.assertEqual((self.work.told, self.over), (["drain"], ["over"]))

    def test_unknownOrder(self) -> None:
        """
        An order that it does not know is logged, and nothing else.
        """
        self.worker.link.dataReceived(netstring(["dance", {}]))
        self.assertEqual(self.work.told, [])
