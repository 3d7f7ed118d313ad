"""
Runs the fuzzers by hand::

    python -m tests.fuzz                                # a minute for all targets together
    python -m tests.fuzz --seconds 3600 --seed 7 http   # an hour for one
    python -m tests.fuzz --grow                         # keeps what came out in a new way
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from .corpus import conversationsOf, keep, nameOf
from .fuzzer import Broken, fuzz
from .targets import TARGETS


def until(seconds: float) -> Callable[[int], bool]:
    """
    Whether some time is left, from now on.
    """
    end = time.monotonic() + seconds
    return lambda done: time.monotonic() < end


def main() -> int:
    """
    Run what was asked for.

    @return: The exit status: 1 if a target did what it never should.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60, help="for all together (60)")
    parser.add_argument("--seed", type=int, default=None, help="the time, if not given")
    parser.add_argument("--grow", action="store_true", help="add to tests/corpus")
    options = parser.parse_args()
    unknown = [name for name in options.targets if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]}: there are {', '.join(TARGETS)}")
    seed = int(time.time()) if options.seed is None else options.seed
    names = options.targets or list(TARGETS)
    status = 0
    for name in names:
        target = TARGETS[name]
        known = conversationsOf(target)
        try:
            found = fuzz(target, list(known.values()), seed, until(options.seconds / len(names)))
        except Broken as broken:
            print(f"{broken}\n{broken.__cause__!r}", file=sys.stderr)
            status = 1
            continue
        new = {
            outcome: data
            for outcome, data in found.outcomes.items()
            if nameOf(outcome) not in known
        }
        kept = [keep(target, *each) for each in new.items()] if options.grow else []
        print(
            f"{name}: {found.conversations} conversations with seed {seed}, "
            f"{len(found.outcomes)} ways to come out, {len(new)} of them new, "
            f"{len([each for each in kept if each])} kept"
        )
    return status


if __name__ == "__main__":
    sys.exit(main())
