"""
The corpus is read in every run, and the fuzzers run for a short while, with a seed.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from .corpus import conversationsOf, keep, nameOf
from .fuzzer import Broken, fuzz
from .mutations import MOST, mutated, pieces
from .targets import TARGETS, Outcome, Target

# How many conversations each target has here. That is seconds for all of them.
SHORT = 400

CORPUS = [
    pytest.param(target, data, id=f"{target.name}-{name}")
    for target in TARGETS.values()
    for name, data in conversationsOf(target).items()
]


@pytest.mark.parametrize(("target", "data"), CORPUS)
def test_corpus(target: Target, data: bytes) -> None:
    """
    What was found once, and is named for how it came out then, is never a mistake of ours.
    """
    for seed in range(3):
        target.run(data, pieces(Random(seed), data))


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_short(target: Target) -> None:
    """
    Conversations that are nearly right are never a mistake of ours.
    """
    found = fuzz(target, list(conversationsOf(target).values()), 1, lambda done: done < SHORT)
    assert found.conversations == SHORT
    assert len(found.outcomes) > 1


class Picky(Target):
    """
    A target with a fault.
    """

    name = "picky"

    def seeds(self) -> list[bytes]:
        """
        What it likes.
        """
        return [b"hello"]

    def run(self, data: bytes, pieces: list[bytes]) -> Outcome:
        """
        Fail on what it does not like.
        """
        assert b"".join(pieces) == data
        if b"\r\n" in data:
            raise ValueError("no lines, please")
        return ("short" if len(data) < 5 else "long",)


def test_finds() -> None:
    """
    A fuzzer finds a fault, says with which seed, and finds it again.
    """
    for _ in range(2):
        with pytest.raises(Broken, match=r"picky with seed 5, conversation \d+: .*") as caught:
            fuzz(Picky(), [], 5, lambda done: done < 10_000)
        assert b"\r\n" in caught.value.data
        assert isinstance(caught.value.__cause__, ValueError)


def test_mutations() -> None:
    """
    From the same seed come the same bytes, of a bounded size.
    """
    one, other = Random(3), Random(3)
    data = b"some"
    for _ in range(300):
        data = mutated(one, data, b"other" * 10_000)
        assert data == mutated(other, data, b"") or len(data) <= MOST
        other.setstate(one.getstate())


def test_keeps(tmp_path: Path) -> None:
    """
    What comes out in a new way is kept, under a name of words; a second one like it is not, nor
    what is large.
    """
    target = TARGETS["http"]
    outcome = ("400", "closed", "{peer} is odd: {error}")
    assert nameOf(outcome) == "400-closed-peer-is-odd-error"
    file = keep(target, outcome, b"GET", tmp_path)
    assert file is not None
    assert conversationsOf(target, tmp_path) == {"400-closed-peer-is-odd-error": b"GET"}
    assert keep(target, outcome, b"PUT", tmp_path) is None
    assert keep(target, ("large",), bytes(5000), tmp_path) is None
    assert nameOf(()) == "nothing"
