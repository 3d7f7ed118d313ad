"""
The fuzzer: from a seed, the same conversations each time, as many as were asked for or as the time
allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from .mutations import mutated, pieces
from .targets import Outcome, Target


@dataclass
class Found:
    """
    What a run of the fuzzer found.

    @ivar conversations: How many were tried.
    @ivar outcomes: A conversation for each way in which one came out.
    """

    conversations: int = 0
    outcomes: dict[Outcome, bytes] = field(default_factory=dict)


class Broken(AssertionError):
    """
    A target did what it never should.

    @ivar data: The conversation.
    """

    def __init__(self, target: Target, seed: int, number: int, data: bytes) -> None:
        super().__init__(f"{target.name} with seed {seed}, conversation {number}: {data[:2000]!r}")
        self.data = data


def fuzz(target: Target, known: list[bytes], seed: int, more: Callable[[int], bool]) -> Found:
    """
    Try conversations until it is enough.

    @param known: What is tried first, and mutated later.
    @param more: Tells whether to go on after so many conversations.
    @raise Broken: If the target does what it never should.
    """
    random = Random(f"{target.name} {seed}")
    found = Found()
    pool = [*target.seeds(), *known]
    for data in _conversations(random, pool):
        if not more(found.conversations):
            break
        try:
            outcome = target.run(data, pieces(random, data))
        except Exception as error:
            raise Broken(target, seed, found.conversations, data) from error
        found.conversations += 1
        if outcome not in found.outcomes:
            found.outcomes[outcome] = data
            pool.append(data)
    return found


def _conversations(random: Random, pool: list[bytes]) -> Iterator[bytes]:
    yield from list(pool)
    while True:
        yield mutated(random, random.choice(pool), random.choice(pool))
