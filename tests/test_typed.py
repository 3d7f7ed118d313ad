"""
Programs of users pass C{mypy --strict}, without a plugin: mypy is a program that these tests start,
as a user does, and not a part of this process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .test_docs import CHECKOUT, blocksOfPython

# The blocks on the pages that are whole programs with annotations, by a text in each.
SNIPPETS = {
    "docs/apps.rst": ("def missingFrom(", "BY_NGINX = ", "async def writeTable("),
    "docs/client.rst": ("async def save(", "def isWorthIt("),
    "docs/observers.rst": ("class Slowest(",),
    "docs/specifications.rst": ("def isOver(",),
}


def test_strict(tmp_path: Path) -> None:
    """
    What the public names accept and refuse is what they are for; and the snippets on the pages that
    have annotations are right.
    """
    programs = {"typed": (CHECKOUT / "tests" / "typed.py").read_text("utf-8")}
    for page, texts in SNIPPETS.items():
        for number, text in enumerate(texts):
            (block,) = (each for each in blocksOfPython(Path(page)) if text in each)
            block = block.replace("(reactor, endpoint) ->", "(reactor: Any, endpoint: str) ->")
            name = f"{Path(page).stem}{number}"
            programs[name] = f"from __future__ import annotations\nfrom typing import Any\n{block}"
    for name, text in programs.items():
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    command = [sys.executable, "-m", "mypy", *(f"{name}.py" for name in programs)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if "No module named mypy" in said:
        pytest.fail("mypy is missing; run: python -m pip install mypy")
    # A user's mypy reports nothing of installed packages, but this checkout is not always one.
    wrong = [line for line in said.splitlines() if line.partition(":")[0][:-3] in programs]
    assert wrong == []
    assert ": error:" in said or "Success" in said, said
