"""
The XML-RPC proxy and rTorrent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import ClassVar

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from txfcgi.xmlrpc import Fault, SCGIProxy

from .processes import Workspace, find, folder, freePort, running


@contextmanager
def rTorrent(workspace: Workspace, listen: str) -> Iterator[None]:
    """
    Run rTorrent without a terminal, with nothing of its user's, and without a network.

    @param listen: the line of its configuration that says where it listens for SCGI.
    """
    root = workspace.root
    (root / "session").mkdir()
    configuration = workspace.write(
        "rtorrent.rc",
        f"""
system.daemon.set = true
session.path.set = {root}/session
directory.default.set = {root}
network.port_open.set = no
trackers.use_udp.set = no
dht.mode.set = disable
protocol.pex.set = no
{listen}
""",
    )
    command = [find("rtorrent", "rtorrent"), "-n", "-o", f"import={configuration}"]
    with running("rtorrent", command, root) as child:
        if "open_local" in listen:
            child.waitUntilAccepting(workspace.socket)
        else:
            host, _, port = listen.rpartition(" ")[2].partition(":")
            child.waitUntilAccepting((host, int(port)))
        yield


class RTorrentCase(TestCase):
    """
    Tests with one rTorrent for all of them.
    """

    timeout = 60
    unix: ClassVar[bool]
    url: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        stack = ExitStack()
        cls.addClassCleanup(stack.close)
        workspace = Workspace(stack.enter_context(folder()))
        if cls.unix:
            cls.url = f"scgi+unix:{workspace.socket}"
            listen = f"network.scgi.open_local = {workspace.socket}"
        else:
            address = f"{workspace.host}:{freePort()}"
            cls.url = f"scgi://{address}"
            listen = f"network.scgi.open_port = {address}"
        stack.enter_context(rTorrent(workspace, listen))

    def proxy(self) -> SCGIProxy:
        """
        A proxy, which is closed when the test is over.
        """
        proxy = SCGIProxy(self.url, reactor=reactor)
        self.addCleanup(proxy.close)
        return proxy


class CommonTests:
    """
    What can be done over either socket.
    """

    async def test_calls(self) -> None:
        """
        Calls with and without arguments, and a large answer.
        """
        assert isinstance(self, RTorrentCase)
        proxy = self.proxy()
        self.assertRegex(await proxy.callRemote("system.client_version"), r"^\d+\.\d+")
        self.assertIn("system.listMethods", await proxy.callRemote("system.listMethods"))
        await proxy.callRemote("throttle.global_down.max_rate.set_kb", "", 123)
        rate = await proxy.callRemote("throttle.global_down.max_rate")
        self.assertEqual(rate, 123 * 1024)
        calls = [{"methodName": "system.pid", "params": []}] * 200
        results = await proxy.callRemote("system.multicall", calls)
        self.assertEqual(results, results[:1] * 200)

    async def test_fault(self) -> None:
        """
        A method that it does not have.
        """
        assert isinstance(self, RTorrentCase)
        fault = await self.assertFailure(self.proxy().callRemote("no.such.method"), Fault)
        self.assertIn("no.such.method", fault.faultString)

    async def test_many(self) -> None:
        """
        Many calls at once.
        """
        assert isinstance(self, RTorrentCase)
        proxy = self.proxy()
        pids = await gatherResults([proxy.callRemote("system.pid") for _ in range(100)])
        self.assertEqual(len(set(pids)), 1)


class TestUnix(CommonTests, RTorrentCase):
    """
    Over a Unix socket.
    """

    unix = True


class TestTCP(CommonTests, RTorrentCase):
    """
    Over TCP.
    """

    unix = False
