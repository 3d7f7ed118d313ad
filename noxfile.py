"""
Everything that a change has to pass, in the order of what fails soonest; C{python -m nox} runs it
all.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
# Tests that share a web server run in one process.
PARALLEL = ("-n", "auto", "--dist", "loadgroup")
# What does not depend on the Python: real servers, programs that are started to be looked at, and
# what reads this checkout. It runs once, on this one.
ONCE = (
    "tests/benchmarks",
    "tests/examples",
    "tests/fuzz",
    "tests/interop",
    "tests/load",
    "tests/test_conftest.py",
    "tests/test_docs.py",
    "tests/test_layering.py",
    "tests/test_publicnames.py",
    "tests/test_setup.py",
    "tests/test_typed.py",
    "tests/test_words.py",
    "tests/testing/test_examples.py",
)
# What the compiled wire has to be as good for as the interpreted one.
COMPILED = (
    "tests/wire",
    "tests/transport",
    "tests/streams",
    "tests/server",
    "tests/client",
    "tests/service/test_version.py",
)

nox.needs_version = ">=2024.4.15"
# A Python that this machine does not have is reported and passed over; its own is always tested.
nox.options.error_on_missing_interpreters = False


def findPythonsOfPyenv() -> None:
    """
    Make C{python3.10} and its like work where pyenv has them installed but not switched on.

    The Python that runs nox stays first.
    """
    if shutil.which("pyenv") is None:
        return
    listed = subprocess.run(
        ["pyenv", "versions", "--bare"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()
    newest: dict[str, tuple[int, str]] = {}
    for version in listed:
        match = re.fullmatch(r"(3\.\d+)\.(\d+)", version)
        if match is not None and match[1] in (OWN, *PYTHONS):
            newest[match[1]] = max((int(match[2]), version), newest.get(match[1], (-1, "")))
    order = sorted(newest, key=lambda minor: minor != OWN)
    if order:
        os.environ["PYENV_VERSION"] = ":".join(newest[minor][1] for minor in order)


def isThere(version: str) -> bool:
    """
    Whether this machine has a Python. pyenv has a command also for one that is switched off.
    """
    found = shutil.which(f"python{version}")
    return found is not None and subprocess.run([found, "-c", ""], check=False).returncode == 0


findPythonsOfPyenv()
# The oldest Twisted is tested with the oldest Python, so that it costs no run of its own.
OLDEST = next((version for version in PYTHONS if version == OWN or isThere(version)), OWN)
OTHERS = [version for version in PYTHONS if version not in (OWN, OLDEST)]


def unitTests(session: nox.Session, *more: str) -> None:
    """
    Run the tests of what may depend on the Python, or on Twisted.

    @param more: what else to install.
    """
    session.install("-e", ".[test]", *more)
    ignored = (f"--ignore={path}" for path in ONCE)
    session.run("pytest", "-q", *PARALLEL, *ignored, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """
    Check the code's style and formatting, and the news fragments.
    """
    session.install("-e", ".[lint]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """
    Check all annotations, strictly.
    """
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """
    Build the documentation with the API reference; a warning is an error.
    """
    session.install("-e", ".[docs]")
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)
    built = Path(session.create_tmp()) / "html"
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-E", "-b", "html", "docs", str(built))
    limits = (built / "api" / "txfcgi.Limits.html").read_text("utf-8")
    if "Requests at once, over all connections" not in limits:
        session.error("docs/reference.py does not give the fields of Limits their help")


@nox.session
def package(session: nox.Session) -> None:
    """
    Install what users install, and what developers install, and look for the plugin and the types
    in both.
    """
    check = Path("tests", "installed.py").resolve()
    for arguments in (["."], ["-e", "."]):
        session.install("--force-reinstall", "--no-deps", *arguments)
        session.install(*arguments)
        with session.chdir(session.create_tmp()):
            session.run("python", str(check))


@nox.session(python=OTHERS)
def unit(session: nox.Session) -> None:
    """
    Run the unit tests on every other Python that is here.
    """
    unitTests(session)


@nox.session(python=OLDEST)
def oldest(session: nox.Session) -> None:
    """
    Run the unit tests on the oldest Python that is here, with the oldest Twisted that setup.cfg
    takes.
    """
    unitTests(session, "Twisted==24.7.*")


@nox.session
def examples(session: nox.Session) -> None:
    """
    Run the examples of the test kit in each environment that users have: plain pytest, then with
    pytest-twisted, then with pytest-asyncio.
    """
    options = ("-q", "-p", "no:cacheprovider")
    command = ("pytest", *options, "examples/testing")
    asgi = ("pytest", *options, "examples/testing_asgi")
    session.install("-e", ".", "pytest", "fastapi")
    session.run(*command)
    session.run(*asgi)
    session.install("pytest-twisted")
    session.run(*command)
    session.run(*asgi, "--reactor=asyncio")
    session.run("python", "-m", "pip", "uninstall", "-q", "-y", "pytest-twisted")
    session.install("pytest-asyncio")
    session.run(*command)
    session.run(*asgi)


@nox.session
def wire(session: nox.Session) -> None:
    """
    Ask that the tests of the wire reach all of it by themselves: it is what meets hostile bytes.
    """
    session.install("-e", ".[test]")
    session.run(
        *("pytest", "-q", *PARALLEL, "tests/wire"),
        *("--cov=txfcgi/wire", "--cov-fail-under=100"),
    )


def compiledWheel(session: nox.Session) -> Path:
    """
    Build the wheel with the compiled wire, from a copy of what it is made of.
    """
    session.install("mypy", "setuptools", "wheel")
    folder = Path(session.create_tmp()).resolve()
    source, wheels = folder / "source", folder / "wheels"
    for old in (source, wheels):
        shutil.rmtree(old, ignore_errors=True)
    for name in ("txfcgi", "twisted"):
        shutil.copytree(name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.rst", "pyproject.toml", "pytest_txfcgi.py", "setup.cfg"):
        shutil.copy(name, source)
    shutil.copy("setup.py", source)
    command = ("python", "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps")
    session.run(*command, "-w", str(wheels), str(source), env={"TXFCGI_MYPYC": "1"})
    (wheel,) = wheels.iterdir()
    return wheel


def installedFresh(session: nox.Session, wheel: Path, extra: str = "") -> Path:
    """
    Install a wheel into an environment that has never seen mypy, and see what is there.

    @return: The environment's programs.
    """
    fresh = wheel.parent.parent / "fresh"
    session.run("python", "-m", "venv", "--clear", str(fresh))
    python = str(fresh / "bin" / "python")
    session.run(python, "-m", "pip", "install", "-q", f"{wheel}{extra}", external=True)
    check = Path("tests", "installed.py").resolve()
    with session.chdir(fresh):
        session.run(python, str(check), "compiled", external=True, silent=True)
    return fresh / "bin"


@nox.session
def compiled(session: nox.Session) -> None:
    """
    Build the wheel with the compiled wire, install it, and run the tests of the wire and of what
    stands on it; or those that are named behind C{--}.
    """
    wheel = compiledWheel(session)
    programs = installedFresh(session, wheel, "[test]")
    # Beside this checkout's txfcgi, the tests would meet that one.
    apart = wheel.parent.parent / "apart"
    shutil.rmtree(apart, ignore_errors=True)
    for name in ("tests", "examples", "benchmarks"):
        shutil.copytree(name, apart / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy("setup.cfg", apart)
    with session.chdir(apart):
        session.run(
            *(str(programs / "pytest"), "-q", *PARALLEL),
            *(session.posargs or COMPILED),
            external=True,
            env={"PATH": os.pathsep.join((str(programs), os.environ["PATH"]))},
        )


@nox.session(python=PYTHONS, default=False)
def wheels(session: nox.Session) -> None:
    """
    Build and install the wheel with the compiled wire for each Python that is here.
    """
    installedFresh(session, compiledWheel(session))


@nox.session(default=False)
def sites(session: nox.Session) -> None:
    """
    Crawl real sites through the gateway and through nginx, which have to give the same answers.
    """
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.interop.sites")


@nox.session
def tests(session: nox.Session) -> None:
    """
    Run all the tests, with the real servers, on this Python, and ask for branch coverage.
    """
    session.install("-e", ".[test]")
    session.run("pytest", *PARALLEL, "--cov", *session.posargs)
    # What follows is nox's account of what went well; pytest's summary says it better. Failures are
    # still shown.
    logging.getLogger("nox").setLevel(logging.ERROR)


@nox.session(default=False)
def matrix(session: nox.Session) -> None:
    """
    Run the programs of each framework behind each web server, where the tests run each behind one,
    and scrapyd.
    """
    session.install("-e", ".[test]", "scrapyd", "scrapyd-client")
    session.run(
        "pytest",
        *PARALLEL,
        "tests/interop/test_programs.py",
        "tests/interop/test_scrapyd.py",
        *session.posargs,
        env={"TXFCGI_MATRIX": "1"},
    )


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """
    Run for long what the tests run for seconds, with a new seed each time; what follows C{--} goes
    to the fuzzers. Not a part of what a change has to pass.
    """
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.load")
    session.run("python", "-m", "tests.fuzz", "--seconds", "1800", *session.posargs)
    handovers = {"TXFCGI_HANDOVERS": "100"}
    session.run("pytest", "-q", *PARALLEL, "tests/interop/test_handover.py", env=handovers)
    # Browsers whose connections close, pause and time out meanwhile.
    many = {"TXFCGI_FUZZ": "400000", "TXFCGI_SEED": str(int(time.time()))}
    session.run("pytest", "-q", *PARALLEL, "tests/web/test_fuzz.py", env=many)
