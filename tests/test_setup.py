"""
What C{setup.py} builds, as far as that can be told without a build. The nox sessions C{compiled}
and C{wheels} build it.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CHECKOUT = Path(__file__).parent.parent


class Build:
    """
    Runs C{setup.py} in place of pip.

    @ivar options: What mypyc was given.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._found: Any = None
        self.options: list[str] = []

    def __call__(self, asked: str | None, mypy: bool = True) -> Any:
        """
        @param asked: What TXFCGI_MYPYC says.
        @param mypy: Whether mypy is installed.
        @return: The extension modules to build.
        """
        if asked is None:
            self._patch.delenv("TXFCGI_MYPYC", raising=False)
        else:
            self._patch.setenv("TXFCGI_MYPYC", asked)
        setuptools: Any = ModuleType("setuptools")
        setuptools.setup = self._setup
        self._patch.setitem(sys.modules, "setuptools", setuptools)
        mypyc: Any = ModuleType("mypyc")
        mypyc.build = ModuleType("mypyc.build")
        mypyc.build.mypycify = self._mypycify
        for name, module in (("mypyc", mypyc), ("mypyc.build", mypyc.build)):
            self._patch.setitem(sys.modules, name, module if mypy else None)
        self._patch.chdir(CHECKOUT)
        runpy.run_path(str(CHECKOUT / "setup.py"))
        return self._found

    def _setup(self, ext_modules: list[object]) -> None:
        self._found = ext_modules

    def _mypycify(self, options: list[str], group_name: str) -> list[str]:
        self.options = options
        return [group_name]


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Build:
    """
    A way to run C{setup.py}.
    """
    return Build(monkeypatch)


@pytest.mark.parametrize("asked", [None, "", "0"], ids=["unset", "empty", "0"])
def test_pure(build: Build, asked: str | None) -> None:
    """
    Who does not ask for it needs neither mypy nor a compiler.
    """
    assert build(asked, mypy=False) == []


def test_compiled(build: Build) -> None:
    """
    Every module of the wire is compiled but those that are named.
    """
    assert build("1") == ["txfcgi_wire"]
    wire = {path.name for path in (CHECKOUT / "txfcgi" / "wire").glob("*.py")}
    compiled = {Path(option).name for option in build.options if option.endswith(".py")}
    assert wire - compiled == {"__init__.py", "compiling.py", "records.py"}


def test_withoutMypy(build: Build) -> None:
    """
    Who asks for it where mypy is not installed, as it is not where pip isolates the build, is told
    what to do.
    """
    with pytest.raises(SystemExit, match="pip install --no-build-isolation"):
        build("1", mypy=False)


def test_misspelt(build: Build) -> None:
    """
    What is neither yes nor no is a mistake.
    """
    with pytest.raises(SystemExit, match="not 'yes'"):
        build("yes")
