"""
Many requests through each web server, as fast as they go, and not one of them may fail:
C{python -m tests.interop.many}.

Apache's C{ab} (Debian: apache2-utils) asks. An answer that is lost once in many thousand is what no
other test sees: one of a connection that was closed too early, for example. Each browser's
connection has one request, for Apache under load closes those that it keeps whenever it likes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys

from .frontends import OVER_TCP, RESPONDERS, FrontEnd


def ask(frontEnd: FrontEnd, count: int, atOnce: int) -> tuple[int, str]:
    """
    Start a web server and an application, and ask.

    @param count: how many requests.
    @param atOnce: how many at the same time.
    @return: how many were not answered well, and what C{ab} says.
    """
    with frontEnd.running() as site:
        url = f"http://{site.host}:{site.port}/hello"
        command = ["ab", "-q", "-n", str(count), "-c", str(atOnce), url]
        done = subprocess.run(command, capture_output=True, text=True)
        log = site.server.output()
    said = done.stdout + done.stderr
    if done.returncode:
        return count, said
    found = {name: int(number) for name, number in re.findall(r"^(\S.*?): +(\d+)$", said, re.M)}
    wrong = [found.get(name, 0) for name in ("Failed requests", "Non-2xx responses")]
    bad = count - found["Complete requests"] + sum(wrong) + found.get("Write errors", 0)
    rate = re.search(r"Requests per second: +(\d+)", said)
    return bad, f"{said}\n{log[-4000:]}" if bad else f"{rate[1] if rate else '?'} a second"


def main() -> int:
    """
    Ask through all, or those that are named.
    """
    known = {frontEnd.name: frontEnd for frontEnd in [*RESPONDERS, *OVER_TCP]}
    parser = argparse.ArgumentParser(prog="python -m tests.interop.many", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="through each (%(default)s)")
    parser.add_argument("--at-once", type=int, default=16, help="(%(default)s)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    options = parser.parse_args()
    failed = 0
    for name in options.names or known:
        wrong, said = ask(known[name], options.requests, options.at_once)
        failed += bool(wrong)
        print(f"{name:28} {options.requests} requests, {wrong} wrong: {said}", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
