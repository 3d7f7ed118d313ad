"""
What was measured, for people and for programs.
"""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from txfcgi.wire.framing import COMPILED

from .measure import Spread, Verdict, compared, errors, figures, verdicts
from .model import Measured, Settings


def machine() -> dict[str, str]:
    """
    What figures depend on.
    """
    processor = ""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    return {
        "processor": f"{len(os.sched_getaffinity(0))} x {processor or platform.machine()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "twisted": version("Twisted"),
        "wire": "compiled" if COMPILED else "pure Python",
    }


def conditions(settings: Settings) -> str:
    """
    How it was measured, in a line or two.
    """
    here = machine()

    def place(cores: frozenset[int]) -> str:
        return f"core {','.join(map(str, sorted(cores)))}" if cores else "any core"

    return (
        f"Python {here['python']}, Twisted {here['twisted']}, {here['system']}, "
        f"{here['processor']}; txfcgi's wire is {here['wire']}\n"
        f"{settings.rounds} rounds of {settings.seconds:g} s, in turns; measured process on "
        f"{place(settings.measuredCores)}, the other side on {place(settings.otherCores)}; "
        f"unix sockets\n"
    )


def lines(rows: Sequence[Sequence[str]]) -> str:
    """
    A table: the first column to the left, the others to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    out = []
    for row in rows:
        first = row[0].ljust(widths[0])
        others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        out.append("  ".join([first, *others]).rstrip())
    return "\n".join(out) + "\n"


def reach(found: Spread, form: str) -> str:
    """
    From the least to the most.
    """
    return f"{found.least:{form}}..{found.most:{form}}"


def table(outcome: Measured) -> str:
    """
    One work.
    """
    work = outcome.work
    relation = f"above {work.base}" if work.difference else f"of {work.base}"
    heads = [""]
    for column in work.columns:
        heads.append(column.title)
        if column.key == work.compared:
            heads.append("min..max")
            if work.base is not None:
                heads += [relation, "min..max"]
    rows = [[*heads, "errors"]]
    for name in outcome.samples:
        row = [name]
        for column in work.columns:
            found = figures(outcome, name, column.key)
            row.append("" if found is None else format(found.middle, column.form))
            if column.key == work.compared:
                row.append("" if found is None else reach(found, column.form))
                if work.base is not None:
                    against = compared(outcome, name, work.base)
                    row.append("" if against is None else f"{against.middle:.2f}")
                    row.append("" if against is None else reach(against, ".2f"))
        rows.append([*row, str(errors(outcome, name))])
    text = f"\n{work.name}: {work.title}\n\n{lines(rows)}"
    for name, samples in outcome.samples.items():
        problem = next((sample.problem for sample in samples if sample.errors), None)
        if problem is not None:
            text += f"  wrong: {name}: {problem}\n"
    for name, reason in outcome.absent.items():
        text += f"  not here: {name}: {reason}\n"
    return text


def check(found: Iterable[Verdict]) -> str:
    """
    The targets, each with what was measured for it.
    """
    rows = [["target", "at most", "measured", "min..max", ""]]
    for verdict in found:
        spread = verdict.found
        rows.append(
            [
                verdict.target.what,
                f"{verdict.target.most:.2f}",
                "nothing" if spread is None else f"{spread.middle:.2f}",
                "" if spread is None else reach(spread, ".2f"),
                "ok" if verdict.met else "over",
            ]
        )
    return "\n" + lines(rows)


def asData(settings: Settings, outcomes: Iterable[Measured]) -> dict[str, object]:
    """
    All of it, for JSON.
    """
    works = []
    for outcome in outcomes:
        contestants = {}
        for name, samples in outcome.samples.items():
            base = outcome.work.base
            against = None if base is None else compared(outcome, name, base)
            contestants[name] = {
                "samples": [dataclasses.asdict(sample) for sample in samples],
                "medians": {
                    column.key: found.middle
                    for column in outcome.work.columns
                    if (found := figures(outcome, name, column.key)) is not None
                },
                "compared": against and dataclasses.asdict(against),
            }
        works.append(
            {
                "name": outcome.work.name,
                "title": outcome.work.title,
                "base": outcome.work.base,
                "compared": outcome.work.compared,
                "relation": "difference" if outcome.work.difference else "ratio",
                "contestants": contestants,
                "absent": outcome.absent,
                "targets": [dataclasses.asdict(verdict) for verdict in verdicts(outcome)],
            }
        )
    return {
        "machine": machine(),
        "rounds": settings.rounds,
        "seconds": settings.seconds,
        "works": works,
    }
