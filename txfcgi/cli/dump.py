"""
C{txfcgi dump}: what goes over the wire, recorded or as it passes.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort

from ..client.endpoints import clientEndpoint
from ..errors import CannotServe, InvalidEndpoint
from ..service.errors import explainListenFailure
from ..service.listen import endpointFromText
from ..service.serving import EXPECTED_FAILURES
from .arguments import Commands, endpoint, portNumber
from .capture import Capture, isCapture
from .console import FAILED, OK, USAGE, Console
from .fastcgi import RecordPrinter
from .printer import Listing, Printer
from .relay import RelayFactory
from .scgi import RecordedPrinter, RequestPrinter, ResponsePrinter

_ABOUT: Final = """Show FastCGI records, or SCGI requests and responses, from a file, or as they
pass between a web server and an app. > goes to the app, < to the web server;
the number is that of the connection.
Passwords, cookies, tokens and the like are shown as ***. Bodies are only shown
with --content.
"""
_EXAMPLES: Final = """examples:
  txfcgi dump recorded.bin
  xxd -p recorded.bin | txfcgi dump --hex -
  tcpdump -i lo -w app.pcap tcp port 9000; txfcgi dump --port 9000 app.pcap
  txfcgi dump --listen unix:/tmp/seen.sock --connect unix:/run/app.sock
    and in nginx: fastcgi_pass unix:/tmp/seen.sock
  txfcgi dump --scgi recorded.bin
  txfcgi dump --scgi --listen tcp:4001:interface=127.0.0.1 \\
      --connect 127.0.0.1:4000
    and in nginx: scgi_pass 127.0.0.1:4001
"""

_ONLY_CAPTURES: Final = "txfcgi dump: --port needs a capture of tcpdump or Wireshark"
_PIECE: Final = 65_536


def add(commands: Commands) -> None:
    """
    Add the command.
    """
    parser = commands.add(
        "dump",
        run,
        help="show what goes over the wire, recorded or as it passes",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "file",
        nargs="?",
        help="a recorded byte stream of one direction, or a capture of tcpdump or Wireshark "
        "(pcap, pcapng; needs txfcgi[pcap]); - for stdin",
    )
    parser.add_argument(
        "--port",
        type=portNumber,
        metavar="N",
        help="with a capture: show connections to this TCP port",
    )
    parser.add_argument("--hex", action="store_true", help="the file is in hexadecimal")
    parser.add_argument(
        "--listen",
        metavar="ENDPOINT",
        help="where the web server connects: a Twisted endpoint, as for twistd fcgi --port",
    )
    parser.add_argument(
        "--connect", type=endpoint, metavar="ENDPOINT", help="where the app listens"
    )
    parser.add_argument(
        "--content",
        type=int,
        default=0,
        metavar="BYTES",
        help="how much of each record or piece of a body to show",
    )
    parser.add_argument("--scgi", action="store_true", help="expect SCGI instead of FastCGI")
    parser.add_argument("--secrets", action="store_true", help="show passwords and cookies too")


async def run(reactor: Any, args: Namespace, console: Console) -> int:
    """
    Show records.
    """
    passing = args.listen is not None or args.connect is not None
    if passing == (args.file is not None) or (args.listen is None) != (args.connect is None):
        console.say("txfcgi dump: give a file, or --listen and --connect")
        return USAGE

    def listing(prefix: str = "") -> Listing:
        return Listing(console.line, prefix, args.secrets, args.content)

    def printer(number: int, toApp: bool) -> Printer:
        lines = listing(f"{number}{'>' if toApp else '<'} ")
        if args.scgi:
            return RequestPrinter(lines) if toApp else ResponsePrinter(lines)
        return RecordPrinter(lines)

    if passing and args.port is not None:
        console.say(_ONLY_CAPTURES)
        return USAGE
    if passing:
        return await _pass(reactor, args, console, printer)
    try:
        with _opened(args.file) as file:
            start = file.read(4)
            if isCapture(start) and not args.hex:
                Capture(printer, console.say, args.port).read(file, start)
            elif args.port is not None:
                console.say(_ONLY_CAPTURES)
                return USAGE
            elif not start:
                console.say(f"txfcgi dump: {args.file}: it is empty")
                return FAILED
            else:
                shown = (RecordedPrinter if args.scgi else RecordPrinter)(listing())
                _read(start, file, args.hex, shown)
                return FAILED if shown.failed else OK
    except BrokenPipeError:
        raise
    except (OSError, ValueError, ImportError) as error:
        console.say(f"txfcgi dump: {args.file}: {error}")
        return FAILED
    return OK


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    """
    The open file of a command line; standard input is not closed afterwards.
    """
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    return Path(name).open("rb")


def _read(start: bytes, file: BinaryIO, isHex: bool, printer: Printer) -> None:
    """
    Show a file.

    @param start: The bytes that were read already.
    """
    if isHex:
        printer.receive(bytes.fromhex((start + file.read()).decode("ascii")))
    else:
        printer.receive(start + file.read(_PIECE))
        pieces: Iterator[bytes] = iter(lambda: file.read(_PIECE), b"")
        for piece in pieces:
            printer.receive(piece)
    printer.end()


async def _pass(
    reactor: Any, args: Namespace, console: Console, printer: Callable[[int, bool], Printer]
) -> int:
    """
    Relay between a web server and an app until the process is told to stop.
    """
    try:
        factory = RelayFactory(clientEndpoint(reactor, args.connect), printer, console.say)
        listening = endpointFromText(reactor, args.listen)
        port: IListeningPort = await maybeDeferred(listening.listen, factory)
    except InvalidEndpoint as error:
        console.say(f"txfcgi dump: --connect {error}")
        return FAILED
    except EXPECTED_FAILURES as error:
        reason = error if isinstance(error, CannotServe) else explainListenFailure(error)
        console.say(f"txfcgi dump: {args.listen}: {reason}")
        return FAILED
    console.say(f"listens on {args.listen}, and relays to {args.connect}")
    ended: Deferred[None] = Deferred()
    reactor.addSystemEventTrigger("before", "shutdown", ended.callback, None)
    await ended
    await maybeDeferred(port.stopListening)
    await factory.close()
    return OK
