"""
The wire compiled, where TXFCGI_MYPYC=1 asks for it; all else is in setup.cfg.

Without it no compiler is needed, and the wheel is the same on every machine. With it, mypy has to
be installed where the build runs, so the build may not be isolated:

    TXFCGI_MYPYC=1 python -m pip wheel --no-build-isolation .
"""

import os
import sys
from pathlib import Path
from typing import Any

from setuptools import setup

SWITCH = "TXFCGI_MYPYC"
# mypyc takes no dataclass with a class variable, and what it is told is no code for it.
INTERPRETED = {"__init__.py", "compiling.py", "records.py"}
# The file with the machine code of all modules; beside it, each has a stub of its own.
GROUP = "txfcgi_wire"


def extensions() -> list[Any]:
    """
    The extension modules to build: none, unless they were asked for.
    """
    asked = os.environ.get(SWITCH, "0")
    if asked not in ("0", "1", ""):
        sys.exit(f"{SWITCH} is 1 for the compiled wire or 0 for the interpreted one, not {asked!r}")
    if asked != "1":
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        sys.exit(
            f"{SWITCH}=1 asks for the compiled wire, and mypy can't be imported here.\n"
            "Install it beside setuptools, and build without isolation:\n"
            "    python -m pip install mypy setuptools wheel\n"
            f"    {SWITCH}=1 python -m pip install --no-build-isolation .\n"
            f"Without {SWITCH}, txfcgi needs neither mypy nor a compiler."
        )
    os.chdir(Path(__file__).parent)
    paths = [
        str(path)
        for path in sorted(Path("txfcgi/wire").glob("*.py"))
        if path.name not in INTERPRETED
    ]
    # A build needs neither Twisted nor what setup.cfg has for mypy: the wire stands on neither. The
    # package's other modules are silent, where mypy comes by them.
    options = ["--config-file", os.devnull, "--follow-imports", "silent"]
    found: list[Any] = mypycify([*options, *paths], group_name=GROUP)
    return found


setup(ext_modules=extensions())
