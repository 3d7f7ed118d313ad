"""
The shape of the house: which way imports run, and that each room is in the package.
"""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).parent.parent

# The parts of the package from the lowest up. Each imports those that stand below it; two that
# stand on one line do not import each other. txfcgi/__init__.py has the public names of all of
# them, and none imports those from there.
LAYERS: tuple[set[str], ...] = (
    {"errors"},
    {"wire"},
    {"cgiparams", "counting", "masking"},
    {"transport"},
    {"streams"},
    {"server", "client"},
    {"adapters", "web", "xmlrpc"},
    {"workers", "monitor"},
    {"service", "testing"},
    {"cli"},
    {"__main__"},
)

# All that the wire may import: it computes, and neither does I/O nor looks at a clock.
WIRE_MAY_IMPORT = {
    "__future__",
    "collections",
    "dataclasses",
    "enum",
    "functools",
    "http.HTTPStatus",
    "itertools",
    "mypy_extensions",  # where types are checked, never where it runs
    "re",
    "struct",
    "typing",
    "txfcgi",
}


class Import(NamedTuple):
    """
    One imported module, and where that is done.

    @ivar target: the module's full name; for C{from x import y}, C{x.y}, which may be a name in
        C{x}.
    @ivar atTop: whether it is imported as soon as the importing module is.
    """

    target: str
    line: int
    atTop: bool


def modules() -> list[Path]:
    """
    All modules of the package, as paths from the checkout.
    """
    return sorted(path.relative_to(CHECKOUT) for path in (CHECKOUT / "txfcgi").rglob("*.py"))


def importsIn(path: Path) -> Iterator[Import]:
    """
    Find all imports of a module, wherever in it they stand.

    @param path: from the checkout.
    """
    package = path.with_suffix("").parts[:-1]

    def walk(node: ast.AST, atTop: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, atTop)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += [node.module] if node.module else []
            for alias in node.names:
                yield Import(".".join([*base, alias.name]), node.lineno, atTop)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from walk(child, atTop and not inside)

    yield from walk(ast.parse((CHECKOUT / path).read_text("utf-8")), True)


def partOf(path: Path) -> str:
    """
    The part of the package that a module belongs to: C{wire} for C{txfcgi/wire/records.py},
    C{masking} for C{txfcgi/masking.py}.
    """
    return path.with_suffix("").parts[1]


@pytest.mark.parametrize("path", modules(), ids=str)
class TestImports:
    """
    Each module imports only what its place allows.
    """

    def test_direction(self, path: Path) -> None:
        """
        C{cli, service, testing -> workers, monitor -> adapters, web -> server, client -> streams ->
        transport -> wire -> errors}.
        """
        part = partOf(path)
        if part == "__init__":
            return
        level = next((n for n, layer in enumerate(LAYERS) if part in layer), None)
        assert level is not None, f"{part} has no place in LAYERS"
        allowed = {part, "__version__"}.union(*LAYERS[:level])
        wrong = [
            f"{path}:{found.line} imports {found.target}"
            for found in importsIn(path)
            if found.target.split(".")[0] == "txfcgi"
            and allowed.isdisjoint(found.target.split(".")[1:2])
        ]
        assert wrong == []

    def test_relative(self, path: Path) -> None:
        """
        Modules of ours are imported by where they are from here, all in one style.
        """
        tree = ast.parse((CHECKOUT / path).read_text("utf-8"))
        wrong = [
            f"{path}:{node.lineno} imports from {node.module}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and node.level == 0
            and f"{node.module}.".startswith("txfcgi.")
        ]
        assert wrong == []

    def test_noReactorAtTheTop(self, path: Path) -> None:
        """
        Importing txfcgi never installs a reactor: the reactor is an argument, or imported when it
        is needed.
        """
        wrong = [
            f"{path}:{found.line} imports the reactor when it is imported"
            for found in importsIn(path)
            if found.atTop and found.target.startswith("twisted.internet.reactor")
        ]
        assert wrong == []

    def test_wireIsPure(self, path: Path) -> None:
        """
        The wire is computation alone: no Twisted, no zope, no sockets, no clock.
        """
        if partOf(path) not in ("wire", "errors"):
            return
        wrong = [
            f"{path}:{found.line} imports {found.target}"
            for found in importsIn(path)
            if not any(f"{found.target}.".startswith(f"{name}.") for name in WIRE_MAY_IMPORT)
        ]
        assert wrong == []


def namesOf(tree: ast.Module) -> set[str]:
    """
    All names that a module gives to something: a function, a class, a variable, or an attribute
    of its own objects.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            names.add(node.attr)
    return names


def isOwn(value: ast.expr) -> bool:
    """
    Whether this is the object that the code belongs to.
    """
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


@pytest.mark.parametrize("path", modules(), ids=str)
def test_privateNamesStayInTheirModule(path: Path) -> None:
    """
    No module reads or sets a private name of a class in another one: what a neighbour needs of an
    object is a method of it.
    """
    tree = ast.parse((CHECKOUT / path).read_text("utf-8"))
    own = namesOf(tree)
    found = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.endswith("__")
        and node.attr not in own
        and not isOwn(node.value)
    }
    assert found == set()


def test_wireRunsWithoutTwisted() -> None:
    """
    The wire's modules, and what they import in turn, load where there is no Twisted; C{txfcgi}
    itself stands in as an empty package.
    """
    names = [
        ".".join(path.with_suffix("").parts)
        for path in modules()
        if partOf(path) == "wire" and path.name != "__init__.py"
    ]
    program = f"""
import importlib, sys, types
for missing in ("twisted", "zope", "zope.interface", "socket", "asyncio"):
    sys.modules[missing] = None
package = types.ModuleType("txfcgi")
package.__path__ = [{str(CHECKOUT / "txfcgi")!r}]
sys.modules["txfcgi"] = package
for name in {names!r}:
    importlib.import_module(name)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importInstallsNoReactor() -> None:
    """
    C{import txfcgi} leaves the choice of the reactor open.
    """
    program = "import sys, txfcgi; sys.exit('twisted.internet.reactor' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_pluginImportsNothingOfOurs() -> None:
    """
    Twisted imports every plugin to list its commands, so ours costs one import that is there
    already.
    """
    targets = {found.target for found in importsIn(Path("twisted", "plugins", "txfcgi_plugin.py"))}
    assert targets == {"twisted.application.service.ServiceMaker"}


def test_allPackagesAreListed() -> None:
    """
    C{setup.cfg} lists each package; setuptools would leave one out without a word.
    """
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    listed = config["options"]["packages"].split()
    there = {".".join(path.parent.parts) for path in modules()}
    assert sorted(listed) == sorted({*there, "twisted.plugins"})


def test_twistedStaysANamespace() -> None:
    """
    An C{__init__.py} here would hide Twisted itself.
    """
    assert list((CHECKOUT / "twisted").rglob("__init__.py")) == []


def test_ciRunsTheCommandOfTheReadme() -> None:
    """
    What is tested for every change is what the README tells people to run.
    """
    readme = (CHECKOUT / "README.rst").read_text("utf-8")
    _, _, after = readme.partition("To run all the tests")
    command = next(line.strip() for line in after.splitlines() if line.startswith("    "))
    assert command in (CHECKOUT / ".ci" / "run").read_text("utf-8").splitlines()
