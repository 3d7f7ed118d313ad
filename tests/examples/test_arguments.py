"""
Tests of what the examples say when they are started without their arguments.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent.parent

#: The examples that are programs, and take arguments.
PROGRAMS = sorted(
    path
    for path in (CHECKOUT / "examples").glob("*.py")
    if "react(main, sys.argv[1:])" in path.read_text("utf-8")
)


@pytest.mark.parametrize("path", PROGRAMS, ids=[path.stem for path in PROGRAMS])
@pytest.mark.parametrize("words", [[], ["one"] * 5], ids=["none", "too-many"])
def test_saysWhatItTakes(path: Path, words: list[str]) -> None:
    """
    It prints its docstring, which has a command that works, and ends with status 1.
    """
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")), clean=False)
    assert docstring is not None and f"python examples/{path.name} " in docstring
    done = subprocess.run([sys.executable, path, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{docstring}\n")
