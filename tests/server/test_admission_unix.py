"""
Tests of which users may connect to a Unix socket: by real sockets, and as other users where the
tests run as root.
"""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, cast

import pytest
from twisted.internet.address import UNIXAddress
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txfcgi import FastCGIServerFactory, Response, SCGIServerFactory
from txfcgi.server import admission
from txfcgi.server.admission import BadAllowList, Credentials, UnixAllowList
from txfcgi.server.observing import ServerObserver
from txfcgi.transport.accept import Listener

from .conversation import ServerTests, WebServer, ok

ROOT = os.getuid() == 0

#: Connects, asks, and says what came: run as another user.
PEER = r"""
import os, socket, sys
if len(sys.argv) > 2:
    user, *groups = map(int, sys.argv[2:])
    os.setgroups(groups)
    os.setgid(groups[0])
    os.setuid(user)
peer = socket.socket(socket.AF_UNIX)
peer.connect("\0" + sys.argv[1])
answer = b""
try:
    peer.sendall(b"24:CONTENT_LENGTH\x000\x00SCGI\x001\x00,")
    while piece := peer.recv(1000):
        answer += piece
except (ConnectionResetError, BrokenPipeError):
    pass
print("answered" if b"Status: 200" in answer else "closed")
"""


class UnixAllowListTests(SynchronousTestCase):
    """
    Tests of L{UnixAllowList} and L{Credentials}.
    """

    def test_names(self) -> None:
        """
        Users and groups are given by name or number, one by one or in a text.
        """
        name, group = pwd.getpwuid(0).pw_name, grp.getgrgid(0).gr_name
        cases: tuple[tuple[Any, Any], ...] = (
            ([name, 4711], [group]),
            (f"{name}, 4711", group),
            ({0, "4711"}, (0,)),
        )
        for users, groups in cases:
            allowed = UnixAllowList.of(users, groups)
            self.assertEqual(allowed, UnixAllowList(frozenset((0, 4711)), frozenset((0,))))

    def test_none(self) -> None:
        """
        Without a list all may connect; with an empty one nobody may.
        """
        self.assertIsNone(UnixAllowList.of(None, None))
        allowed = UnixAllowList.of((), None)
        assert allowed is not None
        self.assertFalse(allowed(Credentials(1, 0, (0,))))

    def test_mistakes(self) -> None:
        """
        What is no user or group is refused when the factory is made, with its name.
        """
        for users, said in (
            ("nobody-at-all", "this machine has no user 'nobody-at-all'"),
            ("", "a user is empty"),
            ("root,,bin", "a user is empty"),
            ([-1], "-1 is not a user"),
            ([True], "True is not a user"),
            ([None], "None is not a user"),
            ([2**32 - 1], "4294967295 is not a user"),
            (["٣"], "this machine has no user"),
        ):
            for factory in (FastCGIServerFactory, SCGIServerFactory):
                error = self.assertRaises(BadAllowList, factory, ok, allowUsers=users)
                self.assertIn(said, str(error))
        error = self.assertRaises(BadAllowList, FastCGIServerFactory, ok, allowGroups="no such")
        self.assertIn("this machine has no group 'no such'", str(error))

    def test_rules(self) -> None:
        """
        One of both lists has to name a peer. Root is no exception.
        """
        allowed = UnixAllowList(frozenset((33,)), frozenset((50,)))
        for peer, may in (
            (Credentials(1, 33, (1,)), True),
            (Credentials(1, 34, (1, 50)), True),
            (Credentials(1, 34, (33,)), False),
            (Credentials(1, 50, (33,)), False),
            (Credentials(1, 0, (0,)), False),
        ):
            self.assertIs(allowed(peer), may, peer)

    def test_ofSocket(self) -> None:
        """
        The kernel says who the peer is: its process, user and groups.
        """
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        peer = Credentials.of(ours)
        self.assertEqual((peer.process, peer.user), (os.getpid(), os.getuid()))
        self.assertEqual(set(peer.groups), {os.getgid(), *os.getgroups()})
        self.assertEqual(peer.groups[0], os.getgid())
        self.assertIn(f"({pwd.getpwuid(os.getuid()).pw_name}), process {os.getpid()}", str(peer))
        self.assertIn("user 4711, process 9", str(Credentials(9, 4711, ())))

    def test_oldKernel(self) -> None:
        """
        A kernel that does not tell all groups of a peer tells the primary one.
        """
        self.patch(admission, "_SO_PEERGROUPS", 9999)
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.assertEqual(Credentials.of(ours).groups, (os.getgid(),))

    def test_otherSystem(self) -> None:
        """
        A system that does not tell who connects is told at the start.
        """
        self.patch(socket, "SO_PEERCRED", None)
        del socket.SO_PEERCRED
        error = self.assertRaises(BadAllowList, UnixAllowList.of, [0], None)
        self.assertIn("this system does not say which user connects", str(error))

    def test_unknown(self) -> None:
        """
        What has no socket, or none that knows its peer, may not connect.
        """
        allowed = UnixAllowList(frozenset((os.getuid(),)), frozenset())
        self.assertEqual(allowed.problemWith(None), (None, "its user is not known"))
        closed = socket.socket(socket.AF_UNIX)
        closed.close()
        self.assertIn("its user is not known (", allowed.problemWith(closed)[1])


class Refusals(ServerObserver):
    """
    Remembers what was refused, and what was not.
    """

    def __init__(self) -> None:
        self.said: list[str] = []

    def connectionOpened(self, peer: Any) -> None:
        self.said.append("opened")

    def connectionClosed(self, peer: Any) -> None:
        self.said.append("closed")

    def connectionRefused(self, peer: Any, reason: str) -> None:
        self.said.append(f"refused: {reason}")


class MemoryTests(ServerTests):
    """
    Peers whose user nobody knows.
    """

    def test_families(self) -> None:
        """
        Users are asked for on Unix sockets, and of peers whose kind is not known; not over IP. What
        such a peer sends is not read.
        """
        observer = Refusals()
        factory = self.factory(allowUsers=[os.getuid()], observers=[observer])
        self.assertServes(WebServer(factory))
        observer.said.clear()
        server = WebServer(factory, UNIXAddress(None))
        self.assertTrue(server.cut)
        self.assertSaid("is not allowed to connect", "its user is not known", "allowUsers=")
        server.disconnect()
        self.assertEqual(observer.said, ["refused: peer"])
        self.assertEqual(factory.connections, 1)


class PeerTests(TestCase):
    """
    Other processes, and other users, connect.
    """

    #: A user that is nobody's, and groups of its own.
    user, groups = (4711, [4712, 4713]) if ROOT else (os.getuid(), [os.getgid()])

    async def ask(
        self, groups: Sequence[int] | None = None, ours: bool = True, **allowed: Any
    ) -> str:
        """
        Listen on a socket, and let a process connect.

        @param groups: Its groups, the primary one first.
        @param ours: Whether to accept by our listener; if not, by the reactor's port.
        @return: What became of its request.
        """
        from twisted.internet import reactor as _reactor

        reactor: Any = _reactor
        name = secrets.token_hex(8)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(f"\0{name}")
        listening.listen()
        listening.setblocking(False)
        factory = SCGIServerFactory(lambda request: Response(200), **allowed)
        if ours:
            port: Any = Listener(reactor, listening, factory)
            port.startListening()
        else:
            port = reactor.adoptStreamPort(listening.fileno(), socket.AF_UNIX, factory)
            listening.close()
        groups = self.groups if groups is None else groups
        identity = map(str, (self.user, *groups)) if ROOT else ()
        try:
            done = await deferToThread(
                subprocess.run,
                [sys.executable, "-I", "-S", "-c", PEER, name, *identity],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
        finally:
            await port.stopListening()
            await factory.drain(0)
        return str(done.stdout.strip())

    async def test_named(self) -> None:
        """
        A user that is named is served, whoever accepts.
        """
        for ours in (True, False):
            self.assertEqual(await self.ask(ours=ours, allowUsers=[self.user]), "answered")
            self.assertEqual(await self.ask(ours=ours), "answered")

    async def test_notNamed(self) -> None:
        """
        Any other is closed unanswered, and logged with its user, its process and its groups.
        """
        for ours in (True, False):
            events: list[LogEvent] = []
            observer = cast(ILogObserver, events.append)
            globalLogPublisher.addObserver(observer)
            try:
                said = await self.ask(ours=ours, allowUsers=[self.user + 1], allowGroups=[9999])
            finally:
                globalLogPublisher.removeObserver(observer)
            self.assertEqual(said, "closed")
            texts = [formatEvent(event) for event in events]
            [text] = [text for text in texts if "is not allowed to connect" in text]
            self.assertIn(f"it is user {self.user}", text)
            self.assertRegex(text, r"process \d+, in the groups ")
            self.assertIn(str(self.groups[0]), text)

    async def test_groups(self) -> None:
        """
        It is enough if any of its groups is named, the primary one or another.
        """
        for group in self.groups:
            self.assertEqual(await self.ask(allowGroups=[group]), "answered")
        self.assertEqual(await self.ask(allowGroups=[9999]), "closed")

    @pytest.mark.skipif(not ROOT, reason="only root can give a process its groups")
    async def test_manyGroups(self) -> None:
        """
        A process may be in more groups than Python reads of a socket option.
        """
        groups = [4712, *range(10_000, 10_300)]
        self.assertEqual(await self.ask(groups, allowGroups=[10_299]), "answered")
        self.assertEqual(await self.ask(groups, allowGroups=[10_300]), "closed")
