"""
TCP connections in a capture of tcpdump or Wireshark (pcap, pcapng): the bytes of each connection,
in order. dpkt parses the packets (the extra C{txfcgi[pcap]}).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from .printer import Printer

#: How files of each format begin.
PCAP: Final = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
PCAPNG: Final = (b"\x0a\x0d\x0d\x0a",)

# The most bytes of one direction to keep while earlier bytes are missing.
_HELD: Final = 1_048_576
# The most bytes of a packet, or of another block of a capture.
_PACKET: Final = 16_777_216
# Packets of IP with nothing before them: DLT_RAW, as systems and as files number it, IPv4, IPv6.
_RAW: Final = (12, 14, 101, 228, 229)
# The most connections to follow at once.
_CONNECTIONS: Final = 10_000
_FIN_OR_RST: Final = 0x05
_SYN: Final = 0x02
_WRAP: Final = 1 << 32

Show = Callable[[int, bool], Printer]
Key = tuple[bytes, int, bytes, int]


def isCapture(start: bytes) -> bool:
    """
    Whether a file is a capture, by its first four bytes. FastCGI and SCGI never begin with these.
    """
    return start[:4] in PCAP or start[:4] in PCAPNG


class _Whole:
    """
    A file that raises if it is truncated: dpkt would take a truncated packet for a whole one.
    """

    def __init__(self, file: BinaryIO, start: bytes) -> None:
        self._file = file
        self._start = start

    def read(self, size: int) -> bytes:
        """
        Read this many bytes, or none at the end.

        @raise ValueError: If there are fewer, or if they are too many for a packet.
        """
        if not 0 <= size <= _PACKET:
            raise ValueError(f"a block of {size} bytes")
        start, self._start = self._start[:size], self._start[size:]
        data = start + self._file.read(size - len(start))
        if 0 < len(data) < size:
            raise ValueError("it is truncated")
        return data


class _Direction:
    """
    The bytes that one end of a connection sent.
    """

    def __init__(self) -> None:
        self.printer: Printer | None = None
        self._next: int | None = None
        self._later: dict[int, bytes] = {}
        self._held = 0
        self.broken = False
        self.ended = False

    def start(self, sequence: int) -> None:
        """
        Set the sequence number of the first byte.
        """
        if self._next is None:
            self._next = sequence % _WRAP

    def take(self, sequence: int, data: bytes) -> bytes:
        """
        Add a segment.

        @return: The bytes that are in order now.
        """
        if self._next is None:
            self._next = sequence
        behind = (sequence - self._next) % _WRAP
        if behind >= _WRAP // 2:  # it begins with bytes that were received before
            data = data[_WRAP - behind :]
            behind = 0
        if not data:
            return b""
        if behind:
            self._keep((self._next + behind) % _WRAP, data)
            return b""
        found = bytearray(data)
        self._next = (self._next + len(data)) % _WRAP
        while self._later:
            following = self._following()
            if following is None:
                break
            found += following
            self._next = (self._next + len(following)) % _WRAP
        return bytes(found)

    def _keep(self, sequence: int, data: bytes) -> None:
        known = self._later.get(sequence, b"")
        if len(data) > len(known):
            self._held += len(data) - len(known)
            self._later[sequence] = data
        if self._held > _HELD:
            self.broken = True
            self._later.clear()

    def _following(self) -> bytes | None:
        """
        The kept bytes that follow now.
        """
        assert self._next is not None
        for sequence, data in self._later.items():
            before = (self._next - sequence) % _WRAP
            if before < _WRAP // 2:
                del self._later[sequence]
                self._held -= len(data)
                return data[before:]
        return None

    @property
    def missing(self) -> bool:
        """
        Whether bytes are missing before kept ones.
        """
        return self.broken or bool(self._later)


class _Connection:
    """
    One connection.

    @ivar number: Its number in the output.
    @ivar client: The address and port of the end that opened it.
    """

    def __init__(self, number: int, client: tuple[bytes, int]) -> None:
        self.number = number
        self.client = client
        self.up, self.down = _Direction(), _Direction()

    @property
    def over(self) -> bool:
        """
        Whether both ends have closed it.
        """
        return self.up.ended and self.down.ended


class Capture:
    """
    The connections of a capture, each shown as it passed.
    """

    def __init__(self, show: Show, say: Callable[[str], None], port: int | None) -> None:
        """
        @param show: Makes the printer of one direction, from the number of the connection and
            whether the direction is to the app.
        @param say: Takes messages about the capture.
        @param port: The app's port; without it, all connections are shown.
        """
        self._show = show
        self._say = say
        self._port = port
        self._connections: dict[Key, _Connection] = {}
        self._numbers = 0
        self._dropped = 0

    def read(self, file: BinaryIO, start: bytes) -> None:
        """
        Show a whole file.

        @param start: Its first four bytes, which were read already.
        @raise ValueError: If the file is malformed or truncated.
        @raise ImportError: If dpkt is not installed.
        """
        try:
            import dpkt
        except ImportError as error:
            raise ImportError(
                f"captures need the package dpkt: pip install txfcgi[pcap] ({error})"
            ) from error
        packets = 0
        reader: Any = dpkt.pcapng.Reader if start in PCAPNG else dpkt.pcap.Reader
        try:
            capture = reader(_Whole(file, start))
            link = capture.datalink()
            for _, packet in capture:
                packets += 1
                for key, flags, sequence, data in _segments(dpkt, link, packet):
                    self._take(key, flags, sequence, data)
        except (dpkt.Error, ValueError, struct.error, IndexError, KeyError) as error:
            self._end()
            raise ValueError(
                f"the capture can't be read after {packets} packets: "
                f"{str(error) or type(error).__name__}"
            ) from error
        self._end()
        if not self._numbers:
            at = "" if self._port is None else f" to port {self._port}"
            self._say(f"the capture has no TCP connection{at} in {packets} packets")

    def _take(self, key: Key, flags: int, sequence: int, data: bytes) -> None:
        source, sourcePort, target, targetPort = key
        if self._port is not None and self._port not in (sourcePort, targetPort):
            return
        sent = (source, sourcePort)
        both: Key = (*min(sent, (target, targetPort)), *max(sent, (target, targetPort)))
        connection = self._connections.get(both)
        opens = flags & _SYN and not flags & 0x10
        if connection is not None and opens and connection.over:
            self._finish(self._connections.pop(both))
            connection = None
        if connection is None:
            if not data and not opens:
                return
            if len(self._connections) >= _CONNECTIONS:
                self._dropped += 1
                return
            self._numbers += 1
            connection = _Connection(self._numbers, self._opener(key, bool(opens)))
            self._connections[both] = connection
        toApp = sent == connection.client
        direction = connection.up if toApp else connection.down
        if flags & _SYN:
            direction.start(sequence + 1)
            return
        if not direction.broken:
            found = direction.take(sequence, data)
            if found:
                if direction.printer is None:
                    direction.printer = self._show(connection.number, toApp)
                direction.printer.receive(found)
        if flags & _FIN_OR_RST:
            direction.ended = True

    def _opener(self, key: Key, opens: bool) -> tuple[bytes, int]:
        """
        The web server's end of a connection: the end that opened it. If that was not recorded, the
        end without the app's port, or else with the higher port.
        """
        source, sourcePort, target, targetPort = key
        first = opens or (
            targetPort == self._port if self._port is not None else targetPort < sourcePort
        )
        return (source, sourcePort) if first else (target, targetPort)

    def _end(self) -> None:
        for connection in self._connections.values():
            self._finish(connection)
        self._connections.clear()
        if self._dropped:
            self._say(
                f"{self._dropped} packets are not shown: more than {_CONNECTIONS} connections "
                "are open at once; use --port to show those to one port"
            )

    def _finish(self, connection: _Connection) -> None:
        for direction, way in ((connection.up, "to the app"), (connection.down, "to the client")):
            if direction.missing:
                self._say(
                    f"connection {connection.number}: packets {way} are missing; the rest is not "
                    "shown"
                )
            if direction.printer is not None:
                direction.printer.end()


def _segments(dpkt: Any, link: int, packet: bytes) -> Iterator[tuple[Key, int, int, bytes]]:
    """
    The TCP segment in a packet, if any: its addresses and ports, its flags, the sequence number of
    its first byte, and its bytes.
    """
    layers = {
        dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet,
        dpkt.pcap.DLT_LINUX_SLL: dpkt.sll.SLL,
        dpkt.pcap.DLT_LINUX_SLL2: dpkt.sll2.SLL2,
        dpkt.pcap.DLT_NULL: dpkt.loopback.Loopback,
        dpkt.pcap.DLT_LOOP: dpkt.loopback.Loopback,
    }
    if link in layers:
        found = layers[link](packet).data
    elif link in _RAW:
        found = (dpkt.ip6.IP6 if packet[:1] >= b"\x60" else dpkt.ip.IP)(packet)
    else:
        raise ValueError(f"its packets have an unknown link type ({link})")
    if not isinstance(found, (dpkt.ip.IP, dpkt.ip6.IP6)) or not isinstance(
        found.data, dpkt.tcp.TCP
    ):
        return
    segment = found.data
    key = found.src, segment.sport, found.dst, segment.dport
    yield key, segment.flags, segment.seq, bytes(segment.data)
