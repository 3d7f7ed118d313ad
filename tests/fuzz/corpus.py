"""
The corpus: a folder for each target, and in it a file for each conversation that came out in a way
of its own. Its name says in which.
"""

from __future__ import annotations

import re
from pathlib import Path

from .targets import Outcome, Target

CORPUS = Path(__file__).parent.parent / "corpus"

# The most bytes of a conversation that is kept, and of a name.
KEPT_BYTES = 4096
NAME_LENGTH = 80


def conversationsOf(target: Target, corpus: Path = CORPUS) -> dict[str, bytes]:
    """
    What is kept for a target, by name.
    """
    files = sorted((corpus / target.name).glob("*.bin"))
    return {file.stem: file.read_bytes() for file in files}


def nameOf(outcome: Outcome) -> str:
    """
    How a conversation came out, as the name of a file.
    """
    words = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(outcome)).strip("-") or "nothing"
    return words[:NAME_LENGTH].rstrip("-")


def keep(target: Target, outcome: Outcome, data: bytes, corpus: Path = CORPUS) -> Path | None:
    """
    Keep a conversation, if none is kept that came out like it.

    @return: Where it is.
    """
    folder = corpus / target.name
    file = folder / f"{nameOf(outcome)}.bin"
    if file.exists() or len(data) > KEPT_BYTES:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file
