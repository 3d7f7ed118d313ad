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
from pathlib import Path

import nox

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHERS = [version for version in ("3.10", "3.11", "3.12", "3.13") if version != OWN]
# Tests that share a web server run in one process.
PARALLEL = ("-n", "auto", "--dist", "loadgroup")

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
        if match is not None and match[1] in (OWN, *OTHERS):
            newest[match[1]] = max((int(match[2]), version), newest.get(match[1], (-1, "")))
    order = sorted(newest, key=lambda minor: minor != OWN)
    if order:
        os.environ["PYENV_VERSION"] = ":".join(newest[minor][1] for minor in order)


findPythonsOfPyenv()


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
    Run the tests that need no web server, on every other Python that is here.
    """
    session.install("-e", ".[test]")
    session.run("pytest", "-q", *PARALLEL, "--ignore=tests/interop", *session.posargs)


@nox.session
def oldest(session: nox.Session) -> None:
    """
    Run the tests that need no web server with the oldest Twisted that setup.cfg takes.
    """
    session.install("-e", ".[test]", "Twisted==24.7.*")
    session.run("pytest", "-q", *PARALLEL, "--ignore=tests/interop", *session.posargs)


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


@nox.session
def tests(session: nox.Session) -> None:
    """
    Run all the tests, with the real web servers, on this Python, and ask for branch coverage.
    """
    session.install("-e", ".[test]")
    session.run("pytest", *PARALLEL, "--cov", *session.posargs)
    # What follows is nox's account of what went well; pytest's summary says it better. Failures are
    # still shown.
    logging.getLogger("nox").setLevel(logging.ERROR)
