"""
Tests of L{txfcgi.cli.capture}: what tcpdump recorded, shown.
"""

from __future__ import annotations

import io
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Any
from unittest import mock

import dpkt
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.cli.capture import Capture, isCapture
from txfcgi.cli.main import makeParser
from txfcgi.cli.printer import Printer
from txfcgi.wire.records import BeginRequest, EndRequest, Params, Stdin, Stdout

from .commands import CommandCase

CLIENT, APP = ("192.0.2.1", 50_000), ("192.0.2.2", 9_000)
ASKED = BeginRequest(1, 1).encode() + Params(1).encode() + Stdin(1).encode()
ANSWERED = Stdout(1, b"Status: 200 OK\r\n\r\nabc").encode() + EndRequest(1).encode()
SYN, ACK, FIN, RST = dpkt.tcp.TH_SYN, dpkt.tcp.TH_ACK, dpkt.tcp.TH_FIN, dpkt.tcp.TH_RST

Address = tuple[str, int]


def packet(source: Address, target: Address, seq: int, data: bytes = b"", flags: int = ACK) -> Any:
    """
    An IP packet.
    """
    segment = dpkt.tcp.TCP(
        sport=source[1], dport=target[1], seq=seq % (1 << 32), flags=flags, data=data
    )
    if ":" in source[0]:
        pack = lambda host: socket.inet_pton(socket.AF_INET6, host)  # noqa: E731
        made = dpkt.ip6.IP6(src=pack(source[0]), dst=pack(target[0]), nxt=6, data=segment)
        made.plen = len(segment)
        return made
    made = dpkt.ip.IP(
        src=socket.inet_aton(source[0]), dst=socket.inet_aton(target[0]), p=6, data=segment
    )
    made.len = len(made)
    return made


def ethernet(made: Any) -> bytes:
    """
    A packet in a frame.
    """
    kind = dpkt.ethernet.ETH_TYPE_IP6 if isinstance(made, dpkt.ip6.IP6) else 0x0800
    return bytes(dpkt.ethernet.Ethernet(src=bytes(6), dst=bytes(6), type=kind, data=made))


def conversation(client: Address = CLIENT, app: Address = APP, start: int = 1_000) -> list[Any]:
    """
    A connection with one request, as it was opened, used and closed.
    """
    return [
        packet(client, app, start, flags=SYN),
        packet(app, client, 7, flags=SYN | ACK),
        packet(client, app, start + 1),
        packet(client, app, start + 1, ASKED[:20]),
        packet(client, app, start + 21, ASKED[20:]),
        packet(app, client, 8, ANSWERED),
        packet(client, app, start + 1 + len(ASKED), flags=FIN | ACK),
        packet(app, client, 8 + len(ANSWERED), flags=FIN | ACK),
    ]


def pcap(packets: Iterable[bytes], link: int = dpkt.pcap.DLT_EN10MB, ng: bool = False) -> bytes:
    """
    A capture.
    """
    file = io.BytesIO()
    if ng:
        block = dpkt.pcapng.InterfaceDescriptionBlockLE(linktype=link)
        writer: Any = dpkt.pcapng.Writer(file, idb=block)
    else:
        writer = dpkt.pcap.Writer(file, linktype=link)
    for number, each in enumerate(packets):
        writer.writepkt(each, ts=number)
    return file.getvalue()


class Kept(Printer):
    """
    Keeps what goes one way.
    """

    def __init__(self) -> None:
        self.data = b""
        self.ends = 0

    def receive(self, data: bytes) -> None:
        """
        Keep it.
        """
        self.data += data

    def end(self) -> None:
        """
        Count it.
        """
        self.ends += 1


class CaptureTests(SynchronousTestCase):
    """
    The connections of a capture.
    """

    def setUp(self) -> None:
        self.shown: dict[tuple[int, bool], Kept] = {}
        self.said: list[str] = []

    def read(self, data: bytes, port: int | None = None) -> dict[tuple[int, bool], bytes]:
        """
        Read a capture.

        @return: What went each way, by the number of the connection and whether it goes to the app.
        """

        def show(number: int, toApp: bool) -> Kept:
            kept = self.shown[number, toApp] = Kept()
            return kept

        Capture(show, self.said.append, port).read(io.BytesIO(data[4:]), data[:4])
        self.assertEqual({kept.ends for kept in self.shown.values()} - {1}, set())
        return {key: kept.data for key, kept in self.shown.items()}

    def test_formats(self) -> None:
        """
        Both formats, each kind of link, IPv4 and IPv6.
        """
        own = conversation()
        six = conversation(("2001:db8::1", 50_000), ("2001:db8::2", 9_000))
        cooked = [struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800) + bytes(each) for each in own]
        cooked2 = [
            struct.pack(">HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, bytes(8)) + bytes(each) for each in own
        ]
        captures = {
            "ethernet": pcap(map(ethernet, own)),
            "pcapng": pcap(map(ethernet, own), ng=True),
            "IPv6": pcap(map(ethernet, six)),
            "cooked": pcap(cooked, dpkt.pcap.DLT_LINUX_SLL),
            "cooked, version 2": pcap(cooked2, dpkt.pcap.DLT_LINUX_SLL2),
            "loopback": pcap([b"\2\0\0\0" + bytes(each) for each in own], dpkt.pcap.DLT_NULL),
            "raw": pcap(map(bytes, own), 101),
            "raw IPv6": pcap(map(bytes, six), 101),
        }
        for name, data in captures.items():
            self.setUp()
            self.assertTrue(isCapture(data[:4]))
            self.assertEqual(self.read(data), {(1, True): ASKED, (1, False): ANSWERED}, name)
            self.assertEqual(self.said, [])

    def test_order(self) -> None:
        """
        Segments that come in another order, twice, or overlapping, are put in order, also where
        their numbers begin anew.
        """
        start = (1 << 32) - 10
        segments = [
            packet(CLIENT, APP, start, flags=SYN),
            packet(CLIENT, APP, start + 21, ASKED[20:]),
            packet(CLIENT, APP, start + 21, ASKED[20:22]),
            packet(CLIENT, APP, start + 9, ASKED[8:20]),
            packet(CLIENT, APP, start + 1, ASKED[:12]),
            packet(CLIENT, APP, start + 1, ASKED[:12]),
            packet(CLIENT, APP, start + 5, ASKED[4:24]),
        ]
        self.assertEqual(self.read(pcap(map(ethernet, segments))), {(1, True): ASKED})
        self.assertEqual(self.said, [])

    def test_missing(self) -> None:
        """
        What follows a packet that was not recorded is not shown, and that is told.
        """
        lost = [each for number, each in enumerate(conversation()) if number != 3]
        found = self.read(pcap(map(ethernet, lost)))
        self.assertEqual(found, {(1, False): ANSWERED})
        [said] = self.said
        self.assertIn("connection 1: packets to the app are missing", said)

    def test_muchMissing(self) -> None:
        """
        What is held for one that never comes has a bound.
        """
        size = 60_000
        lost = [packet(CLIENT, APP, 0, flags=SYN)]
        lost += [packet(CLIENT, APP, 2 + at * size, bytes(size)) for at in range(40)]
        lost += [packet(CLIENT, APP, 1, b"x")]
        self.assertEqual(self.read(pcap(map(ethernet, lost))), {})
        self.assertEqual(len(self.said), 1)

    def test_begunBefore(self) -> None:
        """
        Of a connection that was open before, the lower port is the app's, or the one that is said.
        """
        middle = [packet(APP, CLIENT, 5, ANSWERED), packet(CLIENT, APP, 9, ASKED)]
        expected = {(1, True): ASKED, (1, False): ANSWERED}
        self.assertEqual(self.read(pcap(map(ethernet, middle))), expected)
        self.setUp()
        swapped = {(1, False): ASKED, (1, True): ANSWERED}
        self.assertEqual(self.read(pcap(map(ethernet, middle)), CLIENT[1]), swapped)

    def test_several(self) -> None:
        """
        Connections are told apart, also two that follow each other on the same ports.
        """
        both = [*conversation(), *conversation(start=90_000), *conversation(("192.0.2.1", 50_001))]
        found = self.read(pcap(map(ethernet, both)))
        self.assertEqual(
            found,
            {
                (number, way): ASKED if way else ANSWERED
                for number in (1, 2, 3)
                for way in (True, False)
            },
        )

    def test_port(self) -> None:
        """
        With a port, only what goes there is shown.
        """
        other = conversation(app=("192.0.2.2", 80))
        data = pcap(map(ethernet, [*other, *conversation()]))
        self.assertEqual(self.read(data, 9_000), {(1, True): ASKED, (1, False): ANSWERED})
        self.read(data, 9_001)
        self.assertEqual(
            self.said, ["the capture has no TCP connection to port 9001 in 16 packets"]
        )

    def test_others(self) -> None:
        """
        Packets of other protocols are passed over.
        """
        datagram = dpkt.ip.IP(src=bytes(4), dst=bytes(4), p=17, data=dpkt.udp.UDP(sport=1, dport=2))
        datagram.len = len(datagram)
        frames = [ethernet(datagram), bytes(dpkt.ethernet.Ethernet(type=0x0806, data=bytes(28)))]
        frames += map(ethernet, conversation())
        self.assertEqual(self.read(pcap(frames)), {(1, True): ASKED, (1, False): ANSWERED})
        self.read(pcap(frames[:2]))
        self.assertEqual(self.said, ["the capture has no TCP connection in 2 packets"])

    def test_reset(self) -> None:
        """
        A connection that was reset is over, as is one that was closed.
        """
        packets = conversation()[:6]
        packets += [packet(CLIENT, APP, 0, flags=RST), packet(APP, CLIENT, 0, flags=RST)]
        found = self.read(pcap(map(ethernet, [*packets, *conversation()])))
        self.assertEqual(set(found), {(1, True), (1, False), (2, True), (2, False)})

    def test_garbage(self) -> None:
        """
        A file that begins as a capture and is none, or is cut off, is told, with what was read.
        """
        whole = pcap(map(ethernet, conversation()))
        for data in (
            whole[:4],
            whole[:20],
            whole[:-1],
            whole[:30],
            whole[:4] + bytes(100),
            b"\x0a\x0d\x0d\x0a",
            b"\x0a\x0d\x0d\x0a" + bytes(range(200)),
            pcap(map(ethernet, conversation()), ng=True)[:50],
            pcap([b"\0" * 5]),
            pcap(map(bytes, conversation()), 147),
            whole[:24] + b"\xff" * 64,
        ):
            self.setUp()
            error = self.assertRaises(ValueError, self.read, data)
            self.assertRegex(str(error), r"^the capture can't be read after \d+ packets: .")


class DumpTests(CommandCase):
    """
    C{txfcgi dump} of a capture.
    """

    async def test_shown(self) -> None:
        """
        The records, with the connection and the way before each.
        """
        done = await self.command("dump", self.write("a.pcap", pcap(map(ethernet, conversation()))))
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual(done.lines[0], "1> BEGIN_REQUEST id=1 RESPONDER")
        self.assertEqual(done.lines[-1], "1< END_REQUEST id=1 REQUEST_COMPLETE appStatus=0")

    async def test_garbage(self) -> None:
        """
        One that can't be read is told in one line.
        """
        path = self.write("a.pcap", pcap(map(ethernet, conversation()))[:200])
        done = await self.command("dump", path)
        self.assertEqual(done.status, 1)
        self.assertIn(f"txfcgi dump: {path}: the capture can't be read after ", done.err)

    async def test_arguments(self) -> None:
        """
        A port belongs to a capture, and is a number.
        """
        path = self.write("a.bin", ASKED)
        done = await self.command("dump", "--port", "9000", path)
        self.assertEqual(done.status, 2)
        self.assertIn("--port needs a capture of tcpdump or Wireshark", done.err)
        both = ["--listen", "unix:a", "--connect", "unix:b"]
        self.assertEqual((await self.command("dump", "--port", "9000", *both)).status, 2)
        for port in ("0", "65536", "-1", "http", "9" * 9):
            with mock.patch.object(sys, "stderr", io.StringIO()) as said:
                self.assertRaises(
                    SystemExit, makeParser().parse_args, ["dump", f"--port={port}", path]
                )
            self.assertIn("is not a port from 1 to 65535", said.getvalue())

    async def test_withoutDpkt(self) -> None:
        """
        Where dpkt is missing, the extra that has it is named.
        """
        path = self.write("a.pcap", pcap(map(ethernet, conversation())))
        with mock.patch.dict(sys.modules, {"dpkt": None}):
            done = await self.command("dump", path)
        self.assertEqual(done.status, 1)
        self.assertIn("pip install txfcgi[pcap]", done.err)
