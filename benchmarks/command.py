"""
The command line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .build import loadGenerator
from .measure import errors, measured, verdicts
from .model import Contestant, Measured, NotStarted, Settings, Work
from .report import asData, check, conditions, table
from .suites import suites


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what txfcgi costs, beside the least that Twisted can do and beside "
        "other software that is installed here.",
    )
    add = parser.add_argument
    add("works", nargs="*", metavar="WORK", help="suites or works to run; all, when none is named")
    add("--list", action="store_true", help="name the suites, works and contestants, and stop")
    add("--rounds", type=int, default=5, help="turns of each contestant (%(default)s)")
    add("--seconds", type=float, default=1.0, help="of each turn (%(default)s)")
    add("--no-peers", action="store_true", help="leave other people's software out")
    add(
        "--python",
        default=sys.executable,
        metavar="PATH",
        help="the interpreter that has the Python peers: flup, fcgi-client, uwsgi and others",
    )
    add(
        "--cores",
        default=None,
        metavar="A,B",
        help="run what is measured on core A and the other side on core B "
        "(the last two cores that there are)",
    )
    add("--json", type=Path, metavar="FILE", help="write everything here as well")
    add(
        "--check",
        action="store_true",
        help="say of each target whether it is met, and exit with 1 when one is not",
    )
    return parser


def _cores(given: str | None) -> tuple[frozenset[int], frozenset[int]]:
    """
    Where the measured process runs, and the other side.
    """
    here = sorted(os.sched_getaffinity(0))
    if given is not None:
        measuredCore, otherCore = map(int, given.split(","))
        return frozenset({measuredCore}), frozenset({otherCore})
    if len(here) < 2:
        return frozenset(), frozenset()
    return frozenset({here[-1]}), frozenset({here[-2]})


def _chosen(names: Sequence[str]) -> list[Work]:
    every = suites()
    unknown = set(names) - {suite.name for suite in every}
    unknown -= {work.name for suite in every for work in suite.works}
    if unknown:
        raise SystemExit(f"there is no work or suite {', '.join(sorted(unknown))}; see --list")
    return [
        work
        for suite in every
        for work in suite.works
        if not names or work.name in names or suite.name in names
    ]


def _list() -> None:
    for suite in suites():
        print(suite.name)
        for work in suite.works:
            print(f"  {work.name}: {work.title}")
            for contestant in work.contestants:
                print(f"    {contestant.name}")


def _whole(outcome: Measured) -> bool:
    """
    Whether all answers were right, and only peers were absent.
    """
    own = {contestant.name for contestant in outcome.work.contestants if not contestant.peer}
    return own.isdisjoint(outcome.absent) and not any(errors(outcome, n) for n in outcome.samples)


def _tell(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    @param arguments: those of the process, when None.
    @return: the exit status: 1 when an answer was wrong, when something other than a peer could
        not be measured, or when a target that was to be checked is not met; 2 when nothing can be
        measured here.
    """
    options = _parser().parse_args(arguments)
    if options.list:
        _list()
        return 0
    works = _chosen(options.works)
    try:
        loadGenerator()
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 2

    def takesPart(contestant: Contestant) -> bool:
        return not (options.no_peers and contestant.peer)

    measuredCores, otherCores = _cores(options.cores)
    with tempfile.TemporaryDirectory(prefix="txfcgi-benchmarks-") as folder:
        settings = Settings(
            folder=Path(folder),
            peersPython=options.python,
            rounds=options.rounds,
            seconds=options.seconds,
            measuredCores=measuredCores,
            otherCores=otherCores,
        )
        print(conditions(settings), end="")
        outcomes = []
        for work in works:
            if not any(map(takesPart, work.contestants)):
                continue
            outcome = measured(work, settings, takesPart, _tell)
            _tell("")
            print(table(outcome), end="", flush=True)
            outcomes.append(outcome)
    if options.json is not None:
        options.json.write_text(json.dumps(asData(settings, outcomes), indent=1) + "\n")
    status = int(not all(map(_whole, outcomes)))
    if options.check:
        found = [verdict for outcome in outcomes for verdict in verdicts(outcome)]
        print(check(found), end="")
        status = max(status, int(not all(verdict.met for verdict in found)))
    return status
