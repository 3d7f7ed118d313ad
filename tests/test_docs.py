"""
The documentation says what the code does.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import textwrap
from pathlib import Path

import pytest

import txfcgi

CHECKOUT = Path(__file__).parent.parent
PAGES = sorted(
    path.relative_to(CHECKOUT)
    for path in (CHECKOUT / "README.rst", *(CHECKOUT / "docs").rglob("*.rst"))
    if "_build" not in path.parts
)


def blocksOfPython(page: Path) -> list[str]:
    """
    Take the Python programs out of a page.
    """
    text = (CHECKOUT / page).read_text("utf-8")
    found = re.findall(r"^\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", text, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_examplesImportWhatIsThere(page: Path) -> None:
    """
    Each program in the documentation is Python, and imports names that txfcgi has.
    """
    for block in blocksOfPython(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "txfcgi":
                missing = [alias.name for alias in node.names if not hasattr(txfcgi, alias.name)]
                assert missing == [], f"{page}: {missing}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_namesAreThere(page: Path) -> None:
    """
    Each ``txfcgi.name`` in the documentation exists.
    """
    text = (CHECKOUT / page).read_text("utf-8")
    for name in re.findall(r"``txfcgi\.(\w+)``", text):
        assert hasattr(txfcgi, name) or (CHECKOUT / "txfcgi" / name).exists(), f"{page}: {name}"


def test_limitsAndTheirDefaults() -> None:
    """
    The page about limits has each of them, with its default.
    """
    text = (CHECKOUT / "docs" / "limits.rst").read_text("utf-8")
    documented = re.findall(r"^   \* - ``(\w+)``\n     - (\S+)$", text, re.MULTILINE)
    limits = dataclasses.asdict(txfcgi.Limits())
    assert {name: ast.literal_eval(default) for name, default in documented} == limits
