"""
txfcgi's SCGI server beside the Twisted floor and the peers. Every request has a connection of its
own.
"""

from __future__ import annotations

from dataclasses import replace

from .. import peers
from ..contestants import SPEED, ownProgram, underLoad
from ..load import BIG_SIZE, UPLOAD_SIZE, Load
from ..model import Contestant, Suite, Target, Work

FLOOR = "Twisted floor"

SMALL = Load(keep=False, scgi=True)
BIG = replace(SMALL, connections=4, uri="/big", answer="x", times=BIG_SIZE)
UPLOADS = replace(
    SMALL, connections=4, uri="/upload", bodySize=UPLOAD_SIZE, answer=f"{UPLOAD_SIZE}\n"
)


def _work(
    name: str,
    title: str,
    load: Load,
    applications: dict[str, str],
    most: float,
    compiled: float,
) -> Work:
    """
    @param applications: Those of L{benchmarks.servers.own}, by what they are called here.
    @param most: How much of the floor's CPU time each of them may take.
    @param compiled: The same where the wire is compiled.
    """
    own: list[Contestant] = [
        underLoad(ownProgram(called, "own", load, application), load)
        for called, application in applications.items()
    ]
    return Work(
        name=f"scgi-{name}",
        title=title,
        contestants=(
            underLoad(ownProgram(FLOOR, "floor", load), load),
            *own,
            *(underLoad(server, load) for server in peers.SCGI),
        ),
        columns=SPEED,
        base=FLOOR,
        compared="cpu",
        targets=tuple(
            Target(called, FLOOR, most, f"SCGI, {title}", compiled) for called in applications
        ),
    )


SUITE = Suite(
    "scgi-server",
    (
        _work(
            "new",
            "16 connections at a time",
            SMALL,
            {"txfcgi, one param": "one", "txfcgi, async def": "waiting"},
            1.0,
            0.85,
        ),
        _work(
            "big", "answers of 1 MiB, 4 at a time", BIG, {"txfcgi, big answer": "one"}, 0.9, 0.85
        ),
        _work(
            "upload",
            "bodies of 10 MiB, 4 at a time",
            UPLOADS,
            {"txfcgi, async for": "upload"},
            1.05,
            0.95,
        ),
    ),
)
