"""
Tests of L{txfcgi.service.embedded}.
"""

from __future__ import annotations

import signal
from typing import Any

from twisted.application.service import Application, IService, IServiceCollection
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txfcgi import AllowList, FastCGIServerFactory, Response, SCGIServerFactory, ServerService
from txfcgi.errors import NotAnApp
from txfcgi.server.apps import IStartsAndStops
from txfcgi.service.errors import BadEndpoint, CannotStart
from txfcgi.service.signals import SIGNALS

from .stopping import Reactor


@implementer(IStartsAndStops)
class App:
    """
    An app that starts and stops.
    """

    def __init__(self) -> None:
        self.did: list[str] = []

    def __call__(self, request: object) -> Response:
        return Response()

    def startup(self) -> None:
        """
        It is told to start.
        """
        self.did.append("started")

    def shutdown(self) -> None:
        """
        It is told to stop.
        """
        self.did.append("stopped")


class ServerServiceTests(SynchronousTestCase):
    """
    Tests of L{ServerService}.
    """

    def setUp(self) -> None:
        for number in SIGNALS:
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.reactor = Reactor()

    def service(self, *endpoints: Any, app: Any = print, **options: Any) -> ServerService:
        """
        A service in an application.
        """
        self.factory = FastCGIServerFactory(app, clock=self.reactor, **options.pop("of", {}))
        service = ServerService(self.factory, *endpoints, reactor=self.reactor, **options)
        application = Application("test")
        service.setServiceParent(IServiceCollection(application))
        return service

    def endpoint(self) -> TCP4ServerEndpoint:
        """
        An endpoint in memory, which is open to other machines.
        """
        return TCP4ServerEndpoint(self.reactor, 9000)

    def start(self, service: ServerService) -> None:
        """
        Start a service as an application does.
        """
        service.privilegedStartService()
        service.startService()
        self.reactor.advance(0)

    def test_startsAndStops(self) -> None:
        """
        It is a service, which listens when it starts; the app starts and stops with it.
        """
        app = App()
        service = self.service(self.endpoint(), app=app, insecure=True)
        verifyObject(IService, service)
        self.assertEqual(self.reactor.tcpServers, [])
        self.start(service)
        self.assertEqual([server[0] for server in self.reactor.tcpServers], [9000])
        self.assertEqual(app.did, ["started"])
        self.successResultOf(service.stopService())
        self.assertEqual(app.did, ["started", "stopped"])
        late = self.factory.buildProtocol(None)
        assert late is not None  # there is time for one that the web server has just begun
        self.reactor.advance(3)
        self.assertIsNone(self.factory.buildProtocol(None))

    def test_otherMachines(self) -> None:
        """
        A port that is open to other machines is refused, unless the program says who may connect,
        or that all may.
        """
        with self.assertRaises(CannotStart) as raised:
            self.start(self.service(self.endpoint()))
        self.assertIn("insecure=True", str(raised.exception))
        allowed = AllowList.fromText("10.0.0.0/8")
        for options in ({"of": {"allowFrom": allowed}}, {"insecure": True}):
            service = self.service(self.endpoint(), **options)
            self.start(service)
            self.successResultOf(service.stopService())

    def test_descriptions(self) -> None:
        """
        Descriptions are understood, or refused at once; a service without an endpoint is, too.
        """
        service = ServerService(
            SCGIServerFactory(print, clock=self.reactor),
            "tcp:0:interface=127.0.0.1",
            "tcp:0:interface=127.0.0.1",
            reactor=MemoryReactorClock(),
        )
        self.assertEqual(service.ports, [])
        with self.assertRaises(BadEndpoint):
            self.service("tcp:many")
        with self.assertRaisesRegex(ValueError, "name an endpoint"):
            self.service()

    def test_mistakes(self) -> None:
        """
        An app in place of a factory, and a number in place of an endpoint, are refused at once.
        """
        app: Any = print
        with self.assertRaises(NotAnApp) as raised:
            ServerService(app, "unix:/run/a.sock", reactor=self.reactor)
        self.assertIn(
            "write ServerService(FastCGIServerFactory(app), 'unix:/run/a.sock')",
            str(raised.exception),
        )
        with self.assertRaisesRegex(BadEndpoint, "9000 is not an endpoint"):
            self.service(9000)

    def test_users(self) -> None:
        """
        It knows whether the factory checks users.
        """
        self.assertFalse(self.service(self.endpoint()).limitsUsers)
        self.assertTrue(self.service(self.endpoint(), of={"allowUsers": [0]}).limitsUsers)
