"""
Tests of L{txfcgi.service.listen}.
"""

from __future__ import annotations

import gc
import grp
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from typing import Any

from twisted.internet import endpoints
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txfcgi.errors import NotAnApp
from txfcgi.service.description import Description
from txfcgi.service.errors import BadEndpoint, CannotListen
from txfcgi.service.listen import (
    InheritedSocketEndpoint,
    TCPSocketEndpoint,
    UNIXSocketEndpoint,
    endpointFromText,
    listen,
)
from txfcgi.service.sockets import BACKLOG
from txfcgi.transport.accept import Listener


class EndpointFromTextTests(SynchronousTestCase):
    """
    Tests of L{endpointFromText}.
    """

    def endpoint(self, text: str, **options: bool) -> Any:
        """
        The endpoint for a description.
        """
        return endpointFromText(MemoryReactor(), text, **options)

    def mistake(self, text: str) -> str:
        """
        The message for a description that can't be understood.
        """
        return str(self.assertRaises(BadEndpoint, self.endpoint, text))

    def test_twisted(self) -> None:
        """
        What is not ours is Twisted's.
        """
        self.assertIsInstance(self.endpoint("haproxy:tcp:9000"), endpoints._WrapperServerEndpoint)

    def test_tcp(self) -> None:
        """
        TCP's arguments have the order that they have for Twisted.
        """
        for text, host, port in (
            ("tcp:9000:interface=127.0.0.1", "127.0.0.1", 9000),
            ("tcp:9000:127.0.0.1:7", "127.0.0.1", 9000),
            ("tcp:port=9000", "", 9000),
            ("tcp:9000:interface=\\:\\:1", "::1", 9000),
            ("tcp6:9000", "::", 9000),
            ("tcp6:9000:7:\\:\\:1", "::1", 9000),
            ("tcp6:9000:interface=", "::", 9000),
        ):
            endpoint = self.endpoint(text)
            self.assertIsInstance(endpoint, TCPSocketEndpoint)
            self.assertEqual((endpoint.host, endpoint.port), (host, port), text)

    def test_backlog(self) -> None:
        """
        More connections may wait than Twisted lets, unless it is said how many may.
        """
        for text, backlog in (
            ("tcp:9000", BACKLOG),
            ("tcp:9000:127.0.0.1", BACKLOG),
            ("tcp:9000:127.0.0.1:7", 7),
            ("tcp6:9000:backlog=7", 7),
            ("tcp6:9000:7", 7),
            ("tcp6:9000:interface=\\:\\:1", BACKLOG),
            ("unix:/a", BACKLOG),
            ("unix:/a:backlog=7", 7),
        ):
            endpoint = self.endpoint(text)
            found = endpoint.options.backlog if "unix" in text else endpoint.backlog
            self.assertEqual(found, backlog, text)

    def test_backlogOfOthers(self) -> None:
        """
        So it is for TLS, and behind a proxy that says who the peer is.
        """
        for text, expected in (
            ("ssl:443:certKey=a.pem", f"ssl:443:certKey=a.pem:backlog={BACKLOG}"),
            ("ssl:443:a.pem:a.pem:::9", "ssl:443:a.pem:a.pem:::9"),
            ("haproxy:tcp:9000", f"haproxy:tcp:9000:backlog={BACKLOG}"),
            ("haproxy:tcp6:9000:9", "haproxy:tcp6:9000:9"),
            ("haproxy", "haproxy"),
            ("systemd:domain=UNIX:index=0", "systemd:domain=UNIX:index=0"),
        ):
            self.assertEqual(Description.fromText(text).withBacklog(), expected)

    def test_burst(self) -> None:
        """
        As many connections wait as the system allows: more than 512, the most there were.
        """
        folder = tempfile.mkdtemp(prefix="service-")
        self.addCleanup(shutil.rmtree, folder)
        reactor = MemoryReactor()
        endpoint = endpointFromText(reactor, f"unix:{folder}/app.sock")
        port: Any = self.successResultOf(endpoint.listen(Factory.forProtocol(Protocol)))
        self.addCleanup(port.connectionLost, None)
        with open("/proc/sys/net/core/somaxconn") as file:
            most = min(int(file.read()), 600)
        for _ in range(most):
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.setblocking(False)
            client.connect(f"{folder}/app.sock")

    def test_unix(self) -> None:
        """
        A Unix socket is open to its owner and group unless it is said otherwise.
        """
        endpoint = self.endpoint("unix:/run/app.sock")
        verifyObject(IStreamServerEndpoint, endpoint)
        self.assertIsInstance(endpoint, UNIXSocketEndpoint)
        self.assertEqual(endpoint.path, "/run/app.sock")
        self.assertEqual(endpoint.options.mode, 0o660)
        self.assertEqual((endpoint.options.owner, endpoint.options.group), (None, None))
        self.assertTrue(endpoint.options.lock)
        self.assertFalse(endpoint.options.anyDirectory)
        self.assertTrue(self.endpoint("unix:/run/app.sock", insecure=True).options.anyDirectory)

    def test_unixArguments(self) -> None:
        """
        Every argument of Twisted's own is understood, in its order too; and owner and group, by
        name or number.
        """
        user, group = pwd.getpwuid(0).pw_name, grp.getgrgid(0).gr_name
        for text in (
            f"unix:/a:mode=600:backlog=7:lockfile=0:owner={user}:group={group}",
            "unix:address=/a:mode=0600:backlog=7:lockfile=0:owner=0:group=0",
            "unix:/a:600:7:0:owner=0:group=0",
        ):
            options = self.endpoint(text).options
            self.assertEqual(options.mode, 0o600)
            self.assertEqual(options.backlog, 7)
            self.assertFalse(options.lock)
            self.assertEqual((options.owner, options.group), (0, 0))

    def test_inherited(self) -> None:
        """
        C{fcgi:} is a socket that the process was started with, descriptor 0 unless another is
        named.
        """
        for text, fd in (("fcgi", 0), ("fcgi:0", 0), ("fcgi:fd=7", 7), ("FCGI:7", 7)):
            endpoint = self.endpoint(text)
            verifyObject(IStreamServerEndpoint, endpoint)
            self.assertIsInstance(endpoint, InheritedSocketEndpoint)
            self.assertEqual(endpoint.fd, fd)

    def test_systemd(self) -> None:
        """
        What systemd passes on is adopted here too, as Twisted would change its permissions.
        """
        passed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "app:other"}
        self.patch(os, "environ", passed)
        self.assertEqual(self.endpoint("systemd:domain=UNIX:index=1").fd, 4)
        self.assertEqual(self.endpoint("systemd:domain=INET:name=app").fd, 3)
        self.assertEqual(self.endpoint("systemd:name=other").fd, 4)
        for text, said in (
            (
                "systemd:index=2",
                "passed no such socket to this process: it passed app, other",
            ),
            ("systemd:domain=UNIX:name=no", "it passed app, other"),
            ("systemd:domain=UNIX", "give either index= or name="),
            ("systemd:index=0:name=app", "give either index= or name="),
        ):
            self.assertIn(said, self.mistake(text))

    def test_systemdWithoutNames(self) -> None:
        """
        C{systemd-socket-activate} gives no names unless it is told to. They are taken by index.
        """
        self.patch(os, "environ", {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"})
        self.assertEqual(self.endpoint("systemd:index=1").fd, 4)
        self.assertIn("it passed index 0, index 1", self.mistake("systemd:name=app"))

    def test_systemdOfOthers(self) -> None:
        """
        What was passed to another process is not there.
        """
        self.patch(os, "environ", {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "app"})
        self.assertIn("it passed none", self.mistake("systemd:index=0"))

    def test_withoutTLS(self) -> None:
        """
        TLS without pyOpenSSL is told how it is had.
        """
        program = (
            "import sys; sys.modules['OpenSSL'] = None\n"
            "from txfcgi.service.listen import endpointFromText\n"
            "endpointFromText(None, 'ssl:443')"
        )
        done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE)
        self.assertIn(
            b"BadEndpoint: 'ssl:443' is not a valid endpoint: TLS needs pyOpenSSL, which is "
            b"not installed: pip install txfcgi[tls]\n",
            done.stderr,
        )

    def test_mistakes(self) -> None:
        """
        A description that does not fit is refused with what is wrong with it.
        """
        for text, said in (
            ("unix:", "unix:: a socket needs a path"),
            ("unix", "it needs 'address'"),
            ("unix:@", "a socket needs a path"),
            ("unix:/a:mode=rw", "mode=rw: give the mode in octal, such as 660"),
            ("unix:/a:mode=999", "mode=999: give the mode in octal"),
            ("unix:/a:backlog=many", "backlog=many: it must be a number"),
            ("unix:/a:owner=no one", "the user 'no one' does not exist"),
            ("unix:/a:group=no one", "the group 'no one' does not exist"),
            ("unix:/a:color=red", "unknown argument color="),
            ("fcgi:fd=zero", "fd=zero: it must be a number"),
            ("tcp:http", "tcp:http: 'http' is not a number; give one such as unix:"),
            ("tcp6:http", "tcp6:http: 'http' is not a number"),
            ("tcp:localhost:9000", "did you mean tcp:9000:interface=localhost?"),
            ("tcp:1:backlog=many", "backlog=many: it must be a number"),
            ("tcp", "it needs 'port'"),
            ("tcp:1:color=red", "unknown argument color="),
            ("carrier:pigeon", "Unknown endpoint type: 'carrier'; give one such as"),
            ("localhost:9000", "did you mean tcp:9000:interface=localhost?"),
            ("example.com:9000", "did you mean tcp:9000:interface=example.com?"),
            ("http:1", "Unknown endpoint type: 'http'; give one such as unix:"),
        ):
            self.assertIn(said, self.mistake(text), text)

    def test_nothingIsOpened(self) -> None:
        """
        An endpoint that was made has not been listened on.
        """
        reactor = MemoryReactor()
        folder = tempfile.mkdtemp(prefix="service-")
        self.addCleanup(shutil.rmtree, folder)
        endpointFromText(reactor, f"unix:{folder}/app.sock")
        endpointFromText(reactor, "tcp:9000")
        self.assertEqual(os.listdir(folder), [])
        self.assertEqual(reactor.tcpServers, [])


class ListenTests(SynchronousTestCase):
    """
    Tests of the endpoints themselves.
    """

    def setUp(self) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="service-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "app.sock")
        self.factory = Factory.forProtocol(Protocol)

    def listening(self, family: int, address: Any) -> int:
        """
        The descriptor of a listening socket, as a parent process leaves it. It is C{listen}'s to
        close.
        """
        made = socket.socket(family)
        made.bind(address)
        made.listen()
        return made.detach()

    def listen(self, endpoint: Any) -> Any:
        """
        Listen on an endpoint. The port is stopped in the end.
        """
        port = self.successResultOf(endpoint.listen(self.factory))
        self.addCleanup(lambda: port.connected and port.connectionLost(None))
        return port

    def test_unix(self) -> None:
        """
        A Unix socket is made with its mode, and listened on.
        """
        reactor = MemoryReactor()
        port = self.listen(endpointFromText(reactor, f"unix:{self.path}:mode=600"))
        self.assertEqual(port.getHost(), UNIXAddress(self.path))
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(reactor.getReaders(), [port])

    def test_unixFails(self) -> None:
        """
        A socket that can't be had fails the Deferred.
        """
        endpoint = endpointFromText(MemoryReactor(), f"unix:{self.path}/app.sock")
        self.failureResultOf(endpoint.listen(self.factory), CannotListen)

    def test_tcp(self) -> None:
        """
        TCP is listened on by a port of ours.
        """
        for text, host in (("tcp:0:interface=127.0.0.1", "127.0.0.1"), ("tcp6:0", "::")):
            port = self.listen(endpointFromText(MemoryReactor(), text))
            self.assertIsInstance(port, Listener)
            self.assertEqual(port.getHost().host, host)
            self.assertFalse(os.get_blocking(port.fileno()))

    def test_tcpFails(self) -> None:
        """
        A port that can't be had says why.
        """
        taken = self.listen(endpointFromText(MemoryReactor(), "tcp:0:interface=127.0.0.1"))
        for text, said in (
            (f"tcp:{taken.getHost().port}:interface=127.0.0.1", "Address already in use"),
            ("tcp:0:interface=192.0.2.1", "Cannot assign requested address"),
            ("tcp:0:interface=no.such.name.invalid", "not known"),
        ):
            endpoint = endpointFromText(MemoryReactor(), text)
            error = self.failureResultOf(endpoint.listen(self.factory), CannotListen).value
            self.assertIn("can't listen there: ", str(error))
            self.assertIn(said, str(error))

    def test_listen(self) -> None:
        """
        A Twisted program listens by a description, or by an endpoint of whatever kind.
        """
        reactor = MemoryReactor()
        for endpoint in (f"unix:{self.path}", TCPSocketEndpoint(reactor, "127.0.0.1", 0)):
            port: Any = self.successResultOf(listen(self.factory, endpoint, reactor))
            self.addCleanup(port.connectionLost, None)
            self.assertIsInstance(port, Listener)
        listen(self.factory, endpoints.TCP4ServerEndpoint(reactor, 9000))
        self.assertEqual([server[0] for server in reactor.tcpServers], [9000])
        self.assertRaises(BadEndpoint, listen, self.factory, "9000", reactor)

    def test_listenToWhat(self) -> None:
        """
        An app in place of the factory that serves it, and a number in place of an endpoint.
        """
        wrong: Any
        for wrong in (lambda request: None, Factory):
            error: Exception = self.assertRaises(NotAnApp, listen, wrong, "tcp:9000")
            self.assertIn("write listen(FastCGIServerFactory(app), 'tcp:9000')", str(error))
        wrong = 9000
        error = self.assertRaises(BadEndpoint, listen, self.factory, wrong)
        self.assertIn("9000 is not an endpoint: give", str(error))

    def test_listenFails(self) -> None:
        """
        A failure that nobody handles is logged at once: the Deferred is not kept in a cycle.
        """
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        listen(self.factory, "unix:/does/not/exist/app.sock", MemoryReactor())
        (failure,) = self.flushLoggedErrors(CannotListen)
        self.assertIn("/does/not/exist", failure.getErrorMessage())

    def test_inheritedUNIX(self) -> None:
        """
        An inherited Unix socket keeps its mode; its descriptor is let go of, and its file stays
        when the port stops.
        """
        fd = self.listening(socket.AF_UNIX, self.path)
        os.chmod(self.path, 0o640)
        port = self.listen(InheritedSocketEndpoint(MemoryReactor(), fd))
        self.assertIsInstance(port, Listener)
        self.assertEqual(port.getHost(), UNIXAddress(self.path))
        self.assertFalse(os.get_blocking(port.fileno()))
        self.assertRaises(OSError, os.fstat, fd)
        port.connectionLost(None)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)

    def test_inheritedTCP(self) -> None:
        """
        An inherited TCP socket is accepted on as one of the family that it has; its descriptor is
        let go of.
        """
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            fd = self.listening(family, (address, 0))
            port = self.listen(InheritedSocketEndpoint(MemoryReactor(), fd))
            self.assertEqual(port.getHost().host, address)
            self.assertRaises(OSError, os.fstat, fd)
            port.connectionLost(None)

    def test_inheritedHost(self) -> None:
        """
        A worker is told where its socket is, and how many connections to accept at once.
        """
        fd = self.listening(socket.AF_UNIX, self.path)
        text = f"fcgi:fd={fd}:accept=1:own=1:path=/run/app\\:1.sock"
        endpoint: Any = endpointFromText(MemoryReactor(), text)
        self.assertTrue(endpoint.own)
        port = self.listen(endpoint)
        self.assertEqual((port.getHost(), port.perTurn), (UNIXAddress("/run/app:1.sock"), 1))
        port.connectionLost(None)

    def test_notInherited(self) -> None:
        """
        A descriptor that is no listening socket fails the Deferred, and stays.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        endpoint = InheritedSocketEndpoint(MemoryReactor(), reading)
        self.failureResultOf(endpoint.listen(self.factory), CannotListen)
        os.fstat(reading)
