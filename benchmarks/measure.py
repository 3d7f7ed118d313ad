"""
Takes the samples of a work, its contestants in turns, and compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from .model import Contestant, Measured, NotStarted, Sampler, Settings, Target, Work


@dataclass(frozen=True)
class Spread:
    """
    The median of some figures, and how far they reach.
    """

    middle: float
    least: float
    most: float


def spread(figures: Collection[float]) -> Spread | None:
    """
    Sum figures up; None when there are none.
    """
    if not figures:
        return None
    return Spread(median(figures), min(figures), max(figures))


def measured(
    work: Work,
    settings: Settings,
    takesPart: Callable[[Contestant], bool],
    told: Callable[[str], object],
) -> Measured:
    """
    Let the contestants of a work have their turns, round by round, so that whatever else the
    machine does meets them all.

    @param takesPart: says for each contestant whether it is wanted at all.
    @param told: is told what goes on.
    """
    outcome = Measured(work)
    rounds = min(settings.rounds, work.rounds or settings.rounds)
    with ExitStack() as stack:
        samplers: dict[str, Sampler] = {}
        for contestant in work.contestants:
            if not takesPart(contestant):
                continue
            absent = contestant.missing(settings)
            if not absent:
                try:
                    samplers[contestant.name] = stack.enter_context(contestant.begin(settings))
                    continue
                except NotStarted as error:
                    absent = str(error)
            outcome.absent[contestant.name] = absent
        for turn in range(rounds):
            for name, sampler in samplers.items():
                if name in outcome.absent:
                    continue
                told(f"{work.name}, round {turn + 1} of {rounds}: {name}")
                try:
                    outcome.samples.setdefault(name, []).append(sampler())
                except NotStarted as error:
                    outcome.absent[name] = str(error)
    return outcome


def figures(outcome: Measured, contestant: str, key: str) -> Spread | None:
    """
    A column of a contestant over its rounds.
    """
    samples = outcome.samples.get(contestant, [])
    return spread([sample.values[key] for sample in samples if key in sample.values])


def compared(outcome: Measured, contestant: str, against: str) -> Spread | None:
    """
    How a contestant's figure stands to another's, each pair from the same round.
    """
    work = outcome.work
    pairs = zip(outcome.samples.get(contestant, []), outcome.samples.get(against, []), strict=False)
    found = []
    for own, other in pairs:
        key = work.compared
        if key in own.values and key in other.values:
            a, b = own.values[key], other.values[key]
            if work.difference:
                found.append(a - b)
            elif b:
                found.append(a / b)
    return spread(found)


def errors(outcome: Measured, contestant: str) -> int:
    """
    All wrong and missing answers of a contestant.
    """
    return sum(sample.errors for sample in outcome.samples.get(contestant, []))


@dataclass(frozen=True)
class Verdict:
    """
    A target and what was measured for it.

    @ivar met: false too when nothing was measured, or an answer was wrong.
    """

    target: Target
    found: Spread | None
    met: bool


def verdicts(outcome: Measured) -> list[Verdict]:
    """
    What became of the targets of a work; of those, that is, for which no peer was absent.
    """
    result = []
    peers = {contestant.name for contestant in outcome.work.contestants if contestant.peer}
    away = peers - outcome.samples.keys()
    for target in outcome.work.targets:
        if target.contestant in away or target.against in away:
            continue
        if target.against is None:
            found = figures(outcome, target.contestant, outcome.work.compared)
        else:
            found = compared(outcome, target.contestant, target.against)
        right = not errors(outcome, target.contestant)
        met = right and found is not None and found.middle <= target.most
        result.append(Verdict(target, found, met))
    return result
