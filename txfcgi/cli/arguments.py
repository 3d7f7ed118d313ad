"""
Arguments that several commands share.
"""

from __future__ import annotations

import json
from argparse import (
    Action,
    ArgumentParser,
    ArgumentTypeError,
    Namespace,
    RawDescriptionHelpFormatter,
)
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from ..client.client import Client, FastCGIClient
from ..client.endpoints import describe
from ..client.options import ClientOptions, RetryPolicy, Timeouts
from ..client.scgi import SCGIClient
from ..errors import InvalidEndpoint
from .console import Console

# The help of every endpoint argument.
ENDPOINT_HELP = (
    "the back end: host:port, the path of a Unix socket, or any Twisted endpoint "
    "such as unix:/run/app.sock"
)


#: Runs a command in the reactor, and returns the exit status.
Run = Callable[[Any, Namespace, Console], Coroutine[Any, Any, int]]


class Commands:
    """
    The commands of a program. Each command has its own parser.
    """

    def __init__(self, parser: ArgumentParser) -> None:
        """
        @param parser: The parser of the program.
        """
        self._parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(self, name: str, run: Run, *, help: str, about: str, examples: str) -> ArgumentParser:
        """
        Add a command.

        @param run: Runs it.
        @param help: What it does, in one line.
        @param about: The description, for its own C{--help}.
        @param examples: The examples, below the options.

        @return: The parser of its arguments.
        """
        parser = self._parsers.add_parser(
            name,
            help=help,
            description=about,
            epilog=examples,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.set_defaults(run=run)
        return parser


def endpoint(text: str) -> str:
    """
    The description of an endpoint, from a description or a short form.
    """
    try:
        return describe(text)
    except InvalidEndpoint as error:
        raise ArgumentTypeError(str(error)) from error


def seconds(text: str) -> float:
    """
    A time.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e9:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def portNumber(text: str) -> int:
    """
    A TCP port.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65_536):
        raise ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def pair(text: str) -> tuple[str, str]:
    """
    C{NAME=VALUE}.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def header(text: str) -> tuple[str, str]:
    """
    C{Name: value}.
    """
    name, colon, value = text.partition(":")
    if not name.strip() or not colon:
        raise ArgumentTypeError(f"{text!r} is not 'Name: value'")
    return name.strip(), value.strip()


def paramsIn(text: str) -> dict[str, str]:
    """
    Params from a file: a JSON object, or C{NAME=VALUE} lines, which NUL may separate, as in
    C{/proc/PID/environ}.

    @raise ValueError: If it is none of these.
    """
    if text.lstrip().startswith("{"):
        table = json.loads(text)
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in table.items()
        }
    lines = text.split("\0") if "\0" in text else text.splitlines()
    params = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name or not equals:
            raise ValueError(f"line {number} is not NAME=VALUE: {line!r:.100}")
        params[name] = value
    return params


class ParamsFile(Action):
    """
    C{--params FILE}.
    """

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """
        Read the file.
        """
        assert isinstance(values, str)
        try:
            text = Path(values).read_text("utf-8", "surrogateescape")
            params = paramsIn(text)
        except (OSError, ValueError) as error:
            parser.error(f"{option_string} {values}: {error}")
        setattr(namespace, self.dest, {**getattr(namespace, self.dest), **params})


def addEndpoint(parser: ArgumentParser) -> None:
    """
    The back end.
    """
    parser.add_argument("endpoint", type=endpoint, help=ENDPOINT_HELP)


def addSCGI(parser: ArgumentParser) -> None:
    """
    Add the option for SCGI.
    """
    parser.add_argument("--scgi", action="store_true", help="use SCGI instead of FastCGI")


def clientFor(reactor: Any, args: Namespace, **more: Any) -> Client:
    """
    A client for one request.

    @param more: More options of the client.
    """
    kind: type[Client] = SCGIClient if args.scgi else FastCGIClient
    return kind(reactor, args.endpoint, clientOptions(args.timeout, **more))


def protocolOf(args: Namespace) -> str:
    """
    The name of the chosen protocol.
    """
    return "SCGI" if args.scgi else "FastCGI"


def addParams(parser: ArgumentParser) -> None:
    """
    Add the options for params.
    """
    parser.add_argument(
        "-p",
        "--param",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a param, which replaces the generated one; may be given several times",
    )
    parser.add_argument(
        "--params",
        action=ParamsFile,
        default={},
        metavar="FILE",
        help="a file with params: NAME=VALUE lines, or a JSON object",
    )


def addTimeout(parser: ArgumentParser, default: float) -> None:
    """
    Add the time limit.
    """
    parser.add_argument(
        "-t",
        "--timeout",
        type=seconds,
        default=default,
        metavar="SECONDS",
        help=f"the total time limit (default: {default:g})",
    )


def clientOptions(timeout: float, **more: Any) -> ClientOptions:
    """
    The options of a client for one request.
    """
    timeouts = Timeouts(
        **dict.fromkeys(("connect", "write", "firstByte", "betweenBytes", "total"), timeout)
    )
    return ClientOptions(
        timeouts=timeouts,
        keepConnections=False,
        retry=RetryPolicy(attempts=0),
        logStderr=False,
        **more,
    )
