"""
What the API reference may link to outside of txfcgi, worked out without a network.

pydoctor warns of a name it can't link, and learns the names of other projects from their Sphinx
inventories, which it would have to download. These are made from the installed packages instead:
every name that txfcgi imports, or names in full in a docstring, and the members of each class. A
name that is not there makes no entry, so a wrong one still warns.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from twisted.python.reflect import namedAny

# Where each project's names are explained; the Python documentation takes all that is in none of
# these.
SITES = {
    "twisted": "https://docs.twisted.org/en/stable/api/",
    "zope": "https://zopeinterface.readthedocs.io/en/latest/",
    "python": "https://docs.python.org/3/",
}


def namesIn(source: str) -> Iterator[str]:
    """
    Find the full names that a module imports, wherever it does, and those that its docstrings link
    to.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
    yield from re.findall(r"L\{(?:[^}<]*<)?((?:twisted|zope)\.[\w.]+)>?\}", source)


def locate(name: str, value: object) -> str:
    """
    Say where in its site's pages a name is explained.
    """
    module, _, last = name.rpartition(".")
    if name.startswith("twisted."):
        isPage = isinstance(value, type) or type(value).__name__ in ("module", "InterfaceClass")
        return f"{name}.html" if isPage else f"{module}.html#{last}"
    if name.startswith("zope."):
        return "api.html"
    if module == "builtins":
        return f"library/functions.html#{last}"
    return f"library/{module or name}.html#{name}"


def entriesFor(names: set[str]) -> Iterator[tuple[str, str]]:
    """
    Make the inventory's entries, each a name and its place, for those of the names that exist.
    """
    for name in sorted(names):
        try:
            value = namedAny(name)
        except (AttributeError, ImportError, ValueError):
            continue
        location = locate(name, value)
        yield name, location
        members = value if hasattr(value, "namesAndDescriptions") else dir(value)
        if isinstance(value, type) or members is value:
            for member in members:
                yield f"{name}.{member}", f"{location.partition('#')[0]}#{member}"
    for builtin in dir(builtins):
        yield builtin, f"library/functions.html#{builtin}"


def siteOf(name: str) -> str:
    """
    Say which of the L{SITES} explains a name.
    """
    first = name.partition(".")[0]
    return first if first in SITES else "python"


def writeInventories(package: Path, folder: Path) -> list[str]:
    """
    Write an inventory for each of the sites.

    @param package: the folder with the modules whose names are wanted.
    @param folder: where to write the inventories to.
    @return: the options that make pydoctor use them.
    """
    names: set[str] = set()
    for path in package.rglob("*.py"):
        names.update(namesIn(path.read_text("utf-8")))
    known = {
        name
        for name in names
        if siteOf(name) != "python" or name.split(".")[0] in sys.stdlib_module_names
    }
    lines: dict[str, list[str]] = {site: [] for site in SITES}
    for name, location in entriesFor(known):
        lines[siteOf(name)].append(f"{name} py:obj 1 {location} -\n")
    folder.mkdir(parents=True, exist_ok=True)
    options = []
    for site, url in SITES.items():
        target = folder / f"{site}.inv"
        head = f"# Sphinx inventory version 2\n# Project: {site}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        target.write_bytes(head.encode() + zlib.compress("".join(lines[site]).encode()))
        options.append(f"--intersphinx-file={target}::{url}")
    return options
