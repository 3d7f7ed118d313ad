"""
The examples of calling php-fpm do what they say.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .backends import PHP, RunningBackend, sha256

EXAMPLES = Path(__file__).parent.parent.parent / "examples"

# What each one writes.
OUTPUT = {
    "client_php_short.py": "200 ['text/plain;charset=UTF-8']\nhello\n",
    "client_php_kept.py": (
        "200 b'hello\\n' 1 connection\n" * 3 + f"200 {sha256(b'a=1&b=2')!r} 1 connection\n"
    ),
    "client_php_streamed.py": "20971520 bytes, exit status 0\n",
    "client_php_many.py": "600 bytes over 4 connections\n",
}


@pytest.fixture(scope="module")
def backend() -> Iterator[RunningBackend]:
    """
    A php-fpm.
    """
    with PHP.running() as running:
        yield running


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("client_php_*.py")))
def test_example(name: str, backend: RunningBackend) -> None:
    """
    It runs with the command in its docstring, and writes what it should.
    """
    source = (EXAMPLES / name).read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(source))
    assert docstring is not None
    command = docstring.splitlines()[-1].split()
    assert command[:2] == ["python", f"examples/{name}"]
    assert len(command) == 4
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / name), backend.endpoints[0], str(backend.script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == OUTPUT[name]
