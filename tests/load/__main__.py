"""
Runs the crowds by hand: C{python -m tests.load [--idle 10000] [--busy 1000] [--vanishing 4000]
[--seed N] [fastcgi] [scgi] [http]}.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from tests.service.processes import Program

from .crowd import PROTOCOLS, idleAndBusy, running, vanish

# Beside the connections: what Python and the system have open.
SPARE = 100


def main() -> int:
    """
    Run what was asked for.

    @return: The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.load")
    parser.add_argument("protocols", nargs="*", metavar="PROTOCOL", help=", ".join(PROTOCOLS))
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections (10000)")
    parser.add_argument("--busy", type=int, default=1_000, help="busy ones (1000)")
    parser.add_argument("--rounds", type=int, default=20, help="requests on each of those (20)")
    parser.add_argument("--vanishing", type=int, default=4_000, help="clients that vanish (4000)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the time, if not given")
    options = parser.parse_args()
    unknown = [name for name in options.protocols if name not in PROTOCOLS]
    if unknown:
        parser.error(f"{unknown[0]} is not a protocol: there are {', '.join(PROTOCOLS)}")
    # Over HTTP, each busy connection has one to the back end, both ends of which are the server's.
    needed = options.idle + 3 * options.busy + SPARE
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < needed:
        parser.error(f"{needed} descriptors are needed, and ulimit -Hn allows {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    root = Path(__file__).parent.parent.parent
    for name in options.protocols or PROTOCOLS:

        def start(*words: str) -> Any:
            return Program([sys.executable, *words[1:]], cwd=root, stdin=subprocess.DEVNULL)

        program, crowd = running(start, name)
        try:
            idleAndBusy(crowd, options.idle, options.busy, options.rounds)
            crowd.close()
            print(f"{name}: {options.idle} idle and {options.busy} busy connections", flush=True)
            vanish(crowd, options.vanishing, Random(options.seed))
            print(f"{name}: {options.vanishing} vanished, seed {options.seed}", flush=True)
        finally:
            crowd.close()
            program.cleanUp()
    return 0


if __name__ == "__main__":
    sys.exit(main())
