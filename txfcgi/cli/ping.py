"""
C{txfcgi ping}: check whether a back end is healthy.
"""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError, Namespace
from dataclasses import asdict, dataclass
from typing import Any, Final

from ..cgiparams import cgiParams, decodedPath
from ..errors import InvalidRequest, TxFCGIError
from .arguments import Commands, addEndpoint, addParams, addSCGI, addTimeout, clientFor, protocolOf
from .console import FAILED, OK, USAGE, Console, readable
from .failures import explained
from .fpm import FIGURES, pageParams, readStatus, statusURI
from .probe import unlessHTTP

_ABOUT: Final = """Check whether a back end is healthy, by making a request.
The result is one line. The exit status is 0 if the back end is healthy, and 1
if it can't be reached, is too slow, or answers something unexpected.
"""
_EXAMPLES: Final = """examples:
  txfcgi ping 127.0.0.1:9000
  txfcgi ping unix:/run/app.sock --uri /health --status 200 --expect ok
  txfcgi ping /run/php/php-fpm.sock --fpm-ping
  txfcgi ping /run/php/php-fpm.sock --fpm-status /status --max-queue 10 \\
      --max-active 40
  txfcgi ping /run/php/php-fpm.sock --fpm-status '/status?full' --json
"""


_THRESHOLDS: Final = {
    "active": ("active processes", "the most active processes"),
    "queue": ("listen queue", "the most requests that wait for a free process"),
    "slow": ("slow requests", "the most slow requests since its start"),
}


@dataclass
class Found:
    """
    The result of a check.

    @ivar problem: Why the back end is not healthy; empty if it is.
    @ivar status: The HTTP status of its response.
    @ivar seconds: How long it took.
    @ivar fpm: The figures of php-fpm's status page.
    """

    problem: str | None = None
    status: int | None = None
    seconds: float = 0.0
    fpm: dict[str, Any] | None = None

    def line(self) -> str:
        """
        The result in one line for people.
        """
        if self.fpm is not None:
            what = ", ".join(f"{name} {self.fpm[name]}" for name in FIGURES if name in self.fpm)
        else:
            what = "" if self.status is None or self.problem else f"status {self.status}"
        said = ": ".join(part for part in (self.problem, what) if part)
        verdict = "OK" if self.problem is None else "FAILED"
        return f"{verdict} {readable(said)} in {self.seconds * 1000:.1f} ms"

    def json(self) -> str:
        """
        The result in one line for programs.
        """
        return json.dumps({"ok": self.problem is None, **asdict(self)})


def natural(text: str) -> int:
    """
    A whole number of at least 0.
    """
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def statuses(text: str) -> range:
    """
    A status, or a range of them: C{200} or C{200-399}.
    """
    found = re.fullmatch("([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?", text)
    if not found:
        raise ArgumentTypeError(f"{text!r} is neither a status nor a range such as 200-399")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def add(commands: Commands) -> None:
    """
    Add the command.
    """
    parser = commands.add(
        "ping", run, help="check whether a back end is healthy", about=_ABOUT, examples=_EXAMPLES
    )
    addEndpoint(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--uri", default="/", help="the path to request (default: /)")
    what.add_argument(
        "--fpm-ping",
        nargs="?",
        const="/ping",
        metavar="PATH",
        help="request php-fpm's ping.path (default: /ping), and expect pong",
    )
    what.add_argument(
        "--fpm-status",
        nargs="?",
        const="/status",
        metavar="PATH",
        help="request php-fpm's pm.status_path (default: /status), and show its figures",
    )
    parser.add_argument(
        "--status",
        type=statuses,
        metavar="CODES",
        help="the statuses that mean healthy, such as 200 or 200-399 (default: below 500)",
    )
    parser.add_argument("--expect", metavar="TEXT", help="text that the body must contain")
    for option, (figure, text) in _THRESHOLDS.items():
        parser.add_argument(
            f"--max-{option}",
            type=natural,
            metavar="NUMBER",
            help=f"with --fpm-status: {text} ({figure})",
        )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    addParams(parser)
    addSCGI(parser)
    addTimeout(parser, 5.0)


async def run(reactor: Any, args: Namespace, console: Console) -> int:
    """
    Ask.
    """
    if args.fpm_status is None and (given := _thresholds(args)):
        console.say(f"txfcgi ping: --max-{next(iter(given))} is for --fpm-status")
        return USAGE
    try:
        params = {**_params(args), **args.params, **dict(args.param)}
    except InvalidRequest as error:
        console.say(f"txfcgi ping: {error}")
        return FAILED
    client = clientFor(reactor, args)
    started = reactor.seconds()
    found = Found()
    try:
        asked = client.request(params)
        response = await unlessHTTP(reactor, args.endpoint, protocolOf(args), asked)
        _look(args, response.code, await response.content(), found)
    except TxFCGIError as error:
        found.problem = explained(error)
    finally:
        await client.close()
    found.seconds = round(reactor.seconds() - started, 6)
    console.line(found.json() if args.json else found.line())
    return OK if found.problem is None else FAILED


def _params(args: Namespace) -> dict[str, str]:
    """
    The params of the request.
    """
    if args.fpm_ping:
        return pageParams("GET", args.fpm_ping)
    if args.fpm_status:
        return pageParams("GET", statusURI(args.fpm_status))
    path = decodedPath(args.uri.partition("?")[0])
    return cgiParams("GET", args.uri, scriptName="", pathInfo=path)


def _thresholds(args: Namespace) -> dict[str, int]:
    """
    The given thresholds, by the names of their options.
    """
    given = {option: getattr(args, f"max_{option}") for option in _THRESHOLDS}
    return {option: most for option, most in given.items() if most is not None}


def _look(args: Namespace, code: int, body: bytes, found: Found) -> None:
    """
    Check a response.
    """
    found.status = code
    expected = args.expect or ("pong" if args.fpm_ping else None)
    page = args.fpm_ping or args.fpm_status
    allowed = args.status or (range(200, 201) if page else range(100, 500))
    beginning = body[:100].decode("utf-8", "backslashreplace")
    if code not in allowed:
        found.problem = f"status {code}"
    elif expected is not None and expected.encode() not in body:
        found.problem = f"{expected!r} is not in the body: {beginning}"
    elif args.fpm_status:
        found.fpm = readStatus(body)
        if found.fpm is None:
            found.problem = f"this is not php-fpm's status page: {beginning}"
        else:
            found.problem = _tooMuch(found.fpm, _thresholds(args))


def _tooMuch(figures: dict[str, Any], thresholds: dict[str, int]) -> str | None:
    """
    The figures that are over their thresholds, if any.
    """
    over = []
    for option, most in thresholds.items():
        figure, _ = _THRESHOLDS[option]
        value = figures.get(figure)
        if not isinstance(value, int):
            over.append(f"the status page has no {figure} (--max-{option})")
        elif value > most:
            over.append(f"{figure} {value}, more than {most} (--max-{option})")
    return "; ".join(over) or None
