"""
Tests of L{txfcgi.service.serving}.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from typing import Any

from twisted.application.service import IService
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txfcgi.errors import CannotServe
from txfcgi.server.admission import AllowList
from txfcgi.server.fastcgi import FastCGIServerFactory
from txfcgi.server.interfaces import DRAIN_IDLE, IDrains
from txfcgi.server.scgi import SCGIServerFactory
from txfcgi.service import serving
from txfcgi.service.errors import CannotListen, CannotStart
from txfcgi.service.listen import endpointFromText
from txfcgi.service.serving import Serving
from txfcgi.service.signals import SIGNALS
from txfcgi.web import StreamingSite

from .stopping import Reactor, asAtTheStart


@implementer(IListeningPort)
class Port:
    """
    A port that was told to stop, or not.
    """

    def __init__(self, host: IAddress) -> None:
        self.host = host
        self.stopped: Deferred[None] | None = None

    def startListening(self) -> None:
        """
        It listens.
        """

    def stopListening(self) -> Deferred[None]:
        self.stopped = Deferred()
        return self.stopped

    def getHost(self) -> IAddress:
        return self.host


@implementer(IStreamServerEndpoint)
class Endpoint:
    """
    An endpoint that has this for a result.
    """

    def __init__(self, result: Deferred[Any]) -> None:
        self.result = result

    def listen(self, factory: object) -> Deferred[Any]:
        return self.result


@implementer(IDrains)
class DrainingFactory(Factory):
    """
    A factory that remembers how it was drained.
    """

    protocol = Protocol
    noisy = False

    def __init__(self) -> None:
        self.deadlines: list[float] = []
        self.drained: Deferred[None] = Deferred()

    def drain(self, deadline: float, idle: float = DRAIN_IDLE) -> Deferred[None]:
        self.deadlines.append(deadline)
        return self.drained


class ServingTests(SynchronousTestCase):
    """
    Tests of L{Serving}.
    """

    def setUp(self) -> None:
        for number in SIGNALS:
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.reactor = Reactor()
        self.factory = DrainingFactory()

    def serving(self, *results: Deferred[Any], **options: Any) -> Serving:
        """
        A service with an endpoint for each result.
        """
        endpoints = [(f"endpoint{n}", Endpoint(result)) for n, result in enumerate(results)]
        return Serving(self.reactor, self.factory, endpoints, **options)

    def port(self, host: IAddress | None = None) -> Port:
        """
        A port that is not open to other machines.
        """
        return Port(host or IPv4Address("TCP", "127.0.0.1", 9000))

    def test_interface(self) -> None:
        """
        It is a service.
        """
        verifyObject(IService, self.serving())

    def test_whatIsServed(self) -> None:
        """
        All that it is given to serve can be drained.
        """
        for factory in (
            self.factory,
            FastCGIServerFactory(print, clock=self.reactor),
            SCGIServerFactory(print, clock=self.reactor),
            StreamingSite(Resource(), reactor=self.reactor),
        ):
            verifyObject(IDrains, factory)

    def test_bothStarts(self) -> None:
        """
        C{twistd} starts it in two steps and C{twist} in one: it listens once either way.
        """
        for steps in (("privilegedStartService", "startService"), ("startService",)):
            port = self.port()
            service = self.serving(succeed(port))
            for step in steps:
                getattr(service, step)()
            self.assertEqual(service.ports, [port])
            self.assertTrue(service.running)

    def test_logsWhere(self) -> None:
        """
        The log says where it listens, in the words of C{--port}.
        """
        hosts = (
            IPv4Address("TCP", "127.0.0.1", 9000),
            IPv6Address("TCP", "::1", 9000),
            UNIXAddress(b"/run/app.sock"),
            UNIXAddress(b"\0app"),
            UNIXAddress(None),
        )
        service = self.serving(*[succeed(Port(host)) for host in hosts])
        with capturedLogs() as events:
            service.startService()
        self.assertEqual(
            [event["address"] for event in events],
            [
                "tcp:9000:interface=127.0.0.1",
                "tcp6:9000:interface=::1",
                "unix:/run/app.sock",
                "unix:@app",
                "UNIXAddress(None)",
            ],
        )

    def test_cannotListen(self) -> None:
        """
        An endpoint that can't listen ends the process, with one message and no traceback; the ports
        that did listen are stopped.
        """
        for error, said in (
            (CannotListen("the socket is taken"), "endpoint1: the socket is taken"),
            (
                CannotListenError("127.0.0.1", 9000, OSError(98, "Address already in use")),
                "endpoint1: can't listen there: Address already in use",
            ),
            (
                OverflowError("bind(): port must be 0-65535."),
                "endpoint1: can't listen there: bind()",
            ),
        ):
            first = self.port()
            service = self.serving(succeed(first), fail(error))
            raised = self.assertRaises(CannotStart, service.privilegedStartService)
            self.assertIn(said, str(raised))
            self.assertEqual(raised.code, str(raised))
            self.assertIsInstance(raised, SystemExit)
            self.assertIsInstance(raised, CannotServe)
            self.assertIsNotNone(first.stopped)
            self.assertEqual(service.ports, [])

    def test_mistakeInProgram(self) -> None:
        """
        What no endpoint fails with when all is well with the program is not made a message of.
        """
        service = self.serving(fail(ZeroDivisionError()))
        self.assertRaises(ZeroDivisionError, service.startService)

    def test_socketsAreRemoved(self) -> None:
        """
        When a later endpoint can't listen, the file of an earlier one is gone at once: the reactor
        never runs.
        """
        folder = tempfile.mkdtemp(prefix="service-")
        self.addCleanup(shutil.rmtree, folder)
        texts = [f"unix:{folder}/one.sock", f"unix:{folder}/no/two.sock"]
        service = Serving(
            self.reactor,
            self.factory,
            [(text, endpointFromText(self.reactor, text)) for text in texts],
        )
        with capturedLogs():
            self.assertRaises(CannotStart, service.startService)
        self.assertEqual(os.listdir(folder), [])
        self.reactor.advance(0)
        self.assertEqual(self.reactor.getReaders(), [])

    def test_public(self) -> None:
        """
        A port that turns out to be open to other machines is refused with the reason and the cure.
        """
        for host in (
            IPv4Address("TCP", "0.0.0.0", 9000),
            IPv4Address("TCP", "192.0.2.7", 9000),
            IPv6Address("TCP", "::", 9000),
        ):
            port = self.port(host)
            raised = self.assertRaises(CannotStart, self.serving(succeed(port)).startService)
            self.assertIn("is open to other machines", str(raised))
            self.assertIn("--allow-from", str(raised))
            self.assertIsNotNone(port.stopped)

    def test_publicOnRequest(self) -> None:
        """
        With a list of those who may connect, or on request, it may be.
        """
        for options in ({"allowFrom": AllowList.fromText("192.0.2.7")}, {"insecure": True}):
            port = self.port(IPv4Address("TCP", "0.0.0.0", 9000))
            service = self.serving(succeed(port), **options)
            service.startService()
            self.assertEqual(service.ports, [port])

    def test_otherFamily(self) -> None:
        """
        A list of addresses says nothing of a Unix socket, and a list of users nothing of an IP
        address. That is logged.
        """
        unix, ip = UNIXAddress(b"/run/app.sock"), IPv4Address("TCP", "127.0.0.1", 9000)
        addresses = AllowList.fromText("192.0.2.7")
        for host, options, warned in (
            (unix, {"allowFrom": addresses}, True),
            (unix, {"limitsUsers": True}, False),
            (unix, {"allowFrom": addresses, "limitsUsers": True}, False),
            (ip, {"limitsUsers": True}, True),
            (ip, {"allowFrom": addresses}, False),
        ):
            service = self.serving(succeed(Port(host)), **options)
            with capturedLogs() as events:
                service.startService()
            said = [
                "do not apply to {address}" in event["log_format"]
                or "does not apply to {address}" in event["log_format"]
                for event in events
            ]
            self.assertIs(any(said), warned, (host, options))

    def test_stop(self) -> None:
        """
        It stops when its ports are closed and its factory has ended what ran.
        """
        port = self.port()
        service = self.serving(succeed(port), drainTimeout=7.5)
        service.startService()
        stopped = service.stopService()
        self.assertFalse(service.running)
        self.assertEqual(self.factory.deadlines, [7.5])
        assert port.stopped is not None
        port.stopped.callback(None)
        self.assertNoResult(stopped)
        self.factory.drained.callback(None)
        self.successResultOf(stopped)

    def test_stopFails(self) -> None:
        """
        A port that fails to close is logged, and does not keep it from stopping.
        """
        port = self.port()
        service = self.serving(succeed(port))
        service.startService()
        stopped = service.stopService()
        assert port.stopped is not None
        port.stopped.errback(ZeroDivisionError())
        self.factory.drained.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_startAgain(self) -> None:
        """
        It can be started again.
        """
        service = self.serving()
        service._endpoints.append(("endpoint", Endpoint(succeed(self.port()))))
        service.startService()
        service.stopService()
        service._endpoints[:] = [("endpoint", Endpoint(succeed(self.port())))]
        service.startService()
        self.assertEqual(len(service.ports), 1)

    def test_slowEndpoint(self) -> None:
        """
        An endpoint may take its time.
        """
        result: Deferred[Any] = Deferred()
        service = self.serving(result)
        service.startService()
        self.assertEqual(service.ports, [])
        port = self.port()
        result.callback(port)
        self.assertEqual(service.ports, [port])

    def test_slowEndpointFails(self) -> None:
        """
        If it fails then, the process ends, with status 1.
        """
        ended: list[bool] = []
        self.patch(serving, "endWithFailure", lambda: ended.append(True))
        result: Deferred[Any] = Deferred()
        self.serving(result).startService()
        result.errback(CannotListen("too late"))
        self.assertEqual((self.reactor.stops, ended), (1, [True]))
        self.assertEqual(len(self.flushLoggedErrors(CannotListen)), 1)

    def test_slowEndpointIsCancelled(self) -> None:
        """
        If it has not listened when the service stops, it is not waited for.
        """
        service = self.serving(Deferred())
        service.startService()
        stopped = service.stopService()
        self.factory.drained.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.stops, 0)

    def test_signals(self) -> None:
        """
        From before it listens, a signal stops the reactor; a second one leaves what runs no time,
        and one that comes when it has stopped does not end the process with another exit status.
        """
        asAtTheStart(self)
        before = [signal.getsignal(number) for number in SIGNALS]
        port = self.port()
        service = self.serving(succeed(port))
        service.privilegedStartService()
        self.assertNotIn(signal.getsignal(signal.SIGTERM), before)
        service.startService()
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(self.reactor.stops, 1)
        service.stopService()
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(self.reactor.stops, 1)
        self.assertEqual(self.factory.deadlines, [30.0, 0.0])
        self.factory.drained.callback(None)
        assert port.stopped is not None
        port.stopped.callback(None)
        signal.raise_signal(signal.SIGTERM)
        self.reactor.end()
        signal.raise_signal(signal.SIGTERM)

    def test_signalsAfterStop(self) -> None:
        """
        When it has stopped for another reason than a signal, the signals are as they were.
        """
        asAtTheStart(self)
        before = [signal.getsignal(number) for number in SIGNALS]
        service = self.serving()
        service.startService()
        self.factory.drained.callback(None)
        self.successResultOf(service.stopService())
        self.assertEqual([signal.getsignal(number) for number in SIGNALS], before)

    def test_signalsAfterFailure(self) -> None:
        """
        When it could not start, the signals are as they were.
        """
        asAtTheStart(self)
        before = [signal.getsignal(number) for number in SIGNALS]
        self.assertRaises(CannotStart, self.serving(fail(CannotListen("no"))).startService)
        self.assertEqual([signal.getsignal(number) for number in SIGNALS], before)
